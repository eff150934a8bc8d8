#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""confluent-kafka for Python, through kurierd."""
import os

import exchange
import peers

exchange.through_kurierd(exchange.Peer(
    "confluent-kafka", lambda: [peers.python("confluent-kafka"), os.path.join(exchange.HERE, "confluent.py")],
    steps=[]))
