# SPDX-License-Identifier: Apache-2.0
"""Transactional producers and readers of many clients in one topic, and what must hold of what they read.

    PROGRAM write ADDRESS TOPIC NAME INPUT

is a producer whose transactional.id is NAME. It says ok once it may begin; then reads steps, one a line, and says ok
after each; it ends when there are no more:

    begin
    send PARTITION VALUE      a record of TOPIC, with the key NAME
    flush                     what was sent is at the broker
    offset N                  group NAME has read partition 0 of INPUT up to there; a part of the transaction
    commit, abort

    PROGRAM read ADDRESS TOPIC PARTITIONS ISOLATION

reads them from the beginning, each to a record whose value is end; and says of each record, as soon as it has it,

    PARTITION OFFSET VALUE
"""
import os
import random
import select
import subprocess
import time
from collections import defaultdict

import exchange  # and where the kit is

import broker
import clients
import consumers
import peers
import tap
import wire
from jvm import jvm
from watched import eventually

PARTITIONS = 6
TRANSACTIONS = 24
INPUTS = TRANSACTIONS
STRETCHES = 3        # of each transaction
PATIENCE_S = 60
TURNS = 5            # transactions of each in the topic where they take turns
NEVER = 1000  # an offset from here on is one that was aborted
# Of the broker that they run against.
OPTIONS = {"num.partitions": PARTITIONS, "log.retention.ms": -1, "group.initial.rebalance.delay.ms": 0}


def in_java(version):
    return lambda: [*peers.JAVA, "-Xmx128m", *jvm(version).options, "-cp", jvm(version).path, "Txn"]


RDKAFKA = clients.in_c(os.path.join("tests", "peers", "rdkafka_txn"))
KINDS = {
    "libkurier": lambda: [os.path.join("tests", "peers", "kurier_txn")],
    "librdkafka-2.0": RDKAFKA,
    "librdkafka-2.16": lambda: ["env", f"LD_LIBRARY_PATH={peers.librdkafka()}", *RDKAFKA()],
    "java-3.9": in_java("3.9"),
    "java-4.3": in_java("4.3"),
    "franz-go": clients.in_go("franztxn"),
    "sarama": clients.in_go("saramatxn"),
    "kafkajs": clients.in_node(os.path.join("txn", "kafkajs_txn.js")),
}
# It takes aborted transactions in the order in which they are told, one with each record, and so loses its place
# where they overlap: what it is to read must not.
ONE_AT_A_TIME = ["kafkajs"]


class Plan:
    """What one producer is to do: stretches of steps, and what will be committed by them. Stretches are where it
    waits for the others."""

    def __init__(self, name, chance, transactions=TRANSACTIONS):
        self.name = name
        self.stretches = []
        self.all = defaultdict(list)        # by partition
        self.committed = defaultdict(list)
        self.offset = -1
        done = 0
        for number in range(transactions):
            commit, offset = chance.random() < 0.6, chance.random() < 0.7
            size = chance.choice([0, 1, 3, 10, 80])
            records = [(chance.randrange(PARTITIONS), f"{name} {number} {i}") for i in range(size)]
            self._transaction(records, [] if not offset else [f"offset {done + 1 if commit else NEVER + number}"],
                              commit)
            if commit and offset:
                done += 1
                self.offset = done

    def _transaction(self, records, offset, commit):
        sends = [f"send {partition} {value}" for partition, value in records]
        half = len(sends) // 2
        # What was not flushed may be thrown away by an abort.
        last = ["commit"] if commit else ["flush", "abort"]
        self.stretches += [["begin", *sends[:half], "flush"], [*sends[half:], *offset], last]
        for partition, value in records:
            self.all[partition].append(value)
            if commit:
                self.committed[partition].append(value)


class Writer:
    def __init__(self, kind, address, topic, plan):
        self.kind, self.plan = kind, plan
        self.left = list(plan.stretches)
        self.waiting = 1  # for so many ok
        self.process = subprocess.Popen([*KINDS[kind](), "write", address, topic, plan.name, "input"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=broker.die_with_parent)

    def go_on(self):
        stretch = self.left.pop(0)
        self.process.stdin.write("".join(line + "\n" for line in stretch).encode())
        self.process.stdin.flush()
        self.waiting = len(stretch)
        return stretch

    def hear(self):
        deadline = time.monotonic() + PATIENCE_S
        while self.waiting:
            ready = select.select([self.process.stdout], [], [], max(deadline - time.monotonic(), 0))[0]
            assert ready, f"{self.kind} says nothing for {PATIENCE_S} s"
            said = os.read(self.process.stdout.fileno(), 1 << 12)
            assert said, f"{self.kind} ended with {self.process.wait()}"
            assert said.replace(b"ok", b"").strip() == b"", f"{self.kind} says {said}"
            self.waiting -= said.count(b"\n")

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE_S) == 0, f"{self.kind} ended with {self.process.returncode}"


class Reader:
    def __init__(self, kind, address, topic, isolation, partitions=PARTITIONS):
        self.kind, self.isolation = kind, isolation
        self.process = subprocess.Popen([*KINDS[kind](), "read", address, topic, str(partitions), isolation],
                                        stdout=subprocess.PIPE, text=True, preexec_fn=broker.die_with_parent)

    def read(self):
        """[(partition, offset, value)]"""
        said, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, f"{self} ended with {self.process.returncode}"
        rows = [line.split(" ", 2) for line in said.splitlines()]
        return [(int(partition), int(offset), value) for partition, offset, value in rows]

    def __repr__(self):
        return f"{self.kind}, {self.isolation}"


def check(read, plans, which):
    """Exactly what was planned, each once, and in the order of its producer and partition. which: committed or all."""
    by_source, offsets = defaultdict(list), defaultdict(list)
    for partition, offset, value in read:
        offsets[partition].append(offset)
        if value != "end":
            by_source[value.split()[0], partition].append(value)
    for partition, seen in offsets.items():
        assert seen == sorted(set(seen)), f"offsets of {partition} are not in order"
    for plan in plans:
        for partition in range(PARTITIONS):
            want, got = getattr(plan, which)[partition], by_source.pop((plan.name, partition), [])
            odd = next((pair for pair in zip(want + [None], got + [None]) if pair[0] != pair[1]), None)
            assert want == got, f"partition {partition} of {plan.name}: {len(got)} instead of {len(want)}; " \
                                f"{odd[0]!r} instead of {odd[1]!r}"
    assert not by_source, f"of nobody: {list(by_source)[:5]}"


class Together:
    """Writers of these kinds in one topic, at once; or in turns, each a whole transaction."""

    def __init__(self, server, topic, kinds, between=lambda: None, turns=False):
        self.server, self.topic, self.kinds, self.between, self.turns = server, topic, kinds, between, turns
        self.chance = random.Random(1)
        self.plans = [Plan(f"{topic}-{kind}", self.chance, TURNS if turns else TRANSACTIONS) for kind in kinds]
        self.most_open = 0
        self.written = False

    def prepare(self):
        with wire.Connection(self.server.port) as client:
            wire.create_topic(client, self.topic, PARTITIONS)
            if "input" not in wire.topics(client):
                wire.create_topic(client, "input", 1)
                # At Apache Kafka a new topic has no leader for a moment.
                assert eventually(lambda: wire.produce(client, "input", wire.batch([b"x"] * INPUTS))[0] == 0)

    def _some_of(self, writers):
        """Those who go on; most have a transaction open all the time."""
        if self.turns:
            return [next((w for w in writers if len(w.left) % STRETCHES), writers[0])]
        return [w for w in writers if self.chance.random() < 0.7] or writers

    def write(self):
        start, writers = time.monotonic(), []
        try:
            for kind, plan in zip(self.kinds, self.plans):
                writers.append(Writer(kind, self.server.address, self.topic, plan))
            for writer in writers:
                writer.hear()
            while left := [writer for writer in writers if writer.left]:
                some = self._some_of(left[::-1] if self.chance.random() < 0.5 else left)
                for writer in some:
                    writer.go_on()
                for writer in some:
                    writer.hear()
                self.most_open = max(self.most_open, sum(len(w.left) % STRETCHES != 0 for w in writers))
                self.between()
            for writer in writers:
                writer.end()
        finally:
            for writer in writers:
                writer.process.kill()
        with wire.Connection(self.server.port) as client:
            for partition in range(PARTITIONS):
                code, _ = wire.produce(client, self.topic, wire.batch([b"end"]), partition)
                assert code == 0, code
        print(f"# {time.monotonic() - start:.1f} s, up to {self.most_open} open", flush=True)
        self.written = True

    def reader(self, kind, isolation="read_committed"):
        return Reader(kind, self.server.address, self.topic, isolation)

    def check_offsets(self):
        def told():
            with wire.Connection(self.server.port) as client:
                return {plan.name: consumers.committed(client, plan.name, "input", [0]) for plan in self.plans}
        want = {plan.name: {0: plan.offset} for plan in self.plans}
        # A transaction that is committed may be completed a little later.
        assert eventually(lambda: told() == want), f"{told()} instead of {want}"


def noticed(read, plans, which):
    try:
        check(read, plans, which)
    except AssertionError:
        return True
    return False


@tap.case("as a control: what is missing, doubled, disordered or was aborted is noticed")
def _():
    plan = Plan("scripted", random.Random(5))
    good = [(p, i, value) for p in range(PARTITIONS) for i, value in enumerate(plan.committed[p])]
    swapped = [(p, i, value) for p in range(PARTITIONS) for i, value in enumerate(plan.committed[p][::-1])]
    aborted = next((p, 9999, v) for p in range(PARTITIONS) for v in plan.all[p] if v not in plan.committed[p])
    again = (good[-1][0], 9999, good[-1][2])
    seen = [noticed(read, [plan], "committed") for read in (
        good, good[:-1], [*good, good[-1]], [*good, again], swapped, [*good, aborted], [*good, (0, 9999, "x 0 0")])]
    assert seen == [False] + [True] * 6, seen


def write_case(together, live, readers, name):
    """live: the readers that are there from the beginning."""
    @tap.case(f"{', '.join(together.kinds)}: transactions in one topic, {name}")
    def _():
        together.prepare()
        live.update((kind, together.reader(kind)) for kind in readers)
        together.write()
        most = together.most_open
        assert most == 1 if together.turns else most > len(together.kinds) // 2, most


def read_cases(together, live, kind, name=""):
    @tap.case(f"{kind}, read_committed, sees what was committed{name}, while it is written and later")
    def _():
        assert together.written
        first, second = live[kind].read(), together.reader(kind).read()
        check(first, together.plans, "committed")
        assert sorted(first) == sorted(second), f"{len(first)} records, then {len(second)}"

    @tap.case(f"as a control: {kind}, read_uncommitted, sees all{name}, which is noticed")
    def _():
        assert together.written
        seen = together.reader(kind, "read_uncommitted").read()
        check(seen, together.plans, "all")
        assert noticed(seen, together.plans, "committed")


def through(server, kinds, between=lambda: None):
    """Makes the tests, and runs them against that broker; ends the process. between is called now and then while they
    write."""
    together, live = Together(server, "together", kinds, between), {}
    turns, live_turns = Together(server, "turns", kinds, turns=True), {}
    patient = [kind for kind in kinds if kind in ONE_AT_A_TIME]
    able = [kind for kind in kinds if kind not in ONE_AT_A_TIME]
    write_case(together, live, able, "open at once")
    for kind in able:
        read_cases(together, live, kind)
    if patient:
        write_case(turns, live_turns, patient, "in turns")
        for kind in patient:
            read_cases(turns, live_turns, kind, " in turns")

    @tap.case("offsets are where committed transactions put them")
    def _():
        assert together.written
        together.check_offsets()

    with server:
        tap.run()
