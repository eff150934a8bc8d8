# SPDX-License-Identifier: Apache-2.0
"""Jobs of Kafka Streams, what they are given and what they say. java/streams has their programs."""
import collections
import contextlib
import glob
import os
import select
import signal
import subprocess
import time

import transactors  # and where the kit is

import broker
import peers
import wire
from watched import eventually

VERSION = "4.3"
PATIENCE_S = 60
READER = "librdkafka-2.16"
SOURCES = sorted(glob.glob(os.path.join(transactors.exchange.HERE, "java", "streams", "*.java")))
BATCH = 1000  # records that are produced at once


class Job:
    """It says what it makes of its inputs into the topic of its name."""

    def __init__(self, server, program, name, folder, inputs, guarantee="exactly_once_v2"):
        self.server, self.name, self.folder = server, name, os.path.join(folder, name)
        self.words = [program, server.address, name, guarantee, self.folder, name, *inputs]
        self.log, self.process = self.folder + ".log", None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
            self.process.wait()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*peers.JAVA, "-Xmx300m", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN", "-cp",
                 peers.java(VERSION, SOURCES, peers.streams_jars), *self.words], stdout=log, stderr=log,
                preexec_fn=broker.die_with_parent)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        assert status in (-signal.SIGKILL, 128 + number), f"{status}\n{self.last_words()}"

    def last_words(self):
        with open(self.log) as log:
            return log.read()[-4000:]


class Output:
    """What a reader of committed records hears of a job: by key, one after the other."""

    def __init__(self, job, partitions):
        self.job, self.partitions = job, partitions
        self.reader = transactors.Reader(READER, job.server.address, job.name, "read_committed", partitions)
        self.rest, self.told, self.count, self.ended = b"", collections.defaultdict(list), 0, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.process.kill()
        self.reader.process.wait()

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
                continue
            key, answer = value.split(b" ", 1)
            self.told[key].append(answer)
            self.count += 1
        return True

    def until(self, holds):
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            self.hear(1)
            assert self.job.process.poll() is None, f"the job ended\n{self.job.last_words()}"
            assert time.monotonic() < deadline, \
                f"{self.count} answers after {PATIENCE_S} s\n{self.job.last_words()}"

    def to_the_end(self):
        """Ends the job, and hears all that it has said."""
        self.job.end()
        with wire.Connection(self.job.server.port) as client:
            for partition in range(self.partitions):
                produce(client, self.job.name, [b"end"], partition)
        while self.ended < self.partitions:
            assert self.hear(PATIENCE_S), "the output has no end"


def wrong(told, expected):
    """By key, where it is not each of them, once and in order."""
    return {key: told.get(key) for key in expected.keys() | told.keys() if told.get(key) != expected.get(key)}


def produce(client, topic, values, partition, **more):
    batch = wire.batch(values, **more)
    assert eventually(lambda: wire.produce(client, topic, batch, partition)[0] == 0)
