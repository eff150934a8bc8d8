#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Offsets that a group commits in transactions, request by request: who may, and when they count."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import group_offsets as offsets
import tap
import wire
from txns import Raw
from watched import Watched, eventually

UNKNOWN_TOPIC_OR_PARTITION, ILLEGAL_GENERATION, INVALID_GROUP_ID, UNKNOWN_MEMBER_ID = 3, 22, 24, 25
INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, INVALID_PRODUCER_ID_MAPPING = 47, 48, 49
FENCED_INSTANCE_ID, UNSTABLE_OFFSET_COMMIT, PRODUCER_FENCED, TRANSACTION_ABORTABLE = 82, 88, 90, 120
UNSTABLE = '"error_code": *88'  # in the log
server = Watched({"group.initial.rebalance.delay.ms": 0})


class Place:
    """A group of its own, a producer with a transactional.id, and the connection of both."""

    made = 0

    def __init__(self):
        Place.made += 1
        self.group, self.name = f"g{Place.made}", f"producer-{Place.made}"
        self.client = wire.Connection(server.port)
        offsets.find(self.client, self.group)
        self.producer = Raw(self.client, self.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.__exit__()

    def again(self):
        """The broker was started anew."""
        self.client.__exit__()
        self.client = self.producer.client = wire.Connection(server.port)
        offsets.find(self.client, self.group)

    def add(self):
        assert offsets.add(self.client, self.producer, self.group) == 0

    def txn_commit(self, offset, topic="t", **told):
        return offsets.txn_commit(self.client, self.producer, self.group, topic, offset, **told)

    def fetch(self, stable=False, partition=0):
        return offsets.fetch(self.client, self.group, "t", stable, partition)

    def end(self, commit):
        assert eventually(lambda: self.producer.end(commit) == 0)

    def must_become(self, offset):
        """Once the marker is there. What comes before is unstable, never another offset."""
        def stable():
            told = self.fetch(stable=True)
            assert told in ((UNSTABLE_OFFSET_COMMIT, -1), (0, offset)), told
            return told[0] == 0
        assert eventually(stable), "unstable for good"


@tap.case("what a transaction commits counts once it is committed, in every version of the request")
def _():
    for version in range(6):
        with Place() as place:
            assert offsets.commit(place.client, place.group, "t", 3) == 0
            if version < 5:
                place.add()
            assert place.txn_commit(7, version=version) == 0
            assert place.fetch() == (0, 3)
            assert place.fetch(stable=True) == (UNSTABLE_OFFSET_COMMIT, -1)
            assert place.fetch(stable=True, partition=1) == (0, -1)  # nothing is open there
            place.end(commit=True)
            place.must_become(7)
            assert place.fetch() == (0, 7)


@tap.case("of an aborted one nothing stays")
def _():
    with Place() as place:
        assert offsets.commit(place.client, place.group, "t", 3) == 0
        place.add()
        assert place.txn_commit(7) == 0
        assert place.txn_commit(8, partition=1) == 0
        place.end(commit=False)
        place.must_become(3)
        assert eventually(lambda: place.fetch(stable=True, partition=1) == (0, -1))
        place.add()
        assert place.txn_commit(9) == 0
        place.end(commit=True)
        place.must_become(9)


@tap.case("a commit that came later in the log stays, though the transaction ends after it")
def _():
    with Place() as place:
        place.add()
        assert place.txn_commit(7) == 0
        assert offsets.commit(place.client, place.group, "t", 5) == 0
        assert place.fetch(stable=True) == (UNSTABLE_OFFSET_COMMIT, -1)
        place.end(commit=True)
        place.must_become(5)


@tap.case("a group that is not part of the transaction is refused, unless the request makes it one")
def _():
    with Place() as place:
        assert place.txn_commit(7, version=3) == INVALID_TXN_STATE
        assert place.txn_commit(7, version=4) == TRANSACTION_ABORTABLE
        assert place.fetch(stable=True) == (0, -1)
        assert place.txn_commit(7, version=5) == 0
        assert place.fetch(stable=True) == (UNSTABLE_OFFSET_COMMIT, -1)
        place.end(commit=True)
        place.must_become(7)


@tap.case("who says that he is a member must be, of this generation; who says nothing need not")
def _():
    with Place() as place:
        place.add()
        assert place.txn_commit(7, version=3, generation=1, member="nobody") == ILLEGAL_GENERATION
        member, generation = offsets.join(place.client, place.group)
        for version in 3, 4, 5:
            assert place.txn_commit(7, version=version, generation=generation + 1, member=member) == ILLEGAL_GENERATION
            assert place.txn_commit(7, version=version, generation=generation, member="other") == UNKNOWN_MEMBER_ID
            assert place.txn_commit(7, version=version, generation=generation, member=member,
                                    instance="one") == UNKNOWN_MEMBER_ID
        assert place.fetch(stable=True) == (0, -1)
        assert place.txn_commit(7, version=3, generation=generation, member=member) == 0
        assert place.txn_commit(8, version=2) == 0
        place.end(commit=True)
        place.must_become(8)


@tap.case("a fenced producer commits nothing more, and what it had open is aborted")
def _():
    with Place() as place:
        place.add()
        assert place.txn_commit(7) == 0
        newer = Raw(place.client, place.name)
        assert (newer.producer, newer.epoch) > (place.producer.producer, place.producer.epoch)
        for version in 0, 2, 3, 5:
            assert place.txn_commit(8, version=version) == INVALID_PRODUCER_EPOCH, version
        assert place.producer.end(True) in (INVALID_PRODUCER_EPOCH, PRODUCER_FENCED)
        place.must_become(-1)
        assert offsets.add(place.client, newer, place.group) == 0
        place.producer = newer
        assert place.txn_commit(9) == 0
        place.end(commit=True)
        place.must_become(9)


@tap.case("what makes no sense gets a clear code")
def _():
    with Place() as place:
        place.add()
        assert place.txn_commit(7, topic="no-such-topic") == UNKNOWN_TOPIC_OR_PARTITION
        assert place.txn_commit(7, partition=9) == UNKNOWN_TOPIC_OR_PARTITION
        assert offsets.txn_commit(place.client, place.producer, "", "t", 7) == INVALID_GROUP_ID
        stranger = Raw(place.client, "stranger")
        stranger.producer += 1000
        assert offsets.txn_commit(place.client, stranger, place.group, "t", 7) in (
            INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_EPOCH)
        assert place.fetch(stable=True) == (0, -1)


@tap.case("kill -9 between the commit of offsets and the end of the transaction")
def _():
    with Place() as kept, Place() as dropped, Place() as ended:
        for place in kept, dropped, ended:
            assert offsets.commit(place.client, place.group, "t", 3) == 0
            place.add()
            assert place.txn_commit(7) == 0
        ended.end(commit=True)
        server.restart()
        for place in kept, dropped, ended:
            place.again()
        assert kept.fetch() == (0, 3)
        assert kept.fetch(stable=True) == (UNSTABLE_OFFSET_COMMIT, -1)
        ended.must_become(7)
        kept.end(commit=True)
        dropped.end(commit=False)
        kept.must_become(7)
        dropped.must_become(3)
        server.restart()
        for place, offset in (kept, 7), (dropped, 3), (ended, 7):
            place.again()
            place.must_become(offset)


@tap.case("a member of libkurier waits for the transaction, and begins where it left the group")
def _():
    with Place() as place:
        code, _ = wire.produce(place.client, "t", wire.batch([b"%d" % i for i in range(10)]))
        assert code == 0
        place.add()
        assert place.txn_commit(7) == 0
        assert wire.alter_config(place.client, wire.BROKER, "", "log.requests", "messages") == 0
        command = [broker.program("../examples/group"), server.address, place.group, "t"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                              preexec_fn=broker.die_with_parent) as member:
            try:
                for _ in range(2):
                    server.await_line(rf'"OffsetFetch".*{UNSTABLE}', since=len(server.log().splitlines()))
                place.end(commit=True)
                assert [member.stdout.readline() for _ in range(3)] == [f"t[0]@{i}: {i}\n" for i in (7, 8, 9)]
            finally:
                member.terminate()
        assert wire.alter_config(place.client, wire.BROKER, "", "log.requests", None) == 0


if __name__ == "__main__":
    with server:
        with wire.Connection(server.port) as connection:
            wire.create_topic(connection, "t", 2)
        tap.run()
