# SPDX-License-Identifier: Apache-2.0
"""The table of foreign clients: what each can do, and what it cannot."""
import os

from exchange import HERE, Peer, steps_but  # and where the kit is

import peers
import tap
from jvm import jvm


def in_python(program, age="today"):
    return lambda: [peers.python(age), os.path.join(HERE, program)]


def in_go(program):
    return lambda: [peers.go(os.path.join(HERE, "go"), program)]


def in_node(program):
    return lambda: ["env", f"NODE_PATH={peers.node()}/node_modules", "node", os.path.join(HERE, program)]


def in_java(version):
    return lambda *words: jvm(version).run("Client", *words)


def in_c(program):
    def command():
        if not os.path.exists(program):
            raise tap.Skip("librdkafka-dev was not there when this was configured")
        return [program]
    return command


RDKAFKA = os.path.join("tests", "peers", "rdkafka")

# Python's refuse a record of nothing but nulls, and kafka-python a header that is null.
AIOKAFKA = Peer("aiokafka", in_python("aiokafka_peer.py"), without="null-record")
KAFKA_PYTHON = Peer("kafka-python-3", in_python("kafkapython.py"), without="null-record,null-header")
KAFKA_PYTHON_OF_2020 = Peer("kafka-python-2", in_python("kafkapython.py", "2020"), idempotent=False,
                            without="null-record,null-header", steps=steps_but("truncate"))
CONFLUENT = Peer("confluent-kafka", in_python("confluent.py"))

# Debian's, and the one that confluent-kafka's wheel brings.
LIBRDKAFKA_OF_DEBIAN = Peer("librdkafka-2.0", in_c(RDKAFKA))
LIBRDKAFKA = Peer("librdkafka-2.16",
                  lambda: ["env", f"LD_LIBRARY_PATH={peers.librdkafka()}", *in_c(RDKAFKA)()])

# kafka-go takes empty for null when it reads.
FRANZ_GO = Peer("franz-go", in_go("franz"))
KAFKA_GO = Peer("kafka-go", in_go("kafkago"), idempotent=False, steps=steps_but("truncate"))
SARAMA = Peer("sarama", in_go("sarama"))

# It brings no codec but gzip, and fails on a null header that it is to send.
KAFKAJS = Peer("kafkajs", in_node("kafkajs.js"), codecs=["none", "gzip"], without="null-header")

JAVA_3 = Peer("java-3.9", run=in_java("3.9"))
JAVA_4 = Peer("java-4.3", run=in_java("4.3"))

ALL = [each for each in list(vars().values()) if isinstance(each, Peer)]
