#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka's own Java client, two versions of it, through kurierd."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import exchange
import tap
from jvm import jvm

def client(version):
    return exchange.Peer(f"java-{version}", run=lambda *words: jvm(version).run("Client", *words))


with broker.Broker({"num.partitions": 1, "log.retention.ms": -1}) as kurierd:
    for each in ["3.9", "4.3"]:
        exchange.cases(client(each), kurierd)
    if __name__ == "__main__":
        tap.run()
