# SPDX-License-Identifier: Apache-2.0
"""aiokafka as a peer; exchange.py tells what a peer program does."""
import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

import corpus
from corpus import PATIENCE_S


async def produce(task):
    producer = AIOKafkaProducer(bootstrap_servers=task.address, acks="all", linger_ms=5, max_request_size=1_100_000,
                                compression_type=None if task.codec == "none" else task.codec,
                                enable_idempotence=task.idempotent)
    async with producer:
        sent = [await producer.send(task.topic, value, key, 0, timestamp, headers)
                for key, value, headers, timestamp in task.records()]
        for number, future in enumerate(sent):
            report = await asyncio.wait_for(future, PATIENCE_S)
            assert report.offset == number, report


def consumer_of(task):
    return AIOKafkaConsumer(bootstrap_servers=task.address, group_id=None, enable_auto_commit=False,
                            fetch_max_wait_ms=10)


async def read(consumer, task, numbers):
    where = TopicPartition(task.topic, 0)
    consumer.assign([where])
    consumer.seek(where, numbers[0])
    for number in numbers:
        m = await asyncio.wait_for(consumer.getone(), PATIENCE_S)
        task.check(number, m.offset, m.key, m.value, m.headers, m.timestamp)


async def bounds(consumer, where):
    first, end = await consumer.beginning_offsets([where]), await consumer.end_offsets([where])
    return first[where], end[where]


async def verify(task):
    async with consumer_of(task) as consumer:
        await read(consumer, task, range(task.total))
        assert await bounds(consumer, TopicPartition(task.topic, 0)) == (0, task.total)


async def seek(task):
    where = TopicPartition(task.topic, 0)
    async with consumer_of(task) as consumer:
        for timestamp, number in task.times():
            found = (await consumer.offsets_for_times({where: timestamp}))[where]
            if number is None:
                assert found is None, found
            else:
                assert found == (number, corpus.BASE_MS + corpus.STEP_MS * number), found
                await read(consumer, task, [number])


class Steps(corpus.Steps):
    Exists = TopicAlreadyExistsError

    def __init__(self, task):
        self.runner = asyncio.Runner()
        self.client = self.run(self.started(task))
        try:
            self.take(task)
        finally:
            self.run(self.client.close())
            self.runner.close()

    async def started(self, task):
        client = AIOKafkaAdminClient(bootstrap_servers=task.address)
        await client.start()
        return client

    def run(self, what):
        return self.runner.run(what)

    def done(self, rows):
        """Raises what the one row (name, code, ...) of an answer says."""
        if rows[0][1]:
            raise for_code(rows[0][1])(rows)

    def create_topic(self, name, partitions, retention_ms):
        topic = NewTopic(name, partitions, 1, topic_configs={"retention.ms": retention_ms})
        self.done(self.run(self.client.create_topics([topic])).topic_errors)

    def topics(self):
        topics = self.run(self.client.describe_topics())
        assert not any(p["error_code"] for topic in topics for p in topic["partitions"]), topics
        return {topic["topic"]: len(topic["partitions"]) for topic in topics}

    def brokers(self):
        cluster = self.run(self.client.describe_cluster())
        nodes = {broker["node_id"]: f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]}
        return list(nodes.values()), nodes[cluster["controller_id"]]

    def retention(self, name):
        found = self.run(self.client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)]))
        return {entry[0]: entry[1] for entry in found[0].resources[0][4]}["retention.ms"]

    def set_retention(self, name, text):
        self.run(self.client.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": text})]))

    def set_partitions(self, name, count):
        self.done(self.run(self.client.create_partitions({name: NewPartitions(count)})).topic_errors)

    def bounds(self, name):
        async def ask():
            async with consumer_of(self.task) as consumer:
                return await bounds(consumer, TopicPartition(name, 0))
        return self.run(ask())

    def delete_records(self, name, before):
        where = TopicPartition(name, 0)
        assert self.run(self.client.delete_records({where: RecordsToDelete(before)})) == {where: before}

    def delete_topic(self, name):
        self.done(self.run(self.client.delete_topics([name])).topic_error_codes)


if __name__ == "__main__":
    corpus.main(produce=lambda task: asyncio.run(produce(task)), verify=lambda task: asyncio.run(verify(task)),
                seek=lambda task: asyncio.run(seek(task)), admin=Steps)
