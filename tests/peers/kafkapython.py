# SPDX-License-Identifier: Apache-2.0
"""kafka-python, 2.0 and 3.0, as a peer; exchange.py tells what a peer program does."""
import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
from kafka.errors import TopicAlreadyExistsError

import corpus
from corpus import PATIENCE_S

OLD = kafka.__version__.startswith("2.")  # knows no idempotence, guesses the broker's version


def produce(task):
    more = {} if OLD else {"enable_idempotence": task.idempotent}
    producer = KafkaProducer(bootstrap_servers=task.address, acks="all", linger_ms=5, max_request_size=1_100_000,
                             compression_type=None if task.codec == "none" else task.codec, **more)
    sent = [producer.send(task.topic, value, key, headers, 0, timestamp)
            for key, value, headers, timestamp in task.records()]
    producer.flush(PATIENCE_S)
    for number, future in enumerate(sent):
        assert future.get(0).offset == number, future.value
    producer.close()


def consumer_of(task):
    return KafkaConsumer(bootstrap_servers=task.address, group_id=None, enable_auto_commit=False,
                         fetch_max_wait_ms=10, consumer_timeout_ms=1000 * PATIENCE_S)


def read(consumer, task, numbers):
    where = TopicPartition(task.topic, 0)
    consumer.assign([where])
    consumer.seek(where, numbers[0])
    for number in numbers:
        m = next(consumer)
        task.check(number, m.offset, m.key, m.value, m.headers, m.timestamp)


def verify(task):
    consumer, where = consumer_of(task), TopicPartition(task.topic, 0)
    read(consumer, task, range(task.total))
    assert consumer.beginning_offsets([where]) == {where: 0}
    assert consumer.end_offsets([where]) == {where: task.total}
    consumer.close()


def seek(task):
    consumer, where = consumer_of(task), TopicPartition(task.topic, 0)
    for timestamp, number in task.times():
        found = consumer.offsets_for_times({where: timestamp})[where]
        if number is None:
            assert found is None, found
        else:
            assert found[:2] == (number, corpus.BASE_MS + corpus.STEP_MS * number), found
            read(consumer, task, [number])
    consumer.close()


class Steps(corpus.Steps):
    Exists = TopicAlreadyExistsError

    def __init__(self, task):
        self.address = task.address
        self.client = KafkaAdminClient(bootstrap_servers=task.address)
        self.take(task)

    def create_topic(self, name, partitions, retention_ms):
        self.client.create_topics([NewTopic(name, partitions, 1, topic_configs={"retention.ms": retention_ms})])

    def topics(self):
        topics = self.client.describe_topics()
        assert not any(p["error_code"] for topic in topics for p in topic["partitions"]), topics
        return {topic["topic" if OLD else "name"]: len(topic["partitions"]) for topic in topics}

    def brokers(self):
        cluster = self.client.describe_cluster()
        nodes = {broker["node_id" if OLD else "broker_id"]: f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]}
        return list(nodes.values()), nodes[cluster["controller_id"]]

    def retention(self, name):
        found = self.client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        if OLD:
            return {entry[0]: entry[1] for entry in found[0].resources[0][4]}["retention.ms"]
        return found["topic"][name]["retention.ms"]["value"]

    def set_retention(self, name, text):
        self.client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": text})])

    def set_partitions(self, name, count):
        self.client.create_partitions({name: NewPartitions(count)})

    def bounds(self, name):
        consumer, where = KafkaConsumer(bootstrap_servers=self.address), TopicPartition(name, 0)
        try:
            return consumer.beginning_offsets([where])[where], consumer.end_offsets([where])[where]
        finally:
            consumer.close()

    def delete_records(self, name, before):
        self.client.delete_records({TopicPartition(name, 0): before})

    def delete_topic(self, name):
        self.client.delete_topics([name])


if __name__ == "__main__":
    corpus.main(produce=produce, verify=verify, seek=seek, admin=Steps)
