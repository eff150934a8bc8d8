#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One group whose members are of every client: they divide its partitions, and go on doing so while members of each
kind come, leave, are killed, and are stopped for longer than their session."""
import os
import subprocess

import exchange  # and where the kit is

import broker
import clients
import peers
import tap
from jvm import jvm
from members import Group

HERE = os.path.dirname(os.path.abspath(__file__))
PARTITIONS = 24
BURST = 1200
SESSION_MS = 3000
KURIERD = {"num.partitions": PARTITIONS, "group.initial.rebalance.delay.ms": 0, "group.min.session.timeout.ms": 1000}


def in_c(name, *before):
    return lambda: [*before, os.path.join("tests", "peers", name)]


def in_java(version):
    return lambda: [*peers.JAVA, "-Xmx128m", *jvm(version).options, "-cp", jvm(version).path, "Member"]


RDKAFKA = clients.in_c(os.path.join("tests", "peers", "rdkafka_member"))
KINDS = {
    "librdkafka-2.0": RDKAFKA,
    "librdkafka-2.16": lambda: ["env", f"LD_LIBRARY_PATH={peers.librdkafka()}", *RDKAFKA()],
    "java-3.9": in_java("3.9"),
    "java-4.3": in_java("4.3"),
    "franz-go": clients.in_go("franzmember"),
    "sarama": clients.in_go("saramamember"),
    "kafkajs": clients.in_node(os.path.join("members", "kafkajs_member.js")),
    "kafka-python": clients.in_python(os.path.join("members", "kafkapython_member.py")),
}
STRATEGIES = {
    "range": list(KINDS),
    "cooperative-sticky": ["librdkafka-2.0", "librdkafka-2.16", "java-3.9", "java-4.3", "franz-go"],
}
# It tells of a rebalance, not of what it gives up, and hands out what it had begun with.
TELLS_LATE = ["kafkajs"]


class Story:
    """One group of one strategy."""

    def __init__(self, strategy, suffix):
        self.strategy = strategy
        self.topic = f"{strategy}-{suffix}"
        self.group = Group(PARTITIONS)

    def add(self, kind):
        return self.group.add(kind, [*KINDS[kind](), kurierd.address, self.topic, self.topic, self.strategy,
                                     str(SESSION_MS)])

    def produce(self):
        """A burst of records, spread over the partitions by their keys."""
        first = self.group.produced
        lines = b"".join(b"%d:x\n" % i for i in range(first, first + BURST))
        subprocess.run([broker.program("kurier"), "produce", "-b", kurierd.address, "-t", self.topic, "-K:"],
                       input=lines, check=True)
        self.group.produced += BURST

    def all_there(self):
        for kind in STRATEGIES[self.strategy]:
            self.add(kind)
        self.group.settle("one of each kind joins")
        self.produce()
        self.group.read_all()

    def end(self):
        self.group.end()
        self.group.check_nothing_missing()
        self.group.check_nothing_shared()
        self.group.check_no_strays(but=TELLS_LATE)


def graceful(strategy):
    story = Story(strategy, "graceful")
    group = story.group
    try:
        story.produce()
        story.all_there()
        for kind in STRATEGIES[strategy]:
            first = next(m for m in group.live() if m.kind == kind)
            story.produce()
            story.add(kind)
            first.leave()
            group.hear_until(lambda: first.left, f"{first} leaves")
            group.settle(f"another {kind} comes, the first leaves")
        story.produce()
        group.read_all()
        story.end()
        group.check_nothing_twice()
    finally:
        group.kill_all()


def violent(strategy):
    story = Story(strategy, "violent")
    group = story.group
    kinds = STRATEGIES[strategy]
    try:
        story.all_there()
        for kind, other in zip(kinds, kinds[1:] + kinds[:1]):
            killed, stopped = (next(m for m in group.live() if m.kind == k) for k in (kind, other))
            story.produce()
            killed.kill()
            stopped.stop()
            story.add(kind)
            group.settle(f"{kind} is killed, {other} stopped")
            stopped.go_on()
            story.produce()
            group.settle(f"{other} goes on")
        group.read_all()
        story.end()
    finally:
        group.kill_all()


for each in STRATEGIES:
    @tap.case(f"{each}: members come and go, and nothing is read twice")
    def _(strategy=each):
        graceful(strategy)

    @tap.case(f"{each}: members are killed and stopped, and nothing is left out")
    def _(strategy=each):
        violent(strategy)


@tap.case("as a control: what must not be is noticed")
def _():
    def told(*members):
        group = Group(1)
        for said in members:
            group.add("scripted", ["printf", said + "9 left\\n"])
        group.hear_out()
        return group

    def noticed(check):
        try:
            check()
        except AssertionError:
            return True
        return False

    good = told("1 assigned 0\\n2 read 0 0\\n3 revoked 0\\n", "4 assigned 0\\n5 read 0 1\\n")
    shared = told("1 assigned 0\\n3 read 0 0\\n", "2 assigned 0\\n5 read 0 0\\n6 read 0 2\\n")
    stray = told("1 assigned 0\\n2 revoked 0\\n3 read 0 0\\n")
    seen = [(noticed(g.check_nothing_shared), noticed(g.check_nothing_twice), noticed(g.check_nothing_missing),
             noticed(g.check_no_strays)) for g in (good, shared, stray)]
    assert seen == [(False, False, False, False), (True, True, True, False), (False, False, False, True)], seen


kurierd = broker.Broker(KURIERD)

if __name__ == "__main__":
    with kurierd:
        tap.run()
