// SPDX-License-Identifier: Apache-2.0
// corpus.h's records, and a peer program's command line, for clients in JavaScript.
'use strict'

const LARGE_BYTES = 1_000_000
const BASE_MS = 1_700_000_000_000
const STEP_MS = 10

function task(words) {
    const [address, topic, ...more] = words
    const given = { count: '100000', large: '3', codec: 'none', idempotent: 'false', steps: '', without: '' }
    for (const word of more) {
        const at = word.indexOf('=')
        given[word.slice(0, at)] = word.slice(at + 1)
    }
    return {
        address, topic, codec: given.codec, count: +given.count, total: +given.count + +given.large,
        idempotent: given.idempotent === 'true', steps: given.steps.split(','), without: given.without.split(','),
    }
}

function largeValue(i) {
    return Buffer.from(Array.from({ length: LARGE_BYTES }, (_, at) => (at * 31 + i) % 251))
}

function smallValue(i) {
    if (i % 17 < 2) return i % 17 ? '' : null
    return `value-${i}-` + 'x'.repeat(i % 150)
}

function headers(task, i) {
    const some = { number: `${i}`, empty: '' }
    return task.without.includes('null-header') ? some : { ...some, null: null }
}

function record(task, i) {
    return {
        partition: 0,
        key: i % 10 === 0 ? null : i % 10 === 1 ? '' : `key-${i}`,
        value: i < task.count ? smallValue(i) : largeValue(i),
        headers: i % 5 === 0 ? headers(task, i) : undefined,
        timestamp: `${BASE_MS + STEP_MS * i}`,
    }
}

// Runs the command that the command line names.
async function main(commands) {
    const [what, ...words] = process.argv.slice(2)
    await commands[what](task(words))
}

module.exports = { record, main }
