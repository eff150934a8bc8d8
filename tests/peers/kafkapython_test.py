#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kafka-python, the one of 2020 that many still have and today's, through kurierd."""
import clients
import exchange

exchange.through_kurierd(clients.KAFKA_PYTHON_OF_2020, clients.KAFKA_PYTHON)
