# SPDX-License-Identifier: Apache-2.0
"""confluent-kafka as a peer; exchange.py tells what a peer program does."""
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
                                   OffsetSpec)

import corpus
from corpus import PATIENCE_S


def produce(task):
    failures = []
    producer = Producer({"bootstrap.servers": task.address, "linger.ms": 5, "message.max.bytes": 1_100_000,
                         "compression.type": task.codec, "enable.idempotence": task.idempotent})
    for key, value, headers, timestamp in task.records():
        while True:
            try:
                producer.produce(task.topic, value, key, partition=0, headers=headers, timestamp=timestamp,
                                 on_delivery=lambda error, _: error and failures.append(error))
                break
            except BufferError:
                producer.poll(1)
        producer.poll(0)
    left = producer.flush(PATIENCE_S)
    assert not left and not failures, f"{left} not delivered, {failures[:1]}"


def consumer_at(task, offset):
    consumer = Consumer({"bootstrap.servers": task.address, "group.id": "exchange", "enable.auto.commit": False,
                         "fetch.wait.max.ms": 10})
    consumer.assign([TopicPartition(task.topic, 0, offset)])
    return consumer


def expect(consumer, task, number):
    message = consumer.poll(PATIENCE_S)
    assert message is not None, f"record {number} did not come"
    assert not message.error(), message.error()
    task.check(number, message.offset(), message.key(), message.value(), message.headers(), message.timestamp()[1])


def verify(task):
    consumer = consumer_at(task, 0)
    for number in range(task.total):
        expect(consumer, task, number)
    ends = consumer.get_watermark_offsets(TopicPartition(task.topic, 0), PATIENCE_S)
    assert ends == (0, task.total), ends
    consumer.close()


def seek(task):
    consumer = consumer_at(task, 0)
    for timestamp, number in task.times():
        found, = consumer.offsets_for_times([TopicPartition(task.topic, 0, timestamp)], PATIENCE_S)
        assert found.offset == (-1 if number is None else number), found
        if number is not None:
            consumer.assign([found])
            expect(consumer, task, number)
    consumer.close()


class Exists(Exception):
    pass


class Steps(corpus.Steps):
    Exists = Exists

    def __init__(self, task):
        self.client = AdminClient({"bootstrap.servers": task.address})
        self.take(task)

    def one(self, futures):
        """What the one future of an answer says."""
        try:
            return next(iter(futures.values())).result(PATIENCE_S)
        except KafkaException as why:
            if why.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                raise Exists from why
            raise

    def create_topic(self, name, partitions, retention_ms):
        self.one(self.client.create_topics([NewTopic(name, partitions, 1, config={"retention.ms": retention_ms})]))

    def topics(self):
        topics = self.client.list_topics(timeout=PATIENCE_S).topics
        assert not any(p.error for topic in topics.values() for p in topic.partitions.values())
        return {name: len(topic.partitions) for name, topic in topics.items()}

    def brokers(self):
        cluster = self.client.describe_cluster().result(PATIENCE_S)
        return [f"{n.host}:{n.port}" for n in cluster.nodes], f"{cluster.controller.host}:{cluster.controller.port}"

    def retention(self, name):
        return self.one(self.client.describe_configs([ConfigResource("topic", name)]))["retention.ms"].value

    def set_retention(self, name, text):
        entry = ConfigEntry("retention.ms", text, incremental_operation=AlterConfigOpType.SET)
        self.one(self.client.incremental_alter_configs([ConfigResource("topic", name, incremental_configs=[entry])]))

    def set_partitions(self, name, count):
        self.one(self.client.create_partitions([NewPartitions(name, count)]))

    def bounds(self, name):
        return tuple(self.one(self.client.list_offsets({TopicPartition(name, 0): spec})).offset
                     for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))

    def delete_records(self, name, before):
        assert self.one(self.client.delete_records([TopicPartition(name, 0, before)])).low_watermark == before

    def delete_topic(self, name):
        self.one(self.client.delete_topics([name]))


if __name__ == "__main__":
    corpus.main(produce=produce, verify=verify, seek=seek, admin=Steps)
