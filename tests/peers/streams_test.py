#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A job of Kafka Streams, exactly once and with state, counts 100,000 records at kurierd, while both are killed: each
count is told once, in its order. In no list yet: at kurierd, after kills, its last records do not come.

    streams_test.py [KILLS]                 of each, 3 by default
"""
import collections
import contextlib
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time

import transactors  # and where the kit is

import broker
import peers
import tap
import wire
from watched import eventually

VERSION = "4.3"
RECORDS, KEYS, PARTITIONS = 100_000, 500, 4
KILLS = next((int(word) for word in sys.argv[1:] if word.isdigit()), 3)
PATIENCE_S = 60
LOOK_S = 0.02
READER = "librdkafka-2.16"
BATCH = 1000
SOURCE = os.path.join(transactors.exchange.HERE, "java", "streams", "Counts.java")

kurierd = broker.Broker({"log.retention.ms": -1, "group.initial.rebalance.delay.ms": 0, "group.min.session.timeout.ms": 1000,
                         "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000})


class Job:
    def __init__(self, folder):
        self.folder, self.process = folder, None
        self.log = os.path.join(folder, "log")

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*peers.JAVA, "-Xmx300m", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN", "-cp",
                 peers.java(VERSION, [SOURCE], peers.streams_jars), "Counts", kurierd.address, "in", "out",
                 os.path.join(self.folder, "state")], stdout=log, stderr=log, preexec_fn=broker.die_with_parent)

    def end(self, number):
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        assert status in (-signal.SIGKILL, 128 + number), f"{status}\n{self.last_words()}"

    def last_words(self):
        with open(self.log) as log:
            return log.read()[-4000:]


class Output:
    """What a reader of committed records hears, line by line."""

    def __init__(self):
        self.reader = transactors.Reader(READER, kurierd.address, "out", "read_committed", PARTITIONS)
        self.rest, self.counts, self.ended = b"", collections.defaultdict(list), 0
        self.told = 0

    def hear(self, patience_s):
        """False: nothing for so long."""
        pipe = self.reader.process.stdout.fileno()
        if not select.select([pipe], [], [], patience_s)[0]:
            return False
        said = os.read(pipe, 1 << 16)
        assert said, f"the reader ended with {self.reader.process.wait()}"
        *lines, self.rest = (self.rest + said).split(b"\n")
        for line in lines:
            value = line.split(b" ", 2)[2]
            if value == b"end":
                self.ended += 1
            else:
                key, count = value.split()
                self.counts[key].append(int(count))
                self.told += 1
        return True

    def until(self, holds, job):
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            self.hear(1)
            assert job.process.poll() is None, f"the job ended\n{job.last_words()}"
            assert time.monotonic() < deadline, f"{self.told} counts after {PATIENCE_S} s; of {self.holes()} keys " \
                f"some are missing in between\n{job.last_words()}"

    def holes(self):
        return sum(counts != list(range(1, len(counts) + 1)) for counts in self.counts.values())


def wrong(counts, expected):
    """By key, where not each count up to the last was told once and in order."""
    return {key: counts.get(key) for key in expected.keys() | counts.keys()
            if counts.get(key) != list(range(1, expected.get(key, 0) + 1))}


def fill():
    """The input; answers how often each key is in it."""
    chance, expected = random.Random(3), collections.Counter()
    with wire.Connection(kurierd.port) as client:
        for topic in ("in", "out"):
            wire.create_topic(client, topic, PARTITIONS)
        for at in range(0, RECORDS, BATCH):
            values = [b"key-%d" % min(int(chance.expovariate(0.02)), KEYS - 1) for _ in range(BATCH)]
            expected.update(values)
            partition = at // BATCH % PARTITIONS
            assert eventually(lambda: wire.produce(client, "in", wire.batch(values), partition)[0] == 0)
    return expected


@tap.case("as a control: a count that is missing, told twice or out of order is noticed")
def _():
    expected = {b"a": 2, b"b": 1}
    told = [{b"a": [1, 2], b"b": [1]}, {b"a": [1, 2]}, {b"a": [1], b"b": [1]}, {b"a": [1, 2, 2], b"b": [1]},
            {b"a": [1, 2, 3], b"b": [1]}, {b"a": [2, 1], b"b": [1]}, {b"a": [1, 2], b"b": [1], b"c": [1]}]
    seen = [bool(wrong(counts, expected)) for counts in told]
    assert seen == [False] + [True] * 6, seen


@tap.case(f"{RECORDS} records counted, the job and kurierd killed {KILLS} times each")
def _():
    expected = fill()
    with tempfile.TemporaryDirectory() as folder:
        job, output = Job(folder), Output()
        job.start()
        try:
            for turn in range(2 * KILLS):
                mark = RECORDS * (turn + 1) // (2 * KILLS + 2)
                output.until(lambda: output.told >= mark, job)
                begin = time.monotonic()
                if turn % 2:
                    kurierd.restart()
                else:
                    job.end(signal.SIGKILL)
                    job.start()
                while output.hear(0):
                    pass  # what was on its way
                before = output.told
                output.until(lambda: output.told > before + BATCH, job)
                print(f"# {'kurierd' if turn % 2 else 'the job'} killed at {before}; it goes on after "
                      f"{time.monotonic() - begin:.1f} s", flush=True)
            output.until(lambda: output.told >= RECORDS, job)
            job.end(signal.SIGTERM)
            with wire.Connection(kurierd.port) as client:
                for partition in range(PARTITIONS):
                    assert eventually(lambda: wire.produce(client, "out", wire.batch([b"end"]), partition)[0] == 0)
            while output.ended < PARTITIONS:
                assert output.hear(PATIENCE_S), "the output has no end"
        finally:
            for process in (job.process, output.reader.process):
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
    odd = wrong(output.counts, expected)
    assert not odd, f"{len(odd)} of {len(expected)} keys, as {list(odd.items())[:3]}"
    assert output.told == RECORDS, output.told


if __name__ == "__main__":
    with kurierd:
        tap.run()
