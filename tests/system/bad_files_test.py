#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged files before a start: the broker serves what was acknowledged and says what it did, or refuses and
touches nothing, so that the repaired directory serves all of it again."""
import contextlib
import glob
import itertools
import os
import shutil
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
import watched
import wire

BATCHES = 300
STORAGE_ERROR, FETCH_STORAGE_ERROR = 56, 6  # which Fetch has no code for in its old versions
CLEAN = ".kafka_cleanshutdown"


def value(number):
    return b"%06d" % number + bytes(10_000)


class Damaged(watched.Watched):
    """Topics "a", with three segments, and "b", filled once and copied for each case."""
    stopped = killed = None

    def __init__(self, after_kill=False):
        super().__init__({"log.segment.bytes": 1 << 20})
        shutil.copytree(self.killed if after_kill else self.stopped, self.data)

    def __enter__(self):
        return self

    def path(self, name):
        found = sorted(glob.glob(os.path.join(self.data, name)))
        assert found, f"no {name} in {self.data}"
        return found[-1]

    @contextlib.contextmanager
    def edit(self, name):
        with open(self.path(name), "r+b") as out:
            yield out

    def flip(self, name, at):
        with self.edit(name) as out:
            out.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
            byte = out.read(1)
            out.seek(-1, os.SEEK_CUR)
            out.write(bytes([byte[0] ^ 0x55]))

    def add(self, name, data):
        with self.edit(name) as out:
            out.seek(0, os.SEEK_END)
            out.write(data)

    def serves(self, **missing):
        """Starts, and answers what was acknowledged; missing: how much of the end of which topic is gone."""
        self.start()
        with wire.Connection(self.port) as client:
            assert set(wire.topics(client)) == {"a", "b"}
            for topic in ("a", "b"):
                left = BATCHES - missing.get(topic, 0)
                assert wire.read_all(client, topic) == [value(n) for n in range(left)], topic
                assert wire.produce(client, topic, wire.batch([b"next"])) == (0, left)

    def is_offline(self, topic):
        """Starts without that one; the other is served, and nothing of the offline one's segments is changed."""
        before = self.segments(topic)
        self.start()
        with wire.Connection(self.port) as client:
            assert wire.produce(client, topic, wire.batch([b"next"]))[0] == STORAGE_ERROR
            assert wire.fetch(client, topic, 0)[0] == FETCH_STORAGE_ERROR
            other = "b" if topic == "a" else "a"
            assert wire.read_all(client, other) == [value(n) for n in range(BATCHES)]
        assert self.stop() == 0
        assert self.segments(topic) == before

    def segments(self, topic):
        found = {}
        for path in glob.glob(os.path.join(self.data, f"{topic}-0", "*.log")):
            with open(path, "rb") as data:
                found[path] = data.read()
        return found

    def refuses(self, said):
        line = watched.refused(*watched.options(log_dirs=self.data))
        assert said in line, line


def seed(place):
    """The same content twice: stopped cleanly, and killed."""
    with watched.Watched({"log.segment.bytes": 1 << 20}) as server:
        with wire.Connection(server.port) as client:
            for topic in ("a", "b"):
                wire.create_topic(client, topic)
                for number in range(BATCHES):
                    assert wire.produce(client, topic, wire.batch([value(number)])) == (0, number)
        Damaged.killed, Damaged.stopped = os.path.join(place, "killed"), os.path.join(place, "stopped")
        shutil.copytree(server.data, Damaged.killed)
        assert server.stop() == 0
        shutil.copytree(server.data, Damaged.stopped)


FIRST, LAST = "a-0/00000000000000000000.log", "a-0/*.log"


@tap.case("no damage, as a control")
def _():
    for after_kill in (False, True):
        with Damaged(after_kill) as server:
            server.serves()


@tap.case("a tail that was never acknowledged is cut and kept beside")
def _():
    tails = {"half a batch": wire.batch([value(BATCHES)], base=BATCHES)[:5000], "zeros": bytes(70_000),
             "noise": bytes(range(1, 200)) * 300,
             "a batch that does not match": wire.batch([b"x"], base=BATCHES, crc=1),
             "a batch of another offset": wire.batch([b"x"], base=7), "half a header": wire.batch()[:30]}
    for name, tail in tails.items():
        with Damaged(after_kill=True) as server:
            server.add(LAST, tail)
            server.serves()
            server.await_line(r" warn .*a-0: \d+ bytes cut at offset 300")
            assert name == "zeros" or server.path("a-0/*300.cut")


def set_recovery_point(server, offset):
    with open(os.path.join(server.data, "recovery-point-offset-checkpoint"), "w") as out:
        out.write(f"0\n2\na 0 {offset}\nb 0 {offset}\n")


@tap.case("a batch damaged above the recovery point ends the log there")
def _():
    with Damaged(after_kill=True) as server:
        set_recovery_point(server, 250)
        server.flip(LAST, -5000)
        server.serves(a=1)
        server.await_line(r"a-0: \d+ bytes cut at offset 299: ")


@tap.case("a batch damaged below the recovery point: that partition is offline, nothing is cut")
def _():
    with Damaged(after_kill=True) as server:
        set_recovery_point(server, BATCHES)
        server.flip(LAST, -5000)
        server.is_offline("a")
        server.await_line(" error .*a-0: .*below its recovery point 300; the partition stays offline")


@tap.case("a segment that is missing or cut short: offline, and served once it is back")
def _():
    def cut_short(path):
        os.truncate(path, 100_000)
    for which, damage in itertools.product((FIRST, LAST), (os.unlink, cut_short)):
        for after_kill in (False, True):
            with Damaged(after_kill) as server:
                set_recovery_point(server, BATCHES)
                path = server.path(which)
                shutil.copy(path, path + ".good")
                damage(path)
                server.is_offline("a")
                server.await_line(" error .*a-0")
                os.rename(path + ".good", path)
                server.serves()


@tap.case("indexes: damaged, empty, cut short, missing")
def _():
    for ending in (".index", ".timeindex"):
        for after_kill in (False, True):
            for number in range(4):
                with Damaged(after_kill) as server:
                    for path in glob.glob(os.path.join(server.data, "a-0", "*" + ending)):
                        if number == 0:
                            with open(path, "wb") as out:
                                out.write(b"\xff" * 800)
                        elif number == 1:
                            os.truncate(path, 0)
                        elif number == 2:
                            os.truncate(path, max(os.path.getsize(path) - 3, 0))
                        else:
                            os.unlink(path)
                    server.serves()


@tap.case("snapshots of producers: damaged, empty, missing")
def _():
    for after_kill in (False, True):
        for damage in (lambda path: os.truncate(path, 0), lambda path: os.truncate(path, 7), os.unlink, scramble):
            with Damaged(after_kill) as server:
                for path in glob.glob(os.path.join(server.data, "a-0", "*.snapshot")):
                    damage(path)
                server.serves()


def scramble(path):
    with open(path, "wb") as out:
        out.write(b"\xa5" * 200)


@tap.case("epochs of leaders: damaged, empty, missing")
def _():
    for after_kill in (False, True):
        for damage in (lambda path: os.truncate(path, 0), os.unlink, scramble):
            with Damaged(after_kill) as server:
                damage(server.path("a-0/leader-epoch-checkpoint"))
                server.serves()


@tap.case("checkpoints: damaged, empty, missing; all is looked at anew")
def _():
    for after_kill in (False, True):
        for name in ("recovery-point", "log-start", "replication"):
            for damage in (lambda path: os.truncate(path, 0), lambda path: os.truncate(path, 5), scramble, remove):
                with Damaged(after_kill) as server:
                    path = os.path.join(server.data, f"{name}-offset-checkpoint")
                    if os.path.exists(path):
                        damage(path)
                    server.serves()


def remove(path):
    os.unlink(path)


@tap.case("partition.metadata: damaged or missing takes the partition offline, and served once it is back")
def _():
    for damage in (lambda path: os.truncate(path, 0), lambda path: os.truncate(path, 20), scramble, os.unlink):
        with Damaged() as server:
            path = server.path("a-0/partition.metadata")
            with open(path, "rb") as good:
                content = good.read()
            damage(path)
            server.is_offline("a")
            server.await_line(" error .*a-0.* partition.metadata|a-0/partition.metadata does not name a topic id")
            with open(path, "wb") as out:
                out.write(content)
            server.serves()


@tap.case("the metadata journal: a torn write at its end is cut")
def _():
    for tail in (bytes(5000), b"\0\0\1\0 half a record", b"\xff" * 100):
        with Damaged(after_kill=True) as server:
            server.add("kurier-meta/log", tail)
            server.serves()
            server.await_line("cut a torn write")


@tap.case("the metadata journal: damage before its end is no torn write, and refused")
def _():
    size = os.path.getsize(os.path.join(Damaged.stopped, "kurier-meta", "log"))
    for at, after_kill in ((0, True), (20, True), (size // 4, True), (size // 2, True),
                           (size // 2, False), (-40, False)):
        with Damaged(after_kill) as server:
            server.flip("kurier-meta/log", at)
            server.refuses("kurier-meta/log")
            server.flip("kurier-meta/log", at)
            server.serves()


@tap.case("the metadata journal: missing below topics that are there")
def _():
    with Damaged() as server:
        path = server.path("kurier-meta/log")
        with open(path, "rb") as log:
            content = log.read()
        os.unlink(path)
        server.refuses("kurier-meta")
        with open(path, "wb") as out:
            out.write(content)
        server.serves()


@tap.case("a metadata snapshot that is damaged is refused")
def _():
    with Damaged() as server:
        with open(os.path.join(server.data, "kurier-meta", "snapshot"), "wb") as out:
            out.write(b"KMETAS\0\1" + b"\x5a" * 100)
        server.refuses("kurier-meta/snapshot is damaged")
        os.unlink(os.path.join(server.data, "kurier-meta", "snapshot"))
        server.serves()


@tap.case("directories of topics that nobody knows, and copies, are put aside, not deleted")
def _():
    with Damaged() as server:
        for topic in ("unknown", "0"):
            shutil.copytree(server.path("a-0"), os.path.join(server.data, f"{topic}-0"))
        with server.edit("unknown-0/partition.metadata") as out:
            out.write(b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAFg")
        server.serves()
        for topic in ("unknown", "0"):
            server.await_line(f"log of an unknown topic set aside topic={topic} partition=0")
            assert server.path(f"{topic}-0.*-stray/*.log")


@tap.case("files and directories that mean nothing are left alone")
def _():
    with Damaged() as server:
        open(os.path.join(server.data, "lost+found"), "w").close()
        open(os.path.join(server.data, "a-0", "notes.txt"), "w").close()
        os.makedirs(os.path.join(server.data, "no-partition"))
        os.symlink("/dev/null", os.path.join(server.data, "b-0", "link"))
        server.serves()
        for name in ("lost+found", "a-0/notes.txt", "no-partition", "b-0/link"):
            assert server.path(name)


if __name__ == "__main__":
    import tempfile
    with tempfile.TemporaryDirectory(prefix="kurier-") as seeds:
        seed(seeds)
        tap.run()
