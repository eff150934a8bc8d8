#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kurierd is killed and comes back while idempotent producers work: nothing is lost, doubled or out of order."""
from concurrent.futures import ThreadPoolExecutor, wait

import exchange  # and where the kit is

import clients
import tap
from broker import Broker

TRIES = 3
LOOK_S = 0.002  # how often, or sooner once it is done
AFTER = [1, 30_000, 60_000]  # records in the log, for each kill


def kills(topic, running):
    """Kills at the marks that are passed while it runs; answers how many."""
    count = 0
    for mark in AFTER:
        while sum(batch[2] for batch in exchange.batches(server.data, topic)) < mark:
            if wait([running], LOOK_S).done:
                return count
        server.restart()
        count += not running.done()
    return count


def survives(peer):
    """A fast producer may be done before it was looked at; then once more."""
    for turn in range(TRIES):
        topic = f"{peer.name}-{turn}"
        running = beside.submit(exchange.exchange, server, peer, [exchange.KURIER], topic, peer.codecs[-1], True,
                                exchange.LARGE_RUN)
        killed = kills(topic, running)
        running.result()
        if killed:
            print(f"# killed {killed} times", flush=True)
            return
    raise AssertionError("it was always done before kurierd could be killed")


beside = ThreadPoolExecutor(1)
server = Broker(exchange.OPTIONS)

for each in filter(lambda peer: peer.idempotent, [exchange.KURIER, *clients.ALL]):
    @tap.case(f"{each.name}: 100,000 records")
    def _(each=each):
        survives(each)


if __name__ == "__main__":
    with server:
        tap.run()
