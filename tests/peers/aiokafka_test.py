#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""aiokafka, through kurierd."""
import exchange
import peers

exchange.through_kurierd(exchange.Peer(
    "aiokafka", lambda: [peers.python(), exchange.HERE + "/aiokafka_peer.py"], without="null-record"))
