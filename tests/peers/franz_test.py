#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""franz-go, with kadm, through kurierd."""
import exchange
import peers

exchange.through_kurierd(exchange.Peer("franz-go", lambda: [peers.go(exchange.HERE + "/go", "franz")]))
