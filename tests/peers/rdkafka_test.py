#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""librdkafka from C, Debian's and today's, through kurierd."""
import clients
import exchange

exchange.through_kurierd(clients.LIBRDKAFKA_OF_DEBIAN, clients.LIBRDKAFKA)
