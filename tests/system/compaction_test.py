#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""__consumer_offsets stays small, however often the same offsets are committed, and a restart finds them; a topic that
is compacted takes no record without a key.

    compaction_test.py [COMMITS]                200000 by default
"""
import glob
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
import wire
from watched import Watched, eventually

OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR = 8, 9, 10
INVALID_RECORD, RETRY = 87, (14, 15, 16)
PARTITIONS, MIB = 200, 1 << 20
COMMITS = next((int(word) for word in sys.argv[1:] if word.isdigit()), 200_000)
OPTIONS = {"offsets.topic.num.partitions": 1, "offsets.topic.segment.bytes": MIB, "log.cleaner.backoff.ms": 50}


def find_coordinator(client):
    def found():
        return client.ask(FIND_COORDINATOR, 0, wire.text("g")).number("h") not in RETRY
    assert eventually(found), "no coordinator"


def codes_of_commit(answer):
    def topic():
        answer.text()
        return answer.array(lambda: (answer.number("i"), answer.number("h"))[1])
    return set(sum(answer.array(topic), []))


def commit(client, offset):
    """Of every partition, in one request."""
    rows = b"".join(struct.pack(">iq", i, offset + i) + wire.text("some note") for i in range(PARTITIONS))
    body = wire.text("g") + struct.pack(">i", -1) + wire.text("") + struct.pack(">qi", -1, 1)
    body += wire.text("t") + struct.pack(">i", PARTITIONS) + rows
    return codes_of_commit(client.ask(OFFSET_COMMIT, 2, body))


def committed(client):
    numbers = struct.pack(f">i{PARTITIONS}i", PARTITIONS, *range(PARTITIONS))
    answer = client.ask(OFFSET_FETCH, 1, wire.text("g") + struct.pack(">i", 1) + wire.text("t") + numbers)

    def partition():
        number, offset = answer.number("i"), answer.number("q")
        answer.text()
        return number, (offset, answer.number("h"))

    def topic():
        answer.text()
        return answer.array(partition)
    return dict(sum(answer.array(topic), []))


def size(server):
    """Of the files of the offsets' partition that hold records."""
    total = 0
    for name in glob.glob(os.path.join(server.data, "__consumer_offsets-0", "*.log*")):
        try:
            total += os.stat(name).st_blocks * 512
        except FileNotFoundError:  # compacted this moment
            pass
    return total


with Watched(OPTIONS) as server:
    def expect(offset):
        with wire.Connection(server.port) as client:
            find_coordinator(client)
            assert eventually(lambda: all(code not in RETRY for _, code in committed(client).values()))
            wanted = {i: (offset + i, 0) for i in range(PARTITIONS)}
            found = committed(client)
            wrong = {i: (found.get(i), want) for i, want in wanted.items() if found.get(i) != want}
            assert not wrong, f"{len(wrong)} are others: {dict(list(wrong.items())[:3])}"

    last = COMMITS // PARTITIONS - 1

    @tap.case(f"{COMMITS} commits of {PARTITIONS} offsets: the log stays small")
    def _():
        largest = 0
        with wire.Connection(server.port) as client:
            wire.create_topic(client, "t", PARTITIONS)
            find_coordinator(client)
            assert eventually(lambda: commit(client, 0) == {0})
            for offset in range(last + 1):
                assert commit(client, offset) == {0}
                if offset % 50 == 0:
                    largest = max(largest, size(server))
        assert eventually(lambda: size(server) < 3 * MIB), size(server)
        print(f"# {largest / MIB:.1f} MiB at most, {size(server) / MIB:.1f} in the end")
        assert largest < 8 * MIB, largest
        expect(last)

    @tap.case("the same offsets after a clean stop")
    def _():
        assert server.stop() == 0
        server.start()
        expect(last)

    @tap.case("and after kill -9 in the middle of more of them")
    def _():
        with wire.Connection(server.port) as client:
            find_coordinator(client)
            for offset in range(last + 1, last + 200):
                assert commit(client, offset) == {0}
        server.restart()
        expect(last + 199)

    @tap.case("a record without a key is refused where the topic is compacted")
    def _():
        with wire.Connection(server.port) as client:
            wire.create_topic(client, "keyed", cleanup_policy="compact,delete")
            code, _ = wire.produce(client, "keyed", wire.batch([b"v"]))
            assert code == INVALID_RECORD, code
            code, offset = wire.produce(client, "keyed", wire.batch([b"v"], wire.record(0, b"v", b"k")))
            assert (code, offset) == (0, 0)

    if __name__ == "__main__":
        tap.run()
