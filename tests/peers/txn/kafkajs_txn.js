// SPDX-License-Identifier: Apache-2.0
// kafkajs in transactions; transactors.py tells what such a program does.
'use strict'

const readline = require('readline')
const { Kafka, logLevel } = require('kafkajs')

const [what, address, topic, ...more] = process.argv.slice(2)
const kafka = new Kafka({ brokers: [address], logLevel: logLevel.ERROR })
const say = words => process.stdout.write(words + '\n')

const BACKOFF_MS = 20
const PATIENCE_MS = 30000

// Its producer does not do that by itself for offsets, while the transaction before is about to be completed.
async function insist(what) {
    for (const deadline = Date.now() + PATIENCE_MS; ;) {
        try {
            return await what()
        } catch (why) {
            if (!why.retriable || Date.now() > deadline) throw why
        }
        await new Promise(resolve => setTimeout(resolve, BACKOFF_MS))
    }
}

async function write([name, input]) {
    const producer = kafka.producer({ transactionalId: name, idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    let transaction
    let waiting = []
    const send = async () => {
        const messages = waiting
        waiting = []
        if (messages.length) await transaction.send({ topic, acks: -1, messages })
    }
    const steps = {
        begin: async () => { transaction = await producer.transaction() },
        send: async (partition, ...value) => {
            waiting.push({ key: name, value: value.join(' '), partition: +partition })
        },
        flush: send,
        offset: offset => insist(() => transaction.sendOffsets({ consumerGroupId: name,
            topics: [{ topic: input, partitions: [{ partition: 0, offset }] }] })),
        commit: async () => { await send(); await transaction.commit() },
        abort: async () => { await send(); await transaction.abort() },
    }
    say('ok')
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const [step, ...words] = line.split(' ')
        await steps[step](...words)
        say('ok')
    }
    await producer.disconnect()
}

async function read([partitions, isolation]) {
    const consumer = kafka.consumer({ groupId: `reader-${process.pid}`, maxWaitTimeInMs: 100,
        readUncommitted: isolation === 'read_uncommitted' })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    let left = +partitions
    await new Promise(resolve => consumer.run({
        autoCommit: false,
        eachMessage: async ({ partition, message }) => {
            say(`${partition} ${message.offset} ${message.value}`)
            if (message.value.toString() === 'end' && --left === 0) resolve()
        },
    }))
    await consumer.disconnect()
}

(what === 'write' ? write : read)(more).catch(why => {
    console.error(why)
    process.exit(1)
})
