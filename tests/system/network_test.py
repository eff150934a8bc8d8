#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What networks do to a client: deadlines hold, nothing is lost, nothing comes twice."""
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
from kafka import free_port
from proxy import Proxy

LINES = 20000

proxy = Proxy(free_port())
kurierd = broker.Broker({"num.partitions": 1, "listeners": f"PLAINTEXT://127.0.0.1:{proxy.target_port}",
                         "advertised.listeners": f"PLAINTEXT://{proxy.address}"})


def start(*words, at=None):
    return subprocess.Popen([broker.program("kurier"), *words, "-b", at or proxy.address], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process, text=b"", seconds=60):
    """Status, standard output and error, seconds."""
    began = time.monotonic()
    out, err = process.communicate(text, timeout=seconds)
    return process.returncode, out, err.decode(), time.monotonic() - began


def kurier(*words, text=b"", status=0):
    got, out, err, took = finish(start(*words), text)
    assert got == status, f"{words}: {got}\n{err}"
    return err if status else out


def lines(n=LINES):
    return b"".join(b"line %d\n" % i for i in range(n))


def read(topic):
    return kurier("consume", "-t", topic, "-e", "-q")


# Small batches, so that a connection carries many requests before it is cut.
OFTEN = ["-X", "linger.ms=0", "-X", "batch.size=2000", "-X", "reconnect.backoff.max.ms=100"]


@tap.case("one byte at a time")
def _():
    proxy.trickle()
    try:
        kurier("topic", "create", "-p", "2", "slow")
        kurier("produce", "-t", "slow", "-p", "1", text=lines(500))
        assert read("slow") == lines(500)
    finally:
        proxy.forward()


@tap.case("a connection reset in the middle of a frame, again and again")
def _():
    process = start("produce", "-t", "cut", *OFTEN)
    proxy.resets = 0
    proxy.reset_each_after(30011)
    try:
        status, _, err, _ = finish(process, lines())
        cuts = proxy.resets
    finally:
        proxy.reset_each_after(None)
    assert status == 0, err
    assert cuts > 5, f"{cuts} cuts"
    assert read("cut") == lines(), "records are lost, doubled or out of order"


@tap.case("what is read is whole, though every connection is cut")
def _():
    kurier("produce", "-t", "recut", "-X", "batch.size=10000", text=lines())
    proxy.resets = 0
    proxy.reset_each_after(50021)
    try:
        out = kurier("consume", "-t", "recut", "-e", "-q", "-X", "max.partition.fetch.bytes=20000",
                     "-X", "reconnect.backoff.max.ms=100")
        cuts = proxy.resets
    finally:
        proxy.reset_each_after(None)
    assert cuts > 3 and out == lines(), f"{cuts} cuts, {len(out)} bytes"


@tap.case("a black hole: what cannot be delivered is told by its deadline")
def _():
    kurier("topic", "create", "hole")
    process = start("produce", "-t", "hole", "-X", "delivery.timeout.ms=2000", "-X", "request.timeout.ms=500", *OFTEN)
    process.stdin.write(lines(100))
    process.stdin.flush()
    reader = start("consume", "-t", "hole", "-c", "100", "-q")
    assert reader.stdout.read() == lines(100)
    proxy.hold()
    try:
        status, _, err, took = finish(process, lines(100))
    finally:
        proxy.forward()
    assert status == 1 and "100 of 200" in err, err
    assert took < 10, f"{took} s"


@tap.case("a black hole that heals: nothing is lost, nothing comes twice")
def _():
    kurier("topic", "create", "healed")
    reader = start("consume", "-t", "healed", "-c", "20000", "-q", "-u")
    process = start("produce", "-t", "healed", "-X", "request.timeout.ms=500", *OFTEN)
    process.stdin.write(lines(5000))
    process.stdin.flush()
    head = read_lines(reader, 1)
    proxy.hold()
    process.stdin.write(lines(15000))
    process.stdin.flush()
    assert finish(start("topic", "list", "-m", "1"))[0] == 1  # it takes a second
    proxy.forward()
    status, _, err, _ = finish(process)
    assert status == 0, err
    assert head + reader.stdout.read() == lines(5000) + lines(15000)


@tap.case("nobody there: a deadline of one second is one second")
def _():
    proxy.hold()
    try:
        for words in (["topic", "list"], ["consume", "-t", "a"], ["produce", "-t", "a"]):
            status, _, err, took = finish(start(*words, "-m", "1"), b"x\n")
            assert status == 1 and f"{proxy.address}: no answer yet" in err, f"{words}: {status} {err}"
            assert 0.9 < took < 3, f"{words}: {took} s"
    finally:
        proxy.forward()


@tap.case("a broker that stops for a while and goes on")
def _():
    kurier("topic", "create", "stopped")
    reader = start("consume", "-t", "stopped", "-c", "1", "-q")
    process = start("produce", "-t", "stopped", "-X", "request.timeout.ms=500", *OFTEN)
    process.stdin.write(lines(5000))
    process.stdin.flush()
    assert reader.wait(30) == 0
    kurierd.signal(signal.SIGSTOP)
    try:
        process.stdin.write(lines(15000))
        process.stdin.flush()
        status, _, err, took = finish(start("topic", "list", "-m", "2"))
        assert status == 1 and took < 4, f"{took} s: {err}"
    finally:
        kurierd.signal(signal.SIGCONT)
    status, _, err, _ = finish(process)
    assert status == 0, err
    assert read("stopped") == lines(5000) + lines(15000)


@tap.case("every address changes: the client finds the broker by its bootstrap list")
def _():
    kurier("produce", "-t", "moved", text=lines(10))
    with Proxy(proxy.target_port) as other:
        reader = start("consume", "-t", "moved", "-c", "20", "-u", "-q", "-X", "reconnect.backoff.max.ms=100",
                       "-X", "socket.connection.setup.timeout.max.ms=1000", at=f"{proxy.address},{other.address}")
        assert read_lines(reader, 10) == lines(10)
        proxy.hold()
        kurierd.options["advertised.listeners"] = f"PLAINTEXT://{other.address}"
        kurierd.restart()
        proxy.reset()
        writer = start("produce", "-t", "moved", at=other.address)
        assert finish(writer, lines(10))[0] == 0
        assert read_lines(reader, 10) == lines(10)
        assert reader.wait(30) == 0
        kurierd.options["advertised.listeners"] = f"PLAINTEXT://{proxy.address}"
        kurierd.restart()
        proxy.forward()


def read_lines(process, n):
    return b"".join(process.stdout.readline() for _ in range(n))


if __name__ == "__main__":
    with proxy, kurierd:
        tap.run()
