/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tests/unit/wire/batches.h"
#include "wire/crc32c.h"
#include "wire/produce.h"

enum { TIME = 1700000000, ROOM = 65536 };

static struct kw_codec_ctx *ctx;

static int setup(void **state)
{
    (void)state;
    ctx = kw_codec_ctx_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kw_codec_ctx_free(ctx);
    return 0;
}

/* ---- A batch as a producer makes it ------------------------------------------ */

struct maker {
    uint8_t bytes[ROOM];
    uint8_t *at;
    struct kw_batch_header header;
};

static void maker_init(struct maker *m)
{
    m->at = m->bytes + KW_BATCH_HEADER_BYTES;
    kw_batch_header_init(&m->header);
    m->header.base_timestamp_ms = TIME;
    m->header.max_timestamp_ms = TIME;
}

static void maker_add(struct maker *m, const char *key, const char *value, int64_t delta_ms)
{
    struct kw_record_in in = {
        .timestamp_delta_ms = delta_ms,
        .offset_delta = m->header.record_count++,
        .key = kb_slice_str(key),
        .value = kb_slice_str(value),
    };
    m->header.last_offset_delta = in.offset_delta;
    m->at = kw_record_write(m->at, &in, kw_record_body_size(&in));
}

static struct kw_batch maker_done(struct maker *m)
{
    uint8_t *records = m->bytes + KW_BATCH_HEADER_BYTES;
    size_t size = (size_t)(m->at - records);
    kw_batch_stamp(m->bytes, &m->header, kw_crc32c(0, records, size), size);
    struct kw_batch batch;
    struct kb_slice bytes = kb_slice_of(m->bytes, KW_BATCH_HEADER_BYTES + size);
    assert_int_equal(kw_batch_parse(bytes, &batch, NULL), KB_OK);
    return batch;
}

static struct kw_batch three_records(struct maker *m)
{
    maker_init(m);
    maker_add(m, "a", "1", 0);
    maker_add(m, "b", NULL, 30);
    maker_add(m, NULL, "3", -5);
    return maker_done(m);
}

static int check(const struct kw_batch *batch, const struct kw_produce_rules *rules,
                 struct kw_produce_facts *facts)
{
    struct kb_error err = {0};
    int code = kw_produce_check(ctx, batch, rules, facts, &err);
    assert_int_equal(err.code, code);
    assert_true(!code || err.text[0]);
    return code;
}

static void good_batches_are_taken(void **state)
{
    (void)state;
    struct maker m;
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    kw_produce_rules_init(&rules);
    struct kw_batch batch = three_records(&m);
    assert_int_equal(check(&batch, &rules, &facts), KB_OK);
    assert_int_equal(facts.max_timestamp_ms, TIME + 30);
    assert_int_equal(facts.max_timestamp_delta, 1);
    assert_ptr_equal(facts.plain.data, batch.records.data);
}

static void records_without_time_have_none(void **state)
{
    (void)state;
    struct maker m;
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    maker_init(&m);
    m.header.base_timestamp_ms = m.header.max_timestamp_ms = -1;
    maker_add(&m, "a", "1", 0);
    kw_produce_rules_init(&rules);
    rules.oldest_ms = TIME;
    struct kw_batch batch = maker_done(&m);
    assert_int_equal(check(&batch, &rules, &facts), KB_OK);
    assert_int_equal(facts.max_timestamp_ms, -1);
}

/* ---- Headers that are refused ------------------------------------------------ */

static const struct {
    const char *what;
    int16_t attributes;
    int32_t last_offset_delta, record_count;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int code;
} bad_headers[] = {
    {"no records", 0, 2, 0, -1, -1, -1, KB_E_INVALID_RECORD},
    {"a gap in offsets", 0, 3, 3, -1, -1, -1, KB_E_INVALID_RECORD},
    {"control", KW_BATCH_CONTROL, 2, 3, -1, -1, -1, KB_E_INVALID_RECORD},
    {"append time", KW_BATCH_LOG_APPEND_TIME, 2, 3, -1, -1, -1, KB_E_INVALID_TIMESTAMP},
    {"delete horizon", KW_BATCH_DELETE_HORIZON, 2, 3, -1, -1, -1, KB_E_INVALID_RECORD},
    {"nobody's transaction", KW_BATCH_TRANSACTIONAL, 2, 3, -1, -1, -1, KB_E_INVALID_RECORD},
    {"no sequence", 0, 2, 3, 5, 0, -1, KB_E_INVALID_RECORD},
    {"no epoch", 0, 2, 3, 5, -1, 0, KB_E_INVALID_RECORD},
    {"zstd", KW_CODEC_ZSTD, 2, 3, -1, -1, -1, KB_E_UNSUPPORTED_COMPRESSION_TYPE},
};

static void bad_headers_are_refused(void **state)
{
    (void)state;
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    kw_produce_rules_init(&rules);
    rules.zstd_allowed = false;
    for (size_t i = 0; i < sizeof bad_headers / sizeof bad_headers[0]; i++) {
        struct maker m;
        three_records(&m);
        m.header.attributes = bad_headers[i].attributes;
        m.header.last_offset_delta = bad_headers[i].last_offset_delta;
        m.header.record_count = bad_headers[i].record_count;
        m.header.producer_id = bad_headers[i].producer_id;
        m.header.producer_epoch = bad_headers[i].producer_epoch;
        m.header.base_sequence = bad_headers[i].base_sequence;
        struct kw_batch batch = maker_done(&m);
        if (check(&batch, &rules, &facts) != bad_headers[i].code)
            fail_msg("taken for something else: %s", bad_headers[i].what);
    }
}

static void damage_is_not_the_producers_fault(void **state)
{
    (void)state;
    struct maker m;
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    kw_produce_rules_init(&rules);
    struct kw_batch batch = three_records(&m);
    m.bytes[batch.bytes.size - 1] ^= 1;
    assert_int_equal(check(&batch, &rules, &facts), KB_E_CORRUPT_MESSAGE);
}

static void what_cannot_be_unpacked_is_the_producers_fault(void **state)
{
    (void)state;
    struct maker m;
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    if (!kw_codec_info(KW_CODEC_GZIP)->built_in)
        return;
    kw_produce_rules_init(&rules);
    three_records(&m);
    m.header.attributes = KW_CODEC_GZIP;
    struct kw_batch batch = maker_done(&m);
    assert_int_equal(check(&batch, &rules, &facts), KB_E_INVALID_RECORD);
}

static void a_broken_record_is_the_producers_fault(void **state)
{
    (void)state;
    struct maker m;
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    kw_produce_rules_init(&rules);
    three_records(&m);
    m.bytes[KW_BATCH_HEADER_BYTES + 3] = 2; /* the first offset */
    struct kw_batch batch = maker_done(&m);
    assert_int_equal(check(&batch, &rules, &facts), KB_E_INVALID_RECORD);
}

/* ---- Rules of the topic ------------------------------------------------------ */

static void a_compacted_topic_wants_keys(void **state)
{
    (void)state;
    struct maker m;
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    kw_produce_rules_init(&rules);
    rules.keys_required = true;
    struct kw_batch batch = three_records(&m);
    assert_int_equal(check(&batch, &rules, &facts), KB_E_INVALID_RECORD);
    maker_init(&m);
    maker_add(&m, "", NULL, 0);
    batch = maker_done(&m);
    assert_int_equal(check(&batch, &rules, &facts), KB_OK);
}

static void a_topic_bounds_times(void **state)
{
    (void)state;
    struct maker m;
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    kw_produce_rules_init(&rules);
    struct kw_batch batch = three_records(&m); /* TIME - 5 to TIME + 30 */
    rules.oldest_ms = TIME - 5, rules.newest_ms = TIME + 30;
    assert_int_equal(check(&batch, &rules, &facts), KB_OK);
    rules.oldest_ms = TIME - 4, rules.newest_ms = TIME + 30;
    assert_int_equal(check(&batch, &rules, &facts), KB_E_INVALID_TIMESTAMP);
    rules.oldest_ms = TIME - 5, rules.newest_ms = TIME + 29;
    assert_int_equal(check(&batch, &rules, &facts), KB_E_INVALID_TIMESTAMP);
}

static void the_broker_writes_markers(void **state)
{
    (void)state;
    struct maker m;
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    kw_produce_rules_init(&rules);
    rules.control_allowed = true;
    maker_init(&m);
    maker_add(&m, "key", "value", 0);
    m.header.attributes = KW_BATCH_CONTROL | KW_BATCH_TRANSACTIONAL;
    m.header.producer_id = 9;
    m.header.producer_epoch = 1;
    struct kw_batch batch = maker_done(&m);
    assert_int_equal(check(&batch, &rules, &facts), KB_OK);
}

/* ---- Another codec ----------------------------------------------------------- */

static void assert_same_records(const struct kw_batch *a, struct kb_slice a_plain,
                                const struct kw_batch *b, struct kb_slice b_plain)
{
    assert_true(kb_slice_equal(a_plain, b_plain));
    assert_int_equal(a->header.record_count, b->header.record_count);
    assert_int_equal(a->header.base_sequence, b->header.base_sequence);
    assert_int_equal(a->header.max_timestamp_ms, b->header.max_timestamp_ms);
}

static void repack_keeps_the_records(void **state)
{
    (void)state;
    struct maker m;
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    kw_produce_rules_init(&rules);
    struct kw_batch original = three_records(&m), batch = original, again;
    struct kb_buf *buf = NULL;
    assert_int_equal(check(&batch, &rules, &facts), KB_OK);
    for (int codec = KW_CODECS - 1; codec >= KW_CODEC_NONE; codec--) {
        struct kb_buf *next;
        const struct kw_codec_info *info = kw_codec_info(codec);
        if (!info->built_in)
            continue;
        assert_int_equal(
            kw_produce_repack(ctx, &batch, facts.plain, codec, info->default_level, &next, NULL),
            KB_OK);
        assert_int_equal(kw_batch_parse(kb_buf_view(next), &again, NULL), KB_OK);
        assert_int_equal(kw_batch_header_codec(&again.header), codec);
        assert_int_equal(check(&again, &rules, &facts), KB_OK);
        assert_same_records(&original, original.records, &again, facts.plain);
        kb_buf_unref(buf);
        buf = next;
        batch = again;
    }
    assert_true(kb_slice_equal(batch.bytes, original.bytes));
    kb_buf_unref(buf);
}

static void a_packed_bomb_is_too_large(void **state)
{
    (void)state;
    static struct maker m;
    static char zeros[ROOM / 2];
    struct kw_produce_rules rules;
    struct kw_produce_facts facts;
    if (!kw_codec_info(KW_CODEC_LZ4)->built_in)
        return;
    memset(zeros, '0', sizeof zeros - 1);
    maker_init(&m);
    maker_add(&m, "key", zeros, 0);
    struct kw_batch batch = maker_done(&m);
    struct kb_buf *buf;
    assert_int_equal(kw_produce_repack(ctx, &batch, batch.records, KW_CODEC_LZ4, 0, &buf, NULL),
                     KB_OK);
    assert_int_equal(kw_batch_parse(kb_buf_view(buf), &batch, NULL), KB_OK);
    kw_produce_rules_init(&rules);
    rules.max_plain_bytes = sizeof zeros;
    assert_int_equal(check(&batch, &rules, &facts), KB_E_MESSAGE_TOO_LARGE);
    rules.max_plain_bytes = sizeof zeros + 100;
    assert_int_equal(check(&batch, &rules, &facts), KB_OK);
    kb_buf_unref(buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_batches_are_taken),
        cmocka_unit_test(records_without_time_have_none),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(damage_is_not_the_producers_fault),
        cmocka_unit_test(what_cannot_be_unpacked_is_the_producers_fault),
        cmocka_unit_test(a_broken_record_is_the_producers_fault),
        cmocka_unit_test(a_compacted_topic_wants_keys),
        cmocka_unit_test(a_topic_bounds_times),
        cmocka_unit_test(the_broker_writes_markers),
        cmocka_unit_test(repack_keeps_the_records),
        cmocka_unit_test(a_packed_bomb_is_too_large),
    };
    return cmocka_run_group_tests_name("produce", tests, setup, teardown);
}
