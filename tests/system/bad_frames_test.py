#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes a connection brings, the broker answers or closes and says why, and serves the next."""
import contextlib
import os
import random
import resource
import socket
import struct
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import tap
import wire
from watched import Watched, eventually

SERVED = {"Produce": (0, 3, 13), "Fetch": (1, 4, 18), "ListOffsets": (2, 1, 11), "Metadata": (3, 0, 13),
          "FindCoordinator": (10, 0, 6), "CreateTopics": (19, 2, 7), "DeleteTopics": (20, 1, 6),
          "InitProducerId": (22, 0, 5), "OffsetForLeaderEpoch": (23, 2, 4), "DescribeConfigs": (32, 1, 4),
          "CreatePartitions": (37, 0, 3), "DescribeCluster": (60, 0, 2), "DescribeTopicPartitions": (75, 0, 0)}
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
MEMORY_LIMIT_KB = 200 * 1024

server = Watched({"max.connections": 2000, "socket.listen.backlog.size": 1000, "socket.request.max.bytes": 10 << 20})


def connect():
    return wire.Connection(server.port)


def closes_on(data, line):
    """The bytes end the connection, with such a line in the log; the next client is served."""
    since = server.mark()
    with connect() as bad:
        bad.send(data)
        assert bad.is_closed()
    server.await_line(line, since)
    assert wire.is_served(server.port)


def refuses(name, key, version, body=b"", flexible=False):
    data = wire.header(key, version) + (b"\0" if flexible else b"") + body
    closes_on(wire.framed(data), rf'connection closed .*reason="{name} v{version}: ')


@tap.case("sizes: zero, negative, beyond the limit, huge")
def _():
    for size in (0, -1, -(1 << 31), (10 << 20) + 1, (1 << 31) - 1):
        closes_on(struct.pack(">i", size) + b"x" * 100, r"connection closed .*sent a frame of \d+ bytes, the limit is")


@tap.case("unknown APIs and versions")
def _():
    for key, version in [(-1, 0), (4, 0), (999, 0), (32767, 0), (-32768, -1), (3, -1), (3, 14), (0, 2), (1, 32767)]:
        closes_on(wire.framed(wire.header(key, version)), rf"request key={key} version={version} is not served")


@tap.case("an unknown version of ApiVersions is answered with what is known")
def _():
    for version in (-1, 5, 32767):
        with connect() as client:
            answer = client.ask(wire.API_VERSIONS, version, b"\0\x05test\x041.0\0")
            assert answer.number("h") == 35
            rows = answer.array(lambda: (answer.number("h"), answer.number("h"), answer.number("h")))
            assert (wire.API_VERSIONS, 0, 4) in rows, rows


@tap.case("headers cut short")
def _():
    whole = wire.header(wire.METADATA, 1)
    for size in range(1, len(whole)):
        closes_on(wire.framed(whole[:size]), "malformed request header")
    closes_on(wire.framed(struct.pack(">hhih", 3, 1, 1, 32767) + b"x"), "malformed request header key=3")


@tap.case("bodies that are missing, of every API")
def _():
    for name, (key, first, last) in SERVED.items():
        refuses(name, key, first, flexible=key >= 60)
        refuses(name, key, last, flexible=True)


@tap.case("bodies with bytes behind them are answered, as Kafka answers them: librdkafka 2.16 sends some")
def _():
    with connect() as client:
        assert client.ask(wire.API_VERSIONS, 0, b"extra").number("h") == 0
        assert client.ask(wire.METADATA, 1, struct.pack(">i", -1) + b"extra").number("i") == 1  # broker
        assert client.ask(wire.API_VERSIONS, 0, b"").number("h") == 0


@tap.case("bodies cut short at every byte")
def _():
    body = wire.produce_body("cut", wire.batch())
    for size in range(len(body)):
        since = server.mark()
        with connect() as bad:
            bad.send(wire.framed(wire.header(wire.PRODUCE, 7) + body[:size]))
            assert bad.is_closed()
        server.await_line('reason="Produce v7: ', since)


@tap.case("counts and lengths that lie")
def _():
    for count in (1 << 30, (1 << 31) - 1, -2, -(1 << 31)):
        refuses("Metadata", wire.METADATA, 1, struct.pack(">i", count))
    for length in (-2, 32767):
        refuses("Metadata", wire.METADATA, 1, struct.pack(">ih", 1, length))
    for varint in (b"\xff\xff\xff\xff\x0f", b"\xff" * 7):
        refuses("Metadata", wire.METADATA, 12, varint, flexible=True)


@tap.case("garbage, with and without a true size before it")
def _():
    chance = random.Random(1)
    for _ in range(300):
        data = chance.randbytes(chance.randrange(1, 300))
        with connect() as bad:
            bad.send(wire.framed(data) if chance.random() < 0.7 else data)
            bad.end()
            assert bad.is_closed()
    for hello in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500):
        closes_on(hello, "connection closed")


@tap.case("random bodies for every API and version")
def _():
    chance = random.Random(2)
    for key, first, last in SERVED.values():
        for version in range(first, last + 1):
            for _ in range(6):
                with connect() as bad:
                    bad.send(wire.framed(wire.header(key, version) + chance.randbytes(chance.randrange(1, 200))))
                    bad.end()
                    bad.is_closed()
    assert wire.is_served(server.port)


@tap.case("half a frame and then silence holds up nobody, and ends when it was idle for too long")
def _():
    with Watched({"connections.max.idle.ms": 300}) as impatient:
        halves = [wire.Connection(impatient.port) for _ in range(100)]
        for half in halves:
            half.send(struct.pack(">i", 1 << 20) + b"\0" * 1000)
        assert wire.is_served(impatient.port)
        for half in halves:
            assert half.is_closed()


@tap.case("100 large requests that never end cost no memory, and leave room for small ones")
def _():
    halves = [connect() for _ in range(100)]
    for half in halves:
        half.send(struct.pack(">i", 10 << 20) + b"\0" * 1000)
    assert wire.is_served(server.port)
    for half in halves:
        half.socket.close()
    with connect() as client:
        wire.create_topic(client, "after")
        assert wire.produce(client, "after", wire.batch([b"x" * 100_000])) == (0, 0)


@tap.case("20,000 requests in one go are answered in order")
def _():
    asked = b"".join(wire.framed(wire.header(wire.API_VERSIONS, 0, i)) for i in range(20_000))
    with connect() as client:
        sender = threading.Thread(target=client.send, args=(asked,))
        sender.start()
        for i in range(20_000):
            assert struct.unpack(">i", client.frame()[:4])[0] == i
        sender.join()


@tap.case("clients that ask for much and read nothing are not read from any more")
def _():
    with connect() as client:
        wire.create_topic(client, "much")
        big = wire.batch([b"x" * 1_000_000])
        for offset in range(4):
            assert wire.produce(client, "much", big) == (0, offset)
    greedy = [connect() for _ in range(50)]
    asked = b"".join(wire.framed(wire.header(wire.FETCH, 4, i) + wire.fetch_body("much", 0, max_bytes=4 << 20))
                     for i in range(100))
    for client in greedy:
        client.send(asked)
    assert wire.is_served(server.port)
    for client in greedy:
        client.socket.close()
    assert server.memory_kb() < MEMORY_LIMIT_KB


@tap.case("thousands of connections, opened and closed, leave nothing behind")
def _():
    before = server.descriptors()
    for _ in range(10):
        crowd = [connect() for _ in range(500)]
        for number, one in enumerate(crowd):
            if number % 3 == 1:
                one.send(b"\0")
            if number % 3 == 2:
                one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            one.socket.close()
    assert wire.is_served(server.port)
    assert eventually(lambda: server.descriptors() <= before), server.descriptors()


@tap.case("more than max.connections are closed, those there are served")
def _():
    with Watched({"max.connections": 10}) as small:
        crowd = [wire.Connection(small.port) for _ in range(10)]
        assert all(one.ask(wire.API_VERSIONS, 0, b"") for one in crowd)
        for _ in range(20):
            with contextlib.suppress(ConnectionResetError), wire.Connection(small.port) as late:
                assert late.is_closed()
        assert crowd[0].ask(wire.API_VERSIONS, 0, b"").number("h") == 0
        for one in crowd:
            one.socket.close()
        assert eventually(lambda: wire.is_served(small.port))


@tap.case("out of descriptors: those there are served, and others once there is room")
def _():
    with Watched() as small, wire.Connection(small.port) as first:
        assert first.ask(wire.API_VERSIONS, 0, b"").number("h") == 0
        room = small.descriptors() + 20
        resource.prlimit(small.process.pid, resource.RLIMIT_NOFILE, (room, room))
        crowd = [wire.Connection(small.port) for _ in range(40)]
        small.await_line("connections wait to be accepted .*Too many open files")
        assert first.ask(wire.API_VERSIONS, 0, b"").number("h") == 0
        for one in crowd:
            one.socket.close()
        assert wire.is_served(small.port)


@tap.case("memory stayed bounded through all of it")
def _():
    print(f"# VmHWM {server.memory_kb() >> 10} MB, VmRSS {server.memory_kb('VmRSS') >> 10} MB")
    assert server.memory_kb() < MEMORY_LIMIT_KB


if __name__ == "__main__":
    with server:
        tap.run()
