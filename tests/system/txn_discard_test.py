#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A write of a coordinator fails, and with it goes all that the coordinator knew: what waited hears NOT_COORDINATOR,
it is loaded anew from its log while kurierd lives on, and what was decided or open before is so after."""
import os
import random
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import coordinator
import failing
import group_offsets as offsets
import tap
import wire
from coordinator import NONE, NOT_COORDINATOR, PASSING, Producer, settled
from failing import GROUPS, TRANSACTIONS, WAYS
from watched import eventually

REBALANCE_IN_PROGRESS, UNSTABLE, FENCED = 27, 88, 90
PARTITIONS, ROUNDS = 2, 60
RUSH_S, WAIT_S = 1, 0.2  # the broker's, before it loads anew where it has just done so
names = iter(f"t{i}" for i in range(1000))
server = failing.Failing({"transaction.state.log.num.partitions": 2, "offsets.topic.num.partitions": 2,
                          "transaction.abort.timed.out.transaction.cleanup.interval.ms": 100,
                          "group.initial.rebalance.delay.ms": 0})


def connect():
    return wire.Connection(server.port)


def topic_of(client):
    topic = next(names)
    wire.create_topic(client, topic, PARTITIONS)
    return topic


def until(test):
    assert eventually(test), "it did not come to that"


def discard(way, pattern, ask):
    """What `ask` answers as its write fails, at once; a coordinator is discarded by it."""
    before = server.reloads()
    server.fail(way, pattern)
    code = ask()
    assert server.has_failed()
    until(lambda: server.reloads() == before + 1)
    return code


for way in WAYS:
    @tap.case(f"{way}: what a transaction's coordinator could not write is not so, and may be asked again")
    def _(way=way):
        with connect() as client:
            topic = topic_of(client)
            who = Producer(client, f"asks-{way}")
            assert settled(who.find) == NONE
            assert discard(way, TRANSACTIONS, who.init) == NOT_COORDINATOR
            assert settled(who.init) == NONE
            for commit, version in (True, 2), (False, 2), (True, 5):
                assert settled(lambda: who.add(topic, 0)) == NONE
                assert discard(way, TRANSACTIONS, lambda: who.add(topic, 1)) == NOT_COORDINATOR
                assert settled(lambda: who.add(topic, 1)) == NONE
                assert who.produce(topic, [b"x"], 0) == who.produce(topic, [b"x"], 1) == NONE
                epoch = who.epoch
                assert discard(way, TRANSACTIONS, lambda: who.end(commit, version)) == NOT_COORDINATOR
                assert settled(who.state) == "Ongoing"
                stable, high = coordinator.stable_end(client, topic)
                assert stable == high - 1, (stable, high)
                assert settled(lambda: who.end(commit, version)) == NONE
                assert who.epoch == epoch + (version == 5)
                until(lambda: who.state() == ("CompleteCommit" if commit else "CompleteAbort"))
            for partition in range(PARTITIONS):
                found = [commit for _, _, commit in coordinator.ends(client, topic, partition)]
                assert found == [True, False, True], found

    @tap.case(f"{way}: what the coordinator of a group could not write is not so; what was open before stays open")
    def _(way=way):
        with connect() as client:
            group, topic = f"group-{way}", topic_of(client)
            offsets.find(client, group)
            who = Producer(client, f"commits-{way}").begin()

            def commit_in(offset):
                return offsets.txn_commit(client, who, group, topic, offset)

            assert settled(lambda: offsets.commit(client, group, topic, 3)) == NONE
            for commit, becomes in (False, 3), (True, 7):
                assert settled(lambda: who.add_offsets(group)) == NONE
                assert settled(lambda: commit_in(6)) == NONE
                assert discard(way, GROUPS, lambda: commit_in(7)) == NOT_COORDINATOR
                assert settled(lambda: offsets.fetch(client, group, topic)[0]) == NONE
                assert offsets.fetch(client, group, topic) == (NONE, 3)
                assert offsets.fetch(client, group, topic, stable=True) == (UNSTABLE, -1)
                assert settled(lambda: commit_in(7)) == NONE
                before = server.reloads()
                server.fail(way, GROUPS)
                assert settled(lambda: who.end(commit)) == NONE
                until(lambda: server.has_failed() and server.reloads() == before + 1)
                until(lambda: who.state() == ("CompleteCommit" if commit else "CompleteAbort"))
                until(lambda: offsets.fetch(client, group, topic, stable=True) == (NONE, becomes))


@tap.case("a marker that a partition could not write is written again")
def _():
    with connect() as client:
        topic = topic_of(client)
        who = Producer(client, "marks").begin()
        for number, way in enumerate(WAYS):
            assert settled(lambda: who.add(topic)) == NONE
            assert who.produce(topic, [b"x"]) == NONE
            server.fail(way, f"*/{topic}-0/*.log")
            assert who.end(number % 2 == 0) == NONE
            until(lambda: who.state() not in (*PASSING, "PrepareCommit", "PrepareAbort"))
            assert server.has_failed()
            stable, high = coordinator.stable_end(client, topic)
            assert stable == high == 2 * number + 2, (stable, high)
        assert [end[2] for end in coordinator.ends(client, topic)] == [True, False, True]


@tap.case("a transaction that is open as its coordinator goes is aborted in its time, and its producer is fenced")
def _():
    with connect() as client:
        topic = topic_of(client)
        slow = Producer(client, "slow", timeout_ms=1000).begin()
        assert settled(lambda: slow.add(topic, 0)) == NONE
        assert slow.produce(topic, [b"open"]) == NONE
        assert discard("eio", TRANSACTIONS, lambda: slow.add(topic, 1)) == NOT_COORDINATOR
        server.fail("enospc", TRANSACTIONS)  # the decision to abort
        until(lambda: slow.state() == "CompleteAbort")
        assert server.has_failed()
        assert settled(lambda: slow.end(True)) == FENCED
        assert coordinator.ends(client, topic) == [(slow.producer, slow.epoch + 1, False)]
        stable, high = coordinator.stable_end(client, topic)
        assert stable == high == 2, (stable, high)


@tap.case("who waits for the others of his group as its coordinator goes is told at once, and the group goes on")
def _():
    with connect() as client, connect() as waiting:
        topic, group, neighbour = topic_of(client), "waits-Aa", "waits-BB"  # of one hash, so of one partition
        offsets.find(client, group)
        member, generation = offsets.join(client, group)
        waiting.send(join_request(group))
        until(lambda: heartbeat(client, group, generation, member) == REBALANCE_IN_PROGRESS)
        assert discard("eio", GROUPS, lambda: offsets.commit(client, neighbour, topic, 1)) == NOT_COORDINATOR
        answer = wire.Reader(waiting.frame())
        assert answer.number("i") == 1 and answer.number("h") == NOT_COORDINATOR
        assert settled(lambda: heartbeat(client, group, generation, member)) == NONE
        assert settled(lambda: offsets.commit(client, neighbour, topic, 1)) == NONE


def join_request(group):
    protocols = struct.pack(">i", 1) + wire.text("range") + struct.pack(">i", 0)
    return wire.framed(wire.header(offsets.JOIN_GROUP, 1) + wire.text(group) + struct.pack(">ii", 30000, 30000) +
                       wire.text("") + wire.text("consumer") + protocols)


def heartbeat(client, group, generation, member):
    return client.ask(12, 0, wire.text(group) + struct.pack(">i", generation) + wire.text(member)).number("h")


@tap.case("a coordinator that finds no room is loaded anew a few times a second at most, and goes on when there is some")
def _():
    with connect() as client:
        who, before, number = Producer(client, "rush").begin(), server.reloads(), 0
        begun = time.monotonic()
        while time.monotonic() < begun + RUSH_S:
            if server.has_failed():
                server.fail("enospc", TRANSACTIONS)
            assert who.add_offsets(f"rush-{number}") in PASSING
            number += 1
        count, took_s = server.reloads() - before, time.monotonic() - begun
        print(f"# {count} times in {took_s:.1f} s", flush=True)
        assert 3 <= count <= 2 + took_s / WAIT_S, "the first time at once, then only after a while"
        assert settled(lambda: who.add_offsets("rush")) == NONE
        assert who.end(False) == NONE
        until(lambda: who.state() == "CompleteAbort")


@tap.case("any write may fail, of coordinators and of what they mark: each transaction ends as it was told")
def _():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"# SEED={seed}", flush=True)
    chance = random.Random(seed)
    with connect() as client:
        topic, group = topic_of(client), "storm"
        offsets.find(client, group)
        who, before = Producer(client, "storm").begin(), server.reloads()
        decisions, committed = [], -1
        for number in range(ROUNDS):
            def order():
                if server.has_failed() and chance.random() < 0.5:
                    server.fail(chance.choice(WAYS), chance.choice([TRANSACTIONS, GROUPS, f"*/{topic}-*.log"]))
            for partition in range(PARTITIONS):
                order()
                assert settled(lambda: who.add(topic, partition)) == NONE
                until(lambda: who.produce(topic, [b"%d" % number], partition) == NONE)
            order()
            assert settled(lambda: who.add_offsets(group)) == NONE
            order()
            assert settled(lambda: offsets.txn_commit(client, who, group, topic, number)) == NONE
            order()
            decisions.append(chance.random() < 0.5)
            assert settled(lambda: who.end(decisions[-1], chance.choice([2, 5]))) == NONE
            committed = number if decisions[-1] else committed
        until(lambda: who.state() == ("CompleteCommit" if decisions[-1] else "CompleteAbort"))
        until(lambda: offsets.fetch(client, group, topic, stable=True) == (NONE, committed))
        for partition in range(PARTITIONS):
            found = coordinator.outcomes(client, topic, partition)
            assert found == [(b"%d" % n, commit) for n, commit in enumerate(decisions)], (partition, found, decisions)
            stable, high = coordinator.stable_end(client, topic, partition)
            assert stable == high, (stable, high)
        print(f"# {server.reloads() - before} times a coordinator was loaded anew", flush=True)
        assert server.reloads() - before >= ROUNDS // 4


if __name__ == "__main__":
    with server:
        tap.run()
