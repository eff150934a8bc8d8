/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/codes.h"
#include "tests/unit/wire/batches.h"
#include "wire/be.h"
#include "wire/crc32c.h"

static struct kb_arena arena;
static const struct vector *vectors;
static size_t vector_count;

static int load(void **state)
{
    (void)state;
    vectors = vectors_load(&arena, &vector_count);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    kb_arena_deinit(&arena);
    return 0;
}

static const struct vector *vector(const char *name)
{
    return vectors_find(vectors, vector_count, name);
}

/* A copy that a test may spoil. */
static uint8_t *dup(struct kb_slice bytes)
{
    uint8_t *copy = kb_malloc(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    return copy;
}

static void assert_header(const struct kw_batch_header *got, const struct kw_batch_header *want)
{
    assert_int_equal(got->base_offset, want->base_offset);
    assert_int_equal(got->leader_epoch, want->leader_epoch);
    assert_int_equal(got->attributes, want->attributes);
    assert_int_equal(got->last_offset_delta, want->last_offset_delta);
    assert_int_equal(got->base_timestamp_ms, want->base_timestamp_ms);
    assert_int_equal(got->max_timestamp_ms, want->max_timestamp_ms);
    assert_int_equal(got->producer_id, want->producer_id);
    assert_int_equal(got->producer_epoch, want->producer_epoch);
    assert_int_equal(got->base_sequence, want->base_sequence);
    assert_int_equal(got->record_count, want->record_count);
}

static void headers_read_as_java_wrote_them(void **state)
{
    (void)state;
    assert_true(vector_count > 20);
    for (size_t i = 0; i < vector_count; i++) {
        struct kw_batch batch;
        struct kb_error err;
        assert_int_equal(kw_batch_parse(vectors[i].bytes, &batch, &err), KB_OK);
        assert_int_equal(kw_batch_check_crc(&batch, &err), KB_OK);
        assert_header(&batch.header, &vectors[i].header);
        assert_int_equal(kw_batch_header_size(&batch.header), vectors[i].bytes.size);
    }
}

static void a_stamped_header_is_javas(void **state)
{
    (void)state;
    for (size_t i = 0; i < vector_count; i++) {
        struct kb_slice bytes = vectors[i].bytes;
        size_t records = bytes.size - KW_BATCH_HEADER_BYTES;
        struct kw_batch_header header = vectors[i].header;
        uint8_t out[KW_BATCH_HEADER_BYTES];
        kw_batch_stamp(out, &header, kw_crc32c(0, bytes.data + sizeof out, records), records);
        assert_memory_equal(out, bytes.data, sizeof out);
    }
}

static void a_placed_batch_keeps_its_checksum(void **state)
{
    (void)state;
    const struct vector *v = vector("one");
    uint8_t *copy = dup(v->bytes);
    struct kw_batch batch;
    kw_batch_place(copy, INT64_C(0x123456789abc), 77);
    assert_int_equal(kw_batch_parse(kb_slice_of(copy, v->bytes.size), &batch, NULL), KB_OK);
    assert_int_equal(batch.header.base_offset, INT64_C(0x123456789abc));
    assert_int_equal(batch.header.leader_epoch, 77);
    assert_int_equal(kw_batch_check_crc(&batch, NULL), KB_OK);
    kb_free(copy);
}

static void a_restamped_batch_has_the_right_checksum(void **state)
{
    (void)state;
    const struct vector *v = vector("lengths");
    uint8_t *copy = dup(v->bytes);
    struct kb_slice bytes = kb_slice_of(copy, v->bytes.size);
    struct kw_batch batch;
    assert_int_equal(kw_batch_parse(bytes, &batch, NULL), KB_OK);
    batch.header.attributes |= KW_BATCH_LOG_APPEND_TIME;
    batch.header.max_timestamp_ms += 12345;
    kw_batch_restamp(copy, &batch.header);

    struct kw_batch again;
    assert_int_equal(kw_batch_parse(bytes, &again, NULL), KB_OK);
    assert_header(&again.header, &batch.header);
    assert_int_equal(kw_batch_check_crc(&again, NULL), KB_OK);
    kb_free(copy);
}

static void a_restamp_does_not_hide_damage(void **state)
{
    (void)state;
    const struct vector *v = vector("lengths");
    uint8_t *copy = dup(v->bytes);
    struct kw_batch batch;
    copy[v->bytes.size - 9] ^= 1;
    assert_int_equal(kw_batch_parse(kb_slice_of(copy, v->bytes.size), &batch, NULL), KB_OK);
    kw_batch_restamp(copy, &batch.header);
    assert_int_equal(kw_batch_check_crc(&batch, NULL), KB_E_CORRUPT_MESSAGE);
    kb_free(copy);
}

static void sequences_wrap(void **state)
{
    (void)state;
    assert_int_equal(kw_sequence_add(0, 1), 1);
    assert_int_equal(kw_sequence_add(INT32_MAX, 1), 0);
    assert_int_equal(kw_sequence_add(INT32_MAX - 1, 5), 3);
    assert_int_equal(kw_batch_header_last_sequence(&vector("sequence_wraps")->header), 0);
    assert_int_equal(kw_batch_header_last_sequence(&vector("one")->header), -1);
    assert_int_equal(kw_batch_header_last_sequence(&vector("empty")->header), 60);
}

/* ---- What is wrong with a batch --------------------------------------------- */

struct fault {
    const char *what;
    size_t at;
    uint8_t bytes[8];
    size_t size;
    int code;
};

static const struct fault faults[] = {
    {"negative offset", 0, {0x80}, 1, KB_E_CORRUPT_MESSAGE},
    {"offsets overflow", 0, {0x7f, 255, 255, 255, 255, 255, 255, 255}, 8, KB_E_CORRUPT_MESSAGE},
    {"length too small", 8, {0, 0, 0, 48}, 4, KB_E_CORRUPT_MESSAGE},
    {"length negative", 8, {255, 255, 255, 255}, 4, KB_E_CORRUPT_MESSAGE},
    {"old magic", 16, {1}, 1, KB_E_UNSUPPORTED_FOR_MESSAGE_FORMAT},
    {"unknown magic", 16, {3}, 1, KB_E_CORRUPT_MESSAGE},
    {"unknown codec", 21, {0, 5}, 2, KB_E_UNSUPPORTED_COMPRESSION_TYPE},
    {"negative delta", 23, {255, 255, 255, 255}, 4, KB_E_CORRUPT_MESSAGE},
    {"negative count", 57, {255, 255, 255, 255}, 4, KB_E_CORRUPT_MESSAGE},
    {"more records than offsets", 57, {0, 0, 0, 131}, 4, KB_E_CORRUPT_MESSAGE},
};

static void a_fault_in_the_header_is_named(void **state)
{
    (void)state;
    const struct vector *v = vector("many");
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        uint8_t *copy = dup(v->bytes);
        memcpy(copy + faults[i].at, faults[i].bytes, faults[i].size);
        struct kb_slice bytes = kb_slice_of(copy, v->bytes.size);
        struct kw_batch batch;
        struct kb_error err;
        assert_int_equal(kw_batch_parse(bytes, &batch, &err), faults[i].code);
        assert_true(err.text[0]);
        struct kw_batch_iter it;
        kw_batch_iter_init(&it, bytes, SIZE_MAX);
        assert_false(kw_batch_iter_next(&it, &batch));
        assert_int_equal(it.code, faults[i].code);
        assert_non_null(it.why);
        kb_free(copy);
    }
}

/* A count that the bytes cannot hold is refused before anybody believes it. */
static void wild_counts_are_refused(void **state)
{
    (void)state;
    const struct vector *v = vector("one");
    uint8_t *copy = dup(v->bytes);
    struct kw_batch batch;
    kw_put_be32(copy + 23, INT32_MAX - 1);
    kw_put_be32(copy + 57, INT32_MAX);
    assert_int_equal(kw_batch_parse(kb_slice_of(copy, v->bytes.size), &batch, NULL),
                     KB_E_CORRUPT_MESSAGE);
    kb_free(copy);
}

static void every_flipped_bit_is_seen(void **state)
{
    (void)state;
    const struct vector *v = vector("one");
    for (size_t bit = KW_BATCH_LENGTH_AT * 8; bit < v->bytes.size * 8; bit++) {
        size_t at = bit / 8;
        if (at >= KW_BATCH_EPOCH_AT && at < KW_BATCH_MAGIC_AT)
            continue; /* the leader epoch is not covered */
        uint8_t *copy = dup(v->bytes);
        copy[at] ^= (uint8_t)(1 << bit % 8);
        struct kw_batch batch;
        int code = kw_batch_parse(kb_slice_of(copy, v->bytes.size), &batch, NULL);
        assert_true(code || kw_batch_check_crc(&batch, NULL));
        kb_free(copy);
    }
}

/* ---- Walking ---------------------------------------------------------------- */

static struct kb_slice joined(const char *a, const char *b, const char *c)
{
    static uint8_t out[4096];
    const char *names[] = {a, b, c};
    size_t size = 0;
    for (size_t i = 0; i < 3; i++) {
        struct kb_slice bytes = vector(names[i])->bytes;
        assert_true(size + bytes.size <= sizeof out);
        memcpy(out + size, bytes.data, bytes.size);
        size += bytes.size;
    }
    return kb_slice_of(out, size);
}

static void batches_in_a_row(void **state)
{
    (void)state;
    struct kw_batch_iter it;
    struct kw_batch batch;
    kw_batch_iter_init(&it, joined("one", "empty", "commit"), 4096);
    assert_true(kw_batch_iter_next(&it, &batch));
    assert_header(&batch.header, &vector("one")->header);
    assert_true(kw_batch_iter_next(&it, &batch));
    assert_header(&batch.header, &vector("empty")->header);
    assert_int_equal(batch.records.size, 0);
    assert_true(kw_batch_iter_next(&it, &batch));
    assert_header(&batch.header, &vector("commit")->header);
    assert_false(kw_batch_iter_next(&it, &batch));
    assert_int_equal(it.code, 0);
    assert_int_equal(it.rest.size, 0);

    kw_batch_iter_init(&it, kb_slice_null(), 4096);
    assert_false(kw_batch_iter_next(&it, &batch));
    assert_int_equal(it.code, 0);
}

/* As a Fetch answer ends: in the middle of a batch, which is no fault. */
static void a_tail_cut_anywhere_is_no_fault(void **state)
{
    (void)state;
    struct kb_slice all = joined("one", "transactional", "commit");
    size_t whole[] = {0, vector("one")->bytes.size, 0, all.size};
    whole[2] = whole[1] + vector("transactional")->bytes.size;
    for (size_t size = 0; size <= all.size; size++) {
        uint8_t *cut = dup(kb_slice_of(all.data, size)); /* so that ASan sees its end */
        struct kw_batch_iter it;
        struct kw_batch batch;
        size_t seen = 0;
        kw_batch_iter_init(&it, kb_slice_of(cut, size), 4096);
        while (kw_batch_iter_next(&it, &batch))
            seen++;
        assert_int_equal(it.code, 0);
        assert_true(whole[seen] <= size && (seen == 3 || size < whole[seen + 1]));
        assert_int_equal(it.rest.size, size - whole[seen]);
        if (it.rest.size > KW_BATCH_MAGIC_AT)
            assert_int_equal(it.needed_bytes, whole[seen + 1] - whole[seen]);
        else
            assert_int_equal(it.needed_bytes, 0);
        kb_free(cut);
    }
}

static void a_length_above_the_bound_is_a_fault(void **state)
{
    (void)state;
    struct kw_batch_iter it;
    struct kw_batch batch;
    struct kb_slice bytes = vector("many")->bytes;
    kw_batch_iter_init(&it, bytes, bytes.size);
    assert_true(kw_batch_iter_next(&it, &batch));
    kw_batch_iter_init(&it, bytes, bytes.size - 1);
    assert_false(kw_batch_iter_next(&it, &batch));
    assert_int_equal(it.code, KB_E_CORRUPT_MESSAGE);
}

/* What a file holds where space was reserved and nothing was written. */
static void zeros_are_a_fault(void **state)
{
    (void)state;
    static const uint8_t zeros[100];
    struct kw_batch_iter it;
    struct kw_batch batch;
    kw_batch_iter_init(&it, kb_slice_of(zeros, sizeof zeros), SIZE_MAX);
    assert_false(kw_batch_iter_next(&it, &batch));
    assert_int_equal(it.code, KB_E_CORRUPT_MESSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_read_as_java_wrote_them),
        cmocka_unit_test(a_stamped_header_is_javas),
        cmocka_unit_test(a_placed_batch_keeps_its_checksum),
        cmocka_unit_test(a_restamped_batch_has_the_right_checksum),
        cmocka_unit_test(a_restamp_does_not_hide_damage),
        cmocka_unit_test(sequences_wrap),
        cmocka_unit_test(a_fault_in_the_header_is_named),
        cmocka_unit_test(wild_counts_are_refused),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(batches_in_a_row),
        cmocka_unit_test(a_tail_cut_anywhere_is_no_fault),
        cmocka_unit_test(a_length_above_the_bound_is_a_fault),
        cmocka_unit_test(zeros_are_a_fault),
    };
    return cmocka_run_group_tests_name("batch", tests, load, unload);
}
