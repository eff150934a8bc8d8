# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that does what networks do.

    with Proxy() as proxy:
        proxy.target = ("127.0.0.1", port)
        proxy.step = 1           # so many bytes at a time
        proxy.cut_after = 5000   # resets a connection once so many bytes went through it
        proxy.hole()             # nothing goes through any more, nothing is closed ...
        proxy.heal()             # ... until now
        proxy.reset()            # every connection, at once
"""
import contextlib
import socket
import struct
import threading

READ_BYTES = 65536


class Proxy:
    def __init__(self):
        self.target = None
        self.step = READ_BYTES
        self.cut_after = None
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self._pairs = set()
        self._closed = False

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._closed = True
        self._open.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()

    def hole(self):
        self._open.clear()

    def heal(self):
        self._open.set()

    def reset(self):
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            pair.reset()

    def _accept(self):
        while not self._closed:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self._open.wait()
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        pair = _Pair(self, client, server)
        with self._lock:
            self._pairs.add(pair)
        threading.Thread(target=pair.pump, args=(server, client), daemon=True).start()
        pair.pump(client, server)


class _Pair:
    """Two sockets; what comes from one goes to the other."""

    def __init__(self, proxy, client, server):
        self.proxy, self.sockets, self.passed = proxy, (client, server), 0
        for s in self.sockets:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def reset(self):
        for s in self.sockets:
            with contextlib.suppress(OSError):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.shutdown(socket.SHUT_RD)
            s.close()

    def pump(self, source, sink):
        proxy = self.proxy
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(READ_BYTES)
                proxy._open.wait()
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                self._send(sink, data)
                if proxy.cut_after is not None and self.passed >= proxy.cut_after:
                    proxy.cuts += 1
                    self.reset()
                    return

    def _send(self, sink, data):
        """In steps; where it is cut, in the middle of what it was to send."""
        proxy = self.proxy
        if proxy.cut_after is not None:
            data = data[:max(proxy.cut_after - self.passed, 0)]
        for at in range(0, len(data), proxy.step):
            sink.sendall(data[at:at + proxy.step])
        self.passed += len(data)
