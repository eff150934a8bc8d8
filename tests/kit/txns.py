# SPDX-License-Identifier: Apache-2.0
"""Transactions in raw requests, for what no client would do."""
import struct

import wire
from watched import eventually

FIND_COORDINATOR, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TXN = 10, 22, 24, 26
TRANSACTION = 1
TRANSACTIONAL, CONTROL = 0x10, 0x20  # attributes of a batch
BUSY = (14, 15, 16, 51)  # the coordinator loads, is not there yet, or is about to finish the one before


class Raw:
    """A producer of that transactional.id, and its connection."""

    def __init__(self, client, name, timeout_ms=60000):
        self.client, self.name = client, name
        self._retried(lambda: self._find())
        self._retried(lambda: self._init(timeout_ms))
        self.sequence = {}

    @staticmethod
    def _retried(ask):
        codes = []

        def done():
            codes.append(ask())
            return codes[-1] not in BUSY
        assert eventually(done) and codes[-1] == 0, codes[-1]

    def _find(self):
        answer = self.client.ask(FIND_COORDINATOR, 1, wire.text(self.name) + bytes([TRANSACTION]))
        answer.number("i")
        return answer.number("h")

    def _init(self, timeout_ms):
        answer = self.client.ask(INIT_PRODUCER_ID, 0, wire.text(self.name) + struct.pack(">i", timeout_ms))
        answer.number("i")
        code, self.producer, self.epoch = answer.number("h"), answer.number("q"), answer.number("h")
        return code

    def _who(self):
        return wire.text(self.name) + struct.pack(">qh", self.producer, self.epoch)

    def add(self, topic, partition):
        """The error code."""
        where = struct.pack(">i", 1) + wire.text(topic) + struct.pack(">ii", 1, partition)
        codes = []

        def done():
            answer = self.client.ask(ADD_PARTITIONS, 0, self._who() + where)
            answer.number("i"), answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
            codes.append(answer.number("h"))
            return codes[-1] not in BUSY
        assert eventually(done), codes[-1]
        return codes[-1]

    def produce(self, topic, values, partition=0, **lies):
        """(error code, base offset)"""
        first = self.sequence.get((topic, partition), 0)
        batch = wire.batch(values, **{"attributes": TRANSACTIONAL, "producer": self.producer, "epoch": self.epoch,
                                      "sequence": first, **lies})
        code, offset = wire.produce(self.client, topic, batch, partition, self.name)
        if code == 0:
            self.sequence[topic, partition] = first + len(values)
        return code, offset

    def end(self, commit):
        """The error code."""
        answer = self.client.ask(END_TXN, 0, self._who() + bytes([commit]))
        answer.number("i")
        return answer.number("h")


def stable_offset(client, topic, partition=0):
    """The last stable offset; None while nobody can tell."""
    answer = client.ask(wire.FETCH, 4, wire.fetch_body(topic, 0, partition))
    answer.number("i"), answer.number("i"), answer.text(), answer.number("i"), answer.number("i")
    code, _, stable = answer.number("h"), answer.number("q"), answer.number("q")
    return None if code else stable
