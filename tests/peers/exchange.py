# SPDX-License-Identifier: Apache-2.0
"""What every foreign client is put through, both ways, against libkurier.

A peer is a program around a foreign client:

    PROGRAM produce ADDRESS TOPIC [WORD=VALUE]...  sends the records of corpus.h to partition 0
    PROGRAM verify  ADDRESS TOPIC [WORD=VALUE]...  reads partition 0 from offset 0, compares all of each record
                                                   (offset, key, value, headers, timestamp) and where the end is
    PROGRAM seek    ADDRESS TOPIC [WORD=VALUE]...  asks for offsets by the times of corpus.h's records, on them, a
                                                   little before and behind the last, and reads what lies there
    PROGRAM admin   ADDRESS TOPIC [WORD=VALUE]...  takes the steps, in their order, on TOPIC and on TOPIC-new

It ends with status 0, or another after a line that says what is wrong. The words, with their defaults:

    count=100000 large=3    how many records, small and of 1 MB
    codec=none              none, gzip, snappy, lz4, zstd
    idempotent=false        whether it produces as an idempotent producer
    steps=                  of admin, separated by commas: see STEPS
    without=                records that are not sent, since there are clients that cannot: null-record (key and value
                            are null: its value is empty then), null-header (that header is left out)

clients.py has a row for each peer, and cases() makes its tests of it.
"""
import glob
import os
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Callable

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import tap
from broker import Broker

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
STEPS = {
    "create": "TOPIC-new: 3 partitions, retention.ms=3600000; a second time it is refused as existing already",
    "describe": "TOPIC-new has partitions 0 to 2, each with a leader; both topics are in the list",
    "cluster": "one broker, at ADDRESS, which is the controller",
    "configs": "TOPIC-new's retention.ms is 3600000",
    "alter": "TOPIC-new's retention.ms becomes 7200000",
    "grow": "TOPIC-new gets a fourth and a fifth partition",
    "offsets": "TOPIC-0 begins at 0 and ends at count + large",
    "truncate": "TOPIC-0's records below 10 are deleted; then it begins at 10",
    "delete": "TOPIC-new is deleted and no longer in the list",
}
PATIENCE_S = 240
LARGE_RUN = ("count=100000", "large=3")
SMALL_RUN = ("count=2000", "large=1")


def steps_but(*names):
    return [step for step in STEPS if step not in names]


@dataclass
class Peer:
    """What a client can do. command() answers the program's words, or raises tap.Skip; or run(*words) runs the
    program and answers (status, what it said)."""
    name: str
    command: Callable = None
    codecs: list = field(default_factory=lambda: CODECS)
    idempotent: bool = True
    reads: bool = True  # verify and seek, by assigned partitions
    steps: list = field(default_factory=steps_but)
    without: str = ""  # what it cannot send
    run: Callable = None

    def __post_init__(self):
        self.run = self.run or self._run_command

    def cannot(self):
        return (f"without={self.without}",) if self.without else ()

    def _run_command(self, *words):
        done = subprocess.run([*self.command(), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=PATIENCE_S)
        return done.returncode, done.stdout


KURIER = Peer("libkurier", lambda: [os.path.join("tests", "peers", "exchange")], steps=[])


def talk(peer, what, address, topic, *words):
    status, said = peer.run(what, address, topic, *words)
    assert status == 0, f"{what} {topic} {' '.join(words)} by {peer.name}:\n{said[-2000:]}"


def batches(data, topic):
    """(codec, producer id, records) of each batch of partition 0 as it lies in the broker's folder of data."""
    for name in sorted(glob.glob(os.path.join(data, f"{topic}-0", "*.log"))):
        with open(name, "rb") as log:
            whole = log.read()
        at = 0
        while at + 61 <= len(whole) and (size := struct.unpack_from(">i", whole, at + 8)[0]) > 0:
            attributes, producer, records = struct.unpack_from(">h20xq6xi", whole, at + 21)
            yield CODECS[attributes & 7], producer, records
            at += 12 + size


def check_batches(data, topic, codec, idempotent, run):
    """A producer did as it was told. It may send plainly what does not become smaller."""
    codecs, producers, counts = zip(*batches(data, topic))
    assert codec in codecs and {*codecs} <= {codec, "none"}, f"asked for {codec}, found {codecs}"
    assert {producer >= 0 for producer in producers} == {idempotent}, f"producer ids {set(producers)}"
    assert sum(counts) == sum(int(word.split("=")[1]) for word in run), f"{sum(counts)} records in the log"


def exchange(broker, writer, readers, topic, codec, idempotent, run):
    how = (f"codec={codec}", f"idempotent={str(idempotent).lower()}")
    talk(writer, "produce", broker.address, topic, *run, *writer.cannot(), *how)
    check_batches(broker.data, topic, codec, idempotent, run)
    for reader in readers:
        if reader.reads:
            talk(reader, "verify", broker.address, topic, *run, *writer.cannot())


def cases(peer, broker, prefix=""):
    """The tests of one peer. The broker has an address, and data, its folder; it makes topics on their own,
    of one partition, and keeps records however old they say they are."""
    def topic(*words):
        return "-".join([peer.name, *words])

    def case(name):
        def timed(function):
            @tap.case(prefix + name)
            def _():
                start = time.monotonic()
                function()
                print(f"# {time.monotonic() - start:.1f} s", flush=True)
        return timed

    for codec in peer.codecs:
        @case(f"{peer.name} writes {codec}, libkurier reads" +
              (f"; libkurier writes {codec}, {peer.name} reads" if peer.reads else ""))
        def _(codec=codec):
            exchange(broker, peer, [KURIER, peer], topic(codec), codec, False, SMALL_RUN)
            if peer.reads:
                exchange(broker, KURIER, [peer], topic(codec, "ours"), codec, False, SMALL_RUN)

    @case(f"100,000 records by {peer.name}{', idempotent' if peer.idempotent else ''}, and all of them read")
    def _():
        exchange(broker, peer, [KURIER, peer], topic("many"), peer.codecs[-1], peer.idempotent, LARGE_RUN)

    if peer.reads:
        @case(f"100,000 records by libkurier, and {peer.name} reads all of them")
        def _():
            exchange(broker, KURIER, [peer], topic("many", "ours"), peer.codecs[-1], True, LARGE_RUN)

    @case(f"what {peer.name} wrote is found by time")
    def _():
        exchange(broker, peer, [], topic("times"), "none", False, SMALL_RUN)
        for seeker in (KURIER, peer):
            if seeker.reads:
                talk(seeker, "seek", broker.address, topic("times"), *SMALL_RUN, *peer.cannot())

    if peer.reads:
        @case(f"as a control: {peer.name} notices a record that is another")
        def _():
            exchange(broker, KURIER, [], topic("control"), "none", False, SMALL_RUN)
            status, said = peer.run("verify", broker.address, topic("control"), "count=1999", "large=2")
            assert status != 0 and "1999" in said, (status, said)

    if peer.steps:
        @case(f"{peer.name} administers: {', '.join(peer.steps)}")
        def _():
            exchange(broker, KURIER, [], topic("admin"), "none", False, SMALL_RUN)
            talk(peer, "admin", broker.address, topic("admin"), *SMALL_RUN, "steps=" + ",".join(peer.steps))


# Segments are small, so that what is read lies in many.
OPTIONS = {"num.partitions": 1, "log.retention.ms": -1, "log.segment.bytes": 1 << 20,
           "group.initial.rebalance.delay.ms": 0}


def through_kurierd(*some):
    """Runs the tests of these peers, and ends the process."""
    with Broker(OPTIONS) as kurierd:
        for peer in some:
            cases(peer, kurierd)
        tap.run()
