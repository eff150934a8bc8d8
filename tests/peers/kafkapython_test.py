#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kafka-python, the one of 2020 that many still have and today's, through kurierd."""
import exchange
import peers


def peer(version, **more):
    program = exchange.HERE + "/kafkapython.py"
    return exchange.Peer(f"kafka-python-{version}", lambda: [peers.python(f"kafka-python-{version}"), program],
                         without="null-record,null-header", **more)


# 2.0 fetches by a version that has no zstd, is never idempotent and cannot delete records.
exchange.through_kurierd(
    peer(2, codecs=["none", "gzip", "snappy", "lz4"], idempotent=False, steps=exchange.steps_but("truncate")),
    peer(3))
