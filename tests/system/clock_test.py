#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The wall clock of kurierd jumps by an hour, either way, and back: nothing is deleted early, no member of a group is
lost, and one that dies is missed as soon as ever."""
import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
import wire
from watched import Watched, eventually

SHIM = os.path.abspath("tests/kit/.libs/libclock.so")
HOUR_S = 3600
JUMPS = (HOUR_S, 0, -HOUR_S, 0)
RETENTION_MS = 10 * 60 * 1000
SESSION_MS = 1000
OFFSET_OUT_OF_RANGE = 1
DESCRIBE_GROUPS = 15
OPTIONS = {"log.retention.check.interval.ms": 50, "log.retention.ms": RETENTION_MS, "offsets.topic.num.partitions": 1,
           "group.initial.rebalance.delay.ms": 0, "group.min.session.timeout.ms": SESSION_MS}


class Server(Watched):
    """with Server() as server: server.set_clock(HOUR_S)"""

    def __init__(self):
        super().__init__(OPTIONS)
        self.clock = tempfile.NamedTemporaryFile(prefix="kurier-clock-")
        self.set_clock(0)

    def command(self):
        return ["env", f"LD_PRELOAD={SHIM}", f"KURIER_CLOCK={self.clock.name}", *super().command()]

    def set_clock(self, ahead_s):
        self.clock.seek(0)
        self.clock.write(struct.pack("=q", ahead_s))
        self.clock.flush()


class Member:
    """A kcat in a group, and what it has read."""

    def __init__(self, server, group, topic):
        settings = {"session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": SESSION_MS // 5,
                    "auto.offset.reset": "earliest"}
        words = [word for key, value in settings.items() for word in ("-X", f"{key}={value}")]
        self.process = subprocess.Popen(["kcat", "-b", server.address, *words, "-u", "-q", "-G", group, topic],
                                        stdout=subprocess.PIPE, preexec_fn=broker.die_with_parent)
        self.values = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            self.values.add(line.rstrip(b"\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()


def stamped(value, ahead_s):
    """A batch whose time is that of the broker's clock."""
    now_ms = int((time.time() + ahead_s) * 1000)
    return wire.batch([value], time=now_ms, max_time=now_ms)


def stamp_s(client, topic, offset):
    """When the broker thinks that the record came."""
    assert wire.produce(client, topic, wire.batch()) == (0, offset)
    return struct.unpack(">q", wire.fetch(client, topic, offset)[2][35:43])[0] / 1000


def is_there(client, topic):
    return wire.fetch(client, topic, 0)[0] != OFFSET_OUT_OF_RANGE


def members(client, group):
    """(state, ids)"""
    answer = client.ask(DESCRIBE_GROUPS, 0, struct.pack(">i", 1) + wire.text(group))
    answer.number("i"), answer.number("h"), answer.text()
    state, _, _ = answer.text(), answer.text(), answer.text()

    def member():
        name, _, _ = answer.text(), answer.text(), answer.text()
        return name, [answer.take(answer.number("i")) for _ in range(2)]
    return state, [name for name, _ in answer.array(member)]


def settled(client, group):
    """How many members are in it, once all have their partitions."""
    state, ids = members(client, group)
    return state == "Stable" and len(ids)


@tap.case("nothing is deleted before its time")
def _():
    with Server() as server, wire.Connection(server.port) as client:
        wire.create_topic(client, "young")
        wire.create_topic(client, "stamps", message_timestamp_type="LogAppendTime")
        assert wire.produce(client, "young", stamped(b"young", 0)) == (0, 0)
        for number, ahead_s in enumerate(JUMPS):
            server.set_clock(ahead_s)
            assert abs(stamp_s(client, "stamps", number) - time.time() - ahead_s) < HOUR_S / 2
            control = f"old-{number}"  # that retention works meanwhile
            wire.create_topic(client, control)
            assert wire.produce(client, control, stamped(b"old", -3 * HOUR_S)) == (0, 0)
            assert eventually(lambda: not is_there(client, control))
            assert is_there(client, "young")


@tap.case("sessions of members neither end early nor last longer")
def _():
    with Server() as server, wire.Connection(server.port) as client, contextlib.ExitStack() as stack:
        wire.create_topic(client, "t", 2)
        first = stack.enter_context(Member(server, "g", "t"))
        assert eventually(lambda: settled(client, "g") == 1)
        _, [name] = members(client, "g")
        for number, ahead_s in enumerate(JUMPS):
            second = stack.enter_context(Member(server, "g", "t"))
            assert eventually(lambda: settled(client, "g") == 2)
            server.set_clock(ahead_s)
            second.kill()
            began = time.monotonic()
            assert eventually(lambda: members(client, "g") == ("Stable", [name])), members(client, "g")
            missed_s = time.monotonic() - began
            print(f"# the clock is {ahead_s} s ahead: missed after {missed_s:.1f} s")
            assert missed_s > SESSION_MS / 2000
            value = b"after %d" % number
            for partition in range(2):
                assert wire.produce(client, "t", stamped(value, ahead_s), partition)[0] == 0
            assert eventually(lambda: value in first.values)
        assert first.process.poll() is None


if __name__ == "__main__":
    tap.run()
