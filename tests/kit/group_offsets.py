# SPDX-License-Identifier: Apache-2.0
"""Offsets of a group in raw requests: committed at once or in a transaction, and fetched."""
import struct

import txns
import wire
from watched import eventually

OFFSET_COMMIT, OFFSET_FETCH, JOIN_GROUP, SYNC_GROUP, ADD_OFFSETS, TXN_OFFSET_COMMIT = 8, 9, 11, 14, 25, 28
GROUP = 0
FLEXIBLE_SINCE = 3  # of TxnOffsetCommit


# ---- Compact fields ----

def uvarint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def compact(value):
    return b"\0" if value is None else uvarint(len(value) + 1) + value.encode()


def read_uvarint(reader):
    value = shift = 0
    while True:
        byte = reader.take(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value


def read_compact(reader):
    size = read_uvarint(reader)
    return reader.take(size - 1).decode() if size else None


def ask_flexible(client, key, version, body):
    """As client.ask, with the header of flexible versions."""
    answer = client.ask(key, version, b"\0" + body)
    assert answer is not None, "the connection ended"
    assert answer.take(1) == b"\0"
    return answer


# ---- Requests ----

def find(client, group):
    """Until the group has a coordinator that has loaded."""
    def found():
        answer = client.ask(txns.FIND_COORDINATOR, 1, wire.text(group) + bytes([GROUP]))
        answer.number("i")
        return answer.number("h") == 0 and fetch(client, group, "any") == (0, -1)
    assert eventually(found)


def commit(client, group, topic, offset, partition=0):
    """From outside of the group, in no transaction: the error code."""
    body = wire.text(group) + struct.pack(">i", -1) + wire.text("") + struct.pack(">q", -1)
    body += struct.pack(">i", 1) + wire.text(topic) + struct.pack(">iiq", 1, partition, offset) + wire.text("")
    answer = client.ask(OFFSET_COMMIT, 2, body)
    answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
    return answer.number("h")


def txn_commit(client, producer, group, topic, offset, version=2, partition=0, **told):
    """In the transaction of a txns.Raw, in any version. told: epoch, generation, member, instance."""
    epoch = told.get("epoch", producer.epoch)
    if version < FLEXIBLE_SINCE:
        body = wire.text(producer.name) + wire.text(group) + struct.pack(">qh", producer.producer, epoch)
        body += struct.pack(">i", 1) + wire.text(topic) + struct.pack(">iiq", 1, partition, offset)
        body += (struct.pack(">i", -1) if version >= 2 else b"") + wire.text("")
        answer = client.ask(TXN_OFFSET_COMMIT, version, body)
        answer.number("i"), answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
        return answer.number("h")
    body = compact(producer.name) + compact(group) + struct.pack(">qh", producer.producer, epoch)
    body += struct.pack(">i", told.get("generation", -1)) + compact(told.get("member", ""))
    body += compact(told.get("instance"))
    body += b"\2" + compact(topic) + b"\2" + struct.pack(">iqi", partition, offset, -1) + compact("") + b"\0\0\0"
    answer = ask_flexible(client, TXN_OFFSET_COMMIT, version, body)
    answer.number("i"), read_uvarint(answer), read_compact(answer), read_uvarint(answer), answer.number("i")
    return answer.number("h")


def add(client, producer, group):
    """AddOffsetsToTxn: the error code, once the transaction before is done."""
    codes = []

    def done():
        answer = client.ask(ADD_OFFSETS, 0, wire.text(producer.name)
                            + struct.pack(">qh", producer.producer, producer.epoch) + wire.text(group))
        answer.number("i")
        codes.append(answer.number("h"))
        return codes[-1] not in txns.BUSY
    assert eventually(done), codes[-1]
    return codes[-1]


def fetch(client, group, topic, stable=False, partition=0):
    """(error code, offset); the offset is None where nothing can be said of the group."""
    body = compact(group) + b"\2" + compact(topic) + b"\2" + struct.pack(">i", partition) + b"\0"
    answer = ask_flexible(client, OFFSET_FETCH, 7, body + bytes([stable]) + b"\0")
    answer.number("i")
    topics = read_uvarint(answer)
    if topics != 2:
        return answer.number("h"), None
    assert read_compact(answer) == topic and read_uvarint(answer) == 2
    answer.number("i")
    offset, _, _ = answer.number("q"), answer.number("i"), read_compact(answer)
    return answer.number("h"), offset


def join(client, group):
    """A member of the classic protocol, the only one: (member id, generation)"""
    protocols = struct.pack(">i", 1) + wire.text("range") + struct.pack(">i", 0)
    answer = client.ask(JOIN_GROUP, 1, wire.text(group) + struct.pack(">ii", 30000, 30000) + wire.text("")
                        + wire.text("consumer") + protocols)
    code, generation, _, _, member = (answer.number("h"), answer.number("i"), answer.text(), answer.text(),
                                      answer.text())
    assert code == 0, code
    assignments = struct.pack(">i", 1) + wire.text(member) + struct.pack(">i", 0)
    answer = client.ask(SYNC_GROUP, 0, wire.text(group) + struct.pack(">i", generation) + wire.text(member)
                        + assignments)
    code = answer.number("h")
    assert code == 0, code
    return member, generation
