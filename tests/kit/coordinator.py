# SPDX-License-Identifier: Apache-2.0
"""The coordinator of transactions, asked request by request: each answers its error code, and says what it was told."""
import struct

import wire
from consumers import compact, varint, varint_at
from watched import eventually

FETCH, FIND_COORDINATOR, INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, END_TXN = 1, 10, 22, 24, 25, 26
API_VERSIONS, UPDATE_FEATURES, DESCRIBE_TRANSACTIONS, LIST_TRANSACTIONS = 18, 57, 65, 66
TRANSACTION, READ_COMMITTED, TRANSACTIONAL, CONTROL = 1, 1, 0x10, 0x20
NONE, LOADING, NOT_AVAILABLE, NOT_COORDINATOR, CONCURRENT = 0, 14, 15, 16, 51
PASSING = (LOADING, NOT_AVAILABLE, NOT_COORDINATOR, CONCURRENT)  # to be asked again


def settled(ask):
    """What `ask` answers, once it is more than to ask again."""
    codes = []

    def is_told():
        codes.append(ask())
        return codes[-1] not in PASSING
    assert eventually(is_told), f"error {codes[-1]} {len(codes)} times"
    return codes[-1]


def flexible(client, key, version, body):
    """The answer to a request of a flexible version, behind its header's tags."""
    client.correlation += 1
    client.send(wire.framed(wire.header(key, version, client.correlation) + b"\0" + body + b"\0"))
    answer = wire.Reader(client.frame())
    assert answer.number("i") == client.correlation
    answer.take(1)
    return answer


class Producer:
    """Of one transactional id; several of one id are its incarnations."""

    def __init__(self, client, name, timeout_ms=60000):
        self.client, self.name, self.timeout_ms = client, name, timeout_ms
        self.producer = self.epoch = -1
        self.sequences = {}

    def who(self):
        return wire.text(self.name) + struct.pack(">qh", self.producer, self.epoch)

    def find(self):
        answer = self.client.ask(FIND_COORDINATOR, 1, wire.text(self.name) + bytes([TRANSACTION]))
        answer.number("i")
        return answer.number("h")

    def init(self, mine=False, version=4):
        """mine: as who goes on with the epoch that he has (KIP-360)."""
        old = struct.pack(">qh", self.producer if mine else -1, self.epoch if mine else -1)
        answer = flexible(self.client, INIT_PRODUCER_ID, version,
                          compact(self.name) + struct.pack(">i", self.timeout_ms) + old)
        answer.number("i")
        code, producer, epoch = answer.number("h"), answer.number("q"), answer.number("h")
        if not code:
            self.producer, self.epoch, self.sequences = producer, epoch, {}
        return code

    def begin(self):
        assert settled(self.find) == NONE
        code = settled(self.init)
        assert code == NONE, code
        return self

    def add(self, topic, partition=0, version=2, times=1):
        """times: so often it is named."""
        body = (self.who() + struct.pack(">i", 1) + wire.text(topic) +
                struct.pack(">i", times) + times * struct.pack(">i", partition))
        answer = self.client.ask(ADD_PARTITIONS, version, body)
        answer.number("i"), answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
        return answer.number("h")

    def add_offsets(self, group, version=2):
        answer = self.client.ask(ADD_OFFSETS, version, self.who() + wire.text(group))
        answer.number("i")
        return answer.number("h")

    def end(self, commit, version=2):
        if version < 5:
            answer = self.client.ask(END_TXN, version, self.who() + bytes([commit]))
            answer.number("i")
            return answer.number("h")
        answer = flexible(self.client, END_TXN, version, compact(self.name) +
                          struct.pack(">qh?", self.producer, self.epoch, commit))
        answer.number("i")
        code, producer, epoch = answer.number("h"), answer.number("q"), answer.number("h")
        if not code:
            self.producer, self.epoch, self.sequences = producer, epoch, {}
        return code

    def produce(self, topic, values, partition=0):
        """In the open transaction."""
        sequence = self.sequences.get((topic, partition), 0)
        records = wire.batch(values, attributes=TRANSACTIONAL, producer=self.producer, epoch=self.epoch,
                             sequence=sequence)
        code, _ = wire.produce(self.client, topic, records, partition, self.name)
        if not code:
            self.sequences[topic, partition] = sequence + len(values)
        return code

    def state(self):
        """As DescribeTransactions tells it; the error code where there is none."""
        answer = flexible(self.client, DESCRIBE_TRANSACTIONS, 0, varint(2) + compact(self.name))
        answer.number("i")
        assert answer.take(1) == varint(2)
        code = answer.number("h")
        _take_compact(answer)
        return code or _take_compact(answer)


def take_varint(answer):
    value, answer.at = varint_at(answer.data, answer.at)
    return value


def _take_compact(answer):
    return answer.take(take_varint(answer) - 1).decode()


def send_12(who, topic, values, sequence, timeout_ms=10000):
    """Produce by transaction.version 2: the partition is added by being written to. Not waited for."""
    records = wire.batch(values, attributes=TRANSACTIONAL, producer=who.producer, epoch=who.epoch, sequence=sequence)
    body = (compact(who.name) + struct.pack(">hi", -1, timeout_ms) + varint(2) + compact(topic) + varint(2)
            + struct.pack(">i", 0) + varint(len(records) + 1) + records + b"\0\0\0")
    who.client.correlation += 1
    who.client.send(wire.framed(wire.header(wire.PRODUCE, 12, who.client.correlation) + b"\0" + body))


def hear_12(who):
    """The error code."""
    answer = wire.Reader(who.client.frame()[5:])
    assert take_varint(answer) == 2
    answer.take(take_varint(answer) - 1)
    assert take_varint(answer) == 2
    answer.number("i")
    return answer.number("h")


def produce_12(who, topic, values, sequence=None):
    if sequence is None:
        sequence = who.sequences.get((topic, 0), 0)
    send_12(who, topic, values, sequence)
    code = hear_12(who)
    if not code:
        who.sequences[topic, 0] = sequence + len(values)
    return code


def vouch(client, asked, version=5):
    """AddPartitionsToTxn as brokers ask it, for several transactions at once. asked: [(Producer, whether it only asks,
    {topic: [partition]})]; answers {(id, topic, partition): error code}."""
    def rows(items):
        items = list(items)
        return varint(len(items) + 1) + b"".join(item + b"\0" for item in items)
    body = rows(compact(who.name) + struct.pack(">qh?", who.producer, who.epoch, only) + rows(
        compact(topic) + varint(len(partitions) + 1) + struct.pack(f">{len(partitions)}i", *partitions)
        for topic, partitions in topics.items()) for who, only, topics in asked)
    answer = flexible(client, ADD_PARTITIONS, version, body)
    answer.number("i")
    code, found = answer.number("h"), {}
    assert not code, code
    for _ in range(take_varint(answer) - 1):
        name = _take_compact(answer)
        for _ in range(take_varint(answer) - 1):
            topic = _take_compact(answer)
            for _ in range(take_varint(answer) - 1):
                partition = answer.number("i")
                found[name, topic, partition] = answer.number("h")
                answer.take(1)
            answer.take(1)
        answer.take(1)
    return found


def transactions(client, pattern=""):
    """{id: state} of all whose id the pattern matches; or the error code."""
    answer = flexible(client, LIST_TRANSACTIONS, 2, varint(1) + varint(1) + b"\xff" * 8 + compact(pattern))
    answer.number("i")
    code = answer.number("h")
    if code:
        return code
    assert take_varint(answer) == 1, "unknown states"
    found = {}
    for _ in range(take_varint(answer) - 1):
        name, _ = _take_compact(answer), answer.number("q")
        found[name] = _take_compact(answer)
        answer.take(1)
    return found


def features(client, version):
    """({name: (min, max)} supported, {name: level} finalized, epoch) as ApiVersions tells it."""
    client.correlation += 1
    client.send(wire.framed(wire.header(API_VERSIONS, version, client.correlation) + b"\0" + compact("test") +
                            compact("1") + b"\0"))
    answer = wire.Reader(client.frame()[4:])
    assert answer.number("h") == 0
    answer.take(7 * (take_varint(answer) - 1) + 4)
    found = {}
    for _ in range(take_varint(answer)):
        tag, size = take_varint(answer), take_varint(answer)
        found[tag] = wire.Reader(answer.take(size))

    def rows(tag):
        inner = found.get(tag)
        for _ in range(take_varint(inner) - 1 if inner else 0):
            yield _take_compact(inner), inner.number("h"), inner.number("h")
            inner.take(1)
    supported = {name: (least, most) for name, least, most in rows(0)}
    finalized = {name: level for name, level, _ in rows(2)}
    return supported, finalized, found[1].number("q")


def set_feature(client, name, level, how):
    """how: 1 up, 2 down. The error code."""
    answer = flexible(client, UPDATE_FEATURES, 2, struct.pack(">i", 10000) + varint(2) + compact(name) +
                      struct.pack(">hb", level, how) + b"\0" + b"\0")
    answer.number("i")
    return answer.number("h")


def committed_sizes(client, topic, offsets, max_bytes):
    """{partition: (aborted transactions, bytes of records)} of one read_committed Fetch; offsets: {partition: offset}."""
    body = struct.pack(">iiiibi", -1, 0, 0, max_bytes, READ_COMMITTED, 1) + wire.text(topic)
    body += struct.pack(">i", len(offsets)) + b"".join(struct.pack(">iqi", *at, 1 << 20) for at in offsets.items())
    answer = client.ask(FETCH, 4, body)
    found = {}
    answer.number("i"), answer.number("i"), answer.text()
    for _ in range(answer.number("i")):
        index, code, _, _ = (answer.number(form) for form in "ihqq")
        assert code == NONE, code
        aborted = max(0, answer.number("i"))
        answer.take(16 * aborted)
        size = answer.number("i")
        answer.take(max(0, size))
        found[index] = (aborted, max(0, size))
    return found


def stable_end(client, topic, partition=0):
    """(last stable offset, high watermark) of a partition."""
    body = wire.fetch_body(topic, 0, partition)
    answer = client.ask(FETCH, 4, body[:16] + bytes([READ_COMMITTED]) + body[17:])
    answer.number("i"), answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
    code, high, stable = answer.number("h"), answer.number("q"), answer.number("q")
    assert not code, code
    return stable, high


def batches(client, topic, partition=0):
    """(its attributes, its bytes) of each in that log."""
    offset = 0
    while True:
        code, high, data = wire.fetch(client, topic, offset, partition)
        assert not code, f"error {code} at {offset}, the high watermark is {high}"
        if offset == high:
            return
        assert data, f"nothing at {offset}, below the high watermark {high}"
        at = 0
        while at + 61 <= len(data):
            first, length = struct.unpack_from(">qi", data, at)
            attributes, last = struct.unpack_from(">hi", data, at + 21)
            yield attributes, data[at:at + 12 + length]
            at, offset = at + 12 + length, first + last + 1


def is_commit(marker):
    # length, attributes, time, delta, size of the key: a byte each; then version and type
    return struct.unpack_from(">h", marker, 61 + 5 + 2)[0] == 1


def ends(client, topic, partition=0):
    """What ended transactions in that log, in order: (producer, epoch, committed)."""
    return [(*struct.unpack_from(">qh", batch, 43), is_commit(batch))
            for attributes, batch in batches(client, topic, partition) if attributes & CONTROL]


def outcomes(client, topic, partition=0):
    """[(value, committed)] of what one producer wrote to that log, in order. A marker that is there again ends
    nothing."""
    found, begun = [], []
    for attributes, batch in batches(client, topic, partition):
        if attributes & CONTROL:
            found += [(value, is_commit(batch)) for value in begun]
            begun = []
        else:
            begun += wire.values_of(batch)
    assert not begun, f"nothing has ended {begun}"
    return found
