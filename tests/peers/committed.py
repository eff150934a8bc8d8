# SPDX-License-Identifier: Apache-2.0
"""Transactional producers of librdkafka, told line by line what to do: WHO begin | send FIRST COUNT | commit | abort.
Each line is answered once it is done. A value is its number."""
import sys

from confluent_kafka import Producer

ADDRESS, TOPIC, PATIENCE_S = sys.argv[1], sys.argv[2], 60
producers = {}


def producer(who):
    if who not in producers:
        producers[who] = Producer({"bootstrap.servers": ADDRESS, "transactional.id": f"{TOPIC}-{who}", "linger.ms": 1})
        producers[who].init_transactions(PATIENCE_S)
    return producers[who]


def send(p, first, count):
    for number in range(int(first), int(first) + int(count)):
        p.produce(TOPIC, str(number), partition=0)
    assert not p.flush(PATIENCE_S)


DO = {"begin": lambda p: p.begin_transaction(), "send": send,
      "commit": lambda p: p.commit_transaction(PATIENCE_S), "abort": lambda p: p.abort_transaction(PATIENCE_S)}

for line in sys.stdin:
    who, what, *words = line.split()
    DO[what](producer(who), *words)
    print("done", flush=True)
