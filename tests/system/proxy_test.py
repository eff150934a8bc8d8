#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Through a network that breaks: deadlines hold, close returns, nothing is lost or doubled."""
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
import wire
from kafka import free_port
from proxy import Proxy
from watched import Watched, eventually

PATIENCE_S = 60
CLOSE_MS = 2000  # as in through.c
SLACK_MS = 1500  # of a machine that has other work
TOPIC = "t"
IMPATIENT = {"request.timeout.ms": 1000, "delivery.timeout.ms": 3000, "max.block.ms": 1000}


class Server(Watched):
    """A kurierd that tells clients a proxy's address instead of its own."""

    def __init__(self):
        self.inner = free_port()
        super().__init__({"listeners": f"PLAINTEXT://127.0.0.1:{self.inner}"})
        self.proxy = None

    def __enter__(self):
        self.proxy = Proxy(self.inner).__enter__()
        self.options["advertised.listeners"] = f"PLAINTEXT://{self.proxy.address}"
        super().__enter__()
        with wire.Connection(self.inner) as client:
            wire.create_topic(client, TOPIC)
        return self

    def __exit__(self, *what):
        self.proxy.__exit__()
        super().__exit__(*what)

    def written(self):
        with wire.Connection(self.inner) as client:
            return [int(value) for value in wire.read_all(client, TOPIC)]


class Client:
    """through.c at work, and what it said."""

    def __init__(self, what, address, **options):
        words = [f"{key}={value}" for key, value in options.items()]
        self.process = subprocess.Popen([os.path.join("tests", "system", "through"), what, address, TOPIC, *words],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=broker.die_with_parent)
        self.count, self.failed, self.wrong, self.errors, self.said = 0, [], [], [], {}
        self.news = threading.Condition()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _listen(self):
        for line in self.process.stdout:
            word, rest = line.rstrip("\n").split(" ", 1)
            with self.news:
                self._note(word, rest)
                self.news.notify_all()

    def _note(self, word, rest):
        if word in ("acked", "read"):
            self.count = int(rest)
        elif word == "failed":
            number, code, persisted = rest.split()
            self.failed.append((int(number), code, int(persisted)))
        elif word == "wrong":
            self.wrong.append(rest)
        elif word == "error":
            self.errors.append(rest)
        else:
            self.said[word] = int(rest)

    def waits(self, holds, what):
        with self.news:
            assert self.news.wait_for(holds, PATIENCE_S), f"{what}: {self.count} so far, {self.errors[-3:]}"

    def gets(self, more, above=None):
        """So many more than now, or than that."""
        goal = (self.count if above is None else above) + more
        self.waits(lambda: self.count >= goal, f"{goal} expected")

    def close(self):
        """Ends it, and holds it to its deadlines. Answers how many were acknowledged, or read."""
        self.process.stdin.close()
        assert self.process.wait(PATIENCE_S) == 0
        self.listener.join(PATIENCE_S)
        assert self.said["closed"] < CLOSE_MS + SLACK_MS, self.said
        assert self.said["slowest"] < SLACK_MS, self.said
        assert not self.wrong, self.wrong[:3]
        return self.count


def check(server, producer):
    """What was acknowledged is there; nothing is twice, or out of order; what failed for sure is not there."""
    there = server.written()
    assert there == sorted(set(there)), "doubled, or out of order"
    failed = {number: persisted for number, _, persisted in producer.failed}
    sent = producer.count + len(failed)
    lost = [n for n in range(sent) if n not in failed and n not in set(there)]
    assert not lost, f"{len(lost)} lost, from {lost[0]}"
    assert not [n for n in there if failed.get(n) == 0], "reported as not persisted, and there"
    return there


def both(server, **options):
    return Client("produce", server.proxy.address, **options), Client("consume", server.proxy.address, **options)


@tap.case("one byte at a time")
def _():
    with Server() as server:
        server.proxy.trickle()
        producer, consumer = both(server)
        with producer, consumer:
            producer.gets(200)
            consumer.gets(200)
            server.proxy.forward()
            producer.close()
            there = check(server, producer)
            consumer.gets(len(there), 0)
            consumer.close()


@tap.case("RST in the middle of a frame, again and again")
def _():
    with Server() as server:
        producer, consumer = both(server)
        with producer, consumer:
            for turn in range(30):
                producer.gets(100)
                server.proxy.reset_after(1 + 97 * turn % 1500)
            assert eventually(lambda: server.proxy.resets >= 30)
            producer.gets(1000)
            producer.close()
            there = check(server, producer)
            assert not producer.failed, producer.failed[:3]
            consumer.gets(len(there), 0)
            consumer.close()
            print(f"# {server.proxy.resets} resets, {producer.count} acknowledged")


@tap.case("a black hole, for a while: it goes on where it was")
def _():
    with Server() as server:
        hasty = {"request.timeout.ms": 1000, "socket.connection.setup.timeout.max.ms": 1000}
        producer, consumer = both(server, **hasty)
        with producer, consumer:
            producer.gets(500)
            consumer.gets(100)
            accepted = server.proxy.accepted
            server.proxy.swallow()
            assert eventually(lambda: server.proxy.accepted >= accepted + 2), "nobody dials again"
            server.proxy.forward()
            producer.gets(1000)
            producer.close()
            there = check(server, producer)
            assert not producer.failed, producer.failed[:3]
            consumer.gets(len(there), 0)
            consumer.close()


@tap.case("a black hole that stays: records fail at their deadline, and close returns")
def _():
    with Server() as server:
        producer, consumer = both(server, **IMPATIENT)
        with producer, consumer:
            producer.gets(500)
            consumer.gets(100)
            server.proxy.swallow()
            since = time.monotonic()
            producer.waits(lambda: producer.failed, "records that fail")
            waited_ms = (time.monotonic() - since) * 1000
            assert waited_ms < IMPATIENT["delivery.timeout.ms"] + SLACK_MS, waited_ms
            print(f"# failed after {waited_ms:.0f} ms: {producer.failed[0][1]}")
            producer.close()
            consumer.close()
            server.proxy.forward()
            check(server, producer)


@tap.case("nothing to be reached from the start: close returns")
def _():
    with Server() as server:
        server.proxy.swallow()
        producer, consumer = both(server, **IMPATIENT)
        with producer, consumer:
            producer.waits(lambda: producer.failed, "records that fail")
            producer.close()
            consumer.close()
        assert not server.written()


@tap.case("the broker is stopped for 30 s: the patient lose nothing, the others' deadlines hold")
def _():
    with Server() as server:
        producer, consumer = both(server)
        hasty = Client("consume", server.proxy.address, **IMPATIENT)
        with producer, consumer, hasty:
            producer.gets(500)
            consumer.gets(100)
            hasty.gets(100)
            resumed = time.monotonic() + 30
            server.signal(signal.SIGSTOP)
            hasty.close()
            with Client("produce", server.proxy.address, **IMPATIENT) as late:
                late.waits(lambda: late.failed, "records that fail")
                late.close()
                assert not late.count
            threading.Event().wait(resumed - time.monotonic())  # the 30 s that the case is about
            server.signal(signal.SIGCONT)
            producer.gets(1000)
            producer.close()
            there = check(server, producer)
            assert not producer.failed, producer.failed[:3]
            consumer.gets(len(there), 0)
            consumer.close()


@tap.case("every address changes but the bootstrap's")
def _():
    with Server() as server, Proxy(server.inner) as bootstrap:
        producer, consumer = Client("produce", bootstrap.address), Client("consume", bootstrap.address)
        with producer, consumer:
            for _ in range(3):
                producer.gets(500)
                consumer.gets(500)
                server.kill()
                old = server.proxy
                server.inner = free_port()
                server.proxy = Proxy(server.inner).__enter__()
                server.options["listeners"] = f"PLAINTEXT://127.0.0.1:{server.inner}"
                server.options["advertised.listeners"] = f"PLAINTEXT://{server.proxy.address}"
                bootstrap.target_port = server.inner
                server.start()
                old.__exit__()
                bootstrap.drop()
            producer.gets(1000)
            producer.close()
            there = check(server, producer)
            assert not producer.failed, producer.failed[:3]
            consumer.gets(len(there), 0)
            consumer.close()


if __name__ == "__main__":
    tap.run()
