# SPDX-License-Identifier: Apache-2.0
"""One node of Apache Kafka as a child process."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

import peers
from broker import die_with_parent
from jvm import JAVA, tool

READY_S = 60
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={dir}/data
log.retention.ms=-1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Kafka:
    """with Kafka("4.3") as kafka: ... kafka.address ..."""

    def __init__(self, version):
        self.version = version
        self.jars = peers.kafka(version)
        self.dir = tempfile.mkdtemp(prefix="kurier-kafka-")
        self.data = os.path.join(self.dir, "data")
        self.port, self.controller = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None

    def __enter__(self):
        config = os.path.join(self.dir, "kraft.properties")
        with open(config, "w") as out:
            out.write(PROPERTIES.format(port=self.port, controller=self.controller, dir=self.dir))
        tool(self.version, "StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", config)
        with open(os.path.join(self.dir, "log"), "w") as log:
            self.process = subprocess.Popen([*JAVA, "-Xmx512m", "-cp", self.jars + "/*", "kafka.Kafka", config],
                                            stdout=log, stderr=log, preexec_fn=die_with_parent)
        self._await_port()
        return self

    def _await_port(self):
        """The port is bound last: once it accepts, Kafka serves."""
        deadline = time.monotonic() + READY_S
        while self.process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        with open(os.path.join(self.dir, "log")) as log:
            raise RuntimeError("Apache Kafka did not start:\n" + log.read()[-3000:])

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def create(self, topic, partitions=1):
        tool(self.version, "TopicCommand", "--bootstrap-server", self.address,
             "--create", "--topic", topic, "--partitions", partitions)
