#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What comes late of a transaction, in raw requests, at kurierd and at Apache Kafka: an EndTxn, a Produce, and all of a
zombie. In version 2 nothing of it touches the next transaction. In version 1, where the transactions of a producer have
the same epoch, no broker can tell: a client has to ask for another epoch (doc/transactions.md)."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import contextlib

import coordinator
import tap
import wire
from broker import Broker
from coordinator import NONE, Producer, produce_12, settled
from kafka import Kafka
from txns import stable_offset
from watched import eventually

OPTIONS = {"transaction.state.log.num.partitions": 4, "offsets.topic.num.partitions": 4,
           "transaction.abort.timed.out.transaction.cleanup.interval.ms": 200}
FENCED_EPOCH, INVALID_TXN_STATE, ABORTABLE, FENCED = 47, 48, 120, 90
OLD, REFUSED = (FENCED_EPOCH, FENCED), (INVALID_TXN_STATE, ABORTABLE)
names = iter(f"t{i}" for i in range(1000))
SERVERS = {"kurierd": Broker(OPTIONS), "Apache 4.3": Kafka("4.3", OPTIONS)}


class Story:
    """A transactional producer at one of the servers, and a topic of two partitions."""

    def __init__(self, client, version):
        self.client, self.version, self.topic = client, version, next(names)
        wire.create_topic(client, self.topic, 2)
        assert eventually(lambda: [stable_offset(client, self.topic, p) for p in (0, 1)] == [0, 0]), "it is not served"
        assert eventually(lambda: coordinator_level(client) == version or finalize(client, version)), "not finalized"
        self.who = Producer(client, f"id-{self.topic}", 60000).begin()

    def late(self):
        """As it is now."""
        late = Producer(self.client, self.who.name)
        late.producer, late.epoch, late.sequences = self.who.producer, self.who.epoch, dict(self.who.sequences)
        return late

    def add(self, partition=0):
        assert self.version > 1 or settled(lambda: self.who.add(self.topic, partition)) == NONE

    def write(self, who, value, partition=0):
        """The error code."""
        if self.version > 1:
            return settled(lambda: produce_12(who, self.topic, [value]))
        return settled(lambda: who.produce(self.topic, [value], partition))

    def end(self, who, commit):
        return settled(lambda: who.end(commit, 5 if self.version > 1 else 2))

    def told(self, value, commit):
        """A transaction with that value."""
        self.add()
        assert self.write(self.who, value) == NONE
        assert self.end(self.who, commit) == NONE
        self.over(commit)

    def over(self, commit):
        assert eventually(lambda: self.who.state() == ("CompleteCommit" if commit else "CompleteAbort"))

    def outcomes(self, partition=0):
        """And nothing is open."""
        def is_closed():
            stable, high = coordinator.stable_end(self.client, self.topic, partition)
            return stable == high
        assert eventually(is_closed), "the last stable offset is stuck"
        return coordinator.outcomes(self.client, self.topic, partition)


def coordinator_level(client):
    return coordinator.features(client, 4)[1].get("transaction.version", 0)


def finalize(client, version):
    level = coordinator_level(client)
    coordinator.set_feature(client, "transaction.version", version, 1 if version > level else 2)
    return False


def both(name, version, at=tuple(SERVERS)):
    def add(story):
        for server in at:
            @tap.case(f"{server}, version {version}: {name}")
            def _(server=server):
                with wire.Connection(SERVERS[server].port) as client:
                    story(Story(client, version))
        return story
    return add


# ---- An EndTxn ----

@both("an EndTxn(commit) that comes late commits what there is of the next transaction: the hole", 1)
def _(story):
    late = story.late()
    story.told(b"first", True)
    story.add()
    assert story.write(story.who, b"half") == NONE
    assert story.end(late, True) == NONE, "its epoch is the same"
    story.over(True)
    assert story.write(story.who, b"the other half") in REFUSED
    assert story.end(story.who, False) == INVALID_TXN_STATE, "it is committed"
    assert story.outcomes() == [(b"first", True), (b"half", True)]


@both("an EndTxn(abort) that comes late takes away what there is of the next transaction: the hole", 1)
def _(story):
    late = story.late()
    story.told(b"first", False)
    story.add()
    assert story.write(story.who, b"half") == NONE
    assert story.end(late, False) == NONE, "its epoch is the same"
    story.over(False)
    assert story.end(story.who, True) == INVALID_TXN_STATE, "but nobody is told that it is committed"
    assert story.outcomes() == [(b"first", False), (b"half", False)]


for decided in True, False:
    @both(f"an EndTxn({'commit' if decided else 'abort'}) that comes late is refused once its producer has asked for "
          "another epoch", 1)
    def _(story, decided=decided):
        late = story.late()
        story.told(b"first", decided)
        assert settled(lambda: story.who.init(mine=True)) == NONE
        assert story.who.epoch == late.epoch + 1
        story.add()
        assert story.write(story.who, b"half") == NONE
        assert story.end(late, decided) in OLD
        assert story.write(story.who, b"the other half") == NONE
        assert story.end(story.who, True) == NONE
        assert story.outcomes() == [(b"first", decided), (b"half", True), (b"the other half", True)]

    @both(f"an EndTxn({'commit' if decided else 'abort'}) that comes late does not touch the next transaction", 2)
    def _(story, decided=decided):
        late = story.late()
        story.told(b"first", decided)
        assert story.write(story.who, b"half") == NONE
        for commit in True, False:
            assert story.end(late, commit) in OLD
        assert story.who.state() == "Ongoing"
        assert story.write(story.who, b"the other half") == NONE
        assert story.end(story.who, True) == NONE
        assert story.outcomes() == [(b"first", decided), (b"half", True), (b"the other half", True)]


# ---- A Produce ----

@both("a Produce that comes after the abort of its transaction is refused, and leaves nothing open", 1)
def _(story):
    story.told(b"first", False)
    assert story.write(story.who, b"late") in REFUSED
    assert story.outcomes() == [(b"first", False)]


@both("a Produce that comes after the abort of its transaction joins the next one, if that writes there: the hole", 1)
def _(story):
    story.told(b"first", False)
    late = story.late()
    story.add()
    assert story.write(late, b"late") == NONE, "its epoch is the same, and so is the next sequence"
    assert story.end(story.who, True) == NONE
    assert story.outcomes() == [(b"first", False), (b"late", True)]


@both("a Produce that comes after the abort of its transaction is refused once its producer has asked for another "
      "epoch", 1)
def _(story):
    story.told(b"first", False)
    late = story.late()
    assert settled(lambda: story.who.init(mine=True)) == NONE
    story.add()
    assert story.write(late, b"late") in OLD
    assert story.write(story.who, b"second") == NONE
    assert story.write(late, b"late") in OLD
    assert story.end(story.who, True) == NONE
    assert story.outcomes() == [(b"first", False), (b"second", True)]


@both("a Produce that comes after the abort of its transaction does not join the next one", 2)
def _(story):
    assert story.write(story.who, b"first") == NONE
    late = story.late()
    assert story.end(story.who, False) == NONE
    story.over(False)
    assert story.write(late, b"late") in OLD
    assert story.who.state() == "CompleteAbort", "it begins none"
    assert story.write(story.who, b"second") == NONE
    assert story.write(late, b"late") in OLD
    assert story.end(story.who, True) == NONE
    assert story.outcomes() == [(b"first", False), (b"second", True)]


# Apache, once it has refused one, takes no later sequence either, and its producer has to abort.
@both("a Produce that comes twice is there once, also when its transaction is over", 1, at=["kurierd"])
def _(story):
    late = story.late()
    story.told(b"first", True)
    assert story.write(late, b"first") in REFUSED, "no transaction is open"
    story.add()
    assert story.write(late, b"first") == NONE, "it is there already"
    assert story.write(story.who, b"second") == NONE
    assert story.end(story.who, True) == NONE
    assert story.outcomes() == [(b"first", True), (b"second", True)]


# ---- A zombie, whose transaction took too long ----

for level in 1, 2:
    @both("all that comes of a zombie after transaction.timeout.ms is refused, and its heir goes on", level)
    def _(story, level=level):
        zombie = Producer(story.client, story.who.name, 300).begin()
        story.who = zombie
        story.add()
        assert story.write(zombie, b"abandoned") == NONE
        story.over(False)
        assert story.end(zombie, True) in (OLD if level == 1 else (INVALID_TXN_STATE,))
        assert zombie.add(story.topic) in OLD and zombie.add_offsets("group") in OLD
        assert story.write(zombie, b"zombie") in (*OLD, *REFUSED)
        story.who = Producer(story.client, zombie.name).begin()
        story.add()
        assert story.write(zombie, b"zombie") in OLD
        assert story.write(story.who, b"heir") == NONE
        assert story.write(zombie, b"zombie") in OLD and story.end(zombie, False) in OLD
        assert story.end(story.who, True) == NONE
        assert story.outcomes() == [(b"abandoned", False), (b"heir", True)]


# ---- Between brokers ----

@both("brokers add partitions, and ask for them, of several transactions at once", 2)
def _(story):
    who, other, nobody = story.who, Producer(story.client, "other-" + story.topic).begin(), story.late()
    nobody.name = "nobody-" + story.topic
    here = {story.topic: [0, 1]}
    for version in 4, 5:
        def ask(*asked, version=version):
            found = {}
            assert eventually(lambda: found.update(coordinator.vouch(story.client, asked, version)) or
                              not set(found.values()) & set(coordinator.PASSING)), found
            return [found[one.name, story.topic, partition] for one, _, topics in asked
                    for partition in topics[story.topic]]
        assert set(ask((who, True, here))) <= set(REFUSED), "nothing is added yet"
        assert ask((who, False, {story.topic: [0]}), (other, False, here)) == [NONE] * 3
        assert who.state() == other.state() == "Ongoing"
        first, second = ask((who, True, here))
        assert first == NONE and second in REFUSED, (first, second)
        assert ask((other, True, here)) == [NONE] * 2
        assert NONE not in ask((nobody, True, here)), "it is nobody's"
        late = story.late()
        assert story.end(who, True) == NONE and story.end(other, False) == NONE
        assert eventually(lambda: (who.state(), other.state()) == ("CompleteCommit", "CompleteAbort"))
        assert set(ask((late, False, here))) <= set(OLD), "of the transaction before"


if __name__ == "__main__":
    with contextlib.ExitStack() as stack:
        for each in SERVERS.values():
            stack.enter_context(each)
        tap.run()
