#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples compile, stay short, and do what they say."""
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap

LINES = [f"line {i}" for i in range(1000)]
PATIENCE_S = 60

kurierd = broker.Broker({"num.partitions": 1, "group.initial.rebalance.delay.ms": 0})


def example(name):
    return os.path.join("examples", name)


def send(name, topic):
    done = subprocess.run([example(name), kurierd.address, topic], input="\n".join(LINES) + "\n", text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout


def read(count, name, *words):
    """What an example prints first, until SIGINT ends it."""
    reader = subprocess.Popen([example(name), kurierd.address, *words], stdout=subprocess.PIPE, text=True,
                              preexec_fn=broker.die_with_parent)
    lines = [reader.stdout.readline().rstrip("\n") for _ in range(count)]
    reader.send_signal(2)
    assert reader.wait(PATIENCE_S) == 0
    return lines


for writer in ("produce", "epoll"):
    @tap.case(f"examples/{writer} sends what examples/consume prints, in order")
    def _(writer=writer):
        send(writer, writer)
        assert read(len(LINES), "consume", writer, "0") == [f"{writer}[0]@{i}: {line}" for i, line in enumerate(LINES)]


@tap.case("examples/group goes on behind what it printed")
def _():
    for first in (0, len(LINES)):
        send("produce", "shared")
        assert read(len(LINES), "group", "readers", "shared") == [
            f"shared[0]@{first + i}: {line}" for i, line in enumerate(LINES)]


@tap.case("examples/copier copies each record once, goes on behind it, and goes when it is told to")
def _():
    for first in (0, len(LINES)):
        send("produce", "original")
        copier = subprocess.Popen([example("copier"), kurierd.address, "original", "copy", "copier"],
                                  preexec_fn=broker.die_with_parent)
        lines = [line.split(": ")[1] for line in read(first + len(LINES), "consume", "copy", "0")]
        copier.send_signal(2)
        assert copier.wait(PATIENCE_S) == 0 and lines == LINES * (1 + bool(first))


@tap.case("examples/admin makes a topic once, and counts its records")
def _():
    for _ in range(2):
        done = subprocess.run([example("admin"), kurierd.address, "counted"], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE_S)
        assert done.stdout == "".join(f"counted [{i}]: 0 records\n" for i in range(3)), done.stdout


@tap.case("each example stays below 80 lines")
def _():
    for path in glob.glob(os.path.join(HERE, "..", "..", "examples", "*.c")):
        with open(path) as source:
            assert len(source.readlines()) < 80, path


if __name__ == "__main__":
    with kurierd:
        tap.run()
