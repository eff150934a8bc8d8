#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kurierd's configuration as an operator meets it: its page, its command line, and what kill -9 leaves of it."""
import contextlib
import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
import wire

PAGE = os.path.join(HERE, "..", "..", "doc", "broker-configuration.md")
OF_TOPIC, OF_BROKER, OF_CLUSTER, OF_FILE = 1, 2, 3, 4
KILLS = 5
kurierd = broker.Broker({"num.partitions": 3})


@tap.case("doc/broker-configuration.md is what kurierd --config-docs prints")
def _():
    told = subprocess.run([broker.program("kurierd"), "--config-docs"], stdout=subprocess.PIPE, check=True, timeout=30)
    with open(PAGE, "rb") as page:
        assert told.stdout == page.read(), "run kurierd --config-docs > doc/broker-configuration.md"


@tap.case("--override sets a key, over the file; a fault in the file names it, its line and the nearest key")
def _():
    path = os.path.join(kurierd.dir, "server.properties")
    with open(path, "w", encoding="ascii") as out:
        out.write("num.partitions=3\n\nnum.partitons=4\n")
    done = subprocess.run([broker.program("kurierd"), path], stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1
    for word in path, "line 3", "num.partitons", "num.partitions":
        assert word in done.stderr, done.stderr
    with open(path, "w", encoding="ascii") as out:
        out.write(f"num.partitions=4\nlisteners=PLAINTEXT://127.0.0.1:0\nlog.dirs={kurierd.dir}/other\n")
    command = [broker.program("kurierd"), path, "--override", "num.partitions=5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                          preexec_fn=broker.die_with_parent) as other:
        port = int(other.stdout.readline().split("127.0.0.1:")[1].split()[0])
        with wire.Connection(port) as connection:
            assert wire.config(connection, wire.BROKER, "1", "num.partitions") == ("5", OF_FILE)
        other.terminate()
        assert other.wait(20) == 0


@tap.case("what was altered is there after kill -9, of topics, of the broker and of all brokers")
def _():
    with wire.Connection(kurierd.port) as connection:
        wire.create_topic(connection, "kept", retention_ms=5000)
        for kind, name, key, value in ((wire.TOPIC, "kept", "segment.ms", 70000),
                                       (wire.BROKER, "1", "message.max.bytes", 9999),
                                       (wire.BROKER, "", "log.roll.jitter.ms", 7)):
            assert wire.alter_config(connection, kind, name, key, value) == 0
    kurierd.restart()
    with wire.Connection(kurierd.port) as connection:
        assert wire.config(connection, wire.TOPIC, "kept", "retention.ms") == ("5000", OF_TOPIC)
        assert wire.config(connection, wire.TOPIC, "kept", "segment.ms") == ("70000", OF_TOPIC)
        assert wire.config(connection, wire.TOPIC, "kept", "max.message.bytes") == ("9999", OF_BROKER)
        assert wire.config(connection, wire.TOPIC, "kept", "segment.jitter.ms") == ("7", OF_CLUSTER)


def meta(*words):
    command = [broker.program("kurier"), "meta", words[0], kurierd.data, *words[1:]]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=30).stdout


@tap.case("the metadata store has Kafka's classic layout, and a hundred changes leave no pile of notices")
def _():
    with wire.Connection(kurierd.port) as connection:
        for value in range(150):
            assert wire.alter_config(connection, wire.TOPIC, "kept", "flush.ms", 1000 + value) == 0
    assert kurierd.stop() == 0
    notices = meta("ls", "/config/changes").split()
    assert json.loads(meta("get", "/config/changes/" + notices[-1])) == {"version": 2, "entity_path": "topics/kept"}
    assert len(notices) <= 128, len(notices)
    for node, config in (("topics/kept", {"retention.ms": "5000", "segment.ms": "70000", "flush.ms": "1149"}),
                         ("brokers/1", {"message.max.bytes": "9999"}),
                         ("brokers/<default>", {"log.roll.jitter.ms": "7"})):
        assert json.loads(meta("get", "/config/" + node)) == {"version": 1, "config": config}
    kurierd.start()


class Writer(threading.Thread):
    """Sets one value after the other, until the connection ends; `last` was answered."""

    def __init__(self, last):
        super().__init__()
        self.last, self.enough = last, threading.Event()

    def run(self):
        begin = self.last
        with wire.Connection(kurierd.port) as connection, contextlib.suppress(AttributeError, OSError):
            while wire.alter_config(connection, wire.TOPIC, "kept", "retention.ms", self.last + 1) == 0:
                self.last += 1
                if self.last == begin + 20:
                    self.enough.set()


@tap.case(f"killed {KILLS} times amid changes: the last that was answered, or the one behind it, is in force")
def _():
    value = 10000
    for _round in range(KILLS):
        writer = Writer(int(value))
        writer.start()
        assert writer.enough.wait(20)
        kurierd.kill()
        writer.join()
        kurierd.start()
        with wire.Connection(kurierd.port) as connection:
            value, source = wire.config(connection, wire.TOPIC, "kept", "retention.ms")
        assert source == OF_TOPIC and int(value) - writer.last in (0, 1), (value, writer.last)


if __name__ == "__main__":
    with kurierd:
        tap.run()
