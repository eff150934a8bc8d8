#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One node of Apache Kafka as a child process.

As a program it is Apache Kafka, of version $KAFKA_VERSION, behind kurierd's command line and ready line: with it in
$KURIERD, tests that start a kurierd run against Apache Kafka instead.
"""
import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import peers
from broker import die_with_parent
from jvm import jvm, log_options, tool
from peers import JAVA

READY_S = 60
LOOK_S = 0.02
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": "1@127.0.0.1:{controller}",
    "listeners": "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
    "controller.listener.names": "CONTROLLER",
    "log.retention.ms": "-1",  # records are as old as they say they are
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "200",
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _configure(version, port, data, options):
    """The file for that port, over that folder, which is made if there is none."""
    if not os.path.exists(data):
        shutil.copytree(peers.kafka_formatted(version), data)
    ports = {"port": port, "controller": free_port()}
    properties = {**{key: value.format(**ports) for key, value in PROPERTIES.items()}, **options, "log.dirs": data}
    with open(data + ".properties", "w") as out:
        out.writelines(f"{key}={value}\n" for key, value in properties.items())
    return data + ".properties"


def _java(version, archive, path, program, config):
    return [*JAVA, "-Xmx300m", f"-XX:{archive}", *log_options(version), "-cp", path, program, config]


def _archive(version):
    """Its classes as they lie in memory when it runs, with which it starts in half the time."""
    def install(folder):
        port = free_port()
        config = _configure(version, port, os.path.join(folder, "data"), {})
        archive, path = f"ArchiveClassesAtExit={folder}/classes", peers.kafka_jars(version)
        process = start(_java(version, archive, path, "kafka.Kafka", config), port, subprocess.DEVNULL)
        process.terminate()
        process.wait(READY_S)
    return os.path.join(peers.once(f"kafka-{peers.KAFKA[version]}-archive", install), "classes")


def command(version, port, data, options):
    """What starts it."""
    config = _configure(version, port, data, options)
    return _java(version, f"SharedArchiveFile={_archive(version)}", jvm(version).path, "Broker", config)


def start(words, port, log):
    """The process, once it serves: it binds its port last. It logs to that descriptor."""
    process = subprocess.Popen(words, stdout=log, stderr=log, preexec_fn=die_with_parent)
    deadline = time.monotonic() + READY_S
    while not _accepts(port):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
        if process.returncode is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError("Apache Kafka did not start")
    return process


def _accepts(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Kafka:
    """with Kafka("4.3", {"log.segment.bytes": 1 << 20}) as kafka: ... kafka.address ..."""

    def __init__(self, version, options=None):
        self.version = version
        self.options = options or {}
        self.dir = tempfile.mkdtemp(prefix="kurier-kafka-")
        self.data = os.path.join(self.dir, "data")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        """On the port that it had before."""
        self.process = start(command(self.version, self.port, self.data, self.options), self.port, sys.stderr)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; answers the exit status."""
        self.process.terminate()
        return self.process.wait(READY_S)

    def restart(self):
        self.kill()
        self.start()

    def create(self, topic, partitions=1):
        tool(self.version, "TopicCommand", "--bootstrap-server", self.address, "--create", "--topic", topic,
             "--partitions", partitions)


def main():
    """-o KEY=VALUE...: becomes Apache Kafka; a child says when it is ready, as kurierd does."""
    options = dict(word.split("=", 1) for word in sys.argv[2::2])
    port = int(options.pop("listeners").rpartition(":")[2]) or free_port()
    words = command(os.environ["KAFKA_VERSION"], port, options.pop("log.dirs"), options)
    began, kafka = time.monotonic(), os.getpid()
    if os.fork():
        os.dup2(2, 1)
        os.execvp(words[0], words)
    while os.getppid() == kafka and not _accepts(port):
        select.select([], [], [], LOOK_S)
    print(f"kurierd ready node=1 listeners=PLAINTEXT://127.0.0.1:{port} "
          f"startup_ms={(time.monotonic() - began) * 1000:.0f}", flush=True)


if __name__ == "__main__":
    main()
