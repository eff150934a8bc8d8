#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The files of a partition, written by Apache Kafka and served by kurierd, and the other way round."""
import functools
import glob
import os
import shutil
import subprocess

import clients
import exchange

import broker
import kafka
import tap

TOPIC = "moved"
RUN = ("count=20000", "large=3")
SMALL_SEGMENTS = {"log.segment.bytes": 1 << 20}
KURIERD = {"num.partitions": 1, "log.retention.ms": -1, **SMALL_SEGMENTS}


def produce(writer, address, *run):
    exchange.talk(writer, "produce", address, TOPIC, *(run or RUN), "codec=lz4", "idempotent=true")


def read(address):
    for reader in (exchange.KURIER, clients.JAVA_4):
        for what in ("verify", "seek"):
            exchange.talk(reader, what, address, TOPIC, *RUN)


def grow(writer, address):
    """Twice as many records follow without a gap."""
    produce(writer, address)
    done = subprocess.run([broker.program("kurier"), "topic", "offsets", "-b", address, TOPIC], text=True,
                          stdout=subprocess.PIPE, check=True)
    assert "40006" in done.stdout, done.stdout


def partition(data):
    return os.path.join(data, f"{TOPIC}-0")


def sealed_indexes(data):
    """What each index but the newest holds, and when it was written."""
    return {name: (os.stat(name).st_mtime_ns, open(name, "rb").read())
            for kind in ("index", "timeindex") for name in sorted(glob.glob(f"{partition(data)}/*.{kind}"))[:-1]}


def bring(source, target):
    """All files of the partition but the one that names the topic's id."""
    for name in os.listdir(partition(target)):
        if name != "partition.metadata":
            os.remove(os.path.join(partition(target), name))
    for name in os.listdir(partition(source)):
        if name != "partition.metadata":
            shutil.copy2(os.path.join(partition(source), name), partition(target))


@functools.cache
def by_kafka():
    """Apache Kafka that wrote some and was stopped."""
    apache = kafka.Kafka("4.3", SMALL_SEGMENTS)
    apache.start()
    produce(clients.JAVA_4, apache.address)
    assert apache.stop() == 0
    return apache


@functools.cache
def by_kurierd():
    server = broker.Broker(KURIERD)
    server.start()
    produce(exchange.KURIER, server.address)
    assert server.stop() == 0
    return server


@tap.case("kurier log verify finds nothing wrong with Apache Kafka's files")
def _():
    done = subprocess.run([broker.program("kurier"), "log", "verify", partition(by_kafka().data)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and " 20003 records, offsets 0-20002" in done.stdout, done.stdout


@tap.case("Apache Kafka's files under kurierd: all read, found by time, read after a kill, and written on")
def _():
    with broker.Broker(KURIERD) as server:
        produce(exchange.KURIER, server.address, "count=1", "large=0")  # that there is a partition
        assert server.stop() == 0
        bring(by_kafka().data, server.data)
        before = sealed_indexes(server.data)
        server.start()
        read(server.address)
        assert sealed_indexes(server.data) == before, "it made indexes anew"
        server.restart()
        read(server.address)
        grow(clients.JAVA_4, server.address)


@tap.case("kurierd's files under Apache Kafka: all read, found by time, read after a kill, and written on")
def _():
    apache = by_kafka()
    bring(by_kurierd().data, apache.data)
    before = sealed_indexes(apache.data)
    apache.start()
    read(apache.address)
    assert sealed_indexes(apache.data) == before, "it made indexes anew"
    apache.restart()
    read(apache.address)
    grow(exchange.KURIER, apache.address)


if __name__ == "__main__":
    try:
        tap.run()
    finally:
        for made in (by_kafka, by_kurierd):
            if made.cache_info().currsize:
                made().__exit__()
