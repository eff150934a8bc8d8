#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long kurierd takes to serve, and what it costs at rest.

    startup.py [PARTITIONS [ROUNDS]]        100 and 10 by default; prints a table in Markdown

Each partition holds 2 MB in two segments, less where they are many. Time runs from exec to the line that says ready, as
seen by the parent, and in brackets as kurierd says itself; the largest of ROUNDS. RSS is of a broker that was just
started, its own pages apart from those of shared files.
"""
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "kit")]

import wire
from broker import Broker

TOPIC = "t"
BATCH = wire.batch([bytes(250_000)])


def start(server):
    """Milliseconds: as seen from here, as it says."""
    before = time.monotonic()
    server.start()
    return (time.monotonic() - before) * 1000, server.startup_ms


def status(server, what):
    with open(f"/proc/{server.process.pid}/status") as lines:
        return int(re.search(rf"{what}:\s+(\d+)", lines.read())[1])


def fill(server, partitions):
    batches = max(1, min(8, 800 // partitions))
    with wire.Connection(server.port) as client:
        wire.create_topic(client, TOPIC, partitions)
        for partition in range(partitions):
            for _ in range(batches):
                assert wire.produce(client, TOPIC, BATCH, partition)[0] == 0


def row(name, times, server):
    seen, said = max(t[0] for t in times), max(t[1] for t in times)
    print(f"| {name} | {seen:.0f} ({said}) | {status(server, 'VmRSS') / 1024:.1f} "
          f"| {status(server, 'RssAnon') / 1024:.1f} | {status(server, 'Threads')} |", flush=True)


def again(server, end, rounds):
    times = []
    for _ in range(rounds):
        end()
        times.append(start(server))
    return times


def main():
    partitions, rounds = (int(word) for word in (sys.argv[1:] + ["100", "10"][len(sys.argv) - 1:]))
    print("| start | ms | RSS MiB | of it anonymous | threads |")
    print("|---|---|---|---|---|")
    with Broker({"log.segment.bytes": 1 << 20, "log.level": "error"}) as server:
        row("empty", again(server, server.kill, rounds), server)
        fill(server, partitions)
        row(f"{partitions} partitions, after a clean stop", again(server, server.stop, rounds), server)
        row(f"{partitions} partitions, after kill -9", again(server, server.kill, rounds), server)


if __name__ == "__main__":
    main()
