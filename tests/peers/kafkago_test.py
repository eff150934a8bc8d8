#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""segmentio's kafka-go, through kurierd."""
import clients
import exchange

exchange.through_kurierd(clients.KAFKA_GO)
