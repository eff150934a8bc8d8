#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long kurierd takes to know its groups again after a start.

    groups_restored.py [GROUPS]            10000 by default; prints a table in Markdown

From exec to the first answer to ListGroups that has all groups. Half of them are of the consumer protocol, with a member
each; all have an offset.
"""
import os
import select
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "kit")]

import wire
from broker import Broker
from consumers import LIST_GROUPS, Member, ask, commit_from_outside, find_coordinator, request

CONNECTIONS = 32
PATIENCE_S = 60


def ask_all(clients, requests):
    """Each connection has one in progress."""
    waiting, todo, idle = {}, requests[::-1], list(clients)
    while todo or waiting:
        while idle and todo:
            client = idle.pop()
            client.send(todo.pop())
            waiting[client.socket] = client
        for ready in select.select(list(waiting), [], [], PATIENCE_S)[0]:
            idle.append(waiting.pop(ready))
            idle[-1].frame()


def count_groups(client):
    error, count = struct.unpack_from(">hi", ask(client, request(LIST_GROUPS, 0, b"")), 4)
    return 0 if error else count


def restored(server, groups):
    clients = [wire.Connection(server.port) for _ in range(CONNECTIONS)]
    wire.create_topic(clients[0], "t", 1)
    find_coordinator(clients[0])
    names = [f"group-{i}" for i in range(groups)]
    ask_all(clients, [commit_from_outside(name, "t", 0, 7) for name in names])
    ask_all(clients, [Member(name, "m", "t").beat() for name in names[::2]])
    assert count_groups(clients[0]) == groups
    for end in (server.stop, server.kill):
        end()
        before = time.monotonic()
        server.start()
        client = wire.Connection(server.port)
        while count_groups(client) != groups:
            pass
        print(f"| {groups} groups restored after {end.__name__} | {(time.monotonic() - before) * 1000:.0f} |",
              flush=True)


def main():
    print("| what | ms |\n|---|---|")
    with Broker({"log.level": "error"}) as server:
        restored(server, int(sys.argv[1]) if len(sys.argv) > 1 else 10000)


if __name__ == "__main__":
    main()
