#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Partitions that transactions wrote: Apache Kafka's tool reads kurierd's files, kurierd serves Apache Kafka's, and the
other way round."""
import functools
import glob
import json
import os
import re
import shutil
import subprocess

import transactors  # and where the kit is

import broker
import kafka
import tap
import wire
from jvm import tool

TOPIC = "moved"
KINDS = ["java-4.3", "libkurier"]
ABORTED = re.compile(r"producerId: (\d+).*firstOffset: (\d+).*lastOffset: (\d+).*lastStableOffset: (\d+)")


def write(server):
    together = transactors.Together(server, TOPIC, KINDS)
    together.prepare()
    together.write()
    assert server.stop() == 0
    return together


@functools.cache
def by_kurierd():
    server = broker.Broker(transactors.OPTIONS)
    server.start()
    return server, write(server)


@functools.cache
def by_kafka():
    apache = kafka.Kafka("4.3", {"num.partitions": transactors.PARTITIONS})
    apache.start()
    return apache, write(apache)


def files(server, ending):
    return sorted(glob.glob(os.path.join(server.data, f"{TOPIC}-*", "*" + ending)))


def bring(source, target):
    """All files of the topic's partitions but those that name its id."""
    for name in files(target, ""):
        if not name.endswith("partition.metadata"):
            os.remove(name)
    for name in files(source, ""):
        if not name.endswith("partition.metadata"):
            shutil.copy2(name, os.path.join(target.data, os.path.basename(os.path.dirname(name))))


def read(server, together, which="read_committed"):
    """By two clients, at a broker that has the files now."""
    for kind in KINDS:
        seen = transactors.Reader(kind, server.address, TOPIC, which).read()
        transactors.check(seen, together.plans, "committed" if which == "read_committed" else "all")


def kurier(*words):
    done = subprocess.run([broker.program("kurier"), *words], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


def by_kafkas_tool(names):
    """{file: [(producer, first, last, stable)]}"""
    told, name = {}, None
    for line in tool("4.3", "DumpLogSegments", "--files", ",".join(names)).splitlines():
        if line.startswith("Dumping "):
            name = line.split()[1]
            told[name] = []
        if found := ABORTED.search(line):
            told[name].append(tuple(map(int, found.groups())))
    return told


def by_kurier(name):
    rows = [json.loads(line) for line in kurier("log", "dump", "--json", name).splitlines()]
    return [(row["producer_id"], row["first_offset"], row["last_offset"], row["last_stable_offset"]) for row in rows]


def same_story(name):
    assert files(name, ".txnindex"), "nothing was aborted"
    told = by_kafkas_tool(files(name, ".txnindex"))
    mine = {path: by_kurier(path) for path in files(name, ".txnindex")}
    assert {os.path.basename(os.path.dirname(path)): rows for path, rows in told.items()} == \
           {os.path.basename(os.path.dirname(path)): rows for path, rows in mine.items()}
    return told


@tap.case("Kafka's tool reads kurierd's markers and its index of what was aborted, as kurier does")
def _():
    server, _ = by_kurierd()
    told = same_story(server)
    assert sum(map(len, told.values())) > 20, told
    text = tool("4.3", "DumpLogSegments", "--files", ",".join(files(server, ".log")), "--deep-iteration")
    aborts = text.count("endTxnMarker: ABORT")
    assert aborts == sum(map(len, told.values())) and text.count("endTxnMarker: COMMIT") > 20, aborts
    kurier("log", "verify", os.path.dirname(files(server, ".log")[0]))


@tap.case("kurier reads Apache Kafka's index as its own tool does")
def _():
    apache, _ = by_kafka()
    same_story(apache)
    kurier("log", "verify", os.path.dirname(files(apache, ".log")[0]))


@tap.case("Apache Kafka's files under kurierd: what was committed is read, also without indexes, and after a kill")
def _():
    apache, together = by_kafka()
    with broker.Broker(transactors.OPTIONS) as server:
        with wire.Connection(server.port) as client:
            wire.create_topic(client, TOPIC, transactors.PARTITIONS)
            for partition in range(transactors.PARTITIONS):  # that there is a directory
                assert wire.produce(client, TOPIC, wire.batch([b"end"]), partition)[0] == 0
        assert server.stop() == 0
        bring(apache, server)
        server.start()
        read(server, together)
        read(server, together, "read_uncommitted")
        server.kill()
        for name in files(server, "index"):
            os.remove(name)
        os.remove(os.path.join(server.data, "recovery-point-offset-checkpoint"))
        server.start()
        read(server, together)
        assert server.stop() == 0
        mine, theirs = by_kafkas_tool(files(server, ".txnindex")), by_kafkas_tool(files(apache, ".txnindex"))
        assert list(mine.values()) == list(theirs.values()), "what was built again is not what Apache Kafka wrote"


@tap.case("kurierd's files under Apache Kafka: what was committed is read")
def _():
    server, together = by_kurierd()
    apache, _ = by_kafka()
    bring(server, apache)
    apache.start()
    read(apache, together)
    read(apache, together, "read_uncommitted")
    assert apache.stop() == 0


if __name__ == "__main__":
    try:
        tap.run()
    finally:
        for made in (by_kafka, by_kurierd):
            if made.cache_info().currsize:
                made()[0].__exit__()
