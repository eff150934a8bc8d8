#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long groups take: to a first record, to settle, to be there again after a start.

    groups.py [ROUNDS]         5 by default; prints a table in Markdown, medians of ROUNDS
"""
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "kit")]

from broker import Broker, program

MEMBERS = 1000
DELAY_MS = 500
BEAT_MS = 1000
PROTOCOLS = ["classic", "consumer"]


def members(what, server, topic, group, protocol, *more):
    out = subprocess.run([os.path.join("bench", "group_members"), what, server.address, topic, group, protocol,
                          *map(str, more)], stdout=subprocess.PIPE, check=True, text=True, timeout=300).stdout
    return float(out)


def produce(server, topic):
    subprocess.run([program("kurier"), "produce", "-b", server.address, "-t", topic], input=b"x\n", check=True)


def row(name, times):
    print(f"| {name} | {statistics.median(times):.0f} | {max(times):.0f} |", flush=True)


def first_records(rounds, delay_ms):
    with Broker({"num.partitions": 1, "group.initial.rebalance.delay.ms": delay_ms, "log.level": "error"}) as server:
        produce(server, "t")
        for protocol in PROTOCOLS:
            row(f"a new member alone, {protocol}, to its first record; delay {delay_ms} ms",
                [members("first", server, "t", f"{protocol}-{turn}", protocol) for turn in range(rounds)])


def settling(rounds):
    options = {"num.partitions": MEMBERS, "group.initial.rebalance.delay.ms": 0, "log.level": "error",
               "group.consumer.heartbeat.interval.ms": BEAT_MS, "group.consumer.min.heartbeat.interval.ms": BEAT_MS}
    with Broker(options) as server:
        produce(server, "t")
        for protocol in PROTOCOLS:
            row(f"{MEMBERS} members and partitions, {protocol}, until all is settled",
                [members("many", server, "t", f"{protocol}-{turn}", protocol, MEMBERS) for turn in range(rounds)])


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("| | ms, median | most |")
    print("|---|---|---|")
    first_records(rounds, 0)
    first_records(rounds, DELAY_MS)
    settling(min(rounds, 3))


if __name__ == "__main__":
    main()
