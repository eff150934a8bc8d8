// SPDX-License-Identifier: Apache-2.0
// kafkajs as a peer; exchange.py tells what a peer program does. It reads in groups only.
'use strict'

const assert = require('assert')
const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs')
const { check, main, record, times } = require('./corpus')

const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP }
const CHUNK = 10_000
const PATIENCE_MS = 60_000

function connect(task) {
    return new Kafka({ clientId: 'exchange', brokers: [task.address], logLevel: logLevel.ERROR })
}

async function produce(task) {
    const producer = connect(task).producer({ idempotent: task.idempotent, allowAutoTopicCreation: true,
        maxInFlightRequests: 1 })
    await producer.connect()
    for (let from = 0; from < task.total; from += CHUNK) {
        const until = Math.min(from + CHUNK, task.total)
        // A batch may have 1 MB: the large ones go alone.
        const step = until > task.count ? 1 : CHUNK
        for (let i = from; i < until; i += step) {
            const messages = []
            for (let k = i; k < Math.min(i + step, until); k++) messages.push(record(task, k))
            await producer.send({ topic: task.topic, compression: CODECS[task.codec], messages })
        }
    }
    await producer.disconnect()
}

// Reads records in a group of its own. visit answers true when it has seen enough.
async function consume(task, visit) {
    const consumer = connect(task).consumer({ groupId: `${task.topic}-${process.pid}`, maxWaitTimeInMs: 10 })
    await consumer.connect()
    await consumer.subscribe({ topic: task.topic, fromBeginning: true })
    await new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error('no more records came')), PATIENCE_MS).unref()
        consumer.on(consumer.events.CRASH, event => reject(event.payload.error))
        const eachMessage = async ({ message }) => {
            try {
                if (visit(message, consumer)) resolve()
            } catch (error) {
                reject(error)
            }
        }
        consumer.run({ eachMessage }).catch(reject)
    })
    await consumer.disconnect()
}

async function verify(task) {
    let next = 0
    await consume(task, message => {
        check(task, next++, message)
        return next === task.total
    })
    await administer({ ...task, steps: ['offsets'] })
}

async function seek(task) {
    const admin = connect(task).admin()
    await admin.connect()
    const numbers = [] // begins with 0, where a new group begins
    for (const [timestamp, number] of times(task)) {
        const [found] = await admin.fetchTopicOffsetsByTimestamp(task.topic, timestamp)
        assert.strictEqual(found.offset, `${number < 0 ? task.total : number}`) // the end, where there is none
        if (number >= 0 && !numbers.includes(number)) numbers.push(number)
    }
    await admin.disconnect()
    await consume(task, (message, consumer) => {
        if (message.offset !== `${numbers[0]}`) return false // of a batch that it had before it was told
        check(task, numbers.shift(), message)
        if (numbers.length) consumer.seek({ topic: task.topic, partition: 0, offset: `${numbers[0]}` })
        return !numbers.length
    })
}

const address = broker => `${broker.host}:${broker.port}`

function steps(admin, task) {
    const made = task.topic + '-new'
    const topic = { topic: made, numPartitions: 3, configEntries: [{ name: 'retention.ms', value: '3600000' }] }

    async function partitions(count) {
        const { topics } = await admin.fetchTopicMetadata()
        const found = Object.fromEntries(topics.map(t => [t.name, t.partitions.length]))
        assert.deepStrictEqual([found[made], found[task.topic]], [count, 1])
        assert(topics.every(t => t.partitions.every(p => p.partitionErrorCode === 0 && p.leader >= 0)))
    }

    async function retention(expected) {
        const found = await admin.describeConfigs({
            resources: [{ type: ConfigResourceTypes.TOPIC, name: made, configNames: ['retention.ms'] }] })
        assert.strictEqual(found.resources[0].configEntries[0].configValue, expected)
    }

    async function bounds(first) {
        const [found] = await admin.fetchTopicOffsets(task.topic)
        assert.deepStrictEqual([found.low, found.high], [`${first}`, `${task.total}`])
    }

    return {
        async create() {
            assert.strictEqual(await admin.createTopics({ topics: [topic] }), true)
            assert.strictEqual(await admin.createTopics({ topics: [topic] }), false) // there already
        },
        describe: () => partitions(3),
        async cluster() {
            const { brokers, controller } = await admin.describeCluster()
            assert.deepStrictEqual(brokers.map(address), [task.address])
            assert.strictEqual(controller, brokers[0].nodeId)
        },
        configs: () => retention('3600000'),
        async alter() {
            await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: made,
                configEntries: [{ name: 'retention.ms', value: '7200000' }] }] })
            await retention('7200000')
        },
        async grow() {
            await admin.createPartitions({ topicPartitions: [{ topic: made, count: 5 }] })
            await partitions(5)
        },
        offsets: () => bounds(0),
        async truncate() {
            await admin.deleteTopicRecords({ topic: task.topic, partitions: [{ partition: 0, offset: '10' }] })
            await bounds(10)
        },
        async delete() {
            await admin.deleteTopics({ topics: [made] })
            assert(!(await admin.listTopics()).includes(made))
        },
    }
}

async function administer(task) {
    const admin = connect(task).admin()
    await admin.connect()
    const known = steps(admin, task)
    for (const step of task.steps) await known[step]()
    await admin.disconnect()
}

main({ produce, verify, seek, admin: administer })
