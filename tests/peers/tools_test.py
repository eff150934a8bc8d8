#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka's own command line tools, of two versions, at kurierd: what they ask for is done, and what kurierd cannot do
is refused at once."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import jvm
import tap

kurierd = broker.Broker()


class Tools:
    """Those of one version, and its topics."""

    def __init__(self, version):
        self.version = version

    def run(self, tool, *words, props=(), **more):
        """Answers (exit status, what it said)."""
        where = ["--bootstrap-server", kurierd.address]
        if tool == "ProducerPerformance":
            where = ["--producer-props", f"bootstrap.servers={kurierd.address}", *props]
        return jvm.jvm(self.version).run(tool, *where, *words, **more)

    def good(self, tool, *words, **more):
        status, said = self.run(tool, *words, **more)
        assert status == 0, f"{tool} {words}: {status}\n{said[-2000:]}"
        return said

    def says(self, want, tool, *words):
        """Some end with status 0 even so."""
        status, said = self.run(tool, *words, patience_s=20)
        assert want in said and status != jvm.STUCK, f"{tool} {words}: {status}\n{said[-2000:]}"

    def topic(self, name):
        return f"{name}-{self.version}"

    def new(self, name, partitions=1, *words):
        self.good("TopicCommand", "--create", "--topic", self.topic(name), "--partitions", partitions, *words)
        return self.topic(name)

    def filled(self, name, lines):
        topic = self.new(name)
        self.good("ConsoleProducer", "--topic", topic, stdin="".join(line + "\n" for line in lines).encode())
        return topic


def topics(tools, case):
    @case("TopicCommand creates, lists, describes and grows")
    def _():
        topic = tools.new("made", 3, "--config", "retention.ms=9000")
        tools.good("TopicCommand", "--create", "--if-not-exists", "--topic", topic)
        assert topic in tools.good("TopicCommand", "--list").split()
        tools.good("TopicCommand", "--alter", "--topic", topic, "--partitions", 5)
        text = tools.good("TopicCommand", "--describe", "--topic", topic)
        assert "PartitionCount: 5\tReplicationFactor: 1\tConfigs: " in text and "retention.ms=9000" in text, text
        assert text.count("Leader: 1\tReplicas: 1\tIsr: 1") == 5, text
        for trouble in ["under-replicated-partitions", "unavailable-partitions", "under-min-isr-partitions"]:
            assert not tools.good("TopicCommand", "--describe", f"--{trouble}"), trouble

    @case("TopicCommand is refused what cannot be")
    def _():
        topic = tools.new("there", 3)
        tools.says("already exists", "TopicCommand", "--create", "--topic", topic)
        tools.says("InvalidPartitionsException", "TopicCommand", "--alter", "--topic", topic, "--partitions", 2)
        other = ["TopicCommand", "--create", "--topic", tools.topic("other")]
        tools.says("InvalidReplicationFactorException", *other, "--replication-factor", 3)
        tools.says("InvalidReplicaAssignmentException", *other, "--replica-assignment", "1,7")
        tools.says("InvalidTopicException", *other[:-1], "a/b")
        assert tools.topic("other") not in tools.good("TopicCommand", "--list")

    @case("TopicCommand deletes")
    def _():
        topic = tools.new("gone", 2)
        tools.good("TopicCommand", "--delete", "--topic", topic)
        assert topic not in tools.good("TopicCommand", "--list")


def records(tools, case):
    @case("ConsoleProducer writes, ConsoleConsumer reads a partition from an offset on")
    def _():
        topic = tools.filled("console", [f"line {i}" for i in range(1000)])
        read = ["ConsoleConsumer", "--topic", topic, "--partition", 0]
        text = tools.good(*read, "--offset", "earliest", "--max-messages", 1000)
        assert text.startswith("line 0\nline 1\n") and "line 999\n" in text, text[:100]
        assert tools.good(*read, "--offset", 997, "--max-messages", 2).startswith("line 997\nline 998\n")

    @case("GetOffsetShell finds each kind of end, and offsets by time")
    def _():
        topic = tools.filled("ends", ["one", "two", "three"])
        for time, offset in {"-1": 3, "latest": 3, "-2": 0, "earliest": 0, "-4": 0, "earliest-local": 0,
                             "1": 0}.items():
            assert tools.good("GetOffsetShell", "--topic", topic, "--time", time) == f"{topic}:0:{offset}\n", time
        assert tools.good("GetOffsetShell", "--topic", topic, "--time", "max-timestamp").startswith(f"{topic}:0:")
        for time in ["latest-tiered", str(1 << 50)]:
            assert tools.good("GetOffsetShell", "--topic", topic, "--time", time) == "", time
        assert f"{topic}:0:3\n" in tools.good("GetOffsetShell")

    @case("ProducerPerformance sends 100,000 records with every codec")
    def _():
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
            topic = tools.new(f"fast-{codec}")
            text = tools.good("ProducerPerformance", "--topic", topic, "--num-records", 100_000, "--record-size",
                                  100, "--throughput", -1, props=[f"compression.type={codec}"])
            assert "100000 records sent" in text, text
            assert tools.good("GetOffsetShell", "--topic", topic) == f"{topic}:0:100000\n"

    @case("VerifiableProducer has all acknowledged")
    def _():
        text = jvm.alone(tools.version, "org.apache.kafka.tools.VerifiableProducer", "--bootstrap-server",
                         kurierd.address, "--topic", tools.new("verifiable", 2), "--max-messages", 1000)
        events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        sent = sorted(int(event["value"]) for event in events if event["name"] == "producer_send_success")
        assert sent == list(range(1000)), len(sent)
        assert events[-1]["sent"] == events[-1]["acked"] == 1000, events[-1]


def cluster(tools, case):
    @case("BrokerApiVersionsCommand lists what kurierd speaks")
    def _():
        text = tools.good("BrokerApiVersionsCommand")
        assert f"{kurierd.address} (id: 1 rack: null" in text, text
        assert "Fetch(1): 4 to 18 [usable: " in text and "ERROR" not in text, text

    @case("ClusterTool tells the cluster's id and its node")
    def _():
        run = jvm.tool(tools.version, "ClusterTool", "cluster-id", "--bootstrap-server", kurierd.address)
        assert run.startswith("Cluster ID: ") and len(run.split()[2]) == 22, run

    @case("FeatureCommand has nothing to tell")
    def _():
        assert tools.good("FeatureCommand", "describe") == ""


# Of each: the tool, its words, the API that it is told it cannot have.
REFUSED = [
    ("ConsumerGroupCommand", ["--list"], "LIST_GROUPS"),
    ("ConsumerGroupCommand", ["--describe", "--group", "g"], "DESCRIBE_GROUPS"),
    ("ConsumerGroupCommand", ["--delete", "--group", "g"], "DELETE_GROUPS"),
    ("ConsumerGroupCommand", ["--reset-offsets", "--to-earliest", "--all-topics", "--execute", "--group", "g"],
     "DESCRIBE_GROUPS"),
    ("ConsoleConsumer", ["--topic", "refused", "--from-beginning"], "JOIN_GROUP"),
    ("ProducerPerformance", ["--topic", "refused", "--num-records", 1, "--record-size", 1, "--throughput", 1,
                             "--transactional-id", "x", "--transaction-duration-ms", 9], "API is not supported"),
    ("TransactionsCommand", ["list"], "LIST_TRANSACTIONS"),
    ("TransactionsCommand", ["describe", "--transactional-id", "x"], "DESCRIBE_TRANSACTIONS"),
    ("TransactionsCommand", ["describe-producers", "--topic", "refused", "--partition", 0], "DESCRIBE_PRODUCERS"),
    ("TransactionsCommand", ["find-hanging", "--broker-id", 1], "DESCRIBE_PRODUCERS"),
    ("AclCommand", ["--list"], "DESCRIBE_ACLS"),
    ("AclCommand", ["--add", "--allow-principal", "User:bob", "--operation", "Read", "--topic", "refused"], "_ACLS"),
    ("MetadataQuorumCommand", ["describe", "--status"], "DESCRIBE_QUORUM"),
    ("MetadataQuorumCommand", ["describe", "--replication"], "DESCRIBE_QUORUM"),
    ("ConfigCommand", ["--describe", "--entity-type", "users"], "DESCRIBE_CLIENT_QUOTAS"),
    ("ConfigCommand", ["--alter", "--entity-type", "users", "--entity-name", "bob", "--add-config",
                       "SCRAM-SHA-256=[password=secret]"], "USER_SCRAM_CREDENTIALS"),
]
REFUSED_4 = [
    ("ConsoleConsumer", ["--topic", "refused", "--command-property", "group.protocol=consumer"],
     "CONSUMER_GROUP_HEARTBEAT"),
    ("ConsoleShareConsumer", ["--topic", "refused", "--timeout-ms", 500], "SHARE_GROUP_HEARTBEAT"),
    ("ShareGroupCommand", ["--list"], "LIST_GROUPS"),
    ("ShareGroupCommand", ["--describe", "--group", "s"], "SHARE_GROUP_DESCRIBE"),
    ("GroupsCommand", ["--list"], "LIST_GROUPS"),
]


def refusals(tools, case):
    for tool, words, want in REFUSED + (REFUSED_4 if tools.version[0] == "4" else []):
        @case(f"{tool} {' '.join(map(str, words))}: refused at once")
        def _(tool=tool, words=words, want=want):
            if "refused" not in tools.good("TopicCommand", "--list").split():
                tools.good("TopicCommand", "--create", "--topic", "refused")
            tools.says(want, tool, *words)


for each in ["4.3", "3.9"]:
    of = Tools(each)
    for part in (topics, records, cluster, refusals):
        part(of, lambda name, each=each: tap.case(f"{each}: {name}"))

if __name__ == "__main__":
    with kurierd:
        tap.run()
