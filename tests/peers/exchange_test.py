#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libkurier and confluent-kafka through Apache Kafka."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import exchange
import peers
import tap
from kafka import Kafka

confluent = exchange.Peer("confluent-kafka", lambda: [peers.python(), os.path.join(HERE, "confluent.py")], steps=[])

with Kafka("4.3") as apache:
    exchange.cases(confluent, apache, prefix="Apache Kafka 4.3: ")
    if __name__ == "__main__":
        tap.run()
