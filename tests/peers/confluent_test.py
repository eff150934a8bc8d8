#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""confluent-kafka for Python, through kurierd."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import exchange
import peers
import tap

confluent = exchange.Peer("confluent-kafka", lambda: [peers.python(), os.path.join(HERE, "confluent.py")], steps=[])

with broker.Broker({"num.partitions": 1, "log.retention.ms": -1}) as kurierd:
    exchange.cases(confluent, kurierd)
    if __name__ == "__main__":
        tap.run()
