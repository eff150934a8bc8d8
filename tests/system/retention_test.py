#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Old records go, by size and by age, while others come, and stay away through kill -9."""
import contextlib
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import peers
import tap

MIB = 1 << 20
PATIENCE_S = 60
LINES = b"".join(b"%09d %s\n" % (i, b"x" * 990) for i in range(12_000))
small = broker.Broker({"log.segment.bytes": MIB, "log.retention.bytes": 3 * MIB,
                       "log.segment.delete.delay.ms": 100, "log.retention.check.interval.ms": 50})
young = broker.Broker({"log.retention.ms": 500, "log.segment.delete.delay.ms": 0,
                       "log.retention.check.interval.ms": 50})


def kcat(server, *words, text=b""):
    done = subprocess.run([peers.need("kcat"), "-b", server.address, *words], input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


def produce(server, lines):
    kcat(server, "-P", "-t", "t", "-X", "acks=all", text=lines)


def bounds(server):
    ends = []
    for when in -2, -1:
        told = kcat(server, "-Q", "-t", f"t:0:{when}").decode()
        ends.append(int(re.search(r"offset (\d+)", told)[1]))
    return ends


def files(server, suffix):
    names = os.listdir(os.path.join(server.data, "t-0"))
    return [os.path.join(server.data, "t-0", name) for name in names if name.endswith(suffix)]


def size(server):
    total = 0
    for path in files(server, ".log"):
        with contextlib.suppress(FileNotFoundError):  # it may go at any time
            total += os.path.getsize(path)
    return total


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"


@tap.case("a partition stays near its size, and what is left is the end of what was sent")
def _():
    for piece in range(4):
        begin, end = piece * len(LINES) // 4, (piece + 1) * len(LINES) // 4
        produce(small, LINES[begin:end])
    until(lambda: size(small) < 4 * MIB + MIB // 2)
    start, end = bounds(small)
    assert start > 0 and size(small) >= 3 * MIB, (start, size(small))
    assert end == 12_000
    while True:
        start = bounds(small)[0]
        left = kcat(small, "-C", "-t", "t", "-o", "beginning", "-e", "-q")
        if bounds(small)[0] == start:  # nothing went meanwhile
            break
    assert left == b"".join(LINES.splitlines(True)[start:])


@tap.case("files that were deleted are gone after their delay")
def _():
    until(lambda: not files(small, ".deleted"))
    logs = {path.removesuffix(".log") for path in files(small, ".log")}
    assert {path.removesuffix(".index") for path in files(small, ".index")} <= logs


@tap.case("kill -9 brings nothing back")
def _():
    start, end = bounds(small)
    for _ in range(3):
        small.kill()
        small.start()
        again, still = bounds(small)
        assert again >= start and still == end
        assert not files(small, ".deleted")


@tap.case("records go when they are old, the last ones too; offsets go on")
def _():
    produce(young, LINES[:1000 * 1000])
    until(lambda: bounds(young) == [1000, 1000])
    produce(young, LINES[:1000 * 10])
    assert bounds(young)[1] == 1010
    until(lambda: bounds(young) == [1010, 1010])
    young.kill()
    young.start()
    assert bounds(young) == [1010, 1010]
    until(lambda: size(young) == 0)


if __name__ == "__main__":
    with small, young:
        tap.run()
