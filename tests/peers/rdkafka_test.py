#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""librdkafka, Debian's and today's (which confluent-kafka's wheel brings), through kurierd."""
import os

import exchange
import peers
import tap

PROGRAM = os.path.join("tests", "peers", "rdkafka")


def debian():
    if not os.path.exists(PROGRAM):
        raise tap.Skip("librdkafka-dev was not there when this was configured")
    return [PROGRAM]


def todays():
    return ["env", f"LD_LIBRARY_PATH={peers.librdkafka()}", *debian()]


exchange.through_kurierd(exchange.Peer("librdkafka-2.0", debian), exchange.Peer("librdkafka-2.16", todays))
