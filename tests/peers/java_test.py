#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka's own Java client, two versions of it, through kurierd."""
import clients
import exchange

exchange.through_kurierd(clients.JAVA_3, clients.JAVA_4)
