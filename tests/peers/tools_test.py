#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka's own command line tools, of two versions, at kurierd: what they ask for is done, and what kurierd cannot do
is refused at once."""
import contextlib
import glob
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit"), os.path.join(HERE, "..", "system")]

import broker
import clients
import jvm
import peers
import tap
from cli_kit import Cli
from members import Group

kurierd = broker.Broker({"group.initial.rebalance.delay.ms": 0, "group.consumer.min.heartbeat.interval.ms": 100,
                         "group.consumer.heartbeat.interval.ms": 200})
kurier = Cli(kurierd)
MEMBER = clients.in_c(os.path.join("tests", "peers", "rdkafka_member"))
PARTITIONS = 4


@contextlib.contextmanager
def in_file(value):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as out:
        json.dump(value, out)
        out.flush()
        yield out.name


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

    @case("DeleteRecordsCommand moves the beginning")
    def _():
        topic = tools.filled("cut", ["line"] * 50)
        for offset, first in [(10, 10), (5, 10), (-1, 50)]:
            wanted = {"version": 1, "partitions": [{"topic": topic, "partition": 0, "offset": offset}]}
            with in_file(wanted) as name:
                text = tools.good("DeleteRecordsCommand", "--offset-json-file", name)
            assert f"partition: {topic}-0\tlow_watermark: {first}\n" in text, text
            assert tools.good("GetOffsetShell", "--topic", topic, "--time", "earliest") == f"{topic}:0:{first}\n"
        with in_file({"version": 1, "partitions": [{"topic": topic, "partition": 0, "offset": 51}]}) as name:
            tools.says("OffsetOutOfRangeException", "DeleteRecordsCommand", "--offset-json-file", name)

    @case("ProducerPerformance sends 100,000 records with every codec")
    def _():
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
            topic = tools.new(f"fast-{codec}")
            text = tools.good("ProducerPerformance", "--topic", topic, "--num-records", 100_000, "--record-size",
                                  100, "--throughput", -1, props=[f"compression.type={codec}"])
            assert "100000 records sent" in text, text
            assert tools.good("GetOffsetShell", "--topic", topic) == f"{topic}:0:100000\n"

    @case("TransactionsCommand describes the idempotent producers of a partition, and finds no transaction that hangs")
    def _():
        topic = tools.filled("remembered", ["line"] * 5)
        rows = tools.good("TransactionsCommand", "describe-producers", "--topic", topic, "--partition", 0).splitlines()
        about = dict(zip(rows[0].split(), rows[1].split()))
        assert len(rows) == 2 and about["LastSequence"] == "4" and about["ProducerEpoch"] == "0", rows
        assert len(tools.good("TransactionsCommand", "find-hanging", "--broker-id", 1).splitlines()) == 1

    @case("VerifiableProducer has all acknowledged")
    def _():
        text = jvm.alone(tools.version, "org.apache.kafka.tools.VerifiableProducer", "--bootstrap-server",
                         kurierd.address, "--topic", tools.new("verifiable", 2), "--max-messages", 1000)
        events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        sent = sorted(int(event["value"]) for event in events if event["name"] == "producer_send_success")
        assert sent == list(range(1000)), len(sent)
        assert events[-1]["sent"] == events[-1]["acked"] == 1000, events[-1]


def groups(tools, case):
    @case("ConsoleConsumer reads in a group, and goes on where it was")
    def _():
        topic, group = tools.filled("grouped", [f"line {i}" for i in range(1000)]), tools.topic("console")
        read = ["ConsoleConsumer", "--topic", topic, "--group", group, "--from-beginning"]
        assert tools.good(*read, "--max-messages", 600).count("line ") == 600
        text = tools.good(*read, "--max-messages", 400)
        assert "line 600\n" in text and "line 999\n" in text and "line 599\n" not in text, text[:100]

    @case("ConsumerGroupCommand lists, describes, resets and deletes")
    def _():
        topic, group = tools.filled("counted", ["one", "two", "three"]), tools.topic("commanded")
        tools.good("ConsoleConsumer", "--topic", topic, "--group", group, "--from-beginning", "--max-messages", 3)
        command = ["ConsumerGroupCommand", "--group", group]
        assert group in tools.good("ConsumerGroupCommand", "--list").split()
        assert "Empty" in tools.good("ConsumerGroupCommand", "--list", "--state").split()

        def position():
            rows = [line.split() for line in tools.good(*command, "--describe").splitlines()]
            return next(row[3] for row in rows if row[:2] == [group, topic])
        assert position() == "3"
        assert "Empty" in tools.good(*command, "--describe", "--state")
        tools.good(*command, "--reset-offsets", "--to-offset", 1, "--topic", topic, "--execute")
        assert position() == "1"
        tools.good(*command, "--reset-offsets", "--to-earliest", "--all-topics", "--execute")
        assert position() == "0"
        tools.good(*command, "--delete-offsets", "--topic", topic)
        tools.good(*command, "--delete")
        assert group not in tools.good("ConsumerGroupCommand", "--list").split()


    @case("ConsumerPerformance and VerifiableConsumer read what ProducerPerformance wrote, and count it")
    def _():
        topic = tools.new("measured", 2)
        tools.good("ProducerPerformance", "--topic", topic, "--num-records", 20_000, "--record-size", 100,
                   "--throughput", -1)
        count = "--num-records" if tools.version[0] == "4" else "--messages"
        rows = tools.good("ConsumerPerformance", "--topic", topic, count, 20_000).splitlines()
        about = dict(zip(rows[-2].split(", "), rows[-1].split(", ")))
        assert about["data.consumed.in.nMsg"] == "20000", rows
        text = tools.good("VerifiableConsumer", "--topic", topic, "--group-id", tools.topic("verifying"),
                          "--max-messages", 20_000, "--reset-policy", "earliest")
        events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        assert sum(event["count"] for event in events if event["name"] == "records_consumed") == 20_000, text

    @case("EndToEndLatency is told for each record")
    def _():
        words = ["--topic", tools.new("latency"), "--num-records", 100, "--producer-acks", "all", "--record-size", 9]
        if tools.version[0] == "4":
            text = tools.good("EndToEndLatency", *words)
        else:
            text = jvm.tool(tools.version, "EndToEndLatency", kurierd.address, *words[1::2])
        assert "Avg latency: " in text, text

    @case("StreamsResetter takes an application back to the beginning")
    def _():
        topic, application = tools.filled("streamed", ["one"]), tools.topic("application")
        text = tools.good("StreamsResetter", "--application-id", application, "--input-topics", topic, "--force")
        assert f"Topic: {topic} Partition: 0 Offset: 0" in text, text


def rows_of(text):
    """Of a table of the tool's, by its heads."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    heads = next(i for i, words in enumerate(lines) if words[0] == "GROUP")
    return [dict(zip(lines[heads], words)) for words in lines[heads + 1:]]


class Both:
    """A group with two members, seen by the tool and by kurier group."""

    def __init__(self, tools, strategy):
        self.tools, self.strategy, self.name = tools, strategy, tools.topic(f"both-{strategy}")
        self.members = Group(self.name, PARTITIONS)
        kurier("topic", "create", "-p", PARTITIONS, self.name)
        lines = "".join(json.dumps({"key": str(i), "payload": "x", "ts": 1700000000000 + i}) + "\n" for i in range(200))
        kurier("produce", "-J", "-t", self.name, text=lines)
        self.members.produced = 200
        for _ in range(2):
            self.members.add("librdkafka", ["env", f"LD_LIBRARY_PATH={peers.librdkafka()}", *MEMBER(), kurierd.address,
                                            self.name, self.name, strategy, "6000"])
        self.members.settle(f"{tools.version}, {strategy}")
        self.members.read_all()

    def tool(self, *words):
        return self.tools.good("ConsumerGroupCommand", "--group", self.name, *words)

    def same_members(self):
        ours, = kurier.json("group", "describe", self.name)
        theirs = rows_of(self.tool("--describe", "--members", "--verbose"))
        assert {(r["CONSUMER-ID"], r["HOST"], r["CLIENT-ID"], int(r["#PARTITIONS"])) for r in theirs} == {
            (m["member"], m["host"], m["client"], sum(len(a["partitions"]) for a in m["assigned"]))
            for m in ours["members"]}, (theirs, ours)
        state = self.tool("--describe", "--state").split()
        assert state[-3:] == [ours["assignor"], ours["state"], str(len(ours["members"]))], (state, ours)
        type_of = "Consumer" if self.strategy == "consumer" else "Classic"
        listed = rows_of(self.tools.good("ConsumerGroupCommand", "--list", "--state", "--type"))
        assert {"GROUP": self.name, "TYPE": type_of, "STATE": "Stable"} in listed and ours["type"] == type_of.lower()

    def same_lag(self):
        def told(value):
            return "-" if value in (None, -1) else str(value)
        ours = {tuple(told(row[key]) for key in ("topic", "partition", "committed", "end", "lag", "member", "host",
                                                 "client")) for row in kurier.json("group", "lag", self.name)}
        theirs = {tuple(row.values())[1:] for row in rows_of(self.tool("--describe"))}
        assert ours == theirs and len(ours) == PARTITIONS, (ours, theirs)

    def both_refused(self):
        for ours, theirs, want in [(["reset", "--to-earliest", "-t", self.name], ["--reset-offsets", "--to-earliest",
                                    "--topic", self.name], "can only be reset if the group"),
                                   (["delete"], ["--delete"], "GroupNotEmptyException"),
                                   (["delete", "--offsets", "-t", self.name], ["--delete-offsets", "--topic", self.name],
                                    "GroupSubscribedToTopicException")]:
            kurier.fails("group", *ours, self.name)
            self.tools.says(want, "ConsumerGroupCommand", "--group", self.name, *theirs)

    def same_plans(self):
        for words in [["--to-earliest"], ["--to-latest"], ["--to-current"], ["--to-offset", 7], ["--to-offset", 9999],
                      ["--shift-by", -3], ["--shift-by", 9999], ["--to-datetime", "2023-11-14T22:13:20.100"],
                      ["--to-datetime", "2023-11-15T00:13:20.150+02:00"], ["--by-duration", "PT1H"],
                      ["--by-duration", "P20000D"]]:
            theirs = self.tool("--reset-offsets", *words, "--topic", self.name, "--dry-run", "--export")
            ours = kurier("group", "reset", *words, "-t", self.name, "--export", "-q", self.name)
            theirs = theirs.replace('"', "")  # around longer names; and there are warnings
            assert sorted(word for word in theirs.split() if word.startswith(self.name + ",")) == ours.split(), (
                words, theirs, ours)

    def each_others_files(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as out:
            out.write("".join(f"{self.name},{p},{p}\n" for p in range(PARTITIONS)))
            out.flush()
            self.tool("--reset-offsets", "--from-file", out.name, "--execute")
        assert [row["committed"] for row in kurier.json("group", "lag", self.name)] == list(range(PARTITIONS))
        plan = self.tool("--reset-offsets", "--shift-by", 1, "--all-topics", "--dry-run", "--export")
        kurier("group", "reset", "--from-file", "-", "--execute", self.name, text=plan)
        assert {(int(row["PARTITION"]), int(row["CURRENT-OFFSET"])) for row in rows_of(self.tool("--describe"))} == {
            (p, p + 1) for p in range(PARTITIONS)}


def compared(tools, case):
    for strategy in ["cooperative-sticky", "consumer"]:
        @case(f"ConsumerGroupCommand and kurier group tell the same and do the same, of {strategy}")
        def _(strategy=strategy):
            both = Both(tools, strategy)
            try:
                both.same_members()
                both.same_lag()
                both.both_refused()
                both.members.end()
            finally:
                both.members.kill_all()
            both.same_lag()
            both.same_plans()
            both.each_others_files()
            both.tool("--delete-offsets", "--topic", both.name)
            assert kurier.json("group", "lag", both.name) == []
            both.tool("--delete")
            assert both.name not in {row["group"] for row in kurier.json("group", "list")}


def consumer_protocol(tools, case):
    protocol = ["--command-property", "group.protocol=consumer"]

    @case("ConsoleConsumer reads in a group of the consumer protocol, and ConsumerGroupCommand describes it")
    def _():
        topic, group = tools.filled("modern", [f"line {i}" for i in range(100)]), tools.topic("modern-group")
        read = ["ConsoleConsumer", "--topic", topic, "--group", group, *protocol]
        assert tools.good(*read, "--from-beginning", "--max-messages", 60).count("line ") == 60
        assert "line 60\n" in tools.good(*read, "--max-messages", 40)
        command = ["ConsumerGroupCommand", "--group", group]
        rows = [line.split() for line in tools.good("ConsumerGroupCommand", "--list", "--type").splitlines()]
        assert [group, "Consumer"] in rows, rows
        text = tools.good(*command, "--describe", "--state", "--verbose")
        assert "Empty" in text and "uniform" in text, text
        tools.good(*command, "--reset-offsets", "--to-offset", 10, "--topic", topic, "--execute")
        assert "line 10\n" in tools.good(*read, "--max-messages", 1)
        tools.good(*command, "--delete")

    @case("VerifiableConsumer reads all in a group of the consumer protocol")
    def _():
        topic, group = tools.new("verified", 4), tools.topic("verified-group")
        tools.good("ProducerPerformance", "--topic", topic, "--num-records", 4000, "--record-size", 10,
                   "--throughput", -1)
        text = tools.good("VerifiableConsumer", "--topic", topic, "--group-id", group, "--max-messages", 4000,
                          "--reset-policy", "earliest", "--group-protocol", "consumer", "--group-remote-assignor", "range")
        events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        assert sum(event["count"] for event in events if event["name"] == "records_consumed") == 4000, text

    @case("ConsumerPerformance reads all in a group of the consumer protocol")
    def _():
        topic, group = tools.new("quick", 2), tools.topic("quick-group")
        tools.good("ProducerPerformance", "--topic", topic, "--num-records", 20_000, "--record-size", 100,
                   "--throughput", -1)
        rows = tools.good("ConsumerPerformance", "--topic", topic, "--num-records", 20_000, "--group", group,
                          *protocol).splitlines()
        assert dict(zip(rows[-2].split(", "), rows[-1].split(", ")))["data.consumed.in.nMsg"] == "20000", rows
        assert {"group": group, "type": "consumer"}.items() <= kurier.json("group", "describe", group)[0].items()


    @case("DumpLogSegments decodes all that groups have left in __consumer_offsets")
    def _():
        logs = [log for log in glob.glob(os.path.join(kurierd.data, "__consumer_offsets-*", "*.log")) if os.path.getsize(log)]
        text = jvm.tool(tools.version, "DumpLogSegments", "--offsets-decoder", "--files", ",".join(logs))
        keys = [json.loads(line.split(" key: ")[1].split(" payload: ")[0]) for line in text.splitlines()
                if " key: {" in line]
        kinds = {(key["type"]) for key in keys}
        assert kinds == {"1", "2", "3", "4", "5", "6", "7", "8"}, kinds
        records = sum(line.startswith("| offset:") for line in text.splitlines())
        assert len(keys) == records and "error" not in text.lower(), (len(keys), records)


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

    @case("FeatureCommand tells which groups and transactions there may be")
    def _():
        rows = [line.split()[:8] for line in tools.good("FeatureCommand", "describe").splitlines() if line]
        assert rows == [["Feature:", name, "SupportedMinVersion:", "0", "SupportedMaxVersion:", level,
                         "FinalizedVersionLevel:", level]
                        for name, level in (("group.version", "1"), ("transaction.version", "2"))], rows

    @case("LogDirsCommand tells what lies in kurierd's folder")
    def _():
        topic = tools.filled("kept", ["line"] * 100)
        text = tools.good("LogDirsCommand", "--describe", "--topic-list", topic)
        about, = json.loads(text.splitlines()[-1])["brokers"][0]["logDirs"]
        partition, = about["partitions"]
        assert about["error"] is None and about["logDir"] == kurierd.data, text
        assert partition["partition"] == f"{topic}-0" and partition["size"] > 400, text

    @case("LeaderElectionCommand finds the right leader elected, of one partition and of all")
    def _():
        topic = tools.new("led", 2)
        for kind in ["preferred", "unclean"]:
            text = tools.good("LeaderElectionCommand", "--election-type", kind, "--topic", topic, "--partition", 1)
            assert f"Valid replica already elected for partitions {topic}-1" in text, text
        tools.good("LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions")

    @case("ReassignPartitionsCommand proposes, and moves to where they are")
    def _():
        topic = tools.new("moved", 2)
        move = ["ReassignPartitionsCommand", "--reassignment-json-file"]
        here = {"version": 1, "partitions": [{"topic": topic, "partition": 1, "replicas": [1]}]}
        away = {"version": 1, "partitions": [{"topic": topic, "partition": 1, "replicas": [7]}]}
        with in_file({"version": 1, "topics": [{"topic": topic}]}) as name:
            text = tools.good(move[0], "--generate", "--topics-to-move-json-file", name, "--broker-list", 1)
            assert text.count(f'"topic":"{topic}","partition":1,"replicas":[1]') == 2, text
        with in_file(here) as name:
            assert "Successfully started" in tools.good(*move, name, "--execute")
            assert "is completed" in tools.good(*move, name, "--verify")
        with in_file(away) as name:
            tools.says("Unknown broker id 7", *move, name, "--execute")
        assert "No partition reassignments found" in tools.good(move[0], "--list")


def settings(tools, case):
    @case("ConfigCommand changes a topic's settings, which then hold")
    def _():
        topic = tools.new("set")
        of = ["ConfigCommand", "--entity-type", "topics", "--entity-name", topic]
        tools.good(*of, "--alter", "--add-config", "cleanup.policy=[compact,delete],max.message.bytes=1000")
        text = tools.good(*of, "--describe")
        assert "cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:" in text, text
        large = ["ProducerPerformance", "--topic", topic, "--num-records", 1, "--record-size", 2000,
                 "--throughput", -1]
        tools.says("RecordTooLargeException", *large)
        tools.good(*of, "--alter", "--delete-config", "max.message.bytes,cleanup.policy")
        assert "policy" not in tools.good(*of, "--describe")
        assert "1 records sent" in tools.good(*large)
        text = tools.good(*of, "--describe", "--all")
        assert "max.message.bytes=1048588 sensitive=false synonyms={DEFAULT_CONFIG:message.max.bytes=1048588}" in text

    @case("ConfigCommand is refused keys, values and topics that are not there")
    def _():
        of = ["ConfigCommand", "--entity-type", "topics", "--entity-name", tools.new("unset"), "--alter"]
        tools.says("InvalidConfigurationException", *of, "--add-config", "nonsense=1")
        tools.says("InvalidConfigurationException", *of, "--add-config", "retention.ms=x")
        tools.says("UnknownTopicOrPartitionException", *of[:4], "nope", "--alter", "--add-config", "retention.ms=1")

    @case("ConfigCommand changes one broker's settings, and those of all")
    def _():
        one = ["ConfigCommand", "--entity-type", "brokers", "--entity-name", 1]
        all_of = ["ConfigCommand", "--entity-type", "brokers", "--entity-default"]
        tools.good(*one, "--alter", "--add-config", "log.retention.ms=5000000000")
        tools.good(*all_of, "--alter", "--add-config", "log.retention.ms=6000000000")
        text = tools.good(*one, "--describe")
        assert "synonyms={DYNAMIC_BROKER_CONFIG:log.retention.ms=5000000000, " \
            "DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=6000000000, " in text, text
        assert "log.retention.ms=6000000000" in tools.good(*all_of, "--describe")
        tools.says("InvalidRequestException", *all_of, "--alter", "--add-config", "log.dirs=/elsewhere")
        for of in (one, all_of):
            tools.good(*of, "--alter", "--delete-config", "log.retention.ms")
            assert "retention" not in tools.good(*of, "--describe")
        assert "  log.dirs=" in tools.good(*one, "--describe", "--all")


def group_settings(tools, case):
    @case("ConfigCommand changes a group's settings, which are there after kill -9")
    def _():
        of = ["ConfigCommand", "--entity-type", "groups", "--entity-name", tools.topic("set/group")]
        tools.good(*of, "--alter", "--add-config", "consumer.session.timeout.ms=50000")
        tools.says("InvalidConfigurationException", *of, "--alter", "--add-config", "consumer.session.timeout.ms=1")
        kurierd.restart()
        assert "consumer.session.timeout.ms=50000 sensitive=false synonyms={DYNAMIC_GROUP_CONFIG:" \
            in tools.good(*of, "--describe")
        tools.good(*of, "--alter", "--delete-config", "consumer.session.timeout.ms")
        assert "50000" not in tools.good(*of, "--describe")


# Of each: the tool, its words, the API that it is told it cannot have.
REFUSED = [
    ("AclCommand", ["--list"], "DESCRIBE_ACLS"),
    ("AclCommand", ["--add", "--allow-principal", "User:bob", "--operation", "Read", "--topic", "refused"], "_ACLS"),
    ("MetadataQuorumCommand", ["describe", "--status"], "DESCRIBE_QUORUM"),
    ("MetadataQuorumCommand", ["describe", "--replication"], "DESCRIBE_QUORUM"),
    ("DelegationTokenCommand", ["--describe", "--command-config", os.devnull], "DESCRIBE_DELEGATION_TOKEN"),
    ("FeatureCommand", ["upgrade", "--feature", "metadata.version=20"], "no such feature here"),
    ("ConfigCommand", ["--describe", "--entity-type", "users"], "DESCRIBE_CLIENT_QUOTAS"),
    ("ConfigCommand", ["--alter", "--entity-type", "users", "--entity-name", "bob", "--add-config",
                       "SCRAM-SHA-256=[password=secret]"], "USER_SCRAM_CREDENTIALS"),
]
REFUSED_4 = [
    ("ConsoleShareConsumer", ["--topic", "refused", "--timeout-ms", 500], "SHARE_GROUP_HEARTBEAT"),
    ("ShareGroupCommand", ["--describe", "--group", "s"], "SHARE_GROUP_DESCRIBE"),
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
    modern = [consumer_protocol, group_settings] if each == "4.3" else []
    for part in (topics, records, groups, compared, *modern, settings, cluster, refusals):
        part(of, lambda name, each=each: tap.case(f"{each}: {name}"))

if __name__ == "__main__":
    with kurierd:
        tap.run()
