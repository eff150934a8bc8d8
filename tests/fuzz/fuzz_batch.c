/* SPDX-License-Identifier: Apache-2.0 */
/* Batches as a broker gets them from a producer and a consumer from a broker. */
#include "tests/fuzz/fuzz.h"

#include "base/check.h"
#include "base/mem.h"
#include "wire/be.h"
#include "wire/crc32c.h"
#include "wire/produce.h"
#include "wire/record.h"

enum { PLAIN_MAX = 1 << 18 };

static struct kw_codec_ctx *ctx;

static void must_lie_in(struct kb_slice part, struct kb_slice whole)
{
    if (part.data)
        KB_CHECK(part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

static int32_t walk_headers(struct kb_slice raw)
{
    struct kw_header_iter it;
    struct kw_header header;
    int32_t count = 0;
    kw_header_iter_init(&it, raw);
    while (kw_header_iter_next(&it, &header)) {
        must_lie_in(header.name, raw);
        must_lie_in(header.value, raw);
        count++;
    }
    return count;
}

/* Reads a record, writes it anew: the same comes back. */
static void there_and_back(const struct kw_record *record, int64_t base_offset)
{
    struct kw_record_in in = {
        .timestamp_delta_ms = record->timestamp_ms,
        .key = record->key,
        .value = record->value,
        .raw_headers = record->raw_headers,
    };
    size_t body = kw_record_body_size(&in);
    uint8_t *out = kb_malloc(kw_record_size(body));
    KB_CHECK(out && kw_record_write(out, &in, body) == out + kw_record_size(body));
    struct kw_batch_header header = {.record_count = 1, .base_offset = base_offset};
    struct kw_record_iter it;
    struct kw_record again;
    kw_record_iter_init(&it, &header, kb_slice_of(out, kw_record_size(body)));
    KB_CHECK(kw_record_iter_next(&it, &again));
    KB_CHECK(again.timestamp_ms == record->timestamp_ms);
    KB_CHECK(kb_slice_equal(again.key, record->key) && kb_slice_equal(again.value, record->value));
    KB_CHECK(kb_slice_equal(again.raw_headers, record->raw_headers));
    kb_free(out);
}

static void walk_records(const struct kw_batch *batch, struct kb_slice plain)
{
    struct kw_record_iter it;
    struct kw_record record;
    struct kw_control control;
    int32_t count = 0;
    kw_record_iter_init(&it, &batch->header, plain);
    while (kw_record_iter_next(&it, &record)) {
        must_lie_in(record.key, plain);
        must_lie_in(record.value, plain);
        must_lie_in(record.raw_headers, plain);
        walk_headers(record.raw_headers);
        kw_control_parse(&record, &control);
        KB_CHECK(record.offset >= batch->header.base_offset);
        KB_CHECK(record.offset <= kw_batch_header_last_offset(&batch->header));
        there_and_back(&record, batch->header.base_offset);
        count++;
    }
    KB_CHECK(it.code || count == batch->header.record_count);
}

/* With the checksum put right, so that what lies behind it is reached. */
static void produce(const struct kw_batch *batch)
{
    uint8_t *copy = kb_malloc(batch->bytes.size);
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    struct kw_batch again;
    KB_CHECK(copy);
    memcpy(copy, batch->bytes.data, batch->bytes.size);
    kw_put_be32(copy + KW_BATCH_CRC_AT,
                kw_crc32c(0, copy + KW_BATCH_SUMMED_AT, batch->bytes.size - KW_BATCH_SUMMED_AT));
    KB_CHECK(!kw_batch_parse(kb_slice_of(copy, batch->bytes.size), &again, NULL));
    kw_produce_rules_init(&rules);
    rules.max_plain_bytes = PLAIN_MAX;
    if (!kw_produce_check(ctx, &again, &rules, &facts, NULL)) {
        struct kw_batch_header header = again.header;
        walk_records(&again, facts.plain);
        header.max_timestamp_ms = facts.max_timestamp_ms;
        kw_batch_restamp(copy, &header);
        KB_CHECK(!kw_batch_parse(again.bytes, &again, NULL) && !kw_batch_check_crc(&again, NULL));
    }
    kb_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_batch_iter it;
    struct kw_batch batch;
    struct kb_slice plain;
    if (!ctx)
        KB_CHECK((ctx = kw_codec_ctx_new()));
    kw_batch_iter_init(&it, kb_slice_of(data, size), SIZE_MAX);
    while (kw_batch_iter_next(&it, &batch)) {
        if (!kw_decompress_view(ctx, kw_batch_header_codec(&batch.header), batch.records, PLAIN_MAX,
                                &plain, NULL))
            walk_records(&batch, plain);
        produce(&batch);
    }
    must_lie_in(it.rest, kb_slice_of(data, size));
    return 0;
}
