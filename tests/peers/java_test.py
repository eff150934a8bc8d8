#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka's own Java client, two versions of it, through kurierd: what every peer does, and what else it can."""
import subprocess

import clients
import exchange

import broker
import tap
from jvm import tool

kurierd = broker.Broker({"num.partitions": 1, "log.retention.ms": -1})


def rest(version):
    def does(part, name):
        @tap.case(f"java-{version}: {name}")
        def _():
            tool(version, "Rest", part, kurierd.address, f"rest-{version}-{part}")

    does("acks", "producers with every kind of acks")
    does("stamps", "LogAppendTime is told to the producer")
    does("too-large", "what is larger than the topic takes is refused, and the next is taken")
    does("consumer", "consumers seek, pause, read committed, and of both protocols")
    does("topics", "topics by default, only tried, by id")
    does("settings", "lists in settings, with documentation and synonyms")
    does("whole-admin", "log directories, elections, producers, features")

    @tap.case(f"java-{version}: a key goes where libkurier sends it")
    def _():
        topic = f"keys-{version}"
        tool(version, "Rest", "keys", kurierd.address, topic)
        subprocess.run([broker.program("kurier"), "produce", "-b", kurierd.address, "-t", topic, "-K:"], check=True,
                       input=b"".join(b"key-%d:\n" % i for i in range(1000)))
        tool(version, "Rest", "same-keys", kurierd.address, topic)


for peer, number in [(clients.JAVA_3, "3.9"), (clients.JAVA_4, "4.3")]:
    exchange.cases(peer, kurierd)
    rest(number)

if __name__ == "__main__":
    with kurierd:
        tap.run()
