/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences, epochs, repeats, and the snapshot of it all. */
#include "tests/unit/unit.h"

#include "base/codes.h"
#include "broker/core/producer_state.h"

#include <string.h>

enum { NOW = 1000 };

static struct kw_batch_header batch_of(int64_t producer, int16_t epoch, int32_t sequence,
                                       int32_t count, int64_t offset)
{
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.producer_id = producer;
    header.producer_epoch = epoch;
    header.base_sequence = sequence;
    header.last_offset_delta = count - 1;
    header.record_count = count;
    header.base_offset = offset;
    header.base_timestamp_ms = header.max_timestamp_ms = offset;
    return header;
}

static void append(struct kd_producers *producers, int16_t epoch, int32_t sequence, int32_t count,
                   int64_t offset)
{
    struct kw_batch_header batch = batch_of(7, epoch, sequence, count, offset);
    int64_t repeated;
    assert_int_equal(kd_producers_check(producers, &batch, &repeated), KB_OK);
    assert_int_equal(kd_producers_update(producers, &batch, NOW), KB_OK);
}

static int check(const struct kd_producers *producers, int16_t epoch, int32_t sequence,
                 int32_t count, int64_t *offset)
{
    struct kw_batch_header batch = batch_of(7, epoch, sequence, count, -1);
    return kd_producers_check(producers, &batch, offset);
}

static void a_gap_is_refused_and_a_repeat_is_known(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    kd_producers_init(&producers, 1);
    append(&producers, 0, 0, 10, 100);
    append(&producers, 0, 10, 5, 200);
    assert_int_equal(check(&producers, 0, 16, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(&producers, 0, 10, 5, &offset), KB_E_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_equal(offset, 200);
    assert_int_equal(check(&producers, 0, 0, 10, &offset), KB_E_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_equal(offset, 100);
    assert_int_equal(check(&producers, 0, 10, 4, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(&producers, 0, 15, 1, &offset), KB_OK);
    kd_producers_deinit(&producers);
}

static void five_batches_are_remembered(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    kd_producers_init(&producers, 1);
    for (int i = 0; i < 7; i++)
        append(&producers, 0, i, 1, 10 * i);
    assert_int_equal(check(&producers, 0, 1, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    for (int i = 2; i < 7; i++) {
        assert_int_equal(check(&producers, 0, i, 1, &offset), KB_E_DUPLICATE_SEQUENCE_NUMBER);
        assert_int_equal(offset, 10 * i);
    }
    kd_producers_deinit(&producers);
}

static void an_unknown_producer_starts_anywhere(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    kd_producers_init(&producers, 1);
    assert_int_equal(check(&producers, 3, 555, 1, &offset), KB_OK);
    append(&producers, 3, 555, 1, 0);
    assert_int_equal(check(&producers, 3, 556, 1, &offset), KB_OK);
    kd_producers_deinit(&producers);
}

static void what_was_refused_comes_first(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    kd_producers_init(&producers, 1);
    struct kw_batch_header first = batch_of(7, 3, 0, 5, -1), second = batch_of(7, 3, 5, 1, -1);
    kd_producers_expect(&producers, &first, NOW);
    kd_producers_expect(&producers, &second, NOW);
    assert_int_equal(check(&producers, 3, 5, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    append(&producers, 3, 0, 5, 0);
    append(&producers, 3, 5, 1, 5);
    first = batch_of(7, 4, 0, 5, -1);
    kd_producers_expect(&producers, &first, NOW);
    assert_int_equal(check(&producers, 4, 5, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    append(&producers, 4, 0, 5, 6);
    kd_producers_deinit(&producers);
}

static void what_was_lost_comes_first(void **state)
{
    (void)state;
    struct kd_producers before, after;
    int64_t offset;
    kd_producers_init(&before, 1);
    kd_producers_init(&after, 1);
    append(&after, 3, 0, 5, 0);
    append(&before, 3, 0, 5, 0);
    append(&before, 3, 5, 1, 5); /* lost, and its place is known */
    kd_producers_expect_lost(&after, &before, NOW);
    assert_int_equal(check(&after, 3, 5, 1, &offset), KB_OK);
    append(&before, 4, 0, 2, 6); /* lost, and nothing before it is of this epoch */
    kd_producers_expect_lost(&after, &before, NOW);
    assert_int_equal(check(&after, 4, 2, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(&after, 4, 0, 2, &offset), KB_OK);
    kd_producers_deinit(&before);
    kd_producers_deinit(&after);
}

static void epochs_fence_and_begin_at_zero(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    kd_producers_init(&producers, 1);
    append(&producers, 4, 0, 3, 0);
    assert_int_equal(check(&producers, 3, 3, 1, &offset), KB_E_INVALID_PRODUCER_EPOCH);
    assert_int_equal(check(&producers, 5, 3, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    append(&producers, 5, 0, 1, 3);
    assert_int_equal(check(&producers, 4, 3, 1, &offset), KB_E_INVALID_PRODUCER_EPOCH);
    assert_int_equal(check(&producers, 5, 0, 1, &offset), KB_E_DUPLICATE_SEQUENCE_NUMBER);
    kd_producers_deinit(&producers);
}

static void sequences_wrap(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    kd_producers_init(&producers, 1);
    append(&producers, 0, INT32_MAX - 1, 4, 0); /* MAX-1, MAX, 0, 1 */
    assert_int_equal(check(&producers, 0, 3, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    append(&producers, 0, 2, 1, 4);
    assert_int_equal(check(&producers, 0, INT32_MAX - 1, 4, &offset),
                     KB_E_DUPLICATE_SEQUENCE_NUMBER);
    kd_producers_deinit(&producers);
}

static void producers_that_are_silent_are_forgotten(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    kd_producers_init(&producers, 1);
    append(&producers, 0, 0, 1, 0);
    assert_int_equal(kd_producers_expire(&producers, NOW), 0);
    assert_int_equal(kd_producers_expire(&producers, NOW + 1), 1);
    assert_int_equal(kd_producers_count(&producers), 0);
    assert_int_equal(check(&producers, 0, 99, 1, &offset), KB_OK);
    kd_producers_deinit(&producers);
}

static void an_open_transaction_holds_the_stable_end(void **state)
{
    (void)state;
    struct kd_producers producers;
    struct kw_batch_header batch = batch_of(7, 0, 0, 2, 50);
    kd_producers_init(&producers, 1);
    assert_true(kd_producers_first_unstable(&producers) == INT64_MAX);
    batch.attributes |= KW_BATCH_TRANSACTIONAL;
    assert_int_equal(kd_producers_update(&producers, &batch, NOW), KB_OK);
    assert_int_equal(kd_producers_first_unstable(&producers), 50);
    assert_int_equal(kd_producers_expire(&producers, NOW + 1), 0);
    kd_producers_end_txn(&producers, 7, 3);
    assert_true(kd_producers_first_unstable(&producers) == INT64_MAX);
    kd_producers_deinit(&producers);
}

/* ---- The snapshot ------------------------------------------------------- */

static void a_snapshot_keeps_all_five(void **state)
{
    (void)state;
    struct kd_producers producers, loaded;
    size_t size;
    int64_t offset;
    kd_producers_init(&producers, 1);
    kd_producers_init(&loaded, 2);
    append(&producers, 1, INT32_MAX - 1, 4, 0);
    for (int i = 0; i < 4; i++)
        append(&producers, 1, 2 + 3 * i, 3, 100 + 3 * i);
    struct kw_batch_header other = batch_of(9, 0, 0, 1, 500);
    assert_int_equal(kd_producers_update(&producers, &other, NOW), KB_OK);
    uint8_t *file = kd_producers_encode(&producers, &size);
    assert_int_equal(kd_producers_decode(&loaded, kb_slice_of(file, size), NOW), KB_OK);
    assert_int_equal(kd_producers_count(&loaded), 2);
    assert_int_equal(check(&loaded, 1, INT32_MAX - 1, 4, &offset), KB_E_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_equal(offset, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(check(&loaded, 1, 2 + 3 * i, 3, &offset), KB_E_DUPLICATE_SEQUENCE_NUMBER);
        assert_int_equal(offset, 100 + 3 * i);
    }
    assert_int_equal(check(&loaded, 1, 14, 1, &offset), KB_OK);
    kb_free(file);
    kd_producers_deinit(&producers);
    kd_producers_deinit(&loaded);
}

static void kafkas_own_part_is_enough(void **state)
{
    (void)state;
    struct kd_producers producers, loaded;
    size_t size;
    int64_t offset;
    kd_producers_init(&producers, 1);
    kd_producers_init(&loaded, 2);
    append(&producers, 1, 40, 3, 100);
    uint8_t *file = kd_producers_encode(&producers, &size);
    assert_int_equal(size, 10 + 46 + 8); /* one batch: nothing older */
    assert_int_equal(kd_producers_decode(&loaded, kb_slice_of(file, size), NOW), KB_OK);
    assert_int_equal(check(&loaded, 1, 40, 3, &offset), KB_E_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_equal(offset, 100);
    kb_free(file);
    kd_producers_deinit(&producers);
    kd_producers_deinit(&loaded);
}

static void a_damaged_snapshot_is_refused(void **state)
{
    (void)state;
    struct kd_producers producers, loaded;
    size_t size;
    kd_producers_init(&producers, 1);
    kd_producers_init(&loaded, 2);
    append(&producers, 1, 0, 3, 100);
    append(&producers, 1, 3, 3, 103);
    uint8_t *file = kd_producers_encode(&producers, &size);
    for (size_t at = 0; at < size; at++) {
        file[at] ^= 0x10;
        assert_int_equal(kd_producers_decode(&loaded, kb_slice_of(file, size), NOW), KB_E_CORRUPT);
        assert_int_equal(kd_producers_count(&loaded), 0);
        file[at] ^= 0x10;
        assert_int_equal(kd_producers_decode(&loaded, kb_slice_of(file, at), NOW), KB_E_CORRUPT);
    }
    kb_free(file);
    kd_producers_deinit(&producers);
    kd_producers_deinit(&loaded);
}

static void fill_and_copy(void *ctx)
{
    struct kd_producers producers, loaded;
    size_t size;
    (void)ctx;
    kd_producers_init(&producers, 1);
    kd_producers_init(&loaded, 2);
    struct kw_batch_header batch = batch_of(7, 0, 0, 1, 0);
    if (!kd_producers_update(&producers, &batch, NOW)) {
        uint8_t *file = kd_producers_encode(&producers, &size);
        if (file)
            (void)kd_producers_decode(&loaded, kb_slice_of(file, size), NOW);
        kb_free(file);
    }
    kd_producers_deinit(&producers);
    kd_producers_deinit(&loaded);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(unit_each_failure(fill_and_copy, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gap_is_refused_and_a_repeat_is_known),
        cmocka_unit_test(five_batches_are_remembered),
        cmocka_unit_test(an_unknown_producer_starts_anywhere),
        cmocka_unit_test(what_was_refused_comes_first),
        cmocka_unit_test(what_was_lost_comes_first),
        cmocka_unit_test(epochs_fence_and_begin_at_zero),
        cmocka_unit_test(sequences_wrap),
        cmocka_unit_test(producers_that_are_silent_are_forgotten),
        cmocka_unit_test(an_open_transaction_holds_the_stable_end),
        cmocka_unit_test(a_snapshot_keeps_all_five),
        cmocka_unit_test(kafkas_own_part_is_enough),
        cmocka_unit_test(a_damaged_snapshot_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
