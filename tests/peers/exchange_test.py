#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""100,000 small records and three of 1 MB, every codec, each side reading what the other wrote:
libkurier and confluent-kafka through kurierd, and libkurier through Apache Kafka."""
import functools
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "kit")]

import broker
import peers
import tap
from kafka import Kafka

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PATIENCE_S = 240

ours = [os.path.join("tests", "peers", "exchange")]


def confluent():
    return [peers.python(), os.path.join(HERE, "confluent.py")]


def talk(program, what, address, topic, *options):
    done = subprocess.run([*program, what, address, topic, *options], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, f"{what} by {program[-1]}:\n{done.stdout[-2000:]}"


def exchange(address, writer, reader, codec, create=lambda topic: None):
    topic = f"{os.path.basename(writer[-1]).split('.')[0]}-{codec}"
    create(topic)
    talk(writer, "produce", address, topic, f"compression.type={codec}")
    for side in reader:
        talk(side, "verify", address, topic)


kurierd = broker.Broker({"num.partitions": 1})


@functools.cache
def apache():
    return Kafka("4.3").__enter__()


for codec in CODECS:
    @tap.case(f"kurierd: libkurier writes {codec}, libkurier and confluent-kafka read")
    def _(codec=codec):
        exchange(kurierd.address, ours, [ours, confluent()], codec)

    @tap.case(f"kurierd: confluent-kafka writes {codec}, libkurier and confluent-kafka read")
    def _(codec=codec):
        exchange(kurierd.address, confluent(), [ours, confluent()], codec)

    @tap.case(f"Apache Kafka 4.3: libkurier writes {codec}, libkurier and confluent-kafka read")
    def _(codec=codec):
        exchange(apache().address, ours, [ours, confluent()], codec, apache().create)

    @tap.case(f"Apache Kafka 4.3: confluent-kafka writes {codec}, libkurier reads")
    def _(codec=codec):
        exchange(apache().address, confluent(), [ours], codec, apache().create)


if __name__ == "__main__":
    try:
        with kurierd:
            tap.run()
    finally:
        if apache.cache_info().currsize:
            apache().__exit__()
