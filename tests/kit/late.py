# SPDX-License-Identifier: Apache-2.0
"""A proxy that knows frames, through which some requests come late, or twice, or both.

    with Late({END_TXN: {"held": 0.2, "overtaken": 0.1}}) as proxy:
        proxy.target_port = ...

Of the requests of each of these APIs some are, by their shares, from 0 to 1:
    held       kept for a while; all that follows on the connection waits
    repeated   passed on at once, and once more a while later
    overtaken  not passed on: the connection ends, so that the client asks again; it arrives a while later
What comes on its own comes on a connection of its own, and nobody hears the answer.

    with Late(shares, hole=False)

An EndTxn below version 5 that comes late is for the brokers one of the producer's next transaction, where that has the
same epoch (doc/transactions.md). Without this hole it comes before the next one begins, at the latest: whatever adds a
partition or a group to a transaction waits until the EndTxns of its producer and epoch have come.
"""
import collections
import contextlib
import heapq
import itertools
import random
import socket
import struct
import threading
import time

HOLD_S, LATE_S = 0.1, 1.0  # at most
ADD_PARTITIONS, ADD_OFFSETS, END_TXN = 24, 25, 26
FLEXIBLE_SINCE, EPOCH_EACH_SINCE = 3, {ADD_PARTITIONS: 4, ADD_OFFSETS: 5, END_TXN: 5}  # versions, of all three
WAYS = ("held", "repeated", "overtaken")
PATIENCE_S = 5


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def end(*sockets):
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def epoch_of(frame):
    """Of a request about a transaction of version 1: the API, and the producer's id and epoch as they stand there; else
    nothing."""
    key, version, _, name = struct.unpack_from(">hhih", frame, 4)
    if key not in EPOCH_EACH_SINCE or version >= EPOCH_EACH_SINCE[key]:
        return None, None
    at = 14 + max(name, 0)
    if version >= FLEXIBLE_SINCE:
        assert frame[at] == 0 and frame[at + 1] < 0x80, "tags, or a long id"
        at += 1 + frame[at + 1]  # the id's size takes a byte, and is one more
    else:
        at += 2 + struct.unpack_from(">h", frame, at)[0]
    return key, frame[at:at + 10]


class Late:
    def __init__(self, shares, seed=1, hole=True):
        self.shares = shares  # {API: {way: share}}
        self.hole, self.late_s = hole, LATE_S
        self.chance = random.Random(seed)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.target_port = None
        self.count = collections.Counter()  # by (API, way)
        self.later, self.order = [], itertools.count()
        self.ends = collections.Counter()  # by the producer's id and epoch: EndTxns that are to come
        self.news = threading.Condition()
        self.ending = False

    def __enter__(self):
        for each in (self._accept, self._deliver):
            threading.Thread(target=each, daemon=True).start()
        return self

    def __exit__(self, *_):
        with self.news:
            self.ending = True
            self.news.notify_all()
        end(self.listener)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port), PATIENCE_S)
            except OSError:
                return
            with server:
                for one in (client, server):
                    one.settimeout(None)
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(target=self._answers, args=(server, client), daemon=True)
                back.start()
                with contextlib.suppress(OSError):
                    self._requests(client, server)
                end(client, server)
                back.join()

    @staticmethod
    def _answers(server, client):
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
        end(client, server)

    def _requests(self, client, server):
        while True:
            size = exactly(client, 4)
            frame = size + exactly(client, struct.unpack(">i", size)[0])
            way = self._way(frame)
            if way == "held":
                threading.Event().wait(self.chance.uniform(0, HOLD_S))
            elif way:
                self._later(frame)
            if not self.hole:
                self._close_hole(frame)
            if way == "overtaken":
                return
            server.sendall(frame)

    def _way(self, frame):
        key = struct.unpack_from(">h", frame, 4)[0]
        if key not in self.shares:
            return None
        turn = self.chance.random()
        for way in WAYS:
            turn -= self.shares[key].get(way, 0)
            if turn < 0:
                self.count[key, way] += 1
                return way
        return None

    def _later(self, frame):
        at = time.monotonic() + self.chance.uniform(0, self.late_s)
        key, who = epoch_of(frame)
        with self.news:
            if key == END_TXN:
                self.ends[who] += 1
            heapq.heappush(self.later, (at, next(self.order), frame))
            self.news.notify_all()

    def _close_hole(self, frame):
        key, who = epoch_of(frame)
        if key in (ADD_PARTITIONS, ADD_OFFSETS):
            with self.news:
                self.later = [(0 if epoch_of(late) == (END_TXN, who) else at, order, late)
                              for at, order, late in self.later]
                heapq.heapify(self.later)
                self.news.notify_all()
                self.news.wait_for(lambda: not self.ends[who] or self.ending)

    def _deliver(self):
        while True:
            with self.news:
                while not self.ending and (not self.later or self.later[0][0] > time.monotonic()):
                    self.news.wait(self.later[0][0] - time.monotonic() if self.later else None)
                if self.ending:
                    return
                frame = heapq.heappop(self.later)[2]
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", self.target_port), PATIENCE_S) as server:
                    server.sendall(frame)
                    exactly(server, 4)
            key, who = epoch_of(frame)
            with self.news:
                if key == END_TXN:
                    self.ends[who] -= 1
                self.news.notify_all()
