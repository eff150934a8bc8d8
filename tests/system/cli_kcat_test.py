#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kurier called as kcat is, beside kcat: the same flags, the same input, the same output."""
import concurrent.futures
import json
import re

from cli_kit import Cli, run

import broker
import peers
import tap

kurierd = broker.Broker({"num.partitions": 1})
kurier = Cli(kurierd)

STAMPS = 1700000000000


def setup():
    """A topic of three partitions that both sides read."""
    kurier("topic", "create", "-p", "3", "seen")
    for partition in range(3):
        rows = "".join(json.dumps({"key": f"k{i}", "payload": "välue %d \"\\\t\x01\x7f/" % i, "ts": STAMPS + i * 1000,
                                   "headers": ["a", "1", "a", "2", "none", None, "empty", ""] if i % 2 else []}) + "\n"
                       for i in range(20))
        kurier("produce", "-J", "-t", "seen", "-p", partition, text=rows)
    kurier("produce", "-t", "seen", "-p", 0, "-Z", "-K", ":", text=":null key\nnull value:\n")


def both(*words, text=b"", status=0):
    """What both printed, if it is the same; their complaints are compared by the caller."""
    ours, theirs = run(*words, "-b", kurierd.address, text=text), kurier.kcat(*words, text=text)
    assert ours.status == theirs.status == status, (ours, theirs)
    return ours, theirs


def same(*words, **more):
    ours, theirs = both(*words, **more)
    assert ours.raw == theirs.raw, (ours, theirs)
    return ours


def all_same(each):
    """Side by side, since kcat mostly waits."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda words: same(*words), each))


def same_lines(*words, **more):
    """Partitions may take turns."""
    ours, theirs = both(*words, **more)
    assert sorted(ours.raw.splitlines()) == sorted(theirs.raw.splitlines()), (ours, theirs)
    return ours


def marks(done):
    """What was said of ends; who was the last is chance."""
    return sorted(line.replace(": exiting", "") for line in done.err.splitlines() if line.startswith("% Reached"))


# ---- -C -------------------------------------------------------------------------------

@tap.case("-C: every letter of a format")
def _():
    setup()
    forms = ["%t %p %o %k %K %s %S %T %h\\n", "%R%s\\n", "%%|%s|\\x41\\t\\r\\n", "no letters\\n", "%s"]
    all_same(["-C", "-t", "seen", "-p", "1", "-e", "-q", "-f", form] for form in forms)


@tap.case("-C: the envelope, byte for byte")
def _():
    same("-C", "-t", "seen", "-p", "1", "-e", "-q", "-J")
    assert len(same("-C", "-t", "seen", "-p", "0", "-e", "-q", "-J").raw.splitlines()) == 22
    same_lines("-C", "-t", "seen", "-e", "-q", "-J")
    same("-C", "-t", "seen", "-p", "1", "-e", "-q", "-J", "-D", ",")


@tap.case("-C: from and to where")
def _():
    offsets = ["beginning", "end", "0", "7", "20", "-1", "-7", "-99", f"s@{STAMPS + 5000}", f"s@{STAMPS + 99000}"]
    all_same(["-C", "-t", "seen", "-p", "2", "-e", "-q", "-o", offset, "-f", "%o %T\\n"] for offset in offsets)
    same("-C", "-t", "seen", "-p", "1", "-q", "-o", f"e@{STAMPS + 3000}")
    same_lines("-C", "-t", "seen", "-q", "-o", f"s@{STAMPS + 2000}", "-o", f"e@{STAMPS + 4000}", "-f", "%p %o\\n")


@tap.case("-C: counts, delimiters, keys, nulls, bundles of flags")
def _():
    all_same([["-C", "-t", "seen", "-p", "1", "-c", "5", "-q"],
              ["-C", "-t", "seen", "-p", "1", "-e", "-q", "-D", "--\\n", "-K", "\\t=>"],
              ["-C", "-t", "seen", "-p", "1", "-eqK:", "-D;"],
              ["-C", "-t", "seen", "-p", "0", "-o", "-2", "-eqZ", "-K:"],
              ["-Cequ", "-t", "seen", "-p", "1"],
              ["-t", "seen", "-C", "-p", "1", "-e", "-q", "-X", "client.id=x", "-d", "broker", "-c", "1"]])


@tap.case("-C: what is packed")
def _():
    kurier("produce", "-t", "packed", "-K", ":", text=b"\x00\x07:\x00\x00\x00\x05tail")
    all_same(["-C", "-t", "packed", "-e", "-q", "-K", ":", "-s", form]
             for form in ("value=>i s", "value=bbbbc", "key=>h", "value=IB", "value=hHs"))


@tap.case("-C: what is said on the way")
def _():
    for words in (["-e"], ["-e", "-p", "1"], ["-o", f"e@{STAMPS + 3000}", "-e", "-p", "1"], ["-e", "-q"],
                  ["-o", "end", "-e"]):
        ours, theirs = both("-C", "-t", "seen", *words)
        assert marks(ours) == marks(theirs), (ours, theirs)
    assert "seen [1] at offset 20: exiting" in both("-C", "-t", "seen", "-p", "1", "-e")[0].err


@tap.case("-C: what cannot be is a failure on both sides")
def _():
    both("-C", "-t", "seen", "-p", "9", "-e", status=1)
    both("-C", "-t", "seen", "-p", "1", "-e", "-s", "value=q$", status=1)


# ---- -P -------------------------------------------------------------------------------

def written(topic):
    """What a topic holds: offsets, keys, values, headers."""
    return kurier("consume", "-t", topic, "-e", "-q", "-f", "%p %o %K %k %S %s %h\\n")


def produce_both(number, words, text):
    ours, theirs = f"ours{number}", f"theirs{number}"
    kurier("topic", "create", ours, theirs)
    assert run("-P", "-t", ours, *words, "-b", kurierd.address, text=text).status == 0
    assert kurier.kcat("-P", "-t", theirs, *words, text=text).status == 0
    assert written(ours) == written(theirs), (words, written(ours), written(theirs))


@tap.case("-P: the same input becomes the same records")
def _():
    cases = [([], "a\nb\n\nc"), (["-K", ":"], "k:v\nplain\n:v\nk:\n:\nk:v:w\n"), (["-K", ":", "-Z"], ":v\nk:\n:\nx\n"),
             (["-k", "K"], "a\nb\n"), (["-k", "K", "-K", ":"], "own:a\nb\n"), (["-D", ";"], "a;b;;c\n"),
             (["-D", "\\x01"], "a\x01b"), (["-D", "--", "-K", "=="], "k==v--x--"), (["-c", "2"], "a\nb\nc\n"),
             (["-H", "a=1", "-H", "b=", "-H", "c", "-H", "d=e=f"], "v\n"), (["-z", "lz4"], "a\n" * 1000),
             (["-p", "0"], "x\n"), (["-p", "-1"], "x\n"), (["-E"], "x\n"), (["-X", "acks=1"], "x\n"), ([], "")]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: produce_both(number, *cases[number]), range(len(cases))))


@tap.case("-P: keys go to the same partitions as those of a Java client; kcat has to be told")
def _():
    kurier("topic", "create", "-p", "7", "hash1", "hash2")
    text = "".join(f"key{i}:v\n" for i in range(500))
    run("-P", "-t", "hash1", "-K:", "-b", kurierd.address, text=text)
    kurier.kcat("-P", "-t", "hash2", "-K:", "-X", "topic.partitioner=murmur2_random", text=text)
    form = ["-e", "-q", "-f", "%p %k\\n"]
    assert sorted(kurier("consume", "-t", "hash1", *form).splitlines()) == \
        sorted(kurier("consume", "-t", "hash2", *form).splitlines())


@tap.case("-P: files and lines of a file")
def _():
    with open(__file__, encoding="utf-8") as file:
        lines = file.read()
    kurier("topic", "create", "file1", "file2")
    for words in ([__file__, __file__], ["-l", __file__]):
        run("-P", "-t", "file1", *words, "-b", kurierd.address)
        kurier.kcat("-P", "-t", "file2", *words)
    assert written("file1") == written("file2") and lines[:40] in written("file1")


@tap.case("without a mode, input that is no terminal is produced")
def _():
    assert run("-t", "nomode", "-b", kurierd.address, text="x\n").status == 0
    assert kurier.read("nomode") == "x\n"


# ---- -L and -Q --------------------------------------------------------------------------

def topics(text):
    """What is said of each topic, and of all else; kcat's topics come in no order."""
    return sorted(re.split(r"^  (?=topic)", re.sub(r"\(from broker .*?\):", "", text), flags=re.M))


@tap.case("-L: of all topics and of one, as text and as JSON")
def _():
    for words in (["-L"], ["-L", "-t", "seen"]):
        ours, theirs = both(*words)
        assert topics(ours.out) == topics(theirs.out), (ours, theirs)
        ours, theirs = (json.loads(done.out) for done in both(*words, "-J"))
        for found in (ours, theirs):
            del found["originating_broker"]
            found["topics"].sort(key=lambda topic: topic["topic"])
        assert ours == theirs, (ours, theirs)


@tap.case("-Q: by time, at the ends, of several, as text and as JSON")
def _():
    all_same([["-Q", "-t", f"seen:1:{STAMPS + 7500}"], ["-Q", "-t", "seen:0:-1", "-t", "seen:1:-2"],
              ["-Q", "-t", "seen:2:0"], ["-Q", "-t", f"seen:1:{STAMPS * 2}"]])
    ours, theirs = (json.loads(done.out) for done in both("-Q", "-J", "-t", "seen:0:0", "-t", "seen:1:-1"))
    assert ours == theirs, (ours, theirs)
    both("-Q", "-t", "seen:9:0", status=1)


@tap.case("modes are found wherever they stand")
def _():
    all_same([["-e", "-q", "-t", "seen", "-p", "1", "-C"], ["-qeC", "-p1", "-tseen"]])


if __name__ == "__main__":
    assert peers.need("kcat")
    with kurierd:
        tap.run()
