#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A batch that lies gets an error and leaves no trace; what was written before stays, and the next is taken."""
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import bombs
import tap
import wire
from watched import Watched

CORRUPT, TOO_LARGE, TIMESTAMP, UNSUPPORTED_FORMAT = 2, 10, 32, 43
OUT_OF_ORDER, TXN_ID, COMPRESSION, INVALID_RECORD = 45, 53, 76, 87
TOPIC = "t"
MEMORY_LIMIT_KB, IDLE_LIMIT_KB = 300 * 1024, 50 * 1024

server = Watched()


def connect():
    return wire.Connection(server.port)


def refuses(*expected, topic=TOPIC, **batches):
    """Each batch, alone, is answered with one of these errors, and appends nothing."""
    for name, data in batches.items():
        with connect() as client:
            before = len(wire.read_all(client, topic))
            answer = wire.produce(client, topic, data)
            assert answer and answer[0] in expected and answer[1] == -1, f"{name}: {answer}"
            assert wire.produce(client, topic, wire.batch([b"good"])) == (0, before), name


@tap.case("checksums")
def _():
    whole = wire.batch([b"a", b"b"])
    refuses(CORRUPT, zero=wire.batch(crc=0), ones=wire.batch(crc=0xFFFFFFFF),
            flipped=whole[:-1] + bytes([whole[-1] ^ 1]), attributes=whole[:22] + b"\x08" + whole[23:])


@tap.case("magic")
def _():
    refuses(INVALID_RECORD, UNSUPPORTED_FORMAT, CORRUPT, 
            **{f"magic_{m}": wire.batch(magic=m) for m in (0, 1, 3, 127, -1)})


@tap.case("lengths")
def _():
    size = len(wire.batch())
    lies = (-1, 0, 1, 48, 49, size - 13, size - 11, 1 << 30, (1 << 31) - 1, -(1 << 31))
    refuses(INVALID_RECORD, CORRUPT, **{f"length_{n}": wire.batch(length=n) for n in lies})


@tap.case("a batch cut at every byte")
def _():
    whole = wire.batch([b"some", b"records"])
    refuses(INVALID_RECORD, CORRUPT, **{f"first_{n}": whole[:n] for n in range(len(whole))})


@tap.case("two batches, or bytes behind one")
def _():
    refuses(INVALID_RECORD, CORRUPT, two=wire.batch() * 2, tail=wire.batch(tail=b"\0"))


@tap.case("counts of records and offsets")
def _():
    two = [b"a", b"b"]
    refuses(INVALID_RECORD, CORRUPT, none=wire.batch([]), fewer=wire.batch(two, count=1),
            more=wire.batch(two, count=3, last=2),
            negative=wire.batch(two, count=-1, last=-2), huge=wire.batch(two, count=(1 << 31) - 1, last=(1 << 31) - 2),
            last=wire.batch(two, last=7), one_fewer=wire.batch(two, count=1, last=0))
    refuses(INVALID_RECORD, gap=wire.batch(two, records=wire.record(0, b"a") + wire.record(2, b"b")),
            twice=wire.batch(two, records=wire.record(0, b"a") * 2),
            back=wire.batch(two, records=wire.record(1, b"a") + wire.record(0, b"b")))


@tap.case("lengths inside a record")
def _():
    def broken(body):
        return wire.batch([b"x"], records=body)
    start = b"\0\0\0"
    refuses(INVALID_RECORD, CORRUPT, negative=broken(wire.varint(-1)), huge=broken(wire.varint(1 << 30) + b"x" * 10),
            never_ends=broken(b"\xff" * 11), key=broken(wire.varint(20) + start + wire.varint(1 << 30) + b"x" * 20),
            value=broken(wire.varint(20) + start + b"\x01" + wire.varint(1000) + b"x" * 20),
            headers=broken(wire.varint(9) + start + b"\x01\0" + wire.varint(1 << 28) + b"x" * 20),
            minus_headers=broken(wire.varint(6) + start + b"\x01\0\x01"),
            header_without_key=broken(wire.varint(8) + start + b"\x01\0\x02\x01\x01"),
            tail=broken(wire.varint(30) + start + b"\x01\0\0" + b"x" * 24))


@tap.case("flags that are not a producer's to set")
def _():
    refuses(INVALID_RECORD, TIMESTAMP, control=wire.batch(attributes=0x20), transaction=wire.batch(attributes=0x10),
            append_time=wire.batch(attributes=0x08), horizon=wire.batch(attributes=0x40))
    refuses(TXN_ID, own_transaction=wire.batch(attributes=0x10, producer=5, epoch=0, sequence=0))


@tap.case("codecs that do not exist")
def _():
    refuses(INVALID_RECORD, COMPRESSION, CORRUPT, **{f"codec_{c}": wire.batch(attributes=c) for c in (5, 6, 7)})


@tap.case("producers: ids without an epoch, sequences that skip")
def _():
    refuses(INVALID_RECORD, no_epoch=wire.batch(producer=7), no_sequence=wire.batch(producer=7, epoch=0))
    with connect() as client:
        assert wire.produce(client, TOPIC, wire.batch(producer=7, epoch=0, sequence=0))[0] == 0
    refuses(OUT_OF_ORDER, skipped=wire.batch(producer=7, epoch=0, sequence=5))


@tap.case("timestamps from the far future")
def _():
    refuses(TIMESTAMP, future=wire.batch(time=1 << 60, max_time=1 << 60), negative=wire.batch(time=-5, max_time=-5))


@tap.case("larger than the topic takes")
def _():
    refuses(TOO_LARGE, large=wire.batch([b"x" * 1_100_000]))


@tap.case("compressed records that hold less than they promise")
def _():
    for name, codec, records in bombs.claims():
        data = wire.batch([b"x"], records=records, attributes=codec)
        refuses(INVALID_RECORD, CORRUPT, TOO_LARGE, **{f"{name} ({codec})": data})


for make, codec, plain_mb in ((bombs.gzip, bombs.GZIP, 400), (bombs.snappy, bombs.SNAPPY, 20),
                              (bombs.lz4, bombs.LZ4, 240), (bombs.zstd, bombs.ZSTD, 30_000)):
    @tap.case(f"a {make.__name__} bomb of {plain_mb} MB")
    def _(make=make, codec=codec, plain_mb=plain_mb):
        data = wire.batch([b"x"], records=make(plain_mb << 20), attributes=codec)
        assert len(data) < 1_048_588, len(data)
        refuses(INVALID_RECORD, TOO_LARGE, bomb=data)
        print(f"# {len(data) >> 10} KB; VmHWM {server.memory_kb() >> 10} MB, "
              f"VmRSS {server.memory_kb('VmRSS') >> 10} MB")


@tap.case("no acks: a bad batch ends the connection, with a word in the log")
def _():
    since = server.mark()
    with connect() as client:
        client.send(wire.framed(wire.header(wire.PRODUCE, 7) + wire.produce_body(TOPIC, wire.batch(crc=0), acks=0)))
        assert client.is_closed()
    server.await_line("a Produce without acks failed: CORRUPT_MESSAGE", since)


@tap.case("acks that do not exist, partitions that do not exist")
def _():
    with connect() as client:
        for acks in (2, -2, 32767):
            answer = client.ask(wire.PRODUCE, 7, wire.produce_body(TOPIC, wire.batch(), acks=acks))
            answer.take(4), answer.text(), answer.take(8)
            assert answer.number("h") == 21
        for topic, partition in ((TOPIC, 1), (TOPIC, -1), (TOPIC, (1 << 31) - 1), ("absent", 0), ("", 0),
                                 ("../x", 0), ("a" * 300, 0)):
            assert wire.produce(client, topic, wire.batch(), partition)[0] in (3, 17)
        assert wire.produce(client, TOPIC, wire.batch())[0] == 0


@tap.case("what was taken is there, and memory stayed bounded")
def _():
    with connect() as client:
        values = wire.read_all(client, TOPIC)
    assert set(values) == {b"good", b"value"}
    assert server.memory_kb() < MEMORY_LIMIT_KB and server.memory_kb("VmRSS") < IDLE_LIMIT_KB


if __name__ == "__main__":
    with server:
        with connect() as admin:
            wire.create_topic(admin, TOPIC)
        tap.run()
