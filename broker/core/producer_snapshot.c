/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshot file. Kafka's version 1:
 *
 *   version i16 = 1 | crc u32 of what follows | count i32 | count times:
 *   producer id i64 | epoch i16 | last sequence i32 | last offset i64 |
 *   offset delta i32 | timestamp i64 | coordinator epoch i32 | txn first offset i64
 *
 * Behind it, where Kafka does not look, the older batches that we know:
 *
 *   "KRP1" | count i32 | count times:
 *   producer id i64 | first sequence i32 | last sequence i32 | last offset i64 |
 *   offset delta i32 | timestamp i64
 */
#include "base/codes.h"
#include "base/mem.h"
#include "broker/core/producer_state.h"
#include "wire/be.h"
#include "wire/crc32c.h"

enum {
    VERSION = 1,
    SUMMED_AT = 6,
    HEAD_BYTES = 10,
    ENTRY_BYTES = 46,
    OLDER_HEAD_BYTES = 8,
    OLDER_BYTES = 36
};
static const char older_magic[4] = {'K', 'R', 'P', '1'};

/* ---- Writing ------------------------------------------------------------ */

static uint8_t *put16(uint8_t *to, int16_t value)
{
    kw_put_be16(to, (uint16_t)value);
    return to + 2;
}

static uint8_t *put32(uint8_t *to, int32_t value)
{
    kw_put_be32(to, (uint32_t)value);
    return to + 4;
}

static uint8_t *put64(uint8_t *to, int64_t value)
{
    kw_put_be64(to, (uint64_t)value);
    return to + 8;
}

static uint8_t *put_entry(uint8_t *to, const struct kd_producer *producer)
{
    static const struct kd_producer_batch none = {
        .first_sequence = -1, .last_sequence = -1, .last_offset = -1, .timestamp_ms = -1};
    const struct kd_producer_batch *last =
        producer->count ? &producer->last[producer->count - 1] : &none;
    to = put64(to, producer->id);
    to = put16(to, producer->epoch);
    to = put32(to, last->last_sequence);
    to = put64(to, last->last_offset);
    to = put32(to, last->offset_delta);
    to = put64(to, last->timestamp_ms);
    to = put32(to, producer->coordinator_epoch);
    return put64(to, producer->txn_first_offset);
}

static uint8_t *put_older(uint8_t *to, const struct kd_producer *producer)
{
    for (int i = 0; i + 1 < producer->count; i++) {
        const struct kd_producer_batch *batch = &producer->last[i];
        to = put64(to, producer->id);
        to = put32(to, batch->first_sequence);
        to = put32(to, batch->last_sequence);
        to = put64(to, batch->last_offset);
        to = put32(to, batch->offset_delta);
        to = put64(to, batch->timestamp_ms);
    }
    return to;
}

static size_t count_older(const struct kd_producers *producers)
{
    size_t older = 0;
    const struct kd_producer *producer = NULL;
    while ((producer = kd_producers_next(producers, producer)))
        older += producer->count ? producer->count - 1u : 0;
    return older;
}

static uint8_t *put_each(uint8_t *to, const struct kd_producers *producers,
                         uint8_t *(*put)(uint8_t *, const struct kd_producer *))
{
    const struct kd_producer *producer = NULL;
    while ((producer = kd_producers_next(producers, producer)))
        to = put(to, producer);
    return to;
}

uint8_t *kd_producers_encode(const struct kd_producers *producers, size_t *size)
{
    size_t count = kd_producers_count(producers), older = count_older(producers);
    *size = HEAD_BYTES + count * ENTRY_BYTES + OLDER_HEAD_BYTES + older * OLDER_BYTES;
    uint8_t *file = kb_malloc(*size);
    if (!file)
        return NULL;
    uint8_t *to = put32(put16(file, VERSION), 0);
    to = put_each(put32(to, (int32_t)count), producers, put_entry);
    memcpy(to, older_magic, sizeof older_magic);
    to = put_each(put32(to + sizeof older_magic, (int32_t)older), producers, put_older);
    KB_CHECK(to == file + *size);
    kw_put_be32(file + 2, kw_crc32c(0, file + SUMMED_AT, *size - SUMMED_AT));
    return file;
}

/* ---- Reading ------------------------------------------------------------ */

static struct kd_producer_batch get_batch(const uint8_t *at)
{
    return (struct kd_producer_batch){
        .first_sequence = (int32_t)kw_get_be32(at),
        .last_sequence = (int32_t)kw_get_be32(at + 4),
        .last_offset = (int64_t)kw_get_be64(at + 8),
        .offset_delta = (int32_t)kw_get_be32(at + 16),
        .timestamp_ms = (int64_t)kw_get_be64(at + 20),
    };
}

/* Neither is negative. */
static int32_t sequence_before(int32_t sequence, int32_t count)
{
    return sequence >= count ? sequence - count
                             : (int32_t)((int64_t)sequence - count + INT32_MAX + 1);
}

static int get_entry(struct kd_producers *producers, const uint8_t *at, int64_t now_ms)
{
    struct kd_producer *producer = kd_producers_obtain(producers, (int64_t)kw_get_be64(at), now_ms);
    if (!producer)
        return KB_E_NO_MEMORY;
    struct kd_producer_batch last =
        get_batch(at + 6); /* the sequence it begins with is not there */
    producer->epoch = (int16_t)kw_get_be16(at + 8);
    if (last.last_sequence >= 0 && last.offset_delta >= 0) {
        last.first_sequence = sequence_before(last.last_sequence, last.offset_delta);
        kd_producer_push(producer, &last);
    }
    producer->coordinator_epoch = (int32_t)kw_get_be32(at + 34);
    int64_t first_offset = (int64_t)kw_get_be64(at + 38);
    if (first_offset >= 0)
        kd_producer_open(producers, producer, first_offset);
    return KB_OK;
}

/* They come oldest first, and go before the last one. */
static int get_older(struct kd_producers *producers, const uint8_t *at, int64_t now_ms)
{
    struct kd_producer *producer = kd_producers_obtain(producers, (int64_t)kw_get_be64(at), now_ms);
    if (!producer)
        return KB_E_NO_MEMORY;
    if (!producer->count || producer->count == KD_PRODUCER_BATCHES)
        return KB_E_CORRUPT;
    struct kd_producer_batch last = producer->last[--producer->count], older = get_batch(at + 8);
    kd_producer_push(producer, &older);
    kd_producer_push(producer, &last);
    return KB_OK;
}

/* `count` entries at the front of `file`, which is moved behind them. */
static int get_each(struct kd_producers *producers, struct kb_slice *file, size_t entry_bytes,
                    int64_t now_ms, int (*get)(struct kd_producers *, const uint8_t *, int64_t))
{
    if (file->size < 4)
        return KB_E_CORRUPT;
    size_t count = kw_get_be32(file->data);
    if (count > (file->size - 4) / entry_bytes)
        return KB_E_CORRUPT;
    int code = KB_OK;
    for (size_t i = 0; !code && i < count; i++)
        code = get(producers, file->data + 4 + i * entry_bytes, now_ms);
    size_t used = 4 + count * entry_bytes;
    *file = kb_slice_of(file->data + used, file->size - used);
    return code;
}

static int decode(struct kd_producers *producers, struct kb_slice file, int64_t now_ms)
{
    if (file.size < HEAD_BYTES || kw_get_be16(file.data) != VERSION ||
        kw_get_be32(file.data + 2) != kw_crc32c(0, file.data + SUMMED_AT, file.size - SUMMED_AT))
        return KB_E_CORRUPT;
    file = kb_slice_of(file.data + SUMMED_AT, file.size - SUMMED_AT);
    int code = get_each(producers, &file, ENTRY_BYTES, now_ms, get_entry);
    if (code || file.size < sizeof older_magic ||
        memcmp(file.data, older_magic, sizeof older_magic))
        return code;
    file = kb_slice_of(file.data + sizeof older_magic, file.size - sizeof older_magic);
    return get_each(producers, &file, OLDER_BYTES, now_ms, get_older);
}

int kd_producers_decode(struct kd_producers *producers, struct kb_slice file, int64_t now_ms)
{
    int code = decode(producers, file, now_ms);
    if (code) {
        uint64_t seed = producers->by_id.seed;
        kd_producers_deinit(producers);
        kd_producers_init(producers, seed);
    }
    return code;
}
