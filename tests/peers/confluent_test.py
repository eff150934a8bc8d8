#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""confluent-kafka for Python, through kurierd."""
import exchange
import peers

exchange.through_kurierd(exchange.Peer(
    "confluent-kafka", lambda: [peers.python(), exchange.HERE + "/confluent.py"]))
