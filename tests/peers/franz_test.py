#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""franz-go, with kadm, through kurierd."""
import clients
import exchange

exchange.through_kurierd(clients.FRANZ_GO)
