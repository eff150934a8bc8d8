#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU per message of libkurier and of librdkafka, over the same kurierd, in turns.

    compare.py [ROUNDS]         prints a table in Markdown

Both produce idempotently with acks=all, a batch size of 1 MB, 5 ms of linger and one report for
each message; both consume one partition from its beginning. libkurier checks every checksum;
librdkafka, by its default, none. Numbers are the process's user + system time, medians of ROUNDS.
"""
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "kit")]

from broker import Broker

CASES = [  # what is shown, messages, bytes of each
    ("100 B", 2_000_000, 100),
    ("1 KiB", 400_000, 1024),
]
MODES = [("produce", "produce"), ("consume, batches", "consume"), ("consume, one at a time", "consume-one")]


def load(library, mode, address, topic, count, size):
    out = subprocess.run([os.path.join("bench", "load_" + library), mode, address, topic, str(count), str(size)],
                         stdout=subprocess.PIPE, check=True, text=True, timeout=300).stdout
    cpu, wall, rss = out.split()
    return float(cpu), float(wall), int(rss) / 1024


def measure(address, rounds, mode, count, size):
    """{library: medians of (cpu ns, wall ns, MiB)}"""
    runs = {"kurier": [], "rdkafka": []}
    for turn in range(rounds):
        for library in sorted(runs, reverse=turn % 2):
            topic = f"{library}-{size}-{turn}" if mode == "produce" else f"kurier-{size}-0"
            runs[library].append(load(library, mode, address, topic, count, size))
    return {library: tuple(statistics.median(column) for column in zip(*rows)) for library, rows in runs.items()}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("| | libkurier, ns CPU | librdkafka, ns CPU | ratio | libkurier, MiB | librdkafka, MiB |")
    print("|---|---|---|---|---|---|")
    with Broker({"num.partitions": 1}) as broker:
        for name, count, size in CASES:
            for shown, mode in MODES:
                got = measure(broker.address, rounds, mode, count, size)
                ours, theirs = got["kurier"], got["rdkafka"]
                print(f"| {shown}, {name} | {ours[0]:.0f} | {theirs[0]:.0f} | 1/{theirs[0] / ours[0]:.1f} "
                      f"| {ours[2]:.0f} | {theirs[2]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
