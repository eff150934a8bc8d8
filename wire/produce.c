/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/produce.h"

#include "wire/crc32c.h"
#include "wire/record.h"

void kw_produce_rules_init(struct kw_produce_rules *rules)
{
    *rules = (struct kw_produce_rules){
        .max_plain_bytes = INT32_MAX,
        .oldest_ms = INT64_MIN,
        .newest_ms = INT64_MAX,
        .zstd_allowed = true,
    };
}

static int check_flags(const struct kw_batch_header *header, const struct kw_produce_rules *rules,
                       struct kb_error *err)
{
    if ((header->attributes & KW_BATCH_CONTROL) && !rules->control_allowed)
        return kb_error_set(err, KB_E_INVALID_RECORD, "control batches are the broker's to write");
    if (header->attributes & KW_BATCH_LOG_APPEND_TIME)
        return kb_error_set(err, KB_E_INVALID_TIMESTAMP,
                            "a producer must not mark its batch as LogAppendTime");
    if (header->attributes & KW_BATCH_DELETE_HORIZON)
        return kb_error_set(err, KB_E_INVALID_RECORD,
                            "a delete horizon is the log cleaner's to set");
    if (kw_batch_header_codec(header) == KW_CODEC_ZSTD && !rules->zstd_allowed)
        return kb_error_set(err, KB_E_UNSUPPORTED_COMPRESSION_TYPE,
                            "zstd needs version 7 of Produce");
    return KB_OK;
}

static int check_producer(const struct kw_batch_header *header, bool sequenced,
                          struct kb_error *err)
{
    if (header->producer_id < 0) {
        if (header->attributes & KW_BATCH_TRANSACTIONAL)
            return kb_error_set(err, KB_E_INVALID_RECORD,
                                "a transactional batch without a producer id");
        return KB_OK;
    }
    if (header->producer_epoch < 0 || (sequenced && header->base_sequence < 0))
        return kb_error_set(
            err, KB_E_INVALID_RECORD, "producer id %lld with epoch %d and sequence %d",
            (long long)header->producer_id, header->producer_epoch, header->base_sequence);
    return KB_OK;
}

static int check_header(const struct kw_batch_header *header, const struct kw_produce_rules *rules,
                        struct kb_error *err)
{
    if (header->record_count < 1 || header->record_count - 1 != header->last_offset_delta)
        return kb_error_set(err, KB_E_INVALID_RECORD,
                            "a batch of %d records whose last offset delta is %d",
                            header->record_count, header->last_offset_delta);
    int code = check_flags(header, rules, err);
    return code ? code : check_producer(header, !(header->attributes & KW_BATCH_CONTROL), err);
}

static int check_record(const struct kw_record *record, const struct kw_produce_rules *rules,
                        long long delta, struct kb_error *err)
{
    if (rules->keys_required && kb_slice_is_null(record->key))
        return kb_error_set(err, KB_E_INVALID_RECORD,
                            "record %lld has no key, which a compacted topic needs", delta);
    int64_t at = record->timestamp_ms;
    if (at < -1 || (at >= 0 && (at < rules->oldest_ms || at > rules->newest_ms)))
        return kb_error_set(err, KB_E_INVALID_TIMESTAMP,
                            "record %lld has timestamp %lld, the topic takes %lld to %lld", delta,
                            (long long)at, (long long)rules->oldest_ms,
                            (long long)rules->newest_ms);
    return KB_OK;
}

/* Offsets rise (the iterator sees to it) and the last one is n-1, so n records
 * are contiguous. */
static int check_records(const struct kw_batch *batch, const struct kw_produce_rules *rules,
                         struct kw_produce_facts *facts, struct kb_error *err)
{
    struct kw_record_iter it;
    struct kw_record record;
    int code = KB_OK;
    kw_record_iter_init(&it, &batch->header, facts->plain);
    while (!code && kw_record_iter_next(&it, &record)) {
        code = check_record(&record, rules, it.last_delta, err);
        if (record.timestamp_ms > facts->max_timestamp_ms) {
            facts->max_timestamp_ms = record.timestamp_ms;
            facts->max_timestamp_delta = it.last_delta;
        }
    }
    return code || !it.code ? code : kb_error_set(err, KB_E_INVALID_RECORD, "%s", it.why);
}

int kw_produce_check(struct kw_codec_ctx *ctx, const struct kw_batch *batch,
                     const struct kw_produce_rules *rules, struct kw_produce_facts *out,
                     struct kb_error *err)
{
    *out = (struct kw_produce_facts){.max_timestamp_ms = -1};
    int code = kw_batch_check_crc(batch, err);
    if (!code)
        code = check_header(&batch->header, rules, err);
    if (code)
        return code;
    code = kw_decompress_view(ctx, kw_batch_header_codec(&batch->header), batch->records,
                              rules->max_plain_bytes, &out->plain, err);
    if (code == KB_E_CORRUPT_MESSAGE) /* came so from the producer: no retry heals it */
        code = kb_error_set(err, KB_E_INVALID_RECORD, "the records cannot be decompressed");
    return code ? code : check_records(batch, rules, out, err);
}

int kw_produce_repack(struct kw_codec_ctx *ctx, const struct kw_batch *batch, struct kb_slice plain,
                      enum kw_codec codec, int level, struct kb_buf **out, struct kb_error *err)
{
    *out = NULL;
    struct kb_slice records = plain;
    int code =
        codec == KW_CODEC_NONE ? KB_OK : kw_compress(ctx, codec, level, &plain, 1, &records, err);
    if (code)
        return code;
    if (records.size > INT32_MAX - KW_BATCH_HEADER_BYTES)
        return kb_error_set(err, KB_E_MESSAGE_TOO_LARGE, "too large as %s",
                            kw_codec_info(codec)->name);
    struct kb_buf *buf = kb_buf_new(KW_BATCH_HEADER_BYTES + records.size);
    if (!buf)
        return kb_error_set(err, KB_E_NO_MEMORY, "no memory to repack a batch");
    struct kw_batch_header header = batch->header;
    header.attributes = (int16_t)((header.attributes & ~KW_BATCH_CODEC_MASK) | (int)codec);
    memcpy(buf->data + KW_BATCH_HEADER_BYTES, records.data, records.size);
    kw_batch_stamp(buf->data, &header, kw_crc32c(0, records.data, records.size), records.size);
    buf->size = KW_BATCH_HEADER_BYTES + records.size;
    *out = buf;
    return KB_OK;
}
