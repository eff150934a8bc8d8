#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Transactions in the logs that they write to: what a reader of committed records is given and told, what is late or
not vouched for, and that a kill changes none of it."""
import os
import random
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import coordinator
import tap
import wire
from consumers import compact, varint
from coordinator import (CONTROL, FETCH, NONE, PASSING, READ_COMMITTED, TRANSACTIONAL, Producer, flexible, hear_12,
                         produce_12, send_12, settled, take_varint)
from watched import eventually

PRODUCE, LIST_OFFSETS, WRITE_TXN_MARKERS, DESCRIBE_PRODUCERS = 0, 2, 27, 61
TIMED_OUT, NOT_ENOUGH = 7, 19
OUT_OF_ORDER, EPOCH, INVALID_TXN_STATE, COORDINATOR_FENCED, NOT_AUTHORIZED = 45, 47, 48, 52, 53
SEGMENT, PAD = 1 << 20, b"." * 4000  # there are several segments
names = iter(f"t{i}" for i in range(1000))

server = broker.Broker({"transaction.state.log.num.partitions": 4, "offsets.topic.num.partitions": 4})


def connect():
    return wire.Connection(server.port)


def topic_of(client, **config):
    topic = next(names)
    wire.create_topic(client, topic, **config)
    return topic


def begin(client, topic, name):
    """Of version 1: its partition is added first."""
    who = Producer(client, name).begin()
    assert settled(lambda: who.add(topic)) == NONE
    return who


# ---- Requests ----

def committed_body(topic, offset, wait_ms=0, max_bytes=1 << 20):
    body = wire.fetch_body(topic, offset, max_bytes=max_bytes, wait_ms=wait_ms)
    return body[:16] + bytes([READ_COMMITTED]) + body[17:]


def heard(answer):
    """(high watermark, stable end, [(producer, first offset)], bytes)"""
    answer.number("i"), answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
    code, high, stable = answer.number("h"), answer.number("q"), answer.number("q")
    assert not code, code
    aborted = answer.array(lambda: (answer.number("q"), answer.number("q")))
    return high, stable, aborted, answer.take(answer.number("i"))


def committed(client, topic, offset=0, **how):
    return heard(client.ask(FETCH, 4, committed_body(topic, offset, **how)))


def batches(data):
    """(base offset, next offset, producer, attributes, the batch) of each whole one."""
    at = 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            return
        attributes, last = struct.unpack_from(">hi", data, at + 21)
        producer, = struct.unpack_from(">q", data, at + 43)
        yield base, base + last + 1, producer, attributes, data[at:at + 12 + length]
        at += 12 + length


def read_committed(client, topic, max_bytes=1 << 20):
    """The values that a reader keeps who goes by the answers alone, and where he ends."""
    values, offset = [], 0
    while True:
        _, stable, aborted, data = committed(client, topic, offset, max_bytes=max_bytes)
        if offset == stable:
            assert not data
            return values, offset
        gone, waiting = set(), sorted(aborted, key=lambda one: one[1])
        for base, after, producer, attributes, one in batches(data):
            assert base >= offset and after <= stable, (base, offset, stable)
            offset = after
            while waiting and waiting[0][1] <= base:
                gone.add(waiting.pop(0)[0])
            if attributes & CONTROL:
                gone.discard(producer)
            elif not (attributes & TRANSACTIONAL and producer in gone):
                values += wire.values_of(one)


def latest(client, topic, isolation, at=-1):
    body = struct.pack(">ibi", -1, isolation, 1) + wire.text(topic) + struct.pack(">iiq", 1, 0, at)
    answer = client.ask(LIST_OFFSETS, 2, body)
    answer.number("i"), answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
    code, _, offset = answer.number("h"), answer.number("q"), answer.number("q")
    assert not code, code
    return offset


def producers(client, topic):
    """{producer: (epoch, last sequence, coordinator epoch, start of its transaction)}"""
    answer = flexible(client, DESCRIBE_PRODUCERS, 0,
                      varint(2) + compact(topic) + varint(2) + struct.pack(">i", 0) + b"\0")
    answer.number("i")
    assert take_varint(answer) == 2
    answer.take(take_varint(answer) - 1)
    assert take_varint(answer) == 2
    answer.number("i")
    code = answer.number("h")
    assert not code, code
    answer.take(max(take_varint(answer) - 1, 0))
    found = {}
    for _ in range(take_varint(answer) - 1):
        producer, epoch, sequence, _, by, start = struct.unpack(">qiiqiq", answer.take(36))
        found[producer] = epoch, sequence, by, start
        answer.take(1)
    return found


def mark(client, topic, producer, epoch, commit=False, by=0, version=0):
    """WriteTxnMarkers; the error code."""
    body = (varint(2) + struct.pack(">qh?", producer, epoch, commit) + varint(2) + compact(topic) + varint(2)
            + struct.pack(">i", 0) + b"\0" + struct.pack(">i", by) + struct.pack(">b", version) + b"\0")
    answer = flexible(client, WRITE_TXN_MARKERS, 2, body)
    assert take_varint(answer) == 2
    answer.number("q")
    assert take_varint(answer) == 2
    answer.take(take_varint(answer) - 1)
    assert take_varint(answer) == 2
    answer.number("i")
    return answer.number("h")


# ---- Reading ----

@tap.case("a reader of committed records gets them, and none of the others, however transactions interleave")
def _():
    rng = random.Random(7)
    with connect() as client:
        topic = topic_of(client, segment_bytes=SEGMENT)
        writers = [Producer(client, f"woven-{i}").begin() for i in range(4)]
        pending, kept = {}, []  # kept: (first offset, value)
        high = 0
        for number in range(400):
            who = rng.choice(writers)
            if who in pending and rng.random() < 0.3:
                commit = rng.random() < 0.5
                assert settled(lambda: who.end(commit)) == NONE
                values = pending.pop(who)
                kept += values if commit else []
                assert settled(lambda: who.add(topic)) == NONE, "only once the marker is there"
                pending[who], high = [], high + 1
                continue
            if who not in pending:
                assert settled(lambda: who.add(topic)) == NONE
            values = [b"%d.%d" % (number, i) + PAD for i in range(rng.randrange(1, 4))]
            assert settled(lambda: who.produce(topic, values)) == NONE
            pending.setdefault(who, []).extend((high + i, value) for i, value in enumerate(values))
            high += len(values)
        open_ones = [values[0][0] for values in pending.values() if values]
        for size in (1 << 20, 700):
            values, end = read_committed(client, topic, size)
            assert end == min(open_ones, default=high) == coordinator.stable_end(client, topic)[0]
            assert values == [value for at, value in sorted(kept) if at < end], size
        for who in pending:
            assert settled(lambda: who.end(False)) == NONE
        for who in writers:  # answered once the markers are there
            assert settled(lambda: who.add(topic)) == NONE
        values, end = read_committed(client, topic, 700)
        assert values == [value for _, value in sorted(kept)]
        assert end == coordinator.stable_end(client, topic)[1]


@tap.case("the stable end stands still as long as a transaction is open, and no longer")
def _():
    with connect() as client, connect() as reader:
        topic = topic_of(client)
        assert wire.produce(client, topic, wire.batch([b"before"])) == (NONE, 0)
        who = begin(client, topic, "holder")
        assert committed(client, topic)[1] == 1, "it has written nothing here"
        assert who.produce(topic, [b"held"]) == NONE
        for i in range(3):
            assert wire.produce(client, topic, wire.batch([b"plain"])) == (NONE, 2 + i)
        high, stable, aborted, data = committed(client, topic)
        assert (high, stable, aborted) == (5, 1, []) and list(wire.values_of(data)) == [b"before"]
        assert wire.read_all(client, topic) == [b"before", b"held", b"plain", b"plain", b"plain"]
        assert (latest(client, topic, 0), latest(client, topic, READ_COMMITTED)) == (5, 1)
        assert latest(client, topic, READ_COMMITTED, at=1_700_000_000_001) == -1
        reader.correlation += 1  # a fetch that waits, and hears of nothing else meanwhile
        reader.send(wire.framed(wire.header(FETCH, 4, reader.correlation) + committed_body(topic, 1, wait_ms=20000)))
        assert wire.produce(client, topic, wire.batch([b"plain"])) == (NONE, 5)
        assert who.end(True) == NONE
        high, stable, aborted, data = heard(wire.Reader(reader.frame()[4:]))
        assert (high, stable, aborted) == (7, 7, [])
        assert [base for base, *_ in batches(data)] == [1, 2, 3, 4, 5, 6]
        assert latest(client, topic, READ_COMMITTED) == 7


# ---- Writing ----

@tap.case("a batch that comes after its transaction was aborted is refused, and the stable end goes on")
def _():
    with connect() as client:
        topic = topic_of(client)
        who = begin(client, topic, "late")
        assert who.produce(topic, [b"a"]) == NONE
        assert who.end(False) == NONE
        assert settled(lambda: who.state() == "CompleteAbort" or coordinator.CONCURRENT) is True
        assert who.produce(topic, [b"late"]) == INVALID_TXN_STATE
        assert coordinator.stable_end(client, topic) == (2, 2)
        assert settled(lambda: who.add(topic)) == NONE
        assert who.produce(topic, [b"b"]) == NONE, "the sequence goes on"
        assert who.end(True) == NONE
        assert settled(lambda: who.state() == "CompleteCommit" or coordinator.CONCURRENT) is True
        assert read_committed(client, topic) == ([b"b"], 4)


@tap.case("of version 2 what is late has an old epoch, and the next transaction begins at sequence 0")
def _():
    with connect() as client:
        topic = topic_of(client)
        who, late = Producer(client, "modern").begin(), Producer(client, "modern")
        late.producer, late.epoch = who.producer, who.epoch
        for commit in (True, False, True):
            assert settled(lambda: produce_12(who, topic, [b"%d" % commit])) == NONE
            assert who.end(commit, version=5) == NONE
        assert settled(lambda: produce_12(late, topic, [b"late"], 1)) == EPOCH
        assert settled(lambda: produce_12(who, topic, [b"odd"], 1)) == OUT_OF_ORDER
        assert read_committed(client, topic)[0] == [b"1", b"1"]


@tap.case("what nobody vouches for is refused, and opens nothing")
def _():
    with connect() as client:
        topic = topic_of(client)
        who = Producer(client, "alone").begin()
        assert who.produce(topic, [b"not added"]) == INVALID_TXN_STATE
        records = wire.batch([b"x"], attributes=TRANSACTIONAL, producer=who.producer, epoch=who.epoch, sequence=0)
        assert wire.produce(client, topic, records)[0] == NOT_AUTHORIZED, "no transactional id"
        assert wire.produce(client, topic, records, transactional="another")[0] != NONE
        assert settled(lambda: who.add(topic)) == NONE
        assert who.produce(topic, [b"x"]) == NONE
        plain = wire.batch([b"y"], producer=who.producer, epoch=who.epoch, sequence=1)
        assert wire.produce(client, topic, plain)[0] == INVALID_TXN_STATE, "it is in a transaction"
        assert wire.produce(client, topic, records, transactional=who.name) == (NONE, 0), "it was there already"
        assert who.end(True) == NONE
        assert settled(lambda: who.state() == "CompleteCommit" or coordinator.CONCURRENT) is True
        assert coordinator.stable_end(client, topic) == (2, 2)


def hasty(who, topic, values, timeout_ms):
    """Each a batch of its own, all sent at once, and what is not there again until it is; with more time later."""
    left, told = list(values), []

    def sent():
        begun, patience_ms = len(values) - len(left), timeout_ms if len(told) < 5 else 10000
        for i, value in enumerate(left):
            send_12(who, topic, [value], begun + i, patience_ms)
        told.append([hear_12(who) for _ in left])
        assert set(told[-1]) <= {NONE, *PASSING, TIMED_OUT, OUT_OF_ORDER, NOT_ENOUGH}, told
        for code in told[-1]:
            if code:
                break
            left.pop(0)
        return not left
    assert eventually(sent), told[:10]


@tap.case("batches that follow each other into a new transaction are there once and in order, also where they give up waiting")
def _():
    with connect() as client:
        topic = topic_of(client)
        who = Producer(client, "hasty").begin()
        expected = []
        for number in range(30):
            wanted = [b"%d.%d" % (number, i) for i in range(4)]
            hasty(who, topic, wanted, 1 + number % 3)
            assert who.end(number % 3 != 0, version=5) == NONE
            expected += wanted if number % 3 else []
        assert settled(lambda: produce_12(who, topic, [b"open"])) == NONE, "only once the marker is there"
        assert read_committed(client, topic) == (expected, 30 * 5)
        assert who.end(False, version=5) == NONE


# ---- Markers ----

@tap.case("an operator finds the transaction that hangs, and ends it; a marker that comes again does no harm")
def _():
    with connect() as client:
        topic = topic_of(client)
        assert wire.produce(client, topic, wire.batch([b"plain"])) == (NONE, 0)
        who = begin(client, topic, "hangs")
        assert who.produce(topic, [b"a", b"b"]) == NONE
        assert producers(client, topic) == {who.producer: (who.epoch, 1, -1, 1)}
        assert mark(client, topic, who.producer, who.epoch, version=2) == EPOCH, "a new epoch is due by version 2"
        assert coordinator.stable_end(client, topic) == (1, 3)
        for again in range(3):
            assert mark(client, topic, who.producer, who.epoch, by=5) == NONE
            assert coordinator.stable_end(client, topic) == (4 + again, 4 + again)
        assert producers(client, topic) == {who.producer: (who.epoch, 1, 5, -1)}
        assert mark(client, topic, who.producer, who.epoch, by=4) == COORDINATOR_FENCED
        assert mark(client, topic, -1, 0) != NONE and mark(client, topic, who.producer, -1) != NONE
        assert mark(client, "none such", who.producer, who.epoch) == 3
        assert mark(client, "__transaction_state", who.producer, who.epoch) == 17
        assert read_committed(client, topic) == ([b"plain"], 6)
        assert mark(client, topic, who.producer, who.epoch + 1, by=5) == NONE
        records = wire.batch([b"c"], attributes=TRANSACTIONAL, producer=who.producer, epoch=who.epoch, sequence=2)
        assert wire.produce(client, topic, records, transactional=who.name)[0] in (EPOCH, INVALID_TXN_STATE)
        assert coordinator.stable_end(client, topic) == (7, 7)


# ---- kill -9 ----

@tap.case("killed in the middle of transactions, the log comes back with the same of them open and aborted")
def _():
    rng = random.Random(11)
    with connect() as client:
        topic = topic_of(client, segment_bytes=SEGMENT)
        writers = [Producer(client, f"survivor-{i}").begin() for i in range(3)]
    for _ in range(6):
        with connect() as client:
            for who in writers:
                who.client = client
                assert settled(who.find) == NONE
            for number in range(12):
                for who in writers[:2]:
                    assert settled(lambda: who.add(topic)) == NONE
                    assert settled(lambda: who.produce(topic, [b"%d" % number + PAD] * rng.randrange(1, 9))) == NONE
                for who in writers[:2]:
                    assert settled(lambda: who.end(rng.random() < 0.5)) == NONE
            assert settled(lambda: writers[2].add(topic)) == NONE
            assert settled(lambda: writers[2].produce(topic, [b"open"])) == NONE
            for who in writers[:2]:  # answered once the markers are there
                assert settled(lambda: who.add(topic)) == NONE
            before = committed(client, topic)[:3], producers(client, topic), read_committed(client, topic)
        server.kill()
        server.start()
        with connect() as client:
            after = committed(client, topic)[:3], producers(client, topic), read_committed(client, topic)
            assert before == after, (before, after)
            assert before[1][writers[2].producer][3] == before[2][1], "the open one holds the stable end"
            writers[2].client = client
            assert settled(writers[2].find) == NONE
            assert settled(lambda: writers[2].produce(topic, [b"open too"])) == NONE, "its sequence goes on"
            assert settled(lambda: writers[2].end(False)) == NONE
            assert settled(lambda: writers[2].add(topic)) == NONE
            stable, high = coordinator.stable_end(client, topic)
            assert stable == high


with server:
    tap.run()
