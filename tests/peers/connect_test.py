#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka Connect, distributed, carries a file through kurierd into another: every line arrives, in the order of its
partition, while the worker is stopped and both are killed.

Connect promises at least once. What it may repeat: lines of the source whose offsets it had not committed when it was
killed, into the topic; records of the topic whose offsets it had not committed then, into the sink's file.
"""
import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit"), os.path.join(HERE, "..", "system")]

import broker
import peers
import tap
from cli_kit import Cli
from kafka import free_port

PATIENCE_S = 60
LOOK_S = 0.05
TOPIC = "lines"
VERSION = "4.3"
WORKER = {
    "group.id": "connect-cluster",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    "config.storage.topic": "connect-configs",
    "offset.storage.topic": "connect-offsets",
    "status.storage.topic": "connect-status",
    "config.storage.replication.factor": 1,
    "offset.storage.replication.factor": 1,
    "status.storage.replication.factor": 1,
    "offset.flush.interval.ms": 200,
    "plugin.discovery": "service_load",
    "scheduled.rebalance.max.delay.ms": 0,  # a worker that was killed is not waited for
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 500,
    "consumer.session.timeout.ms": 6000,  # of the sink
    "consumer.heartbeat.interval.ms": 500,
    "reconnect.backoff.max.ms": 200,
    "producer.reconnect.backoff.max.ms": 200,
    "consumer.reconnect.backoff.max.ms": 200,
}

kurierd = broker.Broker({"group.initial.rebalance.delay.ms": 0, "offsets.topic.num.partitions": 4})
kurier = Cli(kurierd)


class Connect:
    """A worker, its connectors, and the two files."""

    def __init__(self, folder):
        self.source, self.sink = os.path.join(folder, "source"), os.path.join(folder, "sink")
        self.config, self.log = os.path.join(folder, "worker.properties"), os.path.join(folder, "log")
        self.port = free_port()
        self.process = None
        self.lines = 0  # in the source

    def start(self):
        options = {**WORKER, "bootstrap.servers": kurierd.address, "listeners": f"http://127.0.0.1:{self.port}"}
        with open(self.config, "w") as out:
            out.writelines(f"{key}={value}\n" for key, value in options.items())
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*peers.JAVA, "-Xmx256m", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN", "-cp", peers.connect_jars(VERSION),
                 "org.apache.kafka.connect.cli.ConnectDistributed", self.config],
                stdout=log, stderr=log, preexec_fn=broker.die_with_parent)
        self.until(lambda: self.ask("/connectors") is not None)

    def until(self, holds, what=lambda: ""):
        """Looks again and again, as long as the worker lives."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(LOOK_S)
            assert self.process.returncode is None, f"the worker ended\n{self.last_words()}"
            assert time.monotonic() < deadline, f"not in {PATIENCE_S} s: {what()}\n{self.last_words()}"

    def last_words(self):
        with open(self.log) as log:
            return log.read()[-3000:]

    def end(self, number):
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        assert number == signal.SIGKILL or status == 128 + number, f"{status}\n{self.last_words()}"

    def ask(self, path, body=None, method=None):
        """JSON; None while it cannot say."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=body and json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return json.loads(response.read() or b"{}")
        except (urllib.error.URLError, ConnectionError):
            return None

    def add(self, name, **config):
        self.until(lambda: self.ask(f"/connectors/{name}/config", {**config, "tasks.max": 1}, "PUT"))

    def runs(self, name):
        status = self.ask(f"/connectors/{name}/status")
        return status and [task["state"] for task in status["tasks"]] == ["RUNNING"]

    def write(self, count):
        """So many lines more."""
        with open(self.source, "a") as out:
            out.writelines(f"line {i}\n" for i in range(self.lines, self.lines + count))
        self.lines += count

    def arrived(self):
        """Lines of the sink, as they stand there; the last may be half written."""
        with contextlib.suppress(FileNotFoundError), open(self.sink) as lines:
            return [int(number) for number in re.findall(r"^line (\d+)\n", lines.read(), re.M)]
        return []

    def carry_all(self):
        self.until(lambda: len(set(self.arrived())) == self.lines,
                   lambda: f"{len(set(self.arrived()))} of {self.lines} lines")

    def half_arrived(self, count):
        """Some of the last lines have arrived, perhaps all: in the middle of carrying."""
        self.until(lambda: len(set(self.arrived())) > self.lines - count)

    def repeated(self):
        """Lines that stand in the sink more than once."""
        return [n for n, count in collections.Counter(self.arrived()).items() if count > 1]

    def commit_all(self):
        """Nothing is left that a kill would repeat."""
        def committed():
            offsets = kurier.read("connect-offsets", "-o", "beginning", "-f", "%s\n").splitlines()
            position = max(json.loads(line)["position"] for line in offsets)
            lag = sum(row["lag"] for row in kurier.json("group", "lag", "connect-sink"))
            return position == os.path.getsize(self.source) and lag == 0
        self.until(committed)


folder = tempfile.TemporaryDirectory(prefix="kurier-connect-")
connect = Connect(folder.name)


@tap.case("a worker makes its topics, compacted, and carries a file")
def _():
    kurier("topic", "create", "-p", 3, TOPIC)
    connect.write(2000)
    connect.start()
    for topic in ("configs", "offsets", "status"):
        assert kurier("config", "get", "topic", f"connect-{topic}", "cleanup.policy") == "compact\n", topic
    connect.add("source", **{"connector.class": "FileStreamSource", "file": connect.source, "topic": TOPIC,
                             "batch.size": 100})
    connect.add("sink", **{"connector.class": "FileStreamSink", "file": connect.sink, "topics": TOPIC})
    connect.until(lambda: connect.runs("source") and connect.runs("sink"))
    connect.carry_all()
    assert not connect.repeated()
    groups = {row["group"]: row for row in kurier.json("group", "list")}
    assert groups["connect-cluster"]["protocol"] == "connect" and groups["connect-sink"]["state"] == "Stable", groups


@tap.case("a worker that is stopped and started goes on where it was: nothing lost, nothing twice")
def _():
    connect.write(1000)
    connect.half_arrived(1000)
    connect.end(signal.SIGTERM)
    connect.write(1000)
    connect.start()
    connect.carry_all()
    assert not connect.repeated(), connect.repeated()[:5]


def repeats_since(first):
    """What came twice was not committed when something was killed."""
    repeated = [n for n in connect.repeated() if n >= first]
    assert not [n for n in connect.repeated() if n < first and n not in known], (first, connect.repeated()[:5])
    known.update(repeated)
    print(f"# {len(repeated)} lines came twice")


known = set()


@tap.case("kurierd is killed under it, and comes back: nothing lost, nothing twice that was committed")
def _():
    first = connect.lines
    connect.commit_all()
    connect.write(2000)
    connect.half_arrived(2000)
    kurierd.kill()
    connect.write(1000)
    kurierd.start()
    connect.carry_all()
    repeats_since(first)


@tap.case("both are killed at once: nothing lost, nothing twice that was committed")
def _():
    first = connect.lines
    connect.commit_all()
    connect.write(2000)
    connect.half_arrived(2000)
    connect.end(signal.SIGKILL)
    kurierd.restart()
    connect.write(1000)
    connect.start()
    connect.carry_all()
    repeats_since(first)


@tap.case("the topic has every line in the source's order, and the sink each partition in its order")
def _():
    connect.end(signal.SIGTERM)
    partitions = collections.defaultdict(list)
    for line in kurier.read(TOPIC, "-o", "beginning", "-f", "%p %s\\n").splitlines():
        partition, _, number = line.split()
        partitions[int(partition)].append(int(number))
    counts = collections.Counter(n for numbers in partitions.values() for n in numbers)
    assert set(counts) == set(range(connect.lines))
    arrived = list(dict.fromkeys(connect.arrived()))
    for partition, numbers in partitions.items():
        once = [n for n in numbers if counts[n] == 1]  # what was sent again may stand anywhere
        assert once == sorted(once), f"partition {partition} is not in the source's order"
        among = set(once)
        assert [n for n in arrived if n in among] == once, f"partition {partition} came in another order"


if __name__ == "__main__":
    with folder, kurierd:
        tap.run()
