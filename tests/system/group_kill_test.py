#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kurierd is killed while a group of the consumer protocol rebalances and commits: what was acknowledged is there
afterwards, and no committed offset ever goes back.

    group_kill_test.py [ROUNDS]                 30 by default
"""
import contextlib
import os
import random
import select
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import tap
import wire
from consumers import Member, committed, find_coordinator

TOPIC, GROUP, PARTITIONS, MEMBERS, TURNS = "t", "killed", 12, 5, 40
UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, STALE_MEMBER_EPOCH = 25, 110, 113
LOADING, NOT_COORDINATOR = 14, 16
ROUNDS = next((int(word) for word in sys.argv[1:] if word.isdigit()), 30)
chance = random.Random(7)


class Life:
    """A member and its connection, and what is on its way there."""

    def __init__(self, number):
        self.member = Member(GROUP, f"member-{number}", TOPIC)
        self.number, self.client, self.asked = number, None, None

    def connect(self):
        self.client, self.asked = wire.Connection(server.port), None
        self.member.says_all = True  # an answer may have been lost

    def leave(self):
        """Another takes its place."""
        self.send(("leave", None), self.member.beat(-1))

    def reborn(self):
        self.number += MEMBERS
        self.member = Member(GROUP, f"member-{self.number}", TOPIC)

    def send(self, what, data):
        with contextlib.suppress(OSError):
            self.client.send(data)
        self.asked = what


class Group:
    def __init__(self):
        self.lives = [Life(i) for i in range(MEMBERS)]
        self.acknowledged = dict.fromkeys(range(PARTITIONS), -1)
        self.sent = dict.fromkeys(range(PARTITIONS), -1)
        self.commits = self.moves = 0

    def do_something(self, life):
        """A heartbeat, a commit of something newer, or goodbye."""
        turn = chance.random()
        if turn < 0.05 and life.member.epoch:
            life.leave()
        elif turn < 0.6 and life.member.has and not life.member.says_all:
            partition = chance.choice(life.member.has)
            self.sent[partition] += 1
            life.send(("commit", (partition, self.sent[partition])), life.member.commit(partition, self.sent[partition]))
        else:
            life.send(("beat", None), life.member.beat())

    def hear(self, life, answer):
        (what, commit), life.asked = life.asked, None
        if what == "leave":
            life.reborn()
            return
        if what == "commit":
            error = life.member.heard_commit(answer)
            if not error:
                self.commits += 1
                partition, offset = commit
                self.acknowledged[partition] = max(self.acknowledged[partition], offset)
            life.member.says_all = bool(error)
        else:
            before = set(life.member.has)
            error, _, _ = life.member.hear(answer)
            self.moves += before != set(life.member.has)
        if error in (UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH):
            life.member.forget()
        else:
            assert error in (0, STALE_MEMBER_EPOCH, LOADING, NOT_COORDINATOR), error

    def take_turns(self):
        """Each asks, and hears; then all ask once more, and nobody hears it any more."""
        for _ in range(TURNS):
            for life in self.lives:
                if not life.asked:
                    self.do_something(life)
            self.hear_some()
        for life in self.lives:
            if not life.asked:
                self.do_something(life)

    def hear_some(self):
        waiting = {life.client.socket: life for life in self.lives}
        for ready in select.select(list(waiting), [], [], wire.PATIENCE_S)[0]:
            self.hear(waiting[ready], waiting[ready].client.frame())

    def check(self):
        with wire.Connection(server.port) as client:
            while (found := committed(client, GROUP, TOPIC, list(range(PARTITIONS)))) is None:
                pass
        for partition, offset in found.items():
            low, high = self.acknowledged[partition], self.sent[partition]
            assert low <= offset <= high, f"partition {partition}: {offset}, acknowledged {low}, sent {high}"
            self.acknowledged[partition] = self.sent[partition] = offset


@tap.case(f"{ROUNDS} kills: what was committed is there, and goes on from there")
def _():
    with wire.Connection(server.port) as client:
        wire.create_topic(client, TOPIC, PARTITIONS)
        find_coordinator(client)
    group = Group()
    for _ in range(ROUNDS):
        for life in group.lives:
            life.connect()
        group.take_turns()
        server.kill()
        for life in group.lives:
            life.client.__exit__()
        server.start()
        group.check()
    print(f"# {group.commits} commits acknowledged, partitions changed hands {group.moves} times", flush=True)
    assert group.commits > 10 * ROUNDS and group.moves > ROUNDS


server = broker.Broker({"log.level": "error"})

if __name__ == "__main__":
    with server:
        tap.run()
