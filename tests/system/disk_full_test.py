#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A full disk: writing is refused in so many words, reading goes on, and so does writing once there is room."""
import contextlib
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
import wire
from disk import mounted
from watched import Watched, eventually

STORAGE_ERROR = 56
PARTITIONS = 3
BALLAST_BYTES = 4 << 20


@contextlib.contextmanager
def small_disk():
    """A broker on 24 MB, of which a file can be taken away."""
    with mounted("size=24m") as disk:
        ballast = os.path.join(disk, "ballast")
        with open(ballast, "wb") as out:
            out.write(bytes(BALLAST_BYTES))
        with Watched({"log.segment.bytes": 1 << 20, "log.dirs": os.path.join(disk, "data")}) as server:
            yield server, ballast


def value(number):
    return b"%08d" % number + bytes(20_000)


def fill(client, written, topic="t"):
    """Writes until every partition refuses; written[p] counts what was acknowledged."""
    full = [None] * PARTITIONS
    while None in full:
        for partition in range(PARTITIONS):
            code, base = wire.produce(client, topic, wire.batch([value(written[partition])]), partition)
            if code:
                full[partition] = code
            else:
                assert base == written[partition]
                written[partition] += 1
    return full


def check(client, written, topic="t"):
    for partition in range(PARTITIONS):
        got = wire.read_all(client, topic, partition)
        assert got == [value(n) for n in range(written[partition])], (partition, len(got), written)


@tap.case("produce is refused, fetch is served, and produce again once there is room")
def _():
    with small_disk() as (server, ballast), wire.Connection(server.port) as client:
        wire.create_topic(client, "t", PARTITIONS)
        written = [0] * PARTITIONS
        codes = fill(client, written)
        assert set(codes) == {STORAGE_ERROR}, codes
        server.await_line("No space left on device|disk is full")
        check(client, written)
        full = sum(written)
        os.unlink(ballast)
        assert eventually(lambda: wire.produce(client, "t", wire.batch([value(written[0])]))[0] == 0)
        written[0] += 1
        fill(client, written)
        check(client, written)
        print(f"# {full} records of 20 KB, {sum(written) - full} more in the room that was made")
        assert sum(written) - full > 50


@tap.case("a kill while the disk is full loses nothing")
def _():
    with small_disk() as (server, ballast):
        written = [0] * PARTITIONS
        with wire.Connection(server.port) as client:
            wire.create_topic(client, "t", PARTITIONS)
            fill(client, written)
        server.kill()
        os.unlink(ballast)
        server.start()
        with wire.Connection(server.port) as client:
            check(client, written)
            fill(client, written)
            check(client, written)


@tap.case("a start on a full disk serves, or says why not; with room it serves everything")
def _():
    with small_disk() as (server, ballast):
        written = [0] * PARTITIONS
        with wire.Connection(server.port) as client:
            wire.create_topic(client, "t", PARTITIONS)
            fill(client, written)
        fill_up(os.path.dirname(ballast))
        server.kill()
        try:
            server.start()
            with wire.Connection(server.port) as client:
                check(client, written)
            server.kill()
        except AssertionError:
            print(f"# {server.log().splitlines()[-1]}")
            server.await_line(f"kurierd: {os.path.dirname(ballast)}/data: .*No space left on device")
            server.kill()
        os.unlink(ballast)
        server.start()
        with wire.Connection(server.port) as client:
            check(client, written)


@tap.case("a new directory on a full disk says where there is no room")
def _():
    with mounted("size=1m") as disk:
        fill_up(disk)
        done = subprocess.run([broker.program("kurierd"), "-o", "listeners=PLAINTEXT://127.0.0.1:0",
                               "-o", f"log.dirs={disk}/data"], stderr=subprocess.PIPE, text=True, timeout=30)
        assert done.returncode == 1
        assert f"kurierd: {disk}/data: " in done.stderr and "No space left on device" in done.stderr, done.stderr


def fill_up(path):
    """To the last byte."""
    with open(os.path.join(path, "more"), "wb", buffering=0) as out:
        for size in (4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    out.write(bytes(size))


@tap.case("topics cannot be created, and can once there is room")
def _():
    with small_disk() as (server, ballast), wire.Connection(server.port) as client:
        wire.create_topic(client, "t", PARTITIONS)
        written = [0] * PARTITIONS
        fill(client, written)
        fill_up(os.path.dirname(ballast))
        try:
            for number in range(1000):
                wire.create_topic(client, f"more-{number}", PARTITIONS)
        except AssertionError as why:
            print(f"# {why}")
        check(client, written)
        os.unlink(ballast)
        wire.create_topic(client, "later", PARTITIONS)
        assert wire.produce(client, "later", wire.batch()) == (0, 0)
        check(client, written)


if __name__ == "__main__":
    tap.run()
