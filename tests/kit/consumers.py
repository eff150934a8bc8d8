# SPDX-License-Identifier: Apache-2.0
"""Members of groups of the consumer protocol (KIP-848), in raw requests: thousands of them take no more than a socket
or two. What is sent and what is heard is apart, so that an answer may be lost."""
import struct

OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, LIST_GROUPS, HEARTBEAT = 8, 9, 10, 16, 68
REBALANCE_MS = 60000


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def varint(value):
    data = b""
    while value > 127:
        data, value = data + bytes([value & 127 | 128]), value >> 7
    return data + bytes([value])


def varint_at(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at


def compact(value):
    return varint(len(value) + 1) + value.encode()


def request(key, version, body, flexible=False):
    head = struct.pack(">hhi", key, version, 0) + text("raw") + (b"\0" if flexible else b"")
    return struct.pack(">i", len(head) + len(body)) + head + body


def ask(client, data):
    client.send(data)
    return client.frame()


def find_coordinator(client, group="any"):
    """Until there is one: the first who asks has the topic made."""
    while struct.unpack_from(">h", ask(client, request(FIND_COORDINATOR, 0, text(group))), 4)[0]:
        pass


def commit_from_outside(group, topic, partition, offset):
    return request(OFFSET_COMMIT, 2, text(group) + struct.pack(">i", -1) + text("") + struct.pack(">qi", -1, 1) +
                   text(topic) + struct.pack(">iiq", 1, partition, offset) + text(""))


def committed(client, group, topic, partitions):
    """The offset of each of them; -1: none. None while the coordinator loads."""
    answer = ask(client, request(OFFSET_FETCH, 1, text(group) + struct.pack(">i", 1) + text(topic) +
                                 struct.pack(f">i{len(partitions)}i", len(partitions), *partitions)))
    at, offsets = 4 + 4 + 2 + len(topic) + 4, {}
    if len(answer) <= at:
        return None
    for _ in partitions:
        partition, offset, size = struct.unpack_from(">iqh", answer, at)
        error, = struct.unpack_from(">h", answer, at + 14 + size)
        if error:
            return None
        offsets[partition], at = offset, at + 16 + size
    return offsets


class Member:
    """It gives back at once what it is not to have any more, and takes what is new."""

    def __init__(self, group, name, topic):
        self.group, self.name, self.topic = group, name, topic
        self.epoch, self.has, self.topic_id, self.says_all = 0, [], b"", True

    def _parts(self):
        if not self.has:
            return b"\1"
        return b"\2" + self.topic_id + varint(len(self.has) + 1) + struct.pack(f">{len(self.has)}i", *self.has) + b"\0"

    def beat(self, epoch=None):
        body = compact(self.group) + compact(self.name)
        body += struct.pack(">i", self.epoch if epoch is None else epoch) + b"\0\0"
        body += struct.pack(">i", REBALANCE_MS if self.says_all else -1)
        body += b"\2" + compact(self.topic) if self.says_all else b"\0"
        return request(HEARTBEAT, 1, body + b"\0\0" + self._parts() + b"\0", flexible=True)

    def hear(self, answer):
        """Answers (error, something is new, something is to be given back)."""
        error, = struct.unpack_from(">h", answer, 9)
        if error:
            return error, False, False
        at, before = 11, self.epoch
        for _ in range(2):
            size, at = varint_at(answer, at)
            at += max(size - 1, 0)
        self.epoch, _, told = struct.unpack_from(">iib", answer, at)
        self.says_all = False
        if told < 0:
            return 0, self.epoch != before, False
        topics, at = varint_at(answer, at + 9)
        wanted = []
        for _ in range(topics - 1):
            self.topic_id = answer[at:at + 16]
            count, at = varint_at(answer, at + 16)
            wanted += struct.unpack_from(f">{count - 1}i", answer, at)
            at += 4 * (count - 1) + 1
        had, self.has = set(self.has), wanted
        return 0, True, not had <= set(wanted)

    def commit(self, partition, offset):
        body = compact(self.group) + struct.pack(">i", self.epoch) + compact(self.name) + b"\0\2" + compact(self.topic)
        body += b"\2" + struct.pack(">iqi", partition, offset, -1) + b"\1\0\0\0"
        return request(OFFSET_COMMIT, 9, body, flexible=True)

    def heard_commit(self, answer):
        """The error."""
        return struct.unpack_from(">h", answer, 4 + 1 + 4 + 1 + len(compact(self.topic)) + 1 + 4)[0]

    def forget(self):
        """It is nobody any more, and begins anew."""
        self.epoch, self.has, self.says_all = 0, [], True
