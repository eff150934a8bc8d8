#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kurier log and kurier meta: files of a broker that runs, was stopped, was killed, or was damaged."""
import contextlib
import hashlib
import json
import os
import random
import shutil
import struct
import tempfile

from cli_kit import Cli, run

import broker
import tap

kurierd = broker.Broker({"num.partitions": 1, "log.segment.bytes": 1 << 20, "log.index.interval.bytes": 512})
kurier = Cli(kurierd)
SEEDS = 80


def path(*names):
    return os.path.join(kurierd.data, *names)


def files(folder, suffix):
    return sorted(name for name in os.listdir(folder) if name.endswith(suffix))


def fill():
    """Several segments in filled-0; one small one, by the same codecs, in small-0."""
    rng = random.Random(1)
    kurier("topic", "create", "-p", "2", "filled")
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        rows = [json.dumps({"key": f"k{i}", "payload": rng.randbytes(150).hex() * 2, "headers": ["h", "x", "n", None],
                            "ts": 1700000000000 + i}) for i in range(1500)]
        for topic, count in (("filled", 1500), ("small", 40)):
            kurier("produce", "-J", "-t", topic, "-p", "0", "-z", codec, "-X", "batch.size=4096",
                   text="\n".join(rows[:count]))
    kurier("produce", "-t", "filled", "-p", "1", "-D", "\\0", text=b"\xff\xfe\0")


def stop():
    assert kurierd.stop() == 0


@contextlib.contextmanager
def copied(name="filled-0"):
    with tempfile.TemporaryDirectory(prefix="kurier-log-") as folder:
        copy = os.path.join(folder, name)
        shutil.copytree(path(name), copy)
        yield copy


def faults(folder):
    """What verify says of a damaged log: (file, byte, why) each."""
    done = run("log", "verify", "-J", folder)
    assert done.status == 1, done
    return [(fault["file"], fault["byte"], fault["why"]) for line in done.out.splitlines()
            for fault in json.loads(line)["faults"]]


def overwrite(file, at, data):
    with open(file, "r+b") as out:
        out.seek(at)
        out.write(data)


def state(folder):
    """Everything of a directory that a reader could have changed."""
    seen = []
    for top, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            file = os.path.join(top, name)
            with open(file, "rb") as data:
                seen.append((file, os.stat(file).st_mtime_ns, hashlib.sha256(data.read()).hexdigest()))
    return seen


# ---- Sound logs ---------------------------------------------------------------------------

@tap.case("a running broker's logs are whole, and so is what it is asked for")
def _():
    fill()
    lines = run("log", "verify", kurierd.data).out.splitlines()
    assert len(lines) == 3 and lines[0].startswith(f"ok   {path('filled-0')}  ") and "7500 records" in lines[0], lines
    assert "offsets 0-7499" in lines[0], lines
    row = json.loads(run("log", "verify", "-J", path("filled-0")).out)
    assert row["ok"] and row["records"] == 7500 and row["segments"] > 2 and row["end_offset"] == 7500, row
    assert run("log", "verify", "-q", kurierd.data).out == ""


@tap.case("every record is dumped as it was sent")
def _():
    rows = [json.loads(line) for line in run("log", "dump", "-r", "-J", path("filled-0")).out.splitlines()]
    batches = [row for row in rows if row["kind"] == "batch"]
    records = [row for row in rows if row["kind"] == "record"]
    assert [row["offset"] for row in records] == list(range(7500))
    assert {batch["codec"] for batch in batches} == {"none", "gzip", "snappy", "lz4", "zstd"}
    assert all(batch["crc_holds"] for batch in batches) and sum(batch["records"] for batch in batches) == 7500
    assert records[1501] == {**records[1501], "kind": "record", "offset": 1501, "ts": 1700000000001, "key": "k1",
                             "headers": ["h", "x", "n", None]}
    assert [row["base_offset"] for row in batches] == sorted(row["base_offset"] for row in batches)
    binary = json.loads(run("log", "dump", "-r", "-J", path("filled-1")).out.splitlines()[1])
    assert binary["payload_base64"] == "//4="


@tap.case("as text a batch is a line, a record an object behind it")
def _():
    text = run("log", "dump", "-r", "-c", "1", path("filled-0", "00000000000000000000.log")).out.splitlines()
    assert text[0].endswith("/filled-0/00000000000000000000.log"), text
    assert text[1].startswith("batch 0-") and " at 0, " in text[1] and ", producer " in text[1], text
    assert json.loads(text[2])["key"] == "k0" and len(text) == 3, text
    first = run("log", "dump", "-o", "7400", "-J", path("filled-0")).out
    assert '"base_offset":0' not in first and '"last_offset":7499' in first


@tap.case("after a clean stop indexes, snapshots and checkpoints are there to be seen and agree")
def _():
    stop()
    try:
        before = state(kurierd.data)
        rows = [json.loads(line) for line in run("log", "dump", "-J", kurierd.data).out.splitlines()]
        kinds = {row["kind"] for row in rows}
        assert kinds == {"batch", "index", "timeindex", "producer", "leader", "checkpoint", "property"}, kinds
        positions = {(row["file"][:20], row["position"]) for row in rows if row["kind"] == "batch"}
        leads = [(row["file"][:20], row["position"]) for row in rows if row["kind"] == "index"]
        assert leads and set(leads) <= positions
        assert all(row["id"] >= 0 and row["batches"] > 0 for row in rows if row["kind"] == "producer")
        done = run("log", "verify", kurierd.data)
        assert done.status == 0 and done.out.count("ok ") == 3, done
        text = run("log", "dump", kurierd.data).out
        assert "leader epoch 0 start_offset 0" in text and "topic_id: " in text and "index offset " in text
        for file in ("meta.properties", "recovery-point-offset-checkpoint", "filled-0/partition.metadata"):
            assert run("log", "dump", path(file)).status == 0
        assert state(kurierd.data) == before, "something was changed"
    finally:
        kurierd.start()


@tap.case("after kill -9 what was acknowledged is whole")
def _():
    kurierd.kill()
    try:
        assert json.loads(run("log", "verify", "-J", path("filled-0")).out)["records"] == 7500
    finally:
        kurierd.start()


# ---- Damaged logs ----------------------------------------------------------------------------

def damaged(change, name="filled-0"):
    with copied(name) as copy:
        change(copy)
        return faults(copy)


@tap.case("a flipped byte is found, and where its batch begins is told")
def _():
    stop()
    with copied() as copy:
        log = files(copy, ".log")[1]
        rows = [json.loads(line) for line in run("log", "dump", "-J", os.path.join(copy, log)).out.splitlines()]
        batch = rows[3]
        overwrite(os.path.join(copy, log), batch["position"] + 70, b"\xa5")
        assert faults(copy) == [(log, batch["position"], "a checksum that does not hold")], faults(copy)
        done = run("log", "verify", copy)
        assert done.status == 1 and f"bad  {copy}/{log} at byte {batch['position']}: " in done.out, done
        assert "1 of 1 directories are damaged; nothing was changed" in done.err, done
        done = run("log", "dump", os.path.join(copy, log))
        assert done.status == 1 and f"damage position {batch['position']}" in done.out, done
        assert done.out.count("batch ") == len(rows), "those behind it can be read"


@tap.case("lengths, formats, offsets, ends")
def _():
    first, last = "00000000000000000000.log", files(path("filled-0"), ".log")[-1]

    def patched(at, data, name=first):
        return damaged(lambda copy: overwrite(os.path.join(copy, name), at, data))[0]

    def cut(copy):
        os.truncate(os.path.join(copy, last), os.path.getsize(os.path.join(copy, last)) - 5)

    assert patched(8, struct.pack(">i", 3)) == (first, 0, "a batch length that is none")
    assert patched(8, struct.pack(">i", 2**31 - 1)) == (first, 0, "a batch that is not all there")
    assert patched(16, b"\1") == (first, 0, "not a batch of format 2")
    assert patched(0, struct.pack(">q", -1)) == (first, 0, "an offset out of order")
    assert patched(0, struct.pack(">q", 2**40)) == (first, 0, "an offset that belongs into the next segment")
    name, byte, why = damaged(cut)[0]
    assert (name, why) == (last, "a batch that is not all there") and byte > 0
    name, byte, why = damaged(lambda copy: open(os.path.join(copy, last), "ab").write(b"x"))[0]
    assert (name, why) == (last, "a header that is not all there")


@tap.case("indexes that lead elsewhere, snapshots and checkpoints that are none")
def _():
    first = "00000000000000000000"

    def patched(name, at, data):
        return damaged(lambda copy: overwrite(os.path.join(copy, name), at, data))[0]

    assert patched(first + ".index", 12, struct.pack(">i", 7)) == (first + ".index", 8,
                                                                  "it leads to where no batch begins")
    assert patched(first + ".index", 0, struct.pack(">i", 2**30))[:2] == (first + ".index", 0)
    assert patched(first + ".timeindex", 0, struct.pack(">q", 5))[:2] == (first + ".timeindex", 0)
    size = os.path.getsize(path("filled-0", first + ".index"))
    beyond = patched(first + ".index", size, struct.pack(">ii", 2**20, 2**30))
    assert beyond == (first + ".index", size, "it leads beyond the end of the log"), beyond
    assert patched(first + ".timeindex", 5 * 12, b"abc")[2] == "an entry that is not all there" or size
    snapshot = files(path("filled-0"), ".snapshot")[0]
    assert patched(snapshot, 9, b"\xff")[:2] == (snapshot, 0)
    assert patched("leader-epoch-checkpoint", 0, b"9")[:2] == ("leader-epoch-checkpoint", 0)
    assert patched("partition.metadata", 12, b"x")[:2] == ("partition.metadata", 0)
    assert damaged(lambda copy: os.unlink(os.path.join(copy, first + ".log")))[0][2].startswith("there is no ")


@tap.case("as Kafka keeps them: an index with zeros behind, checkpoints without anything")
def _():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(path("small-0"), os.path.join(folder, "small-0"))
        for name in ("recovery-point-offset-checkpoint", "log-start-offset-checkpoint"):
            open(os.path.join(folder, name), "wb").close()
        before = run("log", "dump", os.path.join(folder, "small-0")).out
        for suffix in ("index", "timeindex"):
            with open(os.path.join(folder, "small-0", f"{0:020}.{suffix}"), "ab") as file:
                file.write(b"\0" * 2400)
        assert run("log", "verify", folder).status == 0
        assert run("log", "dump", os.path.join(folder, "small-0")).out == before


@tap.case("garbage of every kind is told, never a crash, and never changed")
def _():
    names = sorted(os.listdir(path("small-0")))
    rng = random.Random(4711)
    for _ in range(SEEDS):
        with copied("small-0") as copy:
            file = os.path.join(copy, rng.choice(names))
            size = os.path.getsize(file)
            kind = rng.randrange(4)
            if kind == 0 and size:
                for _ in range(rng.randrange(1, 8)):
                    overwrite(file, rng.randrange(size), rng.randbytes(rng.randrange(1, 9)))
            elif kind == 1:
                os.truncate(file, rng.randrange(size + 1))
            elif kind == 2:
                overwrite(file, 0, rng.randbytes(rng.randrange(300)))
            elif size > 70:
                at = rng.randrange(size - 64)
                overwrite(file, at, struct.pack(">i", rng.choice([-1, 0, 1, 2**31 - 1, -2**31, 61, 2**24])))
            before = state(copy)
            for words in (["verify", copy], ["dump", "-r", "-J", copy], ["dump", "-r", copy]):
                done = run("log", *words)
                assert done.status in (0, 1), done
            assert state(copy) == before


@tap.case("bytes that never were a log, under every name that a log has")
def _():
    rng = random.Random(42)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("log", "index", "timeindex", "txnindex", "snapshot", "cut"):
            for content in (b"", b"\0", rng.randbytes(5000), b"\0" * 4096, b"\xff" * 4096, b"0\n1\n0 0\n"):
                with open(os.path.join(folder, f"{7:020}.{suffix}"), "wb") as file:
                    file.write(content)
                for command in ("verify", "dump"):
                    assert run("log", command, folder).status in (0, 1)
        for name in ("leader-epoch-checkpoint", "partition.metadata", "log-start-offset-checkpoint"):
            for content in (b"", b"0\n99999999\n", rng.randbytes(500), b"0\n1\na 0 x\n", b"0\n-1\n"):
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(content)
                assert run("log", "dump", os.path.join(folder, name)).status in (0, 1)
                assert run("log", "verify", folder).status == 1


@tap.case("what is no log is said to be none")
def _():
    for words, why in ((["verify", "/nonexistent"], "No such file"), (["dump", "/nonexistent"], "No such file"),
                       (["dump", __file__], "no file of a log has such a name"), (["verify", __file__], "Not a dir"),
                       (["verify", os.path.dirname(__file__)], "there is no log in it")):
        done = run("log", *words)
        assert done.status == 1 and why in done.err, done


# ---- The metadata store ---------------------------------------------------------------------------

@tap.case("the metadata store of a broker that was stopped, runs, was killed")
def _():
    def look():
        assert "topics" in run("meta", "ls", kurierd.data, "/brokers").out.split()
        assert run("meta", "ls", kurierd.data, "/brokers/topics/").out == "filled\nsmall\n"
        assert json.loads(run("meta", "get", kurierd.data, "/brokers/topics/filled").out)["partitions"] == {
            "0": [1], "1": [1]}
        every = run("meta", "ls", "-a", kurierd.data).out.split()
        assert "/brokers/topics/filled" in every and "/brokers" in every
        rows = json.loads(run("meta", "ls", "-J", kurierd.data, "/brokers/topics").out)
        assert rows[0]["path"] == "/brokers/topics/filled" and rows[0]["bytes"] > 0, rows
        row = json.loads(run("meta", "get", "-J", kurierd.data, "/brokers/topics/filled").out)
        assert json.loads(row["data"])["topic_id"] and row["version"] >= 0, row

    look()  # it is stopped still
    before = state(path("kurier-meta"))
    look()
    assert state(path("kurier-meta")) == before
    kurierd.start()
    look()
    kurierd.kill()
    look()
    kurierd.start()


@tap.case("what is no metadata store, no node, no path")
def _():
    done = run("meta", "ls", "/tmp")
    assert done.status == 1 and "no metadata store" in done.err, done
    done = run("meta", "get", kurierd.data, "/no/such")
    assert done.status == 1 and "no such node" in done.err and f"kurier meta ls {kurierd.data}" in done.err, done
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "kurier-meta"))
        for file in ("log", "snapshot"):
            shutil.copytree(path("kurier-meta"), os.path.join(folder, "kurier-meta"), dirs_exist_ok=True)
            name = os.path.join(folder, "kurier-meta", file)
            for _ in range(30):
                size = os.path.getsize(name) if os.path.exists(name) else 0
                with open(name, "r+b" if size else "wb") as out:
                    out.seek(rng.randrange(size + 1))
                    out.write(rng.randbytes(rng.randrange(1, 40)))
                assert run("meta", "ls", "-a", folder).status in (0, 1)


if __name__ == "__main__":
    with kurierd:
        tap.run()
