#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's kcat through kurierd: what it writes we read, what we write it reads."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import peers
import tap
from watched import eventually

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
LINES = 2_000

kurierd = broker.Broker({"num.partitions": 1})


def run(program, *words, text=b""):
    done = subprocess.run([program, *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0, f"{os.path.basename(program)} {' '.join(words)}:\n{done.stderr.decode()[-2000:]}"
    return done.stdout


def kcat(*words, text=b""):
    # It learns of the end (-e) by a Fetch that found nothing, which waits so long.
    quick = ["-X", "fetch.wait.max.ms=10"] if "-C" in words else []
    return run(peers.need("kcat"), "-b", kurierd.address, *quick, *words, text=text)


def kurier(*words, text=b""):
    return run(broker.program("kurier"), *words, text=text)


def lines():
    """Keyed lines: with an empty value here and there, and one of 900 kB."""
    rows = [b"key-%d\tvalue-%d %s" % (i, i, b"x" * (i % 90)) if i % 7 else b"key-%d\t" % i for i in range(LINES)]
    return b"\n".join(rows + [b"large\t" + b"L" * 900_000]) + b"\n"


READ = ["-C", "-o", "beginning", "-e", "-q", "-f", "%k\t%s\n"]


@tap.case("kcat lists kurierd's brokers and topics")
def _():
    kurier("topic", "create", "-b", kurierd.address, "listed", "-p", "3")
    text = kcat("-L").decode()
    assert kurierd.address in text and 'topic "listed" with 3 partitions' in text, text


for codec in CODECS:
    @tap.case(f"kcat writes {codec}, kurier and kcat read the same")
    def _(codec=codec):
        topic, want = f"kcat-{codec}", lines()
        kcat("-P", "-t", topic, "-p", "0", "-K", "\t", "-z", codec, "-H", "from=kcat", "-H", "empty=", text=want)
        assert kcat(*READ, "-t", topic) == want
        assert kurier("consume", "-b", kurierd.address, "-t", topic, "-p", "0", *READ[1:]) == want

    @tap.case(f"kurier writes {codec}, kcat reads the same")
    def _(codec=codec):
        topic, want = f"kurier-{codec}", lines()
        kurier("produce", "-b", kurierd.address, "-t", topic, "-p", "0", "-K", "\t", "-z", codec, "-H", "from=kurier",
               text=want)
        assert kcat(*READ, "-t", topic) == want
        assert kcat(*READ[:-1], "%h\n", "-t", topic).splitlines()[0] == b"from=kurier"


@tap.case("nulls stay nulls between kcat and kurier")
def _():
    form = ["-C", "-o", "beginning", "-e", "-q", "-f", "%K %S\n"]
    for writer in (kcat, lambda *words, **more: kurier("produce", "-b", kurierd.address, *words[1:], **more)):
        topic = f"nulls-{id(writer)}"
        writer("-P", "-t", topic, "-p", "0", "-Z", "-K", ":", text=b"key:\n:value\n")
        assert kcat(*form, "-t", topic) == b"3 -1\n-1 5\n"
        assert kurier("consume", "-b", kurierd.address, "-t", topic, "-p", "0", *form[1:]) == b"3 -1\n-1 5\n"


@tap.case("kcat, idempotent: 100,000 records to four partitions, all there and in order")
def _():
    kurier("topic", "create", "-b", kurierd.address, "many", "-p", "4")
    for partition in range(4):
        want = b"".join(b"%d\n" % i for i in range(partition, 100_000, 4))
        kcat("-P", "-t", "many", "-p", str(partition), "-X", "enable.idempotence=true", text=want)
        assert kcat("-C", "-t", "many", "-p", str(partition), "-o", "beginning", "-e", "-q") == want
    assert kcat("-C", "-t", "many", "-p", "1", "-o", "-3", "-e", "-q", "-f", "%o %s\n") == \
        b"24997 99989\n24998 99993\n24999 99997\n"


@tap.case("kcat, with acks=0 and acks=1: what is sent without being answered arrives, too")
def _():
    for acks in ("0", "1"):
        want = b"".join(b"%d\n" % i for i in range(LINES))
        kcat("-P", "-t", f"acks-{acks}", "-p", "0", "-X", f"acks={acks}", text=want)
        assert eventually(lambda: kcat("-C", "-t", f"acks-{acks}", "-p", "0", "-o", "beginning", "-e", "-q") == want)


@tap.case("kcat finds by time what kurier and kcat wrote")
def _():
    topic, stamps = "timed", []
    for writer in (lambda **more: kcat("-P", "-t", topic, "-p", "0", **more),
                   lambda **more: kurier("produce", "-b", kurierd.address, "-t", topic, "-p", "0", **more)):
        for _ in range(3):
            writer(text=b"record\n")
            line = kcat("-C", "-t", topic, "-p", "0", "-o", "-1", "-e", "-q", "-f", "%T %o\n")
            stamps.append(tuple(map(int, line.split())))
    for milliseconds, _ in stamps:
        form = ["-t", topic, "-p", "0", "-o", f"s@{milliseconds}", "-e", "-q", "-f", "%T %o\n"]
        want = b"%d %d" % next(s for s in stamps if s[0] >= milliseconds)
        assert kcat("-C", *form).splitlines()[0] == want
        assert kurier("consume", "-b", kurierd.address, *form).splitlines()[0] == want
    assert kcat("-Q", "-t", f"{topic}:0:{stamps[0][0] - 1}") == b"timed [0] offset 0\n"
    assert kcat("-Q", "-t", f"{topic}:0:{stamps[-1][0] + 1}") == b"timed [0] offset -1\n"


if __name__ == "__main__":
    with kurierd:
        tap.run()
