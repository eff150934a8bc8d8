#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka's own dump tool reads the files that kurierd wrote, and finds nothing to complain of."""
import glob
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import exchange
import tap
from jvm import tool

# "Non-consecutive" is not among them: the tool says it of the first record of every segment but the oldest.
COMPLAINTS = ["exception", "mismatch", "not found", "out of order", "isvalid: false", "corrupt", "error"]


def fill(server):
    """Several segments in every codec, then a clean stop, which leaves snapshots."""
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        exchange.talk(exchange.KURIER, "produce", server.address, "dumped", f"codec={codec}", "idempotent=true")


def dump(files, *words):
    assert files, "kurierd left no such file"
    text = tool("4.3", "DumpLogSegments", "--files", ",".join(files), *words)
    said = [line for line in text.splitlines() if any(word in line.lower() for word in COMPLAINTS)]
    assert not said, "\n".join(said[:5])
    return text


def files(server, ending):
    return sorted(glob.glob(os.path.join(server.data, "dumped-0", "*" + ending)))


with broker.Broker({"num.partitions": 1, "log.segment.bytes": 1 << 20}) as server:
    try:
        fill(server)
        assert server.stop() == 0
        trouble = None
    except Exception as why:
        trouble = why

    @tap.case("segments: every batch and record, offsets without a gap")
    def _():
        if trouble:
            raise trouble
        text = dump(files(server, ".log"), "--deep-iteration")
        offsets = [int(line.split()[2]) for line in text.splitlines() if line.startswith("| offset:")]
        assert offsets == list(range(len(offsets))) and len(offsets) == 5 * 100_003, len(offsets)

    @tap.case("offset indexes")
    def _():
        dump(files(server, ".index")[:-1], "--index-sanity-check")
        dump(files(server, ".index"))

    @tap.case("time indexes")
    def _():
        dump(files(server, ".timeindex"))

    @tap.case("producer snapshots")
    def _():
        assert "producerId" in dump(files(server, ".snapshot"))

    @tap.case("as a control: it complains of an index that is wrong")
    def _():
        wrong = files(server, ".index")[0]
        with open(wrong, "r+b") as out:
            out.seek(-5, os.SEEK_END)
            byte = out.read(1)[0]
            out.seek(-5, os.SEEK_END)
            out.write(bytes([byte ^ 3]))
        try:
            dump([wrong])
        except AssertionError as complaint:
            assert "Mismatches" in str(complaint)
        else:
            raise AssertionError("no word about it")

    if __name__ == "__main__":
        tap.run()
