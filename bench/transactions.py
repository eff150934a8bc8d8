#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What transactions cost: 100-byte records in transactions of 1,000, and the same without.

    transactions.py [ROUNDS [COUNT]]        9 and 1000000 by default; prints a table in Markdown

All are idempotent and wait for all reports; "flushed" waits as often as a transaction ends. Over one partition of a
kurierd that is made anew each time. They take turns; each number is the median of its rounds, CPU is user and system.
"""
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "kit")]

from broker import Broker

KINDS = {"idempotent": "produce", "flushed": "produce-flush", "transactions": "produce-txn"}
BYTES = 100
TICK_NS = 1e9 / os.sysconf("SC_CLK_TCK")


def broker_cpu_ns(server):
    with open(f"/proc/{server.process.pid}/stat") as line:
        fields = line.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_NS


def measure(kind, count):
    """CPU ns a record of the client and of the broker, and wall ns."""
    with Broker({"num.partitions": 1}) as server:
        load = os.environ.get("LOAD_KURIER", os.path.join("bench", "load_kurier"))
        words = [load, KINDS[kind], f"127.0.0.1:{server.port}", "t", str(count), str(BYTES)]
        before = broker_cpu_ns(server)
        cpu, wall, _ = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
        return float(cpu), (broker_cpu_ns(server) - before) / count, float(wall)


def main(rounds=9, count=1_000_000):
    runs = {kind: [] for kind in KINDS}
    for _ in range(int(rounds)):
        for kind in KINDS:
            runs[kind].append(measure(kind, int(count)))
    print("| | client, CPU ns a record | kurierd, CPU ns a record | both | records/s |")
    print("|---|---|---|---|---|")
    rows = {}
    for kind, taken in runs.items():
        client, broker, wall = (statistics.median(column) for column in zip(*taken))
        rows[kind] = client, broker, statistics.median(c + b for c, b, _ in taken)
        print(f"| {kind} | {client:.0f} | {broker:.0f} | {rows[kind][2]:.0f} | {1e9 / wall:,.0f} |")
    for other in ("idempotent", "flushed"):
        ratios = [mine / theirs for mine, theirs in zip(rows["transactions"], rows[other])]
        print(f"| transactions beside {other} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " | |")


if __name__ == "__main__":
    main(*sys.argv[1:])
