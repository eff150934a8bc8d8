#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What transactions of librdkafka left in a topic of kurierd and of Apache Kafka, read by libkurier in both levels of
isolation."""
import contextlib
import os
import random
import subprocess

import exchange  # and where the kit is

import kafka
import peers
import tap
from broker import Broker

KURIER = os.path.join("bin", "kurier")
PATIENCE_S = 120
SOME = 40  # transactions of the long story
servers = {}


class Producers:
    """By name; each transaction is done before the next line."""

    def __init__(self, server, topic):
        program = os.path.join(exchange.HERE, "committed.py")
        self.child = subprocess.Popen([peers.python(), program, server.address, topic], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

    def __call__(self, *words):
        print(*words, file=self.child.stdin, flush=True)
        answer = self.child.stdout.readline()
        assert answer == "done\n", answer


def read(server, topic, level, *more):
    words = [KURIER, "consume", "-b", server.address, "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q",
             "-X", f"isolation.level={level}", *more]
    done = subprocess.run(words, text=True, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(server, topic, level, *more):
    return [int(line) for line in read(server, topic, level, *more).split()]


def cases(name):
    @tap.case(name + ": aborted records are never handed out, and an open transaction holds back what lies behind it")
    def _(server=servers[name]):
        with Producers(server, "few") as do:
            do("A", "begin")
            do("A", "send", 0, 5)
            do("A", "abort")
            do("A", "begin")
            do("B", "begin")
            do("A", "send", 5, 5)
            do("B", "send", 10, 5)
            do("A", "send", 15, 5)
            do("B", "abort")
            assert numbers(server, "few", "read_committed") == []
            assert numbers(server, "few", "read_uncommitted") == list(range(20))
            do("A", "commit")
            assert numbers(server, "few", "read_committed") == [5, 6, 7, 8, 9, 15, 16, 17, 18, 19]
            assert numbers(server, "few", "read_uncommitted") == list(range(20))
            do("C", "begin")
            do("C", "send", 20, 2)
            do("B", "begin")
            do("B", "send", 30, 3)
            do("B", "commit")
            assert numbers(server, "few", "read_committed")[10:] == []
            do("C", "commit")
            assert numbers(server, "few", "read_committed")[10:] == [20, 21, 30, 31, 32]

    @tap.case(name + ": nothing but aborted records and markers: the end is reached")
    def _(server=servers[name]):
        with Producers(server, "void") as do:
            for turn in range(3):
                do("A", "begin")
                do("A", "send", 10 * turn, 10)
                do("A", "abort")
        assert numbers(server, "void", "read_committed") == []
        assert len(numbers(server, "void", "read_uncommitted")) == 30

    @tap.case(name + ": many transactions of four producers, side by side, small answers and small batches too")
    def _(server=servers[name]):
        chance, open_now, committed, number = random.Random(7), {}, set(), 0
        with Producers(server, "many") as do:
            for _ in range(SOME * 4):
                who = chance.choice("ABCD")
                if who not in open_now:
                    do(who, "begin")
                    open_now[who] = []
                elif len(open_now[who]) > 2 and chance.random() < 0.5:
                    how = chance.choice(["commit", "abort"])
                    do(who, how)
                    sent = open_now.pop(who)
                    committed |= set(sent if how == "commit" else [])
                    continue
                count = chance.randrange(1, 12)
                do(who, "send", number, count)
                open_now[who] += range(number, number + count)
                number += count
            for who in list(open_now):
                do(who, "abort")
        assert numbers(server, "many", "read_uncommitted") == list(range(number))
        for more in [[], ["max.poll.records=3"], ["max.partition.fetch.bytes=200"]]:
            assert numbers(server, "many", "read_committed", *["-X" for _ in more], *more) == sorted(committed), more


def apache():
    peers.need("java")
    return kafka.Kafka("4.3")


with contextlib.ExitStack() as stack:
    for name, start in [("kurierd", lambda: Broker({"num.partitions": 1})), ("Apache Kafka 4.3", apache)]:
        servers[name] = stack.enter_context(start())
        cases(name)
    if __name__ == "__main__":
        tap.run()
