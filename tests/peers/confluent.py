# SPDX-License-Identifier: Apache-2.0
"""confluent.py produce|verify BROKERS TOPIC [KEY=VALUE]...: confluent-kafka's side of an exchange."""
import sys

from confluent_kafka import Consumer, Producer, TopicPartition

import exchange

PATIENCE_S = 120


def produce(conf, topic):
    failures = []
    producer = Producer({"linger.ms": 5, "message.max.bytes": 1_100_000, **conf})
    for key, value, headers, timestamp in exchange.records():
        while True:
            try:
                producer.produce(topic, value, key, headers=headers, timestamp=timestamp,
                                 on_delivery=lambda error, _: error and failures.append(error))
                break
            except BufferError:
                producer.poll(1)
        producer.poll(0)
    left = producer.flush(PATIENCE_S)
    assert not left and not failures, f"{left} not delivered, {failures[:1]}"


def verify(conf, topic):
    consumer = Consumer({"group.id": "exchange", "enable.auto.commit": False, **conf})
    consumer.assign([TopicPartition(topic, 0, 0)])
    for number in range(exchange.COUNT + exchange.LARGE):
        message = consumer.poll(PATIENCE_S)
        assert message is not None, f"nothing came after record {number}"
        assert not message.error(), message.error()
        exchange.check(number, message.key(), message.value(), message.headers(), message.timestamp()[1])
    consumer.close()


if __name__ == "__main__":
    what, brokers, name, *more = sys.argv[1:]
    {"produce": produce, "verify": verify}[what](
        {"bootstrap.servers": brokers, **dict(word.split("=", 1) for word in more)}, name)
