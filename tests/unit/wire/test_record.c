/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tests/unit/wire/batches.h"
#include "wire/compress.h"

static struct kb_arena arena;
static const struct vector *vectors;
static size_t vector_count;
static struct kw_codec_ctx *ctx;

static int load(void **state)
{
    (void)state;
    vectors = vectors_load(&arena, &vector_count);
    ctx = kw_codec_ctx_new();
    return 0;
}

static int unload(void **state)
{
    (void)state;
    kw_codec_ctx_free(ctx);
    kb_arena_deinit(&arena);
    return 0;
}

static const struct vector *vector(const char *name)
{
    return vectors_find(vectors, vector_count, name);
}

static uint8_t *dup(struct kb_slice bytes)
{
    uint8_t *copy = kb_malloc(bytes.size + 1);
    memcpy(copy, bytes.data, bytes.size);
    return copy;
}

/* ---- Varints ---------------------------------------------------------------- */

/* clang-format off */
static const int64_t edges[] = {
    0, -1, 1, 63, -64, 64, -65, 8191, -8192, 8192, 1048575, 1048576, INT32_MAX, INT32_MIN,
    INT64_C(1) << 34, INT64_C(1) << 41, INT64_C(1) << 48, INT64_C(1) << 55, INT64_C(1) << 62,
    INT64_MAX, INT64_MIN,
};
/* clang-format on */

static void varints_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        uint8_t out[KW_VARINT64_MAX];
        size_t size = (size_t)(kw_zigzag_put(out, edges[i]) - out);
        assert_int_equal(size, kw_zigzag_size(edges[i]));
        int64_t back;
        assert_ptr_equal(kw_zigzag64_get(out, out + size, &back), out + size);
        assert_int_equal(back, edges[i]);
        for (size_t cut = 0; cut < size; cut++)
            assert_null(kw_zigzag64_get(out, out + cut, &back));
        int32_t narrow;
        if (edges[i] == (int32_t)edges[i]) {
            assert_ptr_equal(kw_zigzag32_get(out, out + size, &narrow), out + size);
            assert_int_equal(narrow, (int32_t)edges[i]);
        }
    }
}

static void a_varint_without_an_end_is_refused(void **state)
{
    (void)state;
    uint8_t endless[12];
    uint32_t narrow;
    uint64_t wide;
    memset(endless, 0x80, sizeof endless);
    assert_null(kw_varint32_get(endless, endless + sizeof endless, &narrow));
    assert_null(kw_varint64_get(endless, endless + sizeof endless, &wide));
}

/* ---- Reading and writing as Java -------------------------------------------- */

static bool is_readable(const struct vector *v)
{
    return kw_codec_info(kw_batch_header_codec(&v->header))->built_in;
}

/* The records of a vector, decompressed. */
static struct kb_slice plain_of(const struct vector *v, struct kw_batch *batch)
{
    struct kb_slice plain;
    assert_int_equal(kw_batch_parse(v->bytes, batch, NULL), KB_OK);
    assert_int_equal(kw_decompress_view(ctx, kw_batch_header_codec(&batch->header), batch->records,
                                        1 << 20, &plain, NULL),
                     KB_OK);
    return plain;
}

static void records_read_as_java_wrote_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < vector_count; i++) {
        struct kw_batch batch;
        struct kw_record_iter it;
        struct kw_record record;
        int32_t count = 0;
        if (!is_readable(&vectors[i]))
            continue;
        struct kb_slice plain = plain_of(&vectors[i], &batch);
        kw_record_iter_init(&it, &batch.header, plain);
        while (kw_record_iter_next(&it, &record))
            vectors_assert_record(&record, &vectors[i].records[count++]);
        assert_int_equal(it.code, 0);
        assert_int_equal(count, vectors[i].header.record_count);
    }
}

static uint8_t *write_record(uint8_t *to, const struct vector *v, const struct vector_record *r)
{
    struct kw_record_in in = {
        .timestamp_delta_ms = r->timestamp_ms - v->header.base_timestamp_ms,
        .offset_delta = (int32_t)(r->offset - v->header.base_offset),
        .header_count = r->header_count,
        .headers = r->headers,
        .key = r->key,
        .value = r->value,
    };
    size_t body = kw_record_body_size(&in);
    uint8_t *end = kw_record_write(to, &in, body);
    assert_int_equal(end - to, kw_record_size(body));
    return end;
}

static void records_are_written_as_java_writes_them(void **state)
{
    (void)state;
    static uint8_t out[1 << 20];
    for (size_t i = 0; i < vector_count; i++) {
        const struct vector *v = &vectors[i];
        struct kw_batch batch;
        if (!is_readable(v) || (v->header.attributes & KW_BATCH_LOG_APPEND_TIME))
            continue;
        struct kb_slice plain = plain_of(v, &batch);
        uint8_t *at = out;
        for (int32_t n = 0; n < v->header.record_count; n++)
            at = write_record(at, v, &v->records[n]);
        assert_true(kb_slice_equal(plain, kb_slice_of(out, (size_t)(at - out))));
    }
}

static void raw_headers_are_sent_as_they_were_read(void **state)
{
    (void)state;
    const struct vector *v = vector("headers");
    struct kw_batch batch;
    struct kw_record_iter it;
    struct kw_record record;
    struct kb_slice plain = plain_of(v, &batch);
    kw_record_iter_init(&it, &batch.header, plain);
    assert_true(kw_record_iter_next(&it, &record));

    static uint8_t out[8192];
    struct kw_record_in in = {
        .key = record.key, .value = record.value, .raw_headers = record.raw_headers};
    size_t body = kw_record_body_size(&in);
    assert_true(kw_record_size(body) <= sizeof out);
    uint8_t *end = kw_record_write(out, &in, body);
    assert_true(kb_slice_equal(plain, kb_slice_of(out, (size_t)(end - out))));
}

static void markers_are_understood(void **state)
{
    (void)state;
    const char *names[] = {"abort", "commit"}; /* in the order of their types */
    for (int i = 0; i < 2; i++) {
        struct kw_batch batch;
        struct kw_record_iter it;
        struct kw_record record;
        struct kw_control control;
        kw_record_iter_init(&it, &vector(names[i])->header, plain_of(vector(names[i]), &batch));
        assert_true(batch.header.attributes & KW_BATCH_CONTROL);
        assert_true(kw_record_iter_next(&it, &record));
        assert_true(kw_control_parse(&record, &control));
        assert_int_equal(control.version, 0);
        assert_int_equal(control.type, i);
        assert_int_equal(control.coordinator_epoch, 21);

        record.value = kb_slice_null();
        assert_true(kw_control_parse(&record, &control));
        assert_int_equal(control.coordinator_epoch, -1);
        record.key.size = 3;
        assert_false(kw_control_parse(&record, &control));
    }
}

/* ---- Damage ----------------------------------------------------------------- */

/* Reads all there is; a fault or not, never beyond the bytes. */
static int read_all(const struct kw_batch_header *header, struct kb_slice records, int32_t *count)
{
    struct kw_record_iter it;
    struct kw_record record;
    *count = 0;
    kw_record_iter_init(&it, header, records);
    while (kw_record_iter_next(&it, &record)) {
        struct kw_header_iter headers;
        struct kw_header one;
        kw_header_iter_init(&headers, record.raw_headers);
        while (kw_header_iter_next(&headers, &one))
            assert_true(one.name.data >= records.data);
        ++*count;
    }
    assert_false(kw_record_iter_next(&it, &record));
    return it.code;
}

static void records_cut_anywhere_are_a_fault(void **state)
{
    (void)state;
    const char *names[] = {"nulls_and_empties", "headers", "many"};
    for (size_t n = 0; n < 3; n++) {
        const struct vector *v = vector(names[n]);
        size_t size = v->bytes.size - KW_BATCH_HEADER_BYTES;
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *copy = kb_malloc(cut ? cut : 1); /* so that ASan sees its end */
            int32_t count;
            memcpy(copy, v->bytes.data + KW_BATCH_HEADER_BYTES, cut);
            assert_int_equal(read_all(&v->header, kb_slice_of(copy, cut), &count),
                             KB_E_CORRUPT_MESSAGE);
            assert_true(count < v->header.record_count);
            kb_free(copy);
        }
    }
}

static void spoilt_bytes_stay_inside(void **state)
{
    (void)state;
    const struct vector *v = vector("nulls_and_empties");
    static const uint8_t values[] = {0, 1, 2, 3, 0x7f, 0x80, 0x81, 0xfe, 0xff};
    size_t size = v->bytes.size - KW_BATCH_HEADER_BYTES;
    for (size_t at = 0; at < size; at++) {
        for (size_t i = 0; i < sizeof values; i++) {
            uint8_t *copy = dup(kb_slice_of(v->bytes.data + KW_BATCH_HEADER_BYTES, size));
            int32_t count;
            copy[at] = values[i];
            read_all(&v->header, kb_slice_of(copy, size), &count);
            kb_free(copy);
        }
    }
}

struct bad_record {
    const char *what;
    const char *bytes;
    size_t size;
};

#define BYTES(text) text, sizeof text - 1
/* length, attributes, timestamp, offset, key length, value length, headers */
static const struct bad_record bad_records[] = {
    {"length negative", BYTES("\x01\0\0\0\x01\x01\0")},
    {"length too short", BYTES("\x0a\0\0\0\x01\x01\0")},
    {"length too long", BYTES("\x0e\0\0\0\x01\x01\0")},
    {"key length below -1", BYTES("\x0c\0\0\0\x03\x01\0")},
    {"value length below -1", BYTES("\x0c\0\0\0\x01\x03\0")},
    {"key beyond the record", BYTES("\x0c\0\0\0\x08\x01\0")},
    {"header count negative", BYTES("\x0c\0\0\0\x01\x01\x01")},
    {"header count beyond", BYTES("\x0c\0\0\0\x01\x01\x02")},
    {"header name null", BYTES("\x10\0\0\0\x01\x01\x02\x01\x01")},
    {"header name below -1", BYTES("\x10\0\0\0\x01\x01\x02\x03\x01")},
    {"bytes behind the headers", BYTES("\x0e\0\0\0\x01\x01\0\0")},
    {"offset below 0", BYTES("\x0c\0\0\x01\x01\x01\0")},
    {"offset above the last", BYTES("\x0c\0\0\x02\x01\x01\0")},
    {"one record too many", BYTES("\x0c\0\0\0\x01\x01\0\x0c\0\0\x02\x01\x01\0")},
    {"no record", BYTES("")},
};

static void a_bad_record_is_a_fault(void **state)
{
    (void)state;
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.record_count = 1;
    int32_t count;
    assert_int_equal(read_all(&header, kb_slice_of("\x0c\0\0\0\x01\x01\0", 7), &count), KB_OK);
    for (size_t i = 0; i < sizeof bad_records / sizeof bad_records[0]; i++) {
        struct kb_slice bytes = kb_slice_of(bad_records[i].bytes, bad_records[i].size);
        uint8_t *copy = dup(bytes);
        if (!read_all(&header, kb_slice_of(copy, bytes.size), &count))
            fail_msg("taken: %s", bad_records[i].what);
        kb_free(copy);
    }
}

static void offsets_must_rise(void **state)
{
    (void)state;
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.record_count = 2;
    header.last_offset_delta = 9;
    int32_t count;
    struct kb_slice rising = kb_slice_of("\x0c\0\0\x02\x01\x01\0\x0c\0\0\x04\x01\x01\0", 14);
    struct kb_slice twice = kb_slice_of("\x0c\0\0\x02\x01\x01\0\x0c\0\0\x02\x01\x01\0", 14);
    assert_int_equal(read_all(&header, rising, &count), KB_OK);
    assert_int_equal(read_all(&header, twice, &count), KB_E_CORRUPT_MESSAGE);
    assert_int_equal(count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_come_back),
        cmocka_unit_test(a_varint_without_an_end_is_refused),
        cmocka_unit_test(records_read_as_java_wrote_them),
        cmocka_unit_test(records_are_written_as_java_writes_them),
        cmocka_unit_test(raw_headers_are_sent_as_they_were_read),
        cmocka_unit_test(markers_are_understood),
        cmocka_unit_test(records_cut_anywhere_are_a_fault),
        cmocka_unit_test(spoilt_bytes_stay_inside),
        cmocka_unit_test(a_bad_record_is_a_fault),
        cmocka_unit_test(offsets_must_rise),
    };
    return cmocka_run_group_tests_name("records", tests, load, unload);
}
