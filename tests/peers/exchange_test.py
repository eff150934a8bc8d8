#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libkurier and confluent-kafka through Apache Kafka."""
import os

import exchange
import peers
import tap
from kafka import Kafka

confluent = exchange.Peer(
    "confluent-kafka", lambda: [peers.python("confluent-kafka"), os.path.join(exchange.HERE, "confluent.py")],
    steps=[])

with Kafka("4.3") as apache:
    exchange.cases(confluent, apache, prefix="Apache Kafka 4.3: ")
    tap.run()
