#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What kurierd cannot start with it refuses in one clear line; what it can live with it says and serves."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
import watched
import wire
from disk import mounted
from kafka import free_port

STOCK_4 = """\
# comments, empty lines and all
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:{controller}

listeners=PLAINTEXT://:{port},CONTROLLER://:{controller}
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:{port},CONTROLLER://localhost:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs={data}
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
"""
STOCK_3 = """\
broker.id=0
listeners=PLAINTEXT://127.0.0.1:{port}
num.network.threads=3
num.io.threads=8
log.dirs={data}
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
#log.flush.interval.messages=10000
log.retention.hours=168
zookeeper.connect=localhost:2181
zookeeper.connection.timeout.ms=18000
group.initial.rebalance.delay.ms=0
"""

place = tempfile.mkdtemp(prefix="kurier-")


def data(name="data"):
    return os.path.join(place, name)


def refuses(said, *words, **values):
    line = watched.refused(*words, *watched.options(**{"log_dirs": data(), **values}))
    assert said in line, line


@tap.case("unknown keys, with the nearest that is known")
def _():
    refuses("unknown configuration key 'log.retention.hourss'; did you mean 'log.retention.hours'?",
            log_retention_hourss=3)
    refuses("did you mean 'num.partitions'?", num_partition=3)
    refuses("unknown configuration key 'what.is.this'", what_is_this=1)


@tap.case("values that make no sense")
def _():
    refuses("num.partitions=zero: must be a number from 1 to 100000", num_partitions="zero")
    refuses("num.partitions=0: must be", num_partitions=0)
    refuses("num.partitions=99999999999999999999: must be", num_partitions="9" * 20)
    refuses("auto.create.topics.enable=maybe: must be", auto_create_topics_enable="maybe")
    refuses("compression.type=rar: must be one of", compression_type="rar")
    refuses("log.dirs", log_dirs=f"{place}/a,{place}/b")


@tap.case("listeners")
def _():
    refuses("'here' is not NAME://HOST:PORT", listeners="here")
    refuses("only PLAINTEXT is there", listeners="SSL://127.0.0.1:0")
    refuses("twice", listeners="PLAINTEXT://127.0.0.1:0,PLAINTEXT://127.0.0.1:0")
    refuses("70000", listeners="PLAINTEXT://127.0.0.1:70000")
    refuses("192.0.2.1", listeners="PLAINTEXT://192.0.2.1:0")
    refuses("there is no listener named OTHER", advertised_listeners="OTHER://x:1")
    refuses("nobody can connect to 0.0.0.0", advertised_listeners="PLAINTEXT://0.0.0.0:1")


@tap.case("words on the command line")
def _():
    refuses("missing its '='", "-o", "num.partitions")
    refuses("cannot read /nonexistent: No such file or directory", "/nonexistent")
    refuses("one configuration file at most", "/dev/null", "/dev/null")
    done = subprocess.run([broker.program("kurierd"), "--what"], stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 2 and "kurierd [FILE.properties]" in done.stderr


@tap.case("files that are no properties")
def _():
    refuses("Is a directory", place)
    with open(data("binary"), "wb") as out:
        out.write(bytes(range(256)) * 10)
    refuses("", data("binary"))
    with open(data("unknown"), "w") as out:
        out.write("num.partitions=1\n\nnum.partitons=2\n")
    refuses("did you mean 'num.partitions'?", data("unknown"))


def serves(stock, *warned):
    """Such a file serves; these keys are warned of."""
    port, controller = free_port(), free_port()
    with open(data("server.properties"), "w") as out:
        out.write(stock.format(port=port, controller=controller, data=data(f"stock-{port}")))
    server = subprocess.Popen([broker.program("kurierd"), data("server.properties")], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, preexec_fn=broker.die_with_parent)
    try:
        assert server.stdout.readline().startswith("kurierd ready "), server.communicate()[1]
        assert wire.is_served(port)
    finally:
        server.terminate()
        log = server.communicate(timeout=30)[1]
    assert server.returncode == 0, log
    for key in warned:
        assert any(" warn " in line and line.endswith(f"key={key}") for line in log.splitlines()), f"{key}:\n{log}"


@tap.case("the file that Kafka 4 comes with")
def _():
    serves(STOCK_4, "process.roles", "controller.quorum.bootstrap.servers", "controller.listener.names")


@tap.case("the file that Kafka 3 came with, for ZooKeeper")
def _():
    serves(STOCK_3, "zookeeper.connect", "zookeeper.connection.timeout.ms")


@tap.case("a port that is taken")
def _():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        name = f"127.0.0.1:{taken.getsockname()[1]}"
        refuses(f"cannot listen on PLAINTEXT://{name}: {name}: cannot listen: Address already in use",
                listeners=f"PLAINTEXT://{name}")


@tap.case("a directory that another kurierd holds")
def _():
    with watched.Watched() as first:
        refuses("in use by another process", log_dirs=first.data)
        assert wire.is_served(first.port)
        first.restart()


@tap.case("a directory of another cluster, of another node, of a newer format")
def _():
    with watched.Watched({"cluster.id": "ours", "node.id": 3}) as first:
        with wire.Connection(first.port) as client:
            wire.create_topic(client, "kept")
        assert first.stop() == 0
        refuses("belongs to cluster ours, not to theirs", log_dirs=first.data, cluster_id="theirs", node_id=3)
        refuses("belongs to node 3, not to node 4", log_dirs=first.data, node_id=4)
        meta = os.path.join(first.data, "meta.properties")
        with open(meta) as text:
            good = text.read()
        for bad, said in ((good.replace("version=1", "version=99"), "newer format"), ("", "meta.properties"),
                          ("version=1\n", "meta.properties"), ("\0" * 100, "meta.properties"),
                          (good.replace("node.id", "nodeid"), "names no node.id"),
                          (good.replace("cluster.id=ours", "cluster.id="), "names no cluster.id")):
            with open(meta, "w") as out:
                out.write(bad)
            refuses(said, log_dirs=first.data, node_id=3)
        with open(meta, "w") as out:
            out.write(good)
        first.start()
        with wire.Connection(first.port) as client:
            assert wire.topics(client) == {"kept": 1}


@tap.case("a directory that is none, whose parent is missing, or that cannot be written")
def _():
    refuses("No such file or directory", log_dirs=f"{place}/missing/data")
    open(data("file"), "w").close()
    refuses("Not a directory", log_dirs=data("file"))
    refuses("/proc/kurier", log_dirs="/proc/kurier")


@tap.case("a filesystem that became read-only")
def _():
    with mounted("size=16m") as disk:
        with watched.Watched() as server:
            server.data = os.path.join(disk, "data")
            server.restart()
            assert server.stop() == 0
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            refuses("Read-only file system", log_dirs=server.data)
            subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
            server.start()


if __name__ == "__main__":
    try:
        tap.run()
    finally:
        shutil.rmtree(place, ignore_errors=True)
