#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""segmentio's kafka-go, which is never idempotent and cannot delete records, through kurierd."""
import exchange
import peers

exchange.through_kurierd(exchange.Peer(
    "kafka-go", lambda: [peers.go(exchange.HERE + "/go", "kafkago")], idempotent=False,
    steps=exchange.steps_but("truncate")))
