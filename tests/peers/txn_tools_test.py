#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka's own command line tools for transactions, of two versions, at kurierd: they see and end those of clients and
those that hang, and change how transactions work."""
import glob
import os
import re
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import jvm
import tap
import wire
from txns import Raw, stable_offset
from watched import eventually

kurierd = broker.Broker({"log.retention.ms": -1})
FEATURES = {"3.9": [], "4.3": [1, 0, 1, 2]}  # the levels that transaction.version is set to
INVALID_PRODUCER_EPOCH, PRODUCER_FENCED = 47, 90


class Tools:
    """Those of one version."""

    def __init__(self, version):
        self.version = version

    def run(self, tool, *words, **more):
        return jvm.tool(self.version, tool, "--bootstrap-server", kurierd.address, *words, **more)

    def rows(self, *words):
        """A table of TransactionsCommand's, by its heads."""
        heads, *lines = [line.split("\t") for line in self.run("TransactionsCommand", *words).splitlines()]
        heads = [word.strip() for word in heads]
        return [dict(zip(heads, (word.strip() for word in line))) for line in lines]

    def topic(self, name, partitions=1):
        with wire.Connection(kurierd.port) as client:
            wire.create_topic(client, f"{name}-{self.version}", partitions)
        self.run("TopicCommand", "--describe", "--topic", f"{name}-{self.version}")
        return f"{name}-{self.version}"

    def perform(self, topic, name, count):
        """That many records in transactions."""
        where = ["--producer-props", f"bootstrap.servers={kurierd.address}"]
        said = jvm.tool(self.version, "ProducerPerformance", *where, "--topic", topic, "--num-records", count,
                        "--record-size", 100, "--throughput", -1, "--transactional-id", name,
                        "--transaction-duration-ms", 50)
        assert f"{count} records sent" in said, said

    def count(self, topic, count):
        """Reads that many, as one who reads what is committed; and no more."""
        said = self.run("ConsoleConsumer", "--topic", topic, "--partition", 0, "--offset", "earliest",
                        "--isolation-level", "read_committed", "--timeout-ms", 3000)
        assert f"total of {count} messages" in said, said[-300:]


def opened(client, topic, name, partitions=(0,)):
    """A transaction with a record in each partition."""
    raw = Raw(client, name)
    for partition in partitions:
        assert raw.add(topic, partition) == 0
        # A new topic may have no leader yet.
        assert eventually(lambda: raw.produce(topic, [b"open"], partition)[0] == 0)
    return raw


def looked_at(tools, case):
    @case("TransactionsCommand lists and describes a transaction, and its producer")
    def _():
        topic, name = tools.topic("seen", 2), f"seen-{tools.version}"
        with wire.Connection(kurierd.port) as client:
            raw = opened(client, topic, name, (0, 1))
            listed = {row["TransactionalId"]: row for row in tools.rows("list")}
            assert listed[name]["ProducerId"] == str(raw.producer), listed
            assert listed[name]["TransactionState"] == "Ongoing", listed
            about, = tools.rows("describe", "--transactional-id", name)
            assert about["ProducerId"] == str(raw.producer) and about["ProducerEpoch"] == str(raw.epoch), about
            assert about["TransactionState"] == "Ongoing" and about["TransactionTimeoutMs"] == "60000", about
            assert set(about["TopicPartitions"].split(",")) == {f"{topic}-0", f"{topic}-1"}, about
            assert int(about["TransactionDurationMs"]) >= 0, about
            producer, = tools.rows("describe-producers", "--topic", topic, "--partition", 1)
            assert producer["ProducerId"] == str(raw.producer) and producer["LastSequence"] == "0", producer
            assert producer["CurrentTransactionStartOffset"] == "0", producer
            assert raw.end(True) == 0
            assert eventually(lambda: stable_offset(client, topic, 1) == 2)
            about, = tools.rows("describe", "--transactional-id", name)
            assert about["TransactionState"] == "CompleteCommit" and not about["TopicPartitions"], about
            producer, = tools.rows("describe-producers", "--topic", topic, "--partition", 1)
            assert producer["CurrentTransactionStartOffset"] == "None", producer

    @case("TransactionsCommand tells of an id that nobody has")
    def _():
        status, said = jvm.jvm(tools.version).run("TransactionsCommand", "--bootstrap-server", kurierd.address,
                                                  "describe", "--transactional-id", f"nobody-{tools.version}")
        assert status != 0 and "the ID could not be found" in said, (status, said)


def hanging(tools, case):
    @case("TransactionsCommand finds a transaction that hangs, and aborts it")
    def _():
        topic, name = tools.topic("hung"), f"hung-{tools.version}"
        with wire.Connection(kurierd.port) as client:
            raw = opened(client, topic, name)
        # Its coordinator forgets it, and the partition does not.
        kurierd.stop()
        for folder in glob.glob(os.path.join(kurierd.data, "__transaction_state-*")):
            shutil.rmtree(folder)
        kurierd.start()
        with wire.Connection(kurierd.port) as client:
            assert eventually(lambda: stable_offset(client, topic) == 0)
        row, = tools.rows("find-hanging", "--topic", topic)
        assert row["Topic"] == topic and row["ProducerId"] == str(raw.producer), row
        assert row["StartOffset"] == "0", row
        tools.run("TransactionsCommand", "abort", "--topic", topic, "--partition", 0, "--start-offset", 0)
        with wire.Connection(kurierd.port) as client:
            assert eventually(lambda: stable_offset(client, topic) == 2)
        assert not tools.rows("find-hanging", "--topic", topic)
        tools.count(topic, 0)


def terminated(tools, case):
    @case("TransactionsCommand terminates a transaction, whose producer is fenced")
    def _():
        topic, name = tools.topic("ended"), f"ended-{tools.version}"
        with wire.Connection(kurierd.port) as client:
            raw = opened(client, topic, name)
            tools.run("TransactionsCommand", "forceTerminateTransaction", "--transactionalId", name)
            assert eventually(lambda: stable_offset(client, topic) == 2)
            assert raw.end(True) in (INVALID_PRODUCER_EPOCH, PRODUCER_FENCED)
        about, = tools.rows("describe", "--transactional-id", name)
        assert about["TransactionState"] == "Empty" and int(about["ProducerEpoch"]) > raw.epoch, about


def performed(tools, case):
    @case("ProducerPerformance sends 20,000 records in transactions")
    def _():
        topic = tools.topic("fast")
        tools.perform(topic, topic, 20_000)
        tools.count(topic, 20_000)


def level(tools):
    said = tools.run("FeatureCommand", "describe")
    row, = [line for line in said.splitlines() if "transaction.version" in line]
    about = re.match(r"Feature: transaction.version\s+SupportedMinVersion: 0\s+SupportedMaxVersion: 2\s+"
                     r"FinalizedVersionLevel: (\d)\s", row)
    assert about, row
    return int(about[1])


def features(tools, case):
    @case("FeatureCommand tells that transactions are of version 2")
    def _():
        assert level(tools) == 2

    for number, wanted in enumerate(FEATURES[tools.version]):
        @case(f"FeatureCommand sets transaction.version to {wanted}, and a producer works with that")
        def _(wanted=wanted, number=number):
            how = "downgrade" if wanted < level(tools) else "upgrade"
            tools.run("FeatureCommand", how, "--feature", f"transaction.version={wanted}")
            assert level(tools) == wanted
            topic = tools.topic(f"version-{number}")
            tools.perform(topic, "versions", 5000)
            tools.count(topic, 5000)


for each in ["4.3", "3.9"]:
    of = Tools(each)
    for part in (looked_at, performed, hanging, *([terminated] if each == "4.3" else []), features):
        part(of, lambda name, each=each: tap.case(f"{each}: {name}"))

if __name__ == "__main__":
    with kurierd:
        tap.run()
