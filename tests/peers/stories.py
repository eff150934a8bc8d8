# SPDX-License-Identifier: Apache-2.0
"""What groups go through whose members are of many clients: they divide 24 partitions, and go on doing so while members
of each kind come, leave, are killed, and are stopped for longer than their session."""
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import exchange  # and where the kit is

import broker
import clients
import peers
import tap
from jvm import jvm
from members import Group

PARTITIONS = 24
BURST = 600
SESSION_MS = 5000
AT_ONCE = 3
# Of the broker that they run against.
OPTIONS = {"num.partitions": PARTITIONS, "group.initial.rebalance.delay.ms": 0, "group.min.session.timeout.ms": 1000,
           "group.consumer.min.session.timeout.ms": 1000, "group.consumer.session.timeout.ms": SESSION_MS,
           "group.consumer.min.heartbeat.interval.ms": 100,
           "group.consumer.heartbeat.interval.ms": SESSION_MS // 6}


def in_java(version):
    return lambda: [*peers.JAVA, "-Xmx128m", *jvm(version).options, "-cp", jvm(version).path, "Member"]


RDKAFKA = clients.in_c(os.path.join("tests", "peers", "rdkafka_member"))
KINDS = {
    "libkurier": lambda: [os.path.join("tests", "peers", "kurier_member")],
    "librdkafka-2.0": RDKAFKA,
    "librdkafka-2.16": lambda: ["env", f"LD_LIBRARY_PATH={peers.librdkafka()}", *RDKAFKA()],
    "java-3.9": in_java("3.9"),
    "java-4.3": in_java("4.3"),
    "franz-go": clients.in_go("franzmember"),
    "sarama": clients.in_go("saramamember"),
    "kafkajs": clients.in_node(os.path.join("members", "kafkajs_member.js")),
    "kafka-python": clients.in_python(os.path.join("members", "kafkapython_member.py")),
}
# It tells of a rebalance, not of what it gives up, and hands out what it had begun with.
TELLS_LATE = [("kafkajs", "range")]


class Story:
    """What one group goes through. A sort is a kind with a strategy."""

    def __init__(self, address, name, sorts):
        self.address = address
        self.sorts = sorts
        self.topic = name.replace(" ", "-")
        self.group = Group(self.topic, PARTITIONS)

    def add(self, sort):
        kind, strategy = sort
        return self.group.add(sort, [*KINDS[kind](), self.address, self.topic, self.topic, strategy,
                                     str(SESSION_MS)])

    def one(self, sort):
        return next(m for m in self.group.live() if m.kind == sort)

    def produce(self):
        """A burst of records, spread over the partitions by their keys."""
        first = self.group.produced
        lines = b"".join(b"%d:x\n" % i for i in range(first, first + BURST))
        subprocess.run([broker.program("kurier"), "produce", "-b", self.address, "-t", self.topic, "-K:"],
                       input=lines, check=True)
        self.group.produced += BURST

    def all_there(self):
        for sort in self.sorts:
            self.add(sort)
        self.group.settle("one of each sort joins")
        self.produce()
        self.group.read_all()

    def end(self):
        """Answers how often each record was read by then."""
        counts = self.group.end()
        self.group.check_nothing_missing()
        self.group.check_nothing_shared()
        self.group.check_no_strays(but=TELLS_LATE)
        return counts


def words(sort):
    return " by ".join(sort)


def graceful(story):
    group = story.group
    try:
        story.produce()
        story.all_there()
        for sort in story.sorts:
            first = story.one(sort)
            story.produce()
            story.add(sort)
            group.settle(f"another {words(sort)} comes")
            # Who has read something since is done with the round.
            story.produce()
            group.read_all()
            first.leave()
            group.hear_until(lambda: first.left, f"{first} leaves")
            group.settle(f"the first {words(sort)} leaves")
        story.produce()
        group.read_all()
        group.check_nothing_twice(story.end())
    finally:
        group.kill_all()


def violent(story):
    group, sorts = story.group, story.sorts
    try:
        story.all_there()
        for sort, other in zip(sorts, sorts[1:] + sorts[:1]):
            killed, stopped = story.one(sort), story.one(other)
            story.produce()
            killed.kill()
            stopped.stop()
            story.add(sort)
            group.settle(f"{words(sort)} is killed, {words(other)} stopped")
            stopped.go_on()
            story.produce()
            group.settle(f"{words(other)} goes on")
        group.read_all()
        story.end()
    finally:
        group.kill_all()


TOLD = {graceful: "members come and go, and nothing is read twice",
        violent: "members are killed and stopped, and nothing is left out"}


def through(server, groups):
    """Runs them all against that broker, {name: sorts}, and ends the process. Most of the time they wait for sessions
    to end: some go at once."""
    tales, running = {}, {}
    for tell in TOLD:
        for name, sorts in groups.items():
            title = f"{name}: {TOLD[tell]}"
            tales[title] = (tell, f"{name} {tell.__name__}", sorts)
            tap.case(title)(lambda title=title: running[title].result())
    with server, ThreadPoolExecutor(AT_ONCE) as beside:
        for title, (tell, name, sorts) in tales.items():
            if tap.is_picked(title):
                running[title] = beside.submit(tell, Story(server.address, name, sorts))
        tap.run()
