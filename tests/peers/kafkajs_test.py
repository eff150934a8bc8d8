#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kafkajs, through kurierd."""
import clients
import exchange

exchange.through_kurierd(clients.KAFKAJS)
