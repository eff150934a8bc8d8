#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sarama, through kurierd."""
import exchange
import peers

exchange.through_kurierd(exchange.Peer("sarama", lambda: [peers.go(exchange.HERE + "/go", "sarama")]))
