#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kurier group, over groups that kcat's members make and over those that only have offsets."""
import contextlib
import json
import select
import subprocess
import time

from cli_kit import DEADLINE_S, ENV, Cli, table

import broker
import peers
import tap

kurierd = broker.Broker({"num.partitions": 3, "group.initial.rebalance.delay.ms": 0})
kurier = Cli(kurierd)
TIME_MS = 1700000000000  # 2023-11-14T22:13:20Z


def fill(topic, count, partitions=1):
    """count records in each partition, a second from each to the next."""
    kurier("topic", "create", "-p", partitions, topic)
    for p in range(partitions):
        lines = "".join(json.dumps({"payload": "x", "ts": TIME_MS + 1000 * i}) + "\n" for i in range(count))
        kurier("produce", "-J", "-t", topic, "-p", p, text=lines)


def commit(group, topic, offset):
    kurier("group", "reset", "--to-offset", offset, "-t", topic, "--execute", "-q", group)


def committed(group):
    return {(row["topic"], row["partition"]): row["committed"] for row in kurier.json("group", "lag", group)}


@contextlib.contextmanager
def member(group, topic):
    """A live one, once it has all the partitions."""
    process = subprocess.Popen([peers.need("kcat"), "-b", kurierd.address, "-X", "client.id=kitty", "-G", group, topic],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENV)
    deadline, said = time.monotonic() + DEADLINE_S, b""
    try:
        while b"assigned: " not in said:
            assert select.select([process.stderr], [], [], deadline - time.monotonic())[0], said
            said += process.stderr.read1()
        yield
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


# ---- What there is ------------------------------------------------------------------------

@tap.case("without groups, nothing is shown, and nothing fails")
def _():
    assert kurier("group", "list") == "GROUP  TYPE  PROTOCOL  STATE  COORDINATOR\n"
    assert kurier.json("group", "list") == kurier.json("group", "describe") == kurier.json("group", "lag") == []
    assert kurier("group", "describe") == ""
    for words in (["describe"], ["lag"], ["delete"]):
        assert "GROUP_ID_NOT_FOUND" in kurier.fails("group", *words, "gone"), words


@tap.case("a group is listed, with its state and type")
def _():
    fill("orders", 10, 3)
    commit("idle", "orders", 4)
    assert table(kurier("group", "list")) == [
        {"GROUP": "idle", "TYPE": "classic", "PROTOCOL": "-", "STATE": "Empty", "COORDINATOR": "1"}]
    with member("live", "orders"):
        assert [row["group"] for row in kurier.json("group", "list")] == ["idle", "live"]
        assert [row["group"] for row in kurier.json("group", "list", "-s", "Stable", "--type", "classic")] == ["live"]
        assert kurier.json("group", "list", "-s", "Dead") == kurier.json("group", "list", "--type", "share") == []


@tap.case("a group is described, with its members and what they have")
def _():
    with member("live", "orders"):
        text = kurier("group", "describe", "live", "idle")
        head, *rows, idle = text.splitlines()
        assert head == "live: Stable, classic, assignor range, coordinator 1, 1 member", text
        assert idle == "idle: Empty, classic, coordinator 1, 0 members", text
        row, = table("\n".join(rows))
        assert row["CLIENT"] == "kitty" and row["HOST"] == "/127.0.0.1" and row["MEMBER"].startswith("kitty-"), row
        assert row["PARTITIONS"] == "3" and row["ASSIGNED"] == "orders 0-2" and row["TO BE"] == "-", row
        group, = kurier.json("group", "describe", "live")
        one, = group["members"]
        assert one["assigned"] == [{"topic": "orders", "partitions": [0, 1, 2]}] and one["topics"] == ["orders"], one
        assert one["type"] == "classic" and one["instance"] is None and group["state"] == "Stable", group


@tap.case("lag is told for each partition, with who has it")
def _():
    rows = table(kurier("group", "lag", "idle"))
    assert rows[1] == {"GROUP": "idle", "TOPIC": "orders", "PARTITION": "1", "COMMITTED": "4", "END": "10", "LAG": "6",
                       "METADATA": "-", "CLIENT": "-", "HOST": "-", "MEMBER": "-"}, rows
    with member("new", "orders"):
        rows = kurier.json("group", "lag", "new", "idle")
    assert len(rows) == 6 and [row["lag"] for row in rows[:3]] == [6] * 3, rows
    assert all(row["client"] == "kitty" and row["host"] == "/127.0.0.1" for row in rows[3:]), rows
    assert kurier.json("group", "lag", "-t", "elsewhere", "idle") == []
    kurier("topic", "create", "-p", 1, "short-lived")
    commit("orphan", "short-lived", 0)
    kurier("topic", "delete", "short-lived")
    assert all(row["end"] == row["lag"] == -1 for row in kurier.json("group", "lag", "orphan"))


# ---- Resetting ------------------------------------------------------------------------------

@tap.case("a reset shows what it would do, and does it with --execute")
def _():
    commit("moving", "orders", 4)
    done = kurier.run("group", "reset", "--to-earliest", "-t", "orders", "moving")
    assert done.status == 0 and "nothing was changed" in done.err, done
    assert table(done.out)[2] == {"GROUP": "moving", "TOPIC": "orders", "PARTITION": "2", "FROM": "4", "TO": "0"}, done
    assert set(committed("moving").values()) == {4}
    kurier("group", "reset", "--to-earliest", "-t", "orders:0,2", "--execute", "moving")
    assert list(committed("moving").values()) == [0, 4, 0]
    kurier("group", "reset", "--to-latest", "-t", "orders:1-2", "--execute", "moving")
    assert list(committed("moving").values()) == [0, 10, 10]


@tap.case("each place that can be reset to")
def _():
    def target(*words):
        rows = kurier.json("group", "reset", *words, "-q", "placed")
        return {row["to"] for row in rows}
    commit("placed", "orders", 4)
    for words, offset in {("--to-offset", 7): 7, ("--to-offset", 99): 10, ("--to-current",): 4,
                          ("--shift-by", 3): 7, ("--shift-by", -3): 1, ("--shift-by", -99): 0,
                          ("--shift-by", 1 << 60): 10, ("--to-datetime", "2023-11-14T22:13:25Z"): 5,
                          ("--to-datetime", "2023-11-15T00:13:22.500+02:00"): 3, ("--to-datetime", "2020-01-01"): 0,
                          ("--to-datetime", "2999-01-01"): 10, ("--by-duration", "P1D"): 10,
                          ("--by-duration", "P20000D"): 0}.items():
        assert target(*words, "--all-topics") == {offset}, (words, target(*words, "--all-topics"))
    assert "goes from 0 to 10" in kurier.run("group", "reset", "--to-offset", 99, "--all-topics", "placed").err
    assert {row["to"] for row in kurier.json("group", "reset", "--to-current", "-t", "orders", "fresh")} == {10}
    assert "nothing is committed" in kurier.fails("group", "reset", "--shift-by", 1, "-t", "orders", "fresh")


@tap.case("a plan goes out as lines, and back in from a file")
def _():
    commit("export", "orders", 3)
    lines = kurier("group", "reset", "--to-current", "--all-topics", "--export", "-q", "export")
    assert lines == "orders,0,3\norders,1,3\norders,2,3\n", lines
    kurier("group", "reset", "--from-file", "-", "--execute", "import", text=lines.replace("orders,1,3", '"orders",1,8'))
    assert list(committed("import").values()) == [3, 8, 3]
    for text, want in [("orders,0\n", "line 1 is not TOPIC,PARTITION,OFFSET"), ("", "nothing to reset"),
                       ("orders,0,1\norders,0,2\n", "is to be at"), ("gone,0,1\n", "UNKNOWN_TOPIC_OR_PARTITION")]:
        assert want in kurier.fails("group", "reset", "--from-file", "-", "import", text=text), text


@tap.case("a group with live members is left alone, and told to be")
def _():
    commit("busy", "orders", 4)
    with member("busy", "orders"):
        text = kurier.fails("group", "reset", "--to-earliest", "-t", "orders", "--execute", "busy")
        assert "busy: the group has a live member, kitty at /127.0.0.1; stop it first, then reset" in text, text
        text = kurier.fails("group", "delete", "busy")
        assert "NON_EMPTY_GROUP" in text and "kurier group describe busy" in text, text
        text = kurier.fails("group", "delete", "--offsets", "-t", "orders", "busy")
        assert "GROUP_SUBSCRIBED_TO_TOPIC" in text, text
    kurier("group", "reset", "--to-earliest", "-t", "orders", "--execute", "busy")
    assert set(committed("busy").values()) == {0}


@tap.case("a reset that makes no sense is refused with what is missing")
def _():
    for words, want in [(["--all-topics"], "say where to"), (["--to-latest"], "say of what"),
                        (["--to-latest", "--to-earliest", "-t", "orders"], "cannot both be"),
                        (["--to-latest", "--all-topics", "-t", "orders"], "say of what"),
                        (["--to-datetime", "yesterday", "-t", "orders"], "not a time such as"),
                        (["--by-duration", "1h", "-t", "orders"], "not a duration such as"),
                        (["--to-offset", "-1", "-t", "orders"], "not an offset"),
                        (["--to-latest", "-t", "orders", "--execute", "-n"], "cannot both be"),
                        (["--to-latest", "-t", "orders", "another"], "one GROUP at a time")]:
        assert want in kurier.fails("group", "reset", *words, "idle", status=2), words
    assert "there is no 3" in kurier.fails("group", "reset", "--to-latest", "-t", "orders:3", "idle")
    assert "kurier topic create gone" in kurier.fails("group", "reset", "--to-latest", "-t", "gone", "idle")


# ---- Deleting --------------------------------------------------------------------------------

@tap.case("groups are deleted, or their offsets of a topic")
def _():
    fill("second", 1)
    for topic in ("orders", "second"):
        commit("going", topic, 1)
    assert [row["topic"] for row in kurier.json("group", "delete", "--offsets", "-t", "second", "going")] == ["second"]
    assert {topic for topic, _ in committed("going")} == {"orders"}
    assert "has no offsets" in kurier.fails("group", "delete", "--offsets", "-t", "second", "going")
    kurier("group", "delete", "--offsets", "--if-exists", "-t", "second", "going")
    assert kurier("group", "delete", "going") == "going: deleted\n"
    done = kurier.run("group", "delete", "going", "orphan")
    assert done.status == 1 and done.out == "orphan: deleted\n" and "going: " in done.err, done
    assert kurier.json("group", "delete", "--if-exists", "going") == []
    assert "-t is about --offsets" in kurier.fails("group", "delete", "-t", "second", "idle", status=2)


@tap.case("the shell completes groups and their states")
def _():
    words = ["kurier", "group", "describe", "-b", kurierd.address, ""]
    assert "idle" in kurier("--complete", len(words) - 1, *words, "-b", kurierd.address).split()
    assert "Stable" in kurier("--complete", 4, "kurier", "group", "list", "-s", "").split()


if __name__ == "__main__":
    with kurierd:
        tap.run()
