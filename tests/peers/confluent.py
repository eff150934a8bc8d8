# SPDX-License-Identifier: Apache-2.0
"""confluent-kafka as a peer; exchange.py tells what a peer program does."""
from confluent_kafka import Consumer, Producer, TopicPartition

import corpus
from corpus import PATIENCE_S


def produce(address, topic, words):
    failures = []
    producer = Producer({"bootstrap.servers": address, "linger.ms": 5, "message.max.bytes": 1_100_000,
                         "compression.type": words.codec, "enable.idempotence": words.idempotent})
    for key, value, headers, timestamp in corpus.records(words):
        while True:
            try:
                producer.produce(topic, value, key, partition=0, headers=headers, timestamp=timestamp,
                                 on_delivery=lambda error, _: error and failures.append(error))
                break
            except BufferError:
                producer.poll(1)
        producer.poll(0)
    left = producer.flush(PATIENCE_S)
    assert not left and not failures, f"{left} not delivered, {failures[:1]}"


def consumer_at(address, topic, offset):
    consumer = Consumer({"bootstrap.servers": address, "group.id": "exchange", "enable.auto.commit": False,
                         "fetch.wait.max.ms": 10})
    consumer.assign([TopicPartition(topic, 0, offset)])
    return consumer


def expect(consumer, number, words):
    message = consumer.poll(PATIENCE_S)
    assert message is not None, f"record {number} did not come"
    assert not message.error(), message.error()
    corpus.check(number, words, message.offset(), message.key(), message.value(), message.headers(),
                 message.timestamp()[1])


def verify(address, topic, words):
    consumer = consumer_at(address, topic, 0)
    for number in range(words.count + words.large):
        expect(consumer, number, words)
    ends = consumer.get_watermark_offsets(TopicPartition(topic, 0), PATIENCE_S)
    assert ends == (0, words.count + words.large), ends
    consumer.close()


def seek(address, topic, words):
    consumer = consumer_at(address, topic, 0)
    for timestamp, number in corpus.times(words):
        found, = consumer.offsets_for_times([TopicPartition(topic, 0, timestamp)], PATIENCE_S)
        if number is None:
            assert found.offset == -1, found
        else:
            assert found.offset == number, found
            consumer.assign([found])
            expect(consumer, number, words)
    consumer.close()


if __name__ == "__main__":
    corpus.main(produce=produce, verify=verify, seek=seek)
