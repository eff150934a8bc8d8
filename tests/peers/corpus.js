// SPDX-License-Identifier: Apache-2.0
// corpus.h's records, and a peer program's command line, for clients in JavaScript.
'use strict'

const assert = require('assert')

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

const bytes = value => value === null ? null : Buffer.from(value)

// Throws where what was read differs from record i.
function check(task, i, message) {
    const want = record(task, i)
    const headers = Object.entries(want.headers || {}).map(([name, value]) => [name, bytes(value)])
    assert.deepStrictEqual(
        [message.offset, message.key, message.value, message.timestamp, Object.entries(message.headers)],
        [`${i}`, bytes(want.key), bytes(want.value), want.timestamp, headers])
}

// What seek asks for: [timestamp, the offset of the first record that is not older, -1 behind the last].
function times(task) {
    const asked = [0, 1, Math.floor(task.count / 2), task.total - 1]
        .flatMap(i => [[BASE_MS + STEP_MS * i - 3, i], [BASE_MS + STEP_MS * i, i]])
    return [...asked, [BASE_MS + STEP_MS * (task.total - 1) + 1, -1]]
}

// Runs the command that the command line names.
async function main(commands) {
    const [what, ...words] = process.argv.slice(2)
    await commands[what](task(words))
}

module.exports = { record, check, times, main }
