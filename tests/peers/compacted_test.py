#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A log that kurierd compacted: Kafka's dump tool reads its files, and Kafka's consumer its records."""
import glob
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
import watched
from jvm import tool

KEYS, RECORDS, DELETED = 200, 20000, 20
COMPLAINTS = ["exception", "mismatch", "not found", "out of order", "isvalid: false", "corrupt", "error"]
OPTIONS = {"num.partitions": 1, "log.cleanup.policy": "compact", "log.segment.bytes": 1 << 20,
           "log.cleaner.backoff.ms": 50}


def produce(server, lines, *words):
    subprocess.run([broker.program("kurier"), "produce", "-q", "-b", server.address, "-t", "states", "-K", ":", "-Z", *words],
                   input="\n".join(lines).encode(), check=True, timeout=60)


def fill(server):
    """Keys with ever new values, some deleted, in every codec; answers what is left of them."""
    chance, latest = random.Random(4), {}
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        lines = []
        for _ in range(RECORDS // 5):
            key = f"key-{chance.randrange(KEYS)}"
            latest[key] = f"{chance.randbytes(120).hex()}"
            lines.append(f"{key}:{latest[key]}")
        for i in range(DELETED):
            latest[f"key-{i}"] = ""
            lines.append(f"key-{i}:")
        produce(server, lines, "-z", codec)
    # So that the active segment, which stays as it is, begins behind them.
    produce(server, [f"filler:{chance.randbytes(500).hex()}" for _ in range(2000)])
    return latest


def files(server, ending):
    return sorted(glob.glob(os.path.join(server.data, "states-0", "*" + ending)))


def dump(names, *words):
    assert names, "kurierd left no such file"
    text = tool("4.3", "DumpLogSegments", "--files", ",".join(names), *words)
    said = [line for line in text.splitlines() if any(word in line.lower() for word in COMPLAINTS)]
    assert not said, "\n".join(said[:5])
    return text


with watched.Watched(OPTIONS) as server:
    @tap.case("Kafka's consumer reads the latest value of each key, and tombstones")
    def _():
        latest = fill(server)
        assert watched.eventually(lambda: len(files(server, ".log")) <= 3), files(server, ".log")
        said = tool("4.3", "ConsoleConsumer", "--bootstrap-server", server.address, "--topic", "states",
                    "--partition", 0, "--offset", "earliest", "--timeout-ms", 3000, "--formatter-property", "print.key=true",
                    "--formatter-property", "print.offset=true")
        lines = [line.split("\t") for line in said.splitlines() if line.startswith("Offset:")]
        offsets = [int(offset[7:]) for offset, _, _ in lines]
        assert offsets == sorted(set(offsets)) and len(offsets) < RECORDS / 2, len(offsets)
        found = {key: "" if value == "null" else value for _, key, value in lines if key != "filler"}
        assert found == latest, {key for key in latest if found.get(key) != latest[key]}

    @tap.case("Kafka's dump tool reads the segments")
    def _():
        assert server.stop() == 0
        text = dump(files(server, ".log"), "--deep-iteration")
        assert "deleteHorizonMs: OptionalLong[" in text, "no tombstone has its horizon"

    @tap.case("and their indexes")
    def _():
        dump(files(server, ".index")[:-1], "--index-sanity-check")
        dump(files(server, ".index"))
        dump(files(server, ".timeindex"))

    @tap.case("kurier log verify accepts them")
    def _():
        subprocess.run([broker.program("kurier"), "log", "verify", server.data], check=True, timeout=60, stdout=subprocess.DEVNULL)

    if __name__ == "__main__":
        tap.run()
