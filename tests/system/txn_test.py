#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Transactions at kurierd in raw requests: what is late, told again or comes from a zombie changes nothing, and what
was decided is carried out, whatever dies."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import coordinator
import tap
import wire
from coordinator import NONE, PASSING, Producer, settled
from watched import eventually

FENCED_EPOCH, INVALID_TXN_STATE, BAD_TIMEOUT, FENCED, NOT_FOUND = 47, 48, 50, 90, 105
UNKNOWN_TOPIC, INVALID_REQUEST, INVALID_UPDATE, INVALID_REGULAR_EXPRESSION = 3, 42, 95, 128
PARTITIONS = 3
names = iter(f"t{i}" for i in range(1000))

server = broker.Broker({"transaction.state.log.num.partitions": 4, "offsets.topic.num.partitions": 4})


def connect():
    return wire.Connection(server.port)


def topic_of(client):
    topic = next(names)
    wire.create_topic(client, topic, PARTITIONS)
    return topic


def until(test):
    assert eventually(test), "it did not come to that"


def add(producer, topic, partition=0):
    assert settled(lambda: producer.add(topic, partition)) == NONE


@tap.case("a transaction ends with a marker in each of its partitions")
def _():
    with connect() as client:
        topic = topic_of(client)
        who = Producer(client, "plain").begin()
        for commit in (True, False):
            add(who, topic, 0)
            add(who, topic, 2)
            assert who.produce(topic, [b"x"]) == NONE
            assert who.state() == "Ongoing"
            assert who.end(commit) == NONE
            until(lambda: who.state() == ("CompleteCommit" if commit else "CompleteAbort"))
        for partition, count in ((0, 2), (1, 0), (2, 2)):
            found = coordinator.ends(client, topic, partition)
            assert found == [(who.producer, who.epoch, True), (who.producer, who.epoch, False)][:count], found
        stable, high = coordinator.stable_end(client, topic)
        assert stable == high == 4, (stable, high)


@tap.case("the next transaction begins as soon as the one before has its markers, without being asked for again")
def _():
    with connect() as client:
        topic = topic_of(client)
        who = Producer(client, "quick").begin()
        for number in range(50):
            code = who.add(topic, number % PARTITIONS)
            assert code == NONE, (number, code)
            code = who.add_offsets("group") if number else settled(lambda: who.add_offsets("group"))
            assert code == NONE, (number, code)
            assert who.end(True) == NONE
        until(lambda: who.state() == "CompleteCommit")


@tap.case("more partitions in one request than there are begin no transaction; some repeats do no harm")
def _():
    with connect() as client:
        topic = topic_of(client)
        who = Producer(client, "repeats").begin()
        assert settled(lambda: who.add(topic, times=100000)) == INVALID_REQUEST
        assert who.state() == "Empty"
        assert settled(lambda: who.add(topic, times=1000)) == NONE
        assert who.end(True) == NONE
        until(lambda: len(coordinator.ends(client, topic)) == 1)


@tap.case("what a reader is told of aborted transactions counts among the bytes that it asks for")
def _():
    count, spare = 30, 300
    with connect() as client:
        topic = topic_of(client)
        who = Producer(client, "aborts").begin()
        for _ in range(count):
            add(who, topic)
            assert who.produce(topic, [b"x"]) == NONE
            assert who.end(False) == NONE
        until(lambda: who.state() == "CompleteAbort")
        assert wire.produce(client, topic, wire.batch([b"y"]), 1)[0] == NONE
        where = {0: 1, 1: 0}  # a marker is younger than the records here: the log has a segment from it on
        read = coordinator.committed_sizes(client, topic, where, 1 << 20)
        aborted, size = read[0]
        assert aborted >= count - 1 and 0 < read[1][1] < spare < 16 * aborted, read
        assert coordinator.committed_sizes(client, topic, where, size + 16 * aborted + spare) == read
        assert coordinator.committed_sizes(client, topic, where, size + spare) == {**read, 1: (0, 0)}


@tap.case("an EndTxn that is told again is answered as before, and one of the other kind is refused")
def _():
    with connect() as client:
        topic = topic_of(client)
        who = Producer(client, "again").begin()
        add(who, topic)
        assert who.end(True) == NONE
        assert settled(lambda: who.end(True)) == NONE
        assert who.end(False) == INVALID_TXN_STATE
        assert coordinator.ends(client, topic) == [(who.producer, who.epoch, True)]


@tap.case("of version 5 the repetition of an EndTxn gets the same epoch, and the epoch before is fenced later")
def _():
    with connect() as client:
        topic = topic_of(client)
        who, late = Producer(client, "modern").begin(), Producer(client, "modern")
        add(who, topic)
        late.producer, late.epoch = who.producer, who.epoch
        assert who.end(True, version=5) == NONE
        assert (who.producer, who.epoch) == (late.producer, late.epoch + 1)
        first = late.epoch
        assert settled(lambda: late.end(True, version=5)) == NONE
        assert (late.producer, late.epoch) == (who.producer, who.epoch)
        add(who, topic)  # the next transaction
        late.epoch = first
        assert late.end(False, version=5) == FENCED, "it would have ended the next one"
        assert who.state() == "Ongoing"
        assert who.end(True, version=5) == NONE
        until(lambda: len(coordinator.ends(client, topic)) == 2)
        assert [end[2] for end in coordinator.ends(client, topic)] == [True, True]


@tap.case("an EndTxn that comes after the abort by time is refused, and so is all else of that zombie")
def _():
    with connect() as client:
        topic = topic_of(client)
        zombie = Producer(client, "slow", timeout_ms=200).begin()
        add(zombie, topic)
        assert zombie.produce(topic, [b"late"]) == NONE
        until(lambda: zombie.state() == "CompleteAbort")
        assert zombie.end(True) == FENCED
        assert zombie.end(True, version=1) == FENCED_EPOCH, "version 1 does not know the other code"
        assert zombie.add(topic) == FENCED
        assert zombie.produce(topic, [b"zombie"]) in (FENCED_EPOCH, FENCED)
        (_, epoch, commit), = coordinator.ends(client, topic)
        assert not commit and epoch == zombie.epoch + 1
        heir = Producer(client, "slow").begin()
        assert heir.epoch == zombie.epoch + 2
        assert zombie.init(mine=True) == FENCED
        assert zombie.init(mine=True, version=3) == FENCED_EPOCH
        stable, high = coordinator.stable_end(client, topic)
        assert stable == high == 2, (stable, high)


@tap.case("a new incarnation ends what the old one left open, and fences it")
def _():
    with connect() as client:
        topic = topic_of(client)
        old = Producer(client, "twice").begin()
        add(old, topic)
        assert old.produce(topic, [b"left"]) == NONE
        new = Producer(client, "twice")
        assert new.init() == coordinator.CONCURRENT, "it is to be asked again until the abort is done"
        assert settled(new.init) == NONE
        assert new.producer == old.producer and new.epoch == old.epoch + 2
        assert coordinator.ends(client, topic) == [(old.producer, old.epoch + 1, False)]
        assert old.end(True) == FENCED
        add(new, topic)
        assert new.end(True) == NONE


@tap.case("what cannot be is refused")
def _():
    with connect() as client:
        topic = topic_of(client)
        assert Producer(client, "forever", timeout_ms=900001).find() == NONE
        assert settled(Producer(client, "forever", timeout_ms=900001).init) == BAD_TIMEOUT
        who = Producer(client, "odd").begin()
        assert who.add(topic, PARTITIONS) == UNKNOWN_TOPIC
        assert who.add("none such") == UNKNOWN_TOPIC
        assert who.end(True) == INVALID_TXN_STATE, "nothing was begun"
        assert Producer(client, "nobody").state() == NOT_FOUND


@tap.case("a topic that goes in a transaction does not keep it from its end")
def _():
    with connect() as client:
        topic, other = topic_of(client), topic_of(client)
        who = Producer(client, "robbed").begin()
        add(who, topic)
        add(who, other)
        delete_topic(client, topic)
        assert who.end(True) == NONE
        until(lambda: who.state() == "CompleteCommit")
        assert coordinator.ends(client, other) == [(who.producer, who.epoch, True)]


def delete_topic(client, topic):
    answer = client.ask(20, 1, wire.struct.pack(">i", 1) + wire.text(topic) + wire.struct.pack(">i", 10000))
    answer.number("i"), answer.number("i"), answer.text()
    assert answer.number("h") == 0


@tap.case("a coordinator that is loaded in the middle of a transaction goes on with it")
def _():
    with connect() as client:
        topic = topic_of(client)
        who = Producer(client, "moved").begin()
        add(who, topic)
        assert who.produce(topic, [b"a"]) == NONE
    server.restart()
    with connect() as client:
        who.client = client
        assert settled(who.find) == NONE
        assert settled(lambda: who.add(topic, 1)) == NONE
        assert who.state() == "Ongoing"
        assert coordinator.stable_end(client, topic) == (0, 1)
        assert who.end(True) == NONE
        until(lambda: who.state() == "CompleteCommit")
        for partition in (0, 1):
            found = coordinator.ends(client, topic, partition)
            assert found == [(who.producer, who.epoch, True)], (partition, found, who.producer, who.epoch)


@tap.case("killed at any time after the decision, it is carried out after the restart")
def _():
    with connect() as client:
        topic = topic_of(client)
        who = Producer(client, "killed").begin()
    for number in range(10):
        with connect() as client:
            who.client = client
            for partition in range(PARTITIONS):
                add(who, topic, partition)
            assert settled(lambda: who.end(number % 2 == 0)) == NONE
            server.kill()  # the decision is there; who knows of its markers
        server.start()
        with connect() as client:
            who.client = client
            until(lambda: str(who.state()).startswith("Complete"))
            assert who.state() == ("CompleteCommit" if number % 2 == 0 else "CompleteAbort")
            for partition in range(PARTITIONS):
                last = coordinator.ends(client, topic, partition)[-1]
                assert last == (who.producer, who.epoch, number % 2 == 0), (number, partition, last)
                stable, high = coordinator.stable_end(client, topic, partition)
                assert stable == high


@tap.case("transaction.version is told, set back and up, and kept")
def _():
    name, group = "transaction.version", {"group.version": 1}
    with connect() as client:
        supported, finalized, epoch = coordinator.features(client, 4)
        assert supported == {"group.version": (0, 1), name: (0, 2)} and finalized == {**group, name: 2}, finalized
        supported, finalized, _ = coordinator.features(client, 3)
        assert supported == {} and finalized == {**group, name: 2}, "a range from 0 on was not known before version 4"
        assert coordinator.set_feature(client, name, 1, 1) == INVALID_UPDATE, "that is no upgrade"
        assert coordinator.set_feature(client, name, 3, 1) == INVALID_UPDATE
        assert coordinator.set_feature(client, "no.such.feature", 1, 1) == INVALID_UPDATE
        assert coordinator.features(client, 4)[1:] == ({**group, name: 2}, epoch)
        assert coordinator.set_feature(client, name, 0, 2) == NONE
        assert coordinator.features(client, 4)[1:] == (group, epoch + 1), "level 0 is none"
    server.restart()
    with connect() as client:
        assert coordinator.features(client, 4)[1:] == (group, epoch + 1)
        assert coordinator.set_feature(client, name, 2, 1) == NONE
        assert coordinator.features(client, 4)[1:] == ({**group, name: 2}, epoch + 2)


@tap.case("they are listed")
def _():
    with connect() as client:
        until(lambda: Producer(client, "killed").state() not in PASSING)
        found = coordinator.transactions(client)
        assert found["killed"] == "CompleteAbort" and found["odd"] == "Empty", found
        assert set(coordinator.transactions(client, "k[a-z]+d")) == {"killed"}
        assert coordinator.transactions(client, "(") == INVALID_REGULAR_EXPRESSION
        long = "(abcdefghij){500}"
        assert coordinator.transactions(client, long) == INVALID_REGULAR_EXPRESSION, "much to try on each id"


with server:
    tap.run()
