# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy in user space that can misbehave on demand.

    with Proxy(target_port) as proxy:
        proxy.swallow()              what arrives is read and gone; nobody is told
        proxy.hold()                 nothing goes through, nothing is lost or closed
        proxy.trickle()              one byte at a time
        proxy.forward()              well behaved again; what was swallowed stays gone
        proxy.reset_after(100)       each connection is reset 100 bytes further on, once
        proxy.reset_each_after(100)  and each new one too; None: no more
        proxy.reset()                all connections are reset now
        proxy.drop()                 all connections end
"""
import contextlib
import selectors
import socket
import struct
import threading

CHUNK = 1 << 16
RESET = struct.pack("ii", 1, 0)


class Pair:
    """One connection: two sockets, and what waits to be written to each."""

    def __init__(self, client, server, limit):
        self.client, self.server = client, server
        self.waiting = {client: bytearray(), server: bytearray()}
        self.limit = limit  # bytes until it is reset; None: never

    def other(self, side):
        return self.server if side is self.client else self.client


class Proxy:
    def __init__(self, target_port, port=0):
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.selector = selectors.DefaultSelector()
        self.pairs = set()
        self.commands = []
        self.knock, self.door = socket.socketpair()
        self.swallowing, self.holding, self.chunk, self.limit = False, False, CHUNK, None
        self.accepted = self.resets = 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        for one in (self.listener, self.door):
            one.setblocking(False)
            self.selector.register(one, selectors.EVENT_READ)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self._tell(None)
        self.thread.join()

    # ---- What a test says; done when it returns ----

    def _tell(self, command):
        done = threading.Event()
        self.commands.append((command, done))
        self.knock.send(b"!")
        done.wait(10)

    def forward(self):
        self._tell(lambda: self._behave(False, CHUNK))

    def swallow(self):
        self._tell(lambda: self._behave(True, CHUNK))

    def trickle(self):
        self._tell(lambda: self._behave(False, 1))

    def hold(self):
        self._tell(self._hold)

    def reset_after(self, count):
        def begin():
            for pair in self.pairs:
                pair.limit = count
        self._tell(begin)

    def reset_each_after(self, count):
        def begin():
            self.limit = count
            for pair in self.pairs:
                pair.limit = count
        self._tell(begin)

    def reset(self):
        self._tell(lambda: [self._reset(pair, pair.client) for pair in list(self.pairs)])

    def drop(self):
        self._tell(lambda: [self._end(pair) for pair in list(self.pairs)])

    def _behave(self, swallowing, chunk):
        self.swallowing, self.chunk = swallowing, chunk
        if self.holding:
            self.holding = False
            self.selector.register(self.listener, selectors.EVENT_READ)
            for pair in self.pairs:
                for one in (pair.client, pair.server):
                    self.selector.register(one, selectors.EVENT_READ | selectors.EVENT_WRITE, pair)

    def _hold(self):
        if not self.holding:
            self.holding = True
            for one in [self.listener] + [side for pair in self.pairs for side in (pair.client, pair.server)]:
                self.selector.unregister(one)

    # ---- The thread ----

    def _run(self):
        while True:
            for key, events in self.selector.select():
                if key.fileobj is self.door:
                    if not self._obey():
                        return
                elif key.fileobj is self.listener:
                    if not self.holding:
                        self._accept()
                elif key.data in self.pairs and not self.holding:  # a command may have come first
                    self._move(key.fileobj, key.data, events)

    def _obey(self):
        self.door.recv(CHUNK)
        while self.commands:
            command, done = self.commands.pop(0)
            if not command:
                self._close()
            else:
                command()
            done.set()
            if not command:
                return False
        return True

    def _close(self):
        for pair in list(self.pairs):
            self._end(pair)
        for one in (self.listener, self.knock, self.door):
            one.close()
        self.selector.close()

    def _accept(self):
        client, _ = self.listener.accept()
        self.accepted += 1
        try:
            server = socket.create_connection(("127.0.0.1", self.target_port), 5)
        except OSError:
            client.close()
            return
        pair = Pair(client, server, self.limit)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setblocking(False)
            self.selector.register(one, selectors.EVENT_READ, pair)
        self.pairs.add(pair)

    def _move(self, side, pair, events):
        steps = [lambda: self._read(side, pair)] if events & selectors.EVENT_READ else []
        steps += [lambda: self._write(pair.client, pair), lambda: self._write(pair.server, pair)]
        for step in steps:
            try:
                if pair in self.pairs:
                    step()
            except BlockingIOError:
                pass
            except OSError:
                self._end(pair)

    def _read(self, side, pair):
        data = side.recv(self.chunk)
        if not data:
            self._end(pair)
            return
        if self.swallowing:
            return
        pair.waiting[pair.other(side)] += data
        if pair.limit is not None:
            pair.limit -= len(data)

    def _write(self, side, pair):
        waiting = pair.waiting[side]
        if pair.limit is not None and pair.limit <= 0:
            self._reset(pair, side)
            return
        if waiting:
            del waiting[:side.send(waiting[:self.chunk])]
        # Read nothing more for a side that has much to take, and write when it can.
        for one in (pair.client, pair.server):
            full = len(pair.waiting[pair.other(one)]) > 4 * CHUNK
            events = (0 if full else selectors.EVENT_READ) | (selectors.EVENT_WRITE if pair.waiting[one] else 0)
            if events and self.selector.get_key(one).events != events:
                self.selector.modify(one, events, pair)

    def _reset(self, pair, side):
        """In the middle of whatever was on its way: half of it arrives."""
        waiting = pair.waiting[side]
        with contextlib.suppress(OSError):
            side.send(waiting[:len(waiting) // 2])
        for one in (pair.client, pair.server):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.resets += 1
        self._end(pair)

    def _end(self, pair):
        self.pairs.discard(pair)
        for one in (pair.client, pair.server):
            if not self.holding:
                self.selector.unregister(one)
            one.close()
