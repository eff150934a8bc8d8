#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kafka-python, the one of 2020 that many still have and today's, through kurierd."""
import exchange
import peers


def peer(version, age, **more):
    return exchange.Peer(f"kafka-python-{version}", lambda: [peers.python(age), exchange.HERE + "/kafkapython.py"],
                         without="null-record,null-header", **more)


# 2.0 is never idempotent and cannot delete records.
exchange.through_kurierd(peer(2, "2020", idempotent=False, steps=exchange.steps_but("truncate")), peer(3, "today"))
