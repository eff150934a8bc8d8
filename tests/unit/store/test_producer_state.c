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

static int fails(void *ctx, size_t size)
{
    (void)ctx, (void)size;
    return false;
}

static void without_memory_to_note_it_everybody_begins_anew(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    struct kw_batch_header first = batch_of(7, 3, 0, 5, -1);
    kd_producers_init(&producers, 1);
    kb_mem_set_hook(fails, NULL);
    kd_producers_expect(&producers, &first, NOW);
    kb_mem_set_hook(NULL, NULL);
    assert_int_equal(check(&producers, 3, 5, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    append(&producers, 3, 0, 5, 0);
    append(&producers, 3, 5, 1, 5);
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

/* ---- Transactions ------------------------------------------------------- */

static const struct kd_txn_claim joined = {.joined = true};

static struct kw_batch_header in_txn(int64_t producer, int16_t epoch, int32_t sequence,
                                     int64_t offset)
{
    struct kw_batch_header batch = batch_of(producer, epoch, sequence, 1, offset);
    batch.attributes |= KW_BATCH_TRANSACTIONAL;
    return batch;
}

static void write_txn(struct kd_producers *producers, int64_t producer, int16_t epoch,
                      int32_t sequence, int64_t offset)
{
    struct kw_batch_header batch = in_txn(producer, epoch, sequence, offset);
    struct kd_txn_claim claim = {true, kd_producers_guard(producers, producer)};
    int64_t repeated;
    assert_int_equal(kd_producers_check(producers, &batch, &repeated), KB_OK);
    assert_int_equal(kd_producers_check_txn(producers, &batch, &claim), KB_OK);
    assert_int_equal(kd_producers_update(producers, &batch, NOW), KB_OK);
}

static int check_txn(const struct kd_producers *producers, int64_t producer, int16_t epoch,
                     const struct kd_txn_claim *claim)
{
    struct kw_batch_header batch = in_txn(producer, epoch, 0, -1);
    return kd_producers_check_txn(producers, &batch, claim);
}

static struct kw_batch_header marker_of(int64_t producer, int16_t epoch, int64_t offset)
{
    struct kw_batch_header batch = in_txn(producer, epoch, -1, offset);
    batch.attributes |= KW_BATCH_CONTROL;
    return batch;
}

static int check_end(const struct kd_producers *producers, int64_t producer, int16_t epoch,
                     int16_t version, int32_t coordinator_epoch)
{
    struct kw_batch_header batch = marker_of(producer, epoch, -1);
    struct kd_txn_end end = {false, version, coordinator_epoch};
    return kd_producers_check_end(producers, &batch, &end);
}

static struct kd_aborted end_txn(struct kd_producers *producers, int64_t producer, int16_t epoch,
                                 int64_t offset)
{
    struct kw_batch_header batch = marker_of(producer, epoch, offset);
    struct kd_txn_end end = {.coordinator_epoch = 3};
    struct kd_aborted out;
    assert_int_equal(check_end(producers, producer, epoch, 1, 3), KB_OK);
    assert_int_equal(kd_producers_end(producers, &batch, &end, NOW, &out), KB_OK);
    assert_int_equal(out.producer_id, producer);
    assert_int_equal(out.last_offset, offset);
    return out;
}

static void a_transaction_is_unstable_until_its_marker_is_committed(void **state)
{
    (void)state;
    struct kd_producers producers;
    kd_producers_init(&producers, 1);
    assert_true(kd_producers_first_unstable(&producers) == INT64_MAX);
    write_txn(&producers, 7, 0, 0, 50);
    write_txn(&producers, 8, 0, 0, 51);
    write_txn(&producers, 7, 0, 1, 52);
    assert_int_equal(kd_producers_first_unstable(&producers), 50);
    assert_int_equal(kd_producers_expire(&producers, NOW + 1), 0);

    struct kd_aborted ended = end_txn(&producers, 7, 0, 53);
    assert_int_equal(ended.first_offset, 50);
    assert_int_equal(ended.stable_offset, 51);
    assert_int_equal(kd_producers_first_unstable(&producers), 50);
    kd_producers_committed(&producers, 53);
    assert_int_equal(kd_producers_first_unstable(&producers), 50);
    kd_producers_committed(&producers, 54);
    assert_int_equal(kd_producers_first_unstable(&producers), 51);

    ended = end_txn(&producers, 8, 0, 54);
    assert_int_equal(ended.first_offset, 51);
    assert_int_equal(ended.stable_offset, 55);
    kd_producers_committed(&producers, 55);
    assert_true(kd_producers_first_unstable(&producers) == INT64_MAX);
    assert_int_equal(end_txn(&producers, 8, 0, 55).first_offset, -1);
    assert_true(kd_producers_first_unstable(&producers) == INT64_MAX);
    assert_int_equal(kd_producers_expire(&producers, NOW + 1), 2);
    kd_producers_deinit(&producers);
}

/* A write that fails takes a marker with it, and its epoch is that of nothing yet. */
static void a_marker_that_was_lost_comes_again(void **state)
{
    (void)state;
    struct kd_producers before, after;
    kd_producers_init(&before, 1);
    kd_producers_init(&after, 1);
    write_txn(&before, 7, 0, 0, 50);
    write_txn(&after, 7, 0, 0, 50);
    end_txn(&before, 7, 1, 51);
    kd_producers_expect_lost(&after, &before, NOW);
    assert_int_equal(check_end(&after, 7, 1, 2, 3), KB_OK);
    assert_int_equal(end_txn(&after, 7, 1, 51).first_offset, 50);
    kd_producers_deinit(&before);
    kd_producers_deinit(&after);
}

static void a_transaction_is_opened_only_for_who_joined_it(void **state)
{
    (void)state;
    struct kd_producers producers;
    const struct kd_txn_claim none = {0};
    kd_producers_init(&producers, 1);
    assert_int_equal(check_txn(&producers, 7, 0, &none), KB_E_INVALID_TXN_STATE);
    assert_int_equal(check_txn(&producers, 7, 0, &joined), KB_OK);
    write_txn(&producers, 7, 0, 0, 50);
    assert_true(kd_producers_in_txn(&producers, 7, 0));
    assert_int_equal(check_txn(&producers, 7, 0, &none), KB_OK);
    assert_false(kd_producers_in_txn(&producers, 7, 1));
    assert_int_equal(check_txn(&producers, 7, 1, &none), KB_E_INVALID_TXN_STATE);
    struct kw_batch_header plain = batch_of(7, 0, 1, 1, -1);
    assert_int_equal(kd_producers_check_txn(&producers, &plain, &none), KB_E_INVALID_TXN_STATE);
    (void)end_txn(&producers, 7, 0, 51);
    assert_int_equal(check_txn(&producers, 7, 0, &none), KB_E_INVALID_TXN_STATE);
    assert_int_equal(kd_producers_check_txn(&producers, &plain, &none), KB_OK);
    kd_producers_deinit(&producers);
}

/* The coordinator said yes, and the transaction ended before the batch had a place. */
static void a_marker_takes_back_what_was_verified_before_it(void **state)
{
    (void)state;
    struct kd_producers producers;
    kd_producers_init(&producers, 1);
    struct kd_txn_claim claim = {true, kd_producers_guard(&producers, 7)};
    (void)end_txn(&producers, 9, 0, 50); /* another's changes nothing */
    assert_int_equal(check_txn(&producers, 7, 0, &claim), KB_OK);
    (void)end_txn(&producers, 7, 0, 51);
    assert_int_equal(check_txn(&producers, 7, 0, &claim), KB_E_NOT_ENOUGH_REPLICAS);
    claim.guard = kd_producers_guard(&producers, 7);
    assert_int_equal(check_txn(&producers, 7, 0, &claim), KB_OK);
    (void)end_txn(&producers, 7, 0, 52); /* the same marker again */
    assert_int_equal(check_txn(&producers, 7, 0, &claim), KB_E_NOT_ENOUGH_REPLICAS);
    kd_producers_deinit(&producers);
}

/* KIP-890: what comes late of the transaction before has an old epoch. */
static void a_marker_of_version_2_fences_what_is_late(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    kd_producers_init(&producers, 1);
    write_txn(&producers, 7, 4, 0, 50);
    assert_int_equal(check_end(&producers, 7, 4, 2, 0), KB_E_INVALID_PRODUCER_EPOCH);
    assert_int_equal(check_end(&producers, 7, 4, 1, 0), KB_OK);
    assert_int_equal(check_end(&producers, 7, 3, 1, 0), KB_E_INVALID_PRODUCER_EPOCH);
    assert_int_equal(check_end(&producers, 7, 5, 2, 0), KB_OK);
    (void)end_txn(&producers, 7, 5, 51);
    assert_int_equal(check(&producers, 4, 1, 1, &offset), KB_E_INVALID_PRODUCER_EPOCH);
    assert_int_equal(check(&producers, 5, 1, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(&producers, 5, 0, 1, &offset), KB_OK);
    assert_int_equal(check_end(&producers, 7, 5, 2, 3), KB_OK); /* again: nothing is open */
    write_txn(&producers, 7, 5, 0, 52);
    assert_int_equal(check_end(&producers, 7, 5, 2, 3), KB_E_INVALID_PRODUCER_EPOCH);
    kd_producers_deinit(&producers);
}

static void a_marker_of_version_1_keeps_epoch_and_sequence(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    kd_producers_init(&producers, 1);
    write_txn(&producers, 7, 4, 0, 50);
    (void)end_txn(&producers, 7, 4, 51);
    assert_int_equal(check(&producers, 4, 0, 1, &offset), KB_E_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_equal(offset, 50);
    assert_int_equal(check(&producers, 4, 1, 1, &offset), KB_OK);
    assert_int_equal(check(&producers, 4, 2, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    kd_producers_deinit(&producers);
}

static void a_coordinator_of_before_writes_no_marker(void **state)
{
    (void)state;
    struct kd_producers producers;
    kd_producers_init(&producers, 1);
    write_txn(&producers, 7, 4, 0, 50);
    (void)end_txn(&producers, 7, 4, 51);
    assert_int_equal(check_end(&producers, 7, 4, 1, 2), KB_E_TRANSACTION_COORDINATOR_FENCED);
    assert_int_equal(check_end(&producers, 7, 4, 1, 4), KB_OK);
    kd_producers_deinit(&producers);
}

/* What coordinators write has no sequence: neither a repeat nor out of order. */
static void batches_without_a_sequence_are_no_repeats(void **state)
{
    (void)state;
    struct kd_producers producers;
    kd_producers_init(&producers, 1);
    write_txn(&producers, 7, 4, -1, 50);
    write_txn(&producers, 7, 4, -1, 51);
    assert_int_equal(kd_producers_first_unstable(&producers), 50);
    kd_producers_deinit(&producers);
}

/* The batches behind it were asked for by themselves, and would come first. */
static void what_could_not_be_verified_goes_first(void **state)
{
    (void)state;
    struct kd_producers producers;
    int64_t offset;
    kd_producers_init(&producers, 1);
    struct kw_batch_header first = in_txn(7, 2, 0, -1);
    kd_producers_expect_again(&producers, &first, NOW);
    assert_int_equal(kd_producers_count(&producers), 0);
    assert_int_equal(check(&producers, 2, 1, 1, &offset), KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(&producers, 1, 1, 1, &offset), KB_OK); /* nobody is fenced by it */
    assert_int_equal(check(&producers, 2, 0, 1, &offset), KB_OK);
    write_txn(&producers, 7, 2, 0, 50);
    assert_int_equal(check(&producers, 2, 1, 1, &offset), KB_OK);
    kd_producers_deinit(&producers);
}

/* ---- The snapshot ------------------------------------------------------- */

static void a_snapshot_keeps_open_transactions(void **state)
{
    (void)state;
    struct kd_producers producers, loaded;
    size_t size;
    kd_producers_init(&producers, 1);
    kd_producers_init(&loaded, 2);
    for (int64_t id = 0; id < 20; id++)
        write_txn(&producers, id, 1, 0, 50 + id);
    (void)end_txn(&producers, 0, 1, 70);
    kd_producers_committed(&producers, 71);
    struct kw_batch_header refused = in_txn(99, 0, 0, -1);
    kd_producers_expect_again(&producers, &refused, NOW);
    uint8_t *file = kd_producers_encode(&producers, &size);
    assert_int_equal(kd_producers_decode(&loaded, kb_slice_of(file, size), NOW), KB_OK);
    assert_int_equal(kd_producers_count(&loaded), 20);
    for (int64_t id = 1; id < 20; id++) {
        assert_int_equal(kd_producers_first_unstable(&loaded), 50 + id);
        assert_true(kd_producers_in_txn(&loaded, id, 1));
        (void)end_txn(&loaded, id, 1, 80 + id);
        kd_producers_committed(&loaded, 81 + id);
    }
    assert_int_equal(check_end(&loaded, 0, 1, 1, 2), KB_E_TRANSACTION_COORDINATOR_FENCED);
    kb_free(file);
    kd_producers_deinit(&producers);
    kd_producers_deinit(&loaded);
}

static void a_state_that_is_loaded_anew_counts_markers_on(void **state)
{
    (void)state;
    struct kd_producers producers, loaded;
    kd_producers_init(&producers, 1);
    kd_producers_init(&loaded, 2);
    (void)end_txn(&producers, 7, 0, 50);
    uint64_t guard = kd_producers_guard(&producers, 7);
    write_txn(&loaded, 8, 0, 0, 40);
    write_txn(&loaded, 9, 0, 0, 41);
    (void)end_txn(&loaded, 9, 0, 42);
    kd_producers_move(&producers, &loaded);
    assert_int_equal(kd_producers_count(&loaded), 0);
    assert_int_equal(kd_producers_first_unstable(&producers), 40);
    (void)end_txn(&producers, 7, 0, 50);
    assert_true(kd_producers_guard(&producers, 7) != guard);
    (void)end_txn(&producers, 8, 0, 51);
    assert_int_equal(kd_producers_first_unstable(&producers), 40);
    kd_producers_committed(&producers, 52);
    assert_true(kd_producers_first_unstable(&producers) == INT64_MAX);
    kd_producers_deinit(&producers);
    kd_producers_deinit(&loaded);
}

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
        cmocka_unit_test(without_memory_to_note_it_everybody_begins_anew),
        cmocka_unit_test(what_was_lost_comes_first),
        cmocka_unit_test(epochs_fence_and_begin_at_zero),
        cmocka_unit_test(sequences_wrap),
        cmocka_unit_test(producers_that_are_silent_are_forgotten),
        cmocka_unit_test(a_transaction_is_unstable_until_its_marker_is_committed),
        cmocka_unit_test(a_transaction_is_opened_only_for_who_joined_it),
        cmocka_unit_test(a_marker_takes_back_what_was_verified_before_it),
        cmocka_unit_test(a_marker_of_version_2_fences_what_is_late),
        cmocka_unit_test(a_marker_of_version_1_keeps_epoch_and_sequence),
        cmocka_unit_test(a_coordinator_of_before_writes_no_marker),
        cmocka_unit_test(batches_without_a_sequence_are_no_repeats),
        cmocka_unit_test(what_could_not_be_verified_goes_first),
        cmocka_unit_test(a_snapshot_keeps_open_transactions),
        cmocka_unit_test(a_state_that_is_loaded_anew_counts_markers_on),
        cmocka_unit_test(a_snapshot_keeps_all_five),
        cmocka_unit_test(a_marker_that_was_lost_comes_again),
        cmocka_unit_test(kafkas_own_part_is_enough),
        cmocka_unit_test(a_damaged_snapshot_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
