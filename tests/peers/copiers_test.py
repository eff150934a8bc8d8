#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/copier: two of a group, killed and made anew while they copy; what they wrote, read committed, is what they
read, each record once and in order."""
import os
import random
import subprocess
import time

import exchange  # and where the kit is

import kafka
import peers
import tap
from broker import Broker, die_with_parent

KURIER, COPIER = os.path.join("bin", "kurier"), os.path.join("examples", "copier")
PARTITIONS, EACH, KILLS, PATIENCE_S = 4, 5000, 8, 180


class Copier:
    def __init__(self, source, to, name):
        self.words = [COPIER, server.address, source, to, name]
        self.child = None

    def begin(self):
        self.child = subprocess.Popen(self.words, preexec_fn=die_with_parent)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self):
        """As its user does, and it takes its leave."""
        self.child.terminate()
        assert self.child.wait(PATIENCE_S) == 0


def produce(topic, partition, numbers):
    lines = "".join(f"{partition}:{n}\n" for n in numbers)
    done = subprocess.run([KURIER, "produce", "-b", server.address, "-t", topic, "-p", str(partition)],
                          input=lines, text=True, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr


def committed(topic):
    """What is there now, in the order of each partition of the source."""
    done = subprocess.run([KURIER, "consume", "-b", server.address, "-t", topic, "-o", "beginning", "-e", "-q",
                           "-X", "isolation.level=read_committed"], text=True, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def wait_for(topic, count):
    deadline = time.monotonic() + PATIENCE_S
    while len(found := committed(topic)) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} came"
    return found


def sorted_as_sent(found):
    return sorted(found, key=lambda line: [int(word) for word in line.split(":")])


def copy():
    chance, total = random.Random(5), PARTITIONS * EACH
    copiers = [Copier("from", "to", f"copier-{i}") for i in range(2)]
    for copier in copiers:
        copier.begin()
    for turn in range(KILLS):
        for partition in range(PARTITIONS):
            produce("from", partition, range(turn * EACH // KILLS, (turn + 1) * EACH // KILLS))
        victim = chance.choice(copiers)
        if chance.random() < 0.7:
            victim.kill()
        else:
            victim.stop()
        victim.begin()
    found = wait_for("to", total)
    assert sorted_as_sent(found) == [f"{p}:{n}" for p in range(PARTITIONS) for n in range(EACH)]
    for copier in copiers:
        copier.stop()
    assert len(committed("to")) == total


def apache():
    peers.need("java")
    return kafka.Kafka("4.3", {"num.partitions": PARTITIONS})


for name, start in [("kurierd", lambda: Broker({"num.partitions": PARTITIONS})), ("Apache Kafka 4.3", apache)]:
    @tap.case(f"{name}: two copiers are killed and come back: every record once")
    def _(start=start):
        global server
        with start() as server:
            copy()


if __name__ == "__main__":
    tap.run()
