#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kurier topic, config, cluster and bench, as people and scripts use them."""
import json
import re

from cli_kit import Cli, table

import broker
import tap

kurierd = broker.Broker({"num.partitions": 2})
kurier = Cli(kurierd)


# ---- Topics -----------------------------------------------------------------------------

@tap.case("topics are created, listed, described and deleted")
def _():
    assert kurier("topic", "create", "-p", "3", "-r", "1", "one", "two") == (
        "one: created, 3 partitions, 1 replicas\ntwo: created, 3 partitions, 1 replicas\n")
    assert kurier("topic", "list") == "one\ntwo\n"
    text = kurier("topic", "describe", "one")
    assert re.fullmatch(r"one: 3 partitions, id .{22}\n(  \d  leader 1  epoch 0  replicas 1  isr 1\n){3}", text), text
    text = kurier.fails("topic", "create", "one", "three")
    assert "TOPIC_ALREADY_EXISTS" in text and "kurier topic describe one" in text, text
    assert "three" in kurier("topic", "list").split()
    kurier("topic", "create", "--if-not-exists", "one", "four")
    assert kurier("topic", "delete", "one", "three") == "one: deleted\nthree: deleted\n"
    assert kurier("topic", "list").split() == ["four", "two"]
    text = kurier.fails("topic", "delete", "two", "gone")
    assert "gone: " in text and "UNKNOWN_TOPIC_OR_PARTITION" in text, text
    kurier("topic", "delete", "--if-exists", "two", "four")
    assert kurier("topic", "list") == ""
    assert "kurier topic create one" in kurier.fails("topic", "describe", "one")


@tap.case("topics as JSON")
def _():
    made = kurier.json("topic", "create", "-p", "2", "json")
    assert made == [{"topic": "json", "id": made[0]["id"], "partitions": 2, "replication": 1}], made
    for word in ("list", "describe"):
        rows = kurier.json("topic", word)
        assert [row["topic"] for row in rows] == ["json"] and rows[0]["id"] == made[0]["id"]
        assert rows[0]["partitions"][1] == {"partition": 1, "leader": 1, "leader_epoch": 0, "replicas": [1], "isr": [1],
                                            "offline": []}
    assert kurier.json("topic", "add-partitions", "-p", "3", "json") == ["json"]
    assert kurier.json("topic", "delete", "json") == ["json"]


@tap.case("partitions are added, never taken; a dry run changes nothing")
def _():
    kurier("topic", "create", "-p", "1", "grows")
    assert "can be grown" in kurier("topic", "add-partitions", "-n", "-p", "9", "grows")
    assert kurier("topic", "add-partitions", "-p", "4", "grows") == "grows: grown\n"
    assert kurier("topic", "describe", "grows").startswith("grows: 4 partitions")
    assert "INVALID_PARTITIONS" in kurier.fails("topic", "add-partitions", "-p", "2", "grows")
    assert "can be created" in kurier("topic", "create", "-n", "dry") and "dry" not in kurier("topic", "list")
    assert "INVALID_REPLICATION_FACTOR" in kurier.fails("topic", "create", "-r", "3", "dry")
    assert "INVALID_TOPIC" in kurier.fails("topic", "create", "no/slash")


@tap.case("where partitions begin and end")
def _():
    kurier("topic", "create", "-p", "2", "ends")
    for i in range(5):
        kurier("produce", "-J", "-t", "ends", "-p", "0", text=json.dumps({"payload": "x", "ts": 1700000000000 + i}))
    rows = table(kurier("topic", "offsets", "ends"))
    assert rows == [{"TOPIC": "ends", "PARTITION": "0", "BEGINNING": "0", "END": "5", "RECORDS": "5"},
                    {"TOPIC": "ends", "PARTITION": "1", "BEGINNING": "0", "END": "0", "RECORDS": "0"}], rows
    assert kurier.json("topic", "offsets", "-p", "0", "ends") == [
        {"topic": "ends", "partition": 0, "beginning": 0, "end": 5, "records": 5}]
    assert [row["offset"] for row in kurier.json("topic", "offsets", "-o", "s@1700000000003", "ends")] == [3, -1]
    assert [row["offset"] for row in kurier.json("topic", "offsets", "-o", "end", "ends")] == [5, 0]
    assert kurier.json("topic", "offsets", "-o", "latest", "-p", "0", "ends")[0]["timestamp"] == 1700000000004
    assert {row["topic"] for row in kurier.json("topic", "offsets")} >= {"ends", "grows"}
    done = kurier.run("topic", "offsets", "ends", "gone")
    assert done.status == 1 and "ends" in done.out and "gone" in done.err, done
    assert "there is no 7" in kurier.fails("topic", "offsets", "-p", "7", "ends")


@tap.case("records are deleted up to an offset, or all of them")
def _():
    rows = table(kurier("topic", "delete-records", "-p", "0", "-o", "2", "ends"))
    assert rows == [{"TOPIC": "ends", "PARTITION": "0", "BEGINNING": "2"}], rows
    assert kurier.read("ends", "-f", "%o ") == "2 3 4 "
    assert "OFFSET_OUT_OF_RANGE" in kurier.fails("topic", "delete-records", "-p", "0", "-o", "9", "ends")
    assert [row["beginning"] for row in kurier.json("topic", "delete-records", "-o", "end", "ends")] == [5, 0]
    assert kurier.read("ends") == ""


@tap.case("producers that a partition remembers")
def _():
    rows = [row for row in kurier.json("topic", "producers", "ends") if row["partition"] == 0]
    assert len(rows) == 5 and all(row["last_sequence"] == 0 and row["epoch"] == 0 for row in rows), rows


# ---- Settings ------------------------------------------------------------------------------

@tap.case("settings of a topic are set, shown and unset")
def _():
    kurier("topic", "create", "-s", "retention.ms=7000", "-s", "segment.bytes=2097152", "set")
    assert kurier("config", "get", "topic", "set", "retention.ms", "segment.bytes") == "7000\n2097152\n"
    kurier("config", "set", "topic", "set", "retention.ms=9000", "cleanup.policy=delete")
    rows = {row["key"]: row for row in kurier.json("config", "list", "topic", "set")}
    assert rows["retention.ms"] == {"key": "retention.ms", "value": "9000", "source": "DYNAMIC_TOPIC_CONFIG",
                                    "type": "LONG", "read_only": False}, rows
    kurier("config", "unset", "topic", "set", "retention.ms", "segment.bytes")
    assert "retention.ms" not in kurier("config", "list", "topic", "set")
    assert "retention.ms" in kurier("config", "list", "-a", "topic", "set")
    assert kurier.json("config", "get", "topic", "set", "retention.ms") == {"retention.ms": "604800000"}
    kurier("topic", "alter", "-s", "retention.ms=5000", "-p", "3", "set")
    assert kurier("config", "get", "topic", "set", "retention.ms") == "5000\n"
    assert kurier("topic", "describe", "set").startswith("set: 3 partitions")


@tap.case("a dry run changes no setting; a wrong one is refused with its name")
def _():
    kurier("config", "set", "-n", "topic", "set", "retention.ms=1")
    assert kurier("config", "get", "topic", "set", "retention.ms") == "5000\n"
    for change in ("retention.ms=soon", "no.such.key=1"):
        text = kurier.fails("config", "set", "topic", "set", "segment.ms=60000", change)
        assert change.split("=", maxsplit=1)[0] in text, text
    assert "segment.ms" not in kurier("config", "list", "topic", "set")  # together or not at all
    text = kurier.fails("config", "get", "topic", "set", "retention.ms", "no.such.key")
    assert "has no no.such.key" in text and "kurier config list --all topic set" in text, text
    assert "UNKNOWN_TOPIC" in kurier.fails("config", "list", "topic", "gone")


@tap.case("settings of a broker, and of all of them")
def _():
    assert "num.partitions" in kurier("config", "list", "broker", "1")
    assert kurier("config", "get", "broker", "1", "num.partitions") == "2\n"
    kurier("config", "set", "broker", "1", "log.retention.ms=123456")
    rows = {row["key"]: row for row in kurier.json("config", "list", "broker", "1")}
    assert rows["log.retention.ms"]["value"] == "123456" and rows["log.retention.ms"]["source"].startswith("DYNAMIC")
    kurier("config", "unset", "broker", "1", "log.retention.ms")
    kurier("config", "set", "broker", "default", "log.retention.ms=654321")
    assert "654321" in kurier("config", "list", "broker", "default")
    kurier("config", "unset", "broker", "default", "log.retention.ms")


# ---- The cluster ---------------------------------------------------------------------------

@tap.case("the cluster, its brokers, their directories")
def _():
    host, port = kurierd.address.split(":")
    info = kurier.json("cluster", "info")
    assert info["controller"] == 1 and info["brokers"] == 1 and info["cluster"] in kurier("cluster", "info")
    assert kurier.json("cluster", "brokers") == [
        {"id": 1, "host": host, "port": int(port), "rack": None, "controller": True}]
    assert table(kurier("cluster", "brokers")) == [
        {"ID": "1", "HOST": host, "PORT": port, "RACK": "-", "CONTROLLER": "yes"}]
    rows = [row for row in kurier.json("cluster", "log-dirs", "-i", "1") if row["topic"] == "ends"]
    assert len(rows) == 2 and rows[0]["dir"] == kurierd.data, rows


@tap.case("what brokers can do")
def _():
    rows = {row["api"]: row for row in kurier.json("cluster", "apis")}
    assert rows["Produce"]["key"] == 0 and rows["Produce"]["used"] <= rows["Produce"]["max"]
    assert "Fetch" in kurier("cluster", "apis", "-i", "1")
    assert isinstance(kurier.json("cluster", "features"), list)


@tap.case("leaders are elected, where that is needed")
def _():
    rows = kurier.json("cluster", "elect", "ends")
    assert [row["outcome"] for row in rows] == ["ELECTION_NOT_NEEDED"] * 2, rows
    kurier("cluster", "elect", "-p", "0", "ends")
    kurier("cluster", "elect")
    assert "gone" in kurier.fails("cluster", "elect", "gone")


# ---- Measuring --------------------------------------------------------------------------------

@tap.case("throughput and latency are measured")
def _():
    kurier("topic", "create", "-p", "1", "bench")
    made = kurier.json("bench", "produce", "-t", "bench", "-c", "20000", "-S", "50")
    assert made["records"] == 20000 and made["bytes"] == 1000000 and made["failed"] == 0, made
    spread = made["latency_ms"]
    assert 0 < spread["p50"] <= spread["p90"] <= spread["p99"] <= spread["p99.9"] <= spread["max"], spread
    assert spread["max"] <= made["seconds"] * 1000
    read = kurier.json("bench", "consume", "-t", "bench")
    assert read["records"] == 20000 and read["bytes"] == 1000000 and read["first_record_ms"] > 0, read
    assert kurier.json("bench", "consume", "-t", "bench", "-c", "100")["records"] == 100
    text = kurier("bench", "produce", "-t", "bench", "-c", "100")
    assert "records/s" in text and "p99.9" in text, text
    assert "records/s" in kurier("bench", "consume", "-t", "bench", "-o", "-10")


@tap.case("a rate is kept")
def _():
    made = kurier.json("bench", "produce", "-t", "bench", "-c", "300", "-R", "1000")
    assert 0.29 <= made["seconds"] < 20, made
    assert "2000000" in kurier.fails("bench", "produce", "-t", "bench", "-c", "1", "-S", "2000000")


if __name__ == "__main__":
    with kurierd:
        tap.run()
