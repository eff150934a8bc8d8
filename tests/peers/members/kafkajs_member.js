// SPDX-License-Identifier: Apache-2.0
// kafkajs as a member of a group; members.py tells what a member says. It has no assignor called range: here is one.
'use strict'

const { AssignerProtocol, Kafka, logLevel } = require('kafkajs')

const { MemberAssignment, MemberMetadata } = AssignerProtocol
const PLAIN = { version: 0, userData: Buffer.alloc(0) }
const [address, topic, group, strategy, sessionMs] = process.argv.slice(2)
if (strategy !== 'range') throw new Error(strategy)

function say(...words) {
    const us = Math.round((performance.timeOrigin + performance.now()) * 1000)
    process.stdout.write([us, ...words].join(' ') + '\n')
}

// Each member a stretch of partitions, the first ones longer by one where it does not come out even.
const range = ({ cluster }) => ({
    name: 'range',
    version: 1,
    protocol: ({ topics }) => ({ name: 'range', metadata: MemberMetadata.encode({ ...PLAIN, topics }) }),
    async assign({ members, topics }) {
        const ids = members.map(member => member.memberId).sort()
        const given = Object.fromEntries(ids.map(id => [id, {}]))
        for (const name of topics) {
            const partitions = cluster.findTopicPartitionMetadata(name).map(p => p.partitionId).sort((a, b) => a - b)
            const each = Math.floor(partitions.length / ids.length)
            const longer = partitions.length % ids.length
            ids.forEach((id, i) => {
                const from = i * each + Math.min(i, longer)
                given[id][name] = partitions.slice(from, from + each + (i < longer ? 1 : 0))
            })
        }
        return ids.map(id => ({ memberId: id,
            memberAssignment: MemberAssignment.encode({ ...PLAIN, assignment: given[id] }) }))
    },
})

async function main() {
    const consumer = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING }).consumer({
        groupId: group, sessionTimeout: +sessionMs, heartbeatInterval: Math.floor(sessionMs / 6), maxWaitTimeInMs: 100,
        partitionAssigners: [range] })
    let held = []
    const giveUp = () => {
        if (held.length) say('revoked', ...held)
        held = []
    }
    consumer.on(consumer.events.REBALANCING, giveUp)
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        giveUp()
        held = payload.memberAssignment[topic] || []
        say('assigned', ...held)
    })
    process.on('SIGTERM', async () => {
        await consumer.disconnect()
        say('left')
        process.exit(0)
    })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
        autoCommitThreshold: 1,
        eachMessage: async ({ partition, message }) => say('read', partition, message.offset),
    })
}

main()
