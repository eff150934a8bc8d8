/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The batches of a log, as compaction takes them:
 *
 *   | flags | first of an aborted transaction | its marker | batch ...
 *
 * What is left of a batch has its bounds and its producer (but for one of a transaction
 * of which nothing else is left), and records of it alone, none of them aborted or with
 * a later one of its key; and to compact it once more changes nothing.
 */
#include "tests/fuzz/fuzz.h"

#include "base/check.h"
#include "base/mem.h"
#include "broker/core/compact.h"
#include "tests/fuzz/parts.h"
#include "wire/crc32c.h"
#include "wire/record.h"

enum {
    KEEP = 1,
    LATE = 2,
    ABORTED = 4,
    PRODUCERS = 8,
    PRODUCER_AT = 43,
    KEYS = 1 << 12,
    NOW_MS = 1000,
    OFFSET_MAX = 1 << 30
};
static const int64_t late_ms = INT64_C(1) << 40;

static struct kw_codec_ctx *codec;

/* With its checksum put right. False: there is none. */
static bool next_batch(struct kw_batch_iter *it, struct kw_batch *batch)
{
    if (!kw_batch_iter_next(it, batch) || batch->header.base_offset > OFFSET_MAX)
        return false;
    uint8_t *bytes = (uint8_t *)(uintptr_t)batch->bytes.data;
    if (batch->header.producer_id >= 0)
        kw_put_be64(bytes + PRODUCER_AT, (uint64_t)batch->header.producer_id % PRODUCERS);
    kw_put_be32(bytes + KW_BATCH_CRC_AT,
                kw_crc32c(0, bytes + KW_BATCH_SUMMED_AT, batch->bytes.size - KW_BATCH_SUMMED_AT));
    kw_batch_peek(bytes, &batch->header);
    return true;
}

/* The map of them, and how far it reaches. */
static int64_t note_all(struct kd_key_map *map, const struct kd_txn_sieve *txns,
                        struct kb_slice bytes)
{
    struct kw_batch_iter it;
    struct kw_batch batch;
    int64_t end = 0;
    kw_batch_iter_init(&it, bytes, SIZE_MAX);
    while (next_batch(&it, &batch) && batch.header.base_offset >= end) {
        if (kd_compact_note(map, txns, codec, &batch))
            break;
        end = kw_batch_header_last_offset(&batch.header) + 1;
    }
    return end;
}

static void check_records(const struct kd_compactor *compactor, const struct kw_batch *batch)
{
    bool control = batch->header.attributes & KW_BATCH_CONTROL;
    bool behind = batch->header.base_offset >= compactor->end;
    struct kw_record_iter it;
    struct kw_record record;
    struct kb_slice plain;
    KB_CHECK(!kw_decompress_view(codec, kw_batch_header_codec(&batch->header), batch->records,
                                 KD_COMPACT_PLAIN_MAX, &plain, NULL));
    kw_record_iter_init(&it, &batch->header, plain);
    KB_CHECK(behind || control || !batch->header.record_count ||
             !kd_txn_sieve_find(compactor->txns, &batch->header));
    while (kw_record_iter_next(&it, &record))
        KB_CHECK(
            record.offset >= compactor->end || control ||
            (record.key.data && kd_key_map_get(compactor->latest, record.key) <= record.offset));
    KB_CHECK(!it.code);
}

static void check_left(struct kd_compactor *compactor, const struct kw_batch *batch, bool keep)
{
    struct kd_compacted left, again;
    struct kw_batch now;
    if (kd_compact_batch(compactor, batch, keep, &left) || !left.bytes.size || !left.changed)
        return;
    uint8_t *copy = kb_malloc(left.bytes.size);
    KB_CHECK(copy);
    memcpy(copy, left.bytes.data, left.bytes.size);
    KB_CHECK(!kw_batch_parse(kb_slice_of(copy, left.bytes.size), &now, NULL));
    KB_CHECK(!kw_batch_check_crc(&now, NULL));
    KB_CHECK(now.header.base_offset == batch->header.base_offset);
    KB_CHECK(now.header.last_offset_delta == batch->header.last_offset_delta);
    bool bare = now.header.producer_id == -1 && !now.header.record_count &&
                batch->header.attributes & (KW_BATCH_TRANSACTIONAL | KW_BATCH_CONTROL);
    KB_CHECK(bare || now.header.producer_id == batch->header.producer_id);
    KB_CHECK(bare || now.header.base_sequence == batch->header.base_sequence);
    KB_CHECK(now.header.record_count <= batch->header.record_count);
    check_records(compactor, &now);
    KB_CHECK(!kd_compact_batch(compactor, &now, keep, &again) && !again.changed);
    kb_free(copy);
}

static void learn(struct kd_txn_sieve *txns, int64_t producer, int64_t first, int64_t last)
{
    struct kd_aborted *aborted = KB_NEW_ARRAY(struct kd_aborted, 1);
    KB_CHECK(aborted);
    *aborted = (struct kd_aborted){producer, first, last, last + 1};
    kd_txn_sieve_learn(txns, aborted, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kb_slice rest = kb_slice_of(data, size);
    struct kw_batch_iter it;
    struct kw_batch batch;
    struct kd_key_map map;
    struct kd_txn_sieve txns;
    unsigned flags = parts_u8(&rest), first = parts_u8(&rest), last = parts_u8(&rest);
    uint8_t *bytes = kb_malloc(rest.size + 1);
    if (!codec)
        codec = kw_codec_ctx_new();
    KB_CHECK(bytes && codec && kd_key_map_init(&map, KEYS, 1 << 20, (struct kb_sipkey){{1, 2}}));
    memcpy(bytes, rest.data, rest.size);
    kd_txn_sieve_init(&txns, 5);
    if (flags & ABORTED)
        learn(&txns, first % PRODUCERS, first, last);
    struct kd_compactor compactor = {.latest = &map,
                                     .txns = &txns,
                                     .now_ms = flags & LATE ? late_ms : NOW_MS,
                                     .delete_retention_ms = NOW_MS,
                                     .codec = codec};
    compactor.end = note_all(&map, &txns, kb_slice_of(bytes, rest.size));
    kw_batch_iter_init(&it, kb_slice_of(bytes, rest.size), SIZE_MAX);
    while (next_batch(&it, &batch))
        check_left(&compactor, &batch, flags & KEEP);
    kd_compactor_deinit(&compactor);
    kd_key_map_deinit(&map);
    kd_txn_sieve_deinit(&txns);
    kb_free(bytes);
    return 0;
}
