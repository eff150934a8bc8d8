#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kurier command as a user and a script meet it."""
import os
import re
import select
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap

COMMANDS = ["produce", "consume", "topic create", "topic list", "topic describe", "topic delete"]

kurierd = broker.Broker({"num.partitions": 1})


def kurier(*words, text=b"", status=0, at=None):
    """What it printed; of a failure, what it complained of."""
    words = [*words, *(["-b", at or kurierd.address] if words[0] in ("produce", "consume", "topic") else [])]
    done = subprocess.run([broker.program("kurier"), *words], input=text, capture_output=True, timeout=60)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stderr.decode()}"
    return (done.stderr if status else done.stdout).decode()


def run(*words, text=b""):
    """Its status and standard error, without a broker."""
    done = subprocess.run([broker.program("kurier"), *words], input=text, capture_output=True, timeout=60)
    return done.returncode, done.stderr.decode()


def read(topic, *words):
    return kurier("consume", "-t", topic, "-e", "-q", *words)


# ---- Words --------------------------------------------------------------------------

@tap.case("help, version and a list of options")
def _():
    assert re.fullmatch(r"kurier \d+\.\d+\.\d+\n", kurier("--version"))
    text = kurier("--help")
    assert all(command in text for command in COMMANDS), text
    assert "linger.ms" in kurier("-X", "list") and "queue.buffering.max.ms" in kurier("-X", "list")


@tap.case("the manual's pages are what the tables say")
def _():
    for page in sorted(os.listdir(os.path.join(TOP, "doc", "man"))):
        group = re.fullmatch(r"kurier-(\w+)\.1", page)
        if group:
            with open(os.path.join(TOP, "doc", "man", page), encoding="utf-8") as file:
                assert file.read() == kurier("--man", group[1]), f"{page}: `make kurier-pages` was forgotten"


@tap.case("mistakes on the command line are status 2, and say where to look")
def _():
    for words in (["produce"], ["consume", "-t", "a", "-o", "middle"], ["produce", "-t"], ["produce", "-t", "a", "-e"],
                  ["topic", "create"], ["topic", "frob"], ["frob"], [], ["consume", "-t", "a", "-p", "x"],
                  ["consume", "-t", "a", "b"], ["consume", "-t", "a", "-f", "%q"]):
        status, text = run(*words)
        assert status == 2 and text, f"{words}: {status} {text}"


@tap.case("a wrong option names the nearest one")
def _():
    status, text = run("produce", "-t", "a", "-X", "lingerms=1")
    assert status == 1 and "linger.ms" in text, text


@tap.case("no broker: one line each for what is wrong and what to do")
def _():
    text = kurier("topic", "list", "-m", "1", status=1, at="127.0.0.1:1")
    assert "127.0.0.1:1" in text and "refused" in text and "-b HOST:PORT" in text and len(text.splitlines()) == 2, text


# ---- Topics --------------------------------------------------------------------------

@tap.case("topics are created, listed, described and deleted")
def _():
    kurier("topic", "create", "-p", "3", "-s", "retention.ms=9000", "one", "two")
    assert {"one", "two"} <= set(kurier("topic", "list").split())
    text = kurier("topic", "describe", "one")
    assert re.match("one: 3 partitions, id .{22}\n  0  leader 1 ", text) and text.count("\n") == 4, text
    assert "TOPIC_ALREADY_EXISTS" in kurier("topic", "create", "one", "three", status=1)
    assert "three" in kurier("topic", "list").split()
    kurier("topic", "delete", "one", "three")
    assert "one" not in kurier("topic", "list").split()
    assert "UNKNOWN_TOPIC_OR_PARTITION" in kurier("topic", "describe", "one", status=1)


# ---- Records -------------------------------------------------------------------------

@tap.case("lines go in and come out")
def _():
    lines = "".join(f"line {i}\n" for i in range(5000))
    kurier("produce", "-t", "lines", text=lines.encode() + b"last without newline")
    assert read("lines") == lines + "last without newline\n"
    assert read("lines", "-o", "4999") == "line 4999\nlast without newline\n"
    assert read("lines", "-o", "-1") == "last without newline\n"
    assert kurier("consume", "-t", "lines", "-c", "2") == "line 0\nline 1\n"
    assert read("lines", "-o", "end") == ""


@tap.case("keys, headers, delimiters, formats, nulls")
def _():
    kurier("produce", "-t", "form", "-K", ":", "-D", ";", "-H", "a=1", "-H", "b=", "-H", "c", text=b"k:v;plain;:w;x:;")
    assert read("form", "-f", "%o %k %K %s %S %h %%\\n") == (
        "0 k 1 v 1 a=1,b=,c=NULL %\n1  -1 plain 5 a=1,b=,c=NULL %\n2  0 w 1 a=1,b=,c=NULL %\n"
        "3 x 1  0 a=1,b=,c=NULL %\n")
    kurier("produce", "-t", "nulls", "-Z", "-K", ":", text=b":w\nx:\n")
    assert read("nulls", "-Z", "-K", ":") == "NULL:w\nx:NULL\n"
    assert read("nulls", "-f", "%K %S\\x21") == "-1 1!1 -1!"


@tap.case("files as records, lines of a file, a fixed key, a count")
def _():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"one\ntwo\nthree\n")
        file.flush()
        kurier("produce", "-t", "files", "-k", "K", file.name)
        assert read("files", "-f", "%k=%s|") == "K=one\ntwo\nthree\n|"
        kurier("produce", "-t", "files2", "-l", file.name, "-c", "2")
        assert read("files2") == "one\ntwo\n"
    text = kurier("produce", "-t", "files", "/nonexistent", status=1)
    assert "/nonexistent" in text, text


@tap.case("kcat's -P and -C, and a properties file")
def _():
    with tempfile.NamedTemporaryFile() as file:
        file.write(f"bootstrap.servers={kurierd.address}\ncompression.type=lz4\n".encode())
        file.flush()
        assert run("-P", "-F", file.name, "-t", "kcat", text=b"hello\n") == (0, "")
        done = subprocess.run([broker.program("kurier"), "-C", "-F", file.name, "-t", "kcat", "-e", "-q"],
                              capture_output=True, timeout=60, check=True)
        assert done.stdout == b"hello\n"


@tap.case("a partition that is not there is a clear error")
def _():
    kurier("topic", "create", "small", "-p", "1")
    assert "1 partitions" in kurier("consume", "-t", "small", "-p", "7", status=1)
    assert "does not have" in kurier("consume", "-t", "nobody-made-this", status=1)


@tap.case("a record that is too large is refused with its number")
def _():
    text = kurier("produce", "-t", "large", text=b"ok\n" + b"x" * 3_000_000 + b"\n", status=1)
    assert "record 2" in text, text
    assert read("large") == "ok\n"


# ---- Ends ----------------------------------------------------------------------------

def start(*words, **more):
    return subprocess.Popen([broker.program("kurier"), *words, "-b", kurierd.address], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **more)


def first_line(process):
    assert select.select([process.stdout], [], [], 30)[0], "nothing was printed"
    return os.read(process.stdout.fileno(), 65536)


@tap.case("SIGINT ends an endless consume with status 0")
def _():
    kurier("produce", "-t", "endless", text=b"one\n")
    process = start("consume", "-t", "endless")
    assert first_line(process) == b"one\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    process = start("consume", "-t", "endless", "-c", "2")
    assert first_line(process) == b"one\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130


@tap.case("a reader that has had enough is no failure")
def _():
    kurier("produce", "-t", "pipe", text=b"a line of some length\n" * 20000)
    process = start("consume", "-t", "pipe", "-e")
    first_line(process)
    process.stdout.close()
    assert process.wait(30) == 0, process.stderr.read()


@tap.case("what was read before SIGINT is delivered")
def _():
    lines = [b"line %d\n" % i for i in range(40000)]
    unread = 65536 // len(lines[0])  # what a pipe holds is not read yet
    process = start("produce", "-t", "cut", "-X", "linger.ms=60000", stdin=subprocess.PIPE)
    process.stdin.write(b"".join(lines))
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130, process.stderr.read()
    got = read("cut").encode()
    assert b"".join(lines).startswith(got) and got.count(b"\n") >= len(lines) - unread, got[-100:]


if __name__ == "__main__":
    with kurierd:
        tap.run()
