#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kafkajs, through kurierd. It reads in groups only, brings no codec but gzip, and fails on a null header."""
import exchange
import peers

exchange.through_kurierd(exchange.Peer(
    "kafkajs", lambda: ["env", f"NODE_PATH={peers.node()}/node_modules", "node", exchange.HERE + "/kafkajs.js"],
    codecs=["none", "gzip"], reads=False, without="null-header"))
