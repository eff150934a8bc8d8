/* SPDX-License-Identifier: Apache-2.0 */
/* Leader epochs and the offsets of a partition. */
#include "tests/unit/unit.h"

#include "base/codes.h"
#include "broker/core/partition.h"

#include <string.h>

/* ---- Epochs ------------------------------------------------------------- */

static void assign(struct kd_epochs *epochs, int32_t epoch, int64_t start)
{
    assert_int_equal(kd_epochs_assign(epochs, epoch, start, NULL), KB_OK);
}

static void expect_end(const struct kd_epochs *epochs, int32_t asked, int64_t log_end,
                       int32_t epoch, int64_t end)
{
    struct kd_epoch got;
    assert_int_equal(kd_epochs_end_of(epochs, asked, log_end, &got), epoch >= 0);
    assert_int_equal(got.epoch, epoch);
    assert_int_equal(got.start_offset, end);
}

static void the_end_of_an_epoch_is_where_the_next_begins(void **state)
{
    (void)state;
    struct kd_epochs epochs;
    kd_epochs_init(&epochs);
    expect_end(&epochs, 0, 10, -1, -1);
    assign(&epochs, 2, 0);
    assign(&epochs, 4, 100);
    assign(&epochs, 7, 150);
    expect_end(&epochs, 2, 200, 2, 100);
    expect_end(&epochs, 3, 200, 2, 100); /* the largest at or below */
    expect_end(&epochs, 4, 200, 4, 150);
    expect_end(&epochs, 7, 200, 7, 200);
    expect_end(&epochs, 8, 200, -1, -1);
    expect_end(&epochs, 1, 200, 1, 0); /* before the first: it ends where that begins */
    assert_int_equal(kd_epochs_at(&epochs, 99), 2);
    assert_int_equal(kd_epochs_at(&epochs, 100), 4);
    kd_epochs_deinit(&epochs);
}

static void contradicting_epochs_go(void **state)
{
    (void)state;
    struct kd_epochs epochs;
    bool changed;
    kd_epochs_init(&epochs);
    assign(&epochs, 2, 0);
    assign(&epochs, 3, 50);
    assign(&epochs, 4, 50); /* nothing was written under 3 */
    assert_int_equal(epochs.count, 2);
    assert_int_equal(kd_epochs_assign(&epochs, 4, 70, &changed), KB_OK);
    assert_false(changed);
    assign(&epochs, 5, 90);
    assert_true(kd_epochs_cut_end(&epochs, 80));
    assert_int_equal(kd_epochs_latest(&epochs), 4);
    assert_true(kd_epochs_cut_start(&epochs, 60));
    assert_int_equal(epochs.count, 1);
    assert_int_equal(epochs.entries[0].start_offset, 60);
    assert_false(kd_epochs_cut_start(&epochs, 60));
    kd_epochs_deinit(&epochs);
}

static int parse(struct kd_epochs *epochs, const char *text)
{
    return kd_epochs_parse(epochs, kb_slice_str(text));
}

static void the_checkpoint_is_kafkas(void **state)
{
    (void)state;
    struct kd_epochs epochs;
    size_t size;
    kd_epochs_init(&epochs);
    assign(&epochs, 0, 0);
    assign(&epochs, 3, 1234567890123);
    char *text = kd_epochs_format(&epochs, &size);
    assert_string_equal(text, "0\n2\n0 0\n3 1234567890123\n");
    assert_int_equal(parse(&epochs, text), KB_OK);
    assert_int_equal(epochs.count, 2);
    kb_free(text);
    static const char *const wrong[] = {"",
                                        "0",
                                        "0\n",
                                        "1\n0\n",
                                        "0\n1\n",
                                        "0\n2\n0 0\n",
                                        "0\n1\n0 0\n1 1\n",
                                        "0\n2\n1 5\n1 6\n",
                                        "0\n2\n1 5\n2 4\n",
                                        "0\n1\n-1 0\n",
                                        "0\n1\n99999999999 0\n",
                                        "0\n1\n1 x\n",
                                        "0\n1\n1 1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(parse(&epochs, wrong[i]), KB_E_CORRUPT);
        assert_int_equal(epochs.count, 0);
    }
    kd_epochs_deinit(&epochs);
}

/* ---- Offsets ------------------------------------------------------------ */

static struct kw_batch_header plain_batch(int32_t count, int32_t bytes, int64_t timestamp_ms)
{
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.length = bytes - KW_BATCH_PREFIX_BYTES;
    header.last_offset_delta = count - 1;
    header.record_count = count;
    header.max_timestamp_ms = timestamp_ms;
    return header;
}

static int64_t place(struct kd_partition *p, int32_t count, int32_t bytes)
{
    uint8_t raw[KW_BATCH_HEADER_BYTES] = {0};
    struct kw_batch_header header = plain_batch(count, bytes, 1000);
    assert_int_equal(kd_partition_place(p, raw, &header, 4096, 1000), KB_OK);
    struct kw_batch_header placed;
    kw_batch_peek(raw, &placed);
    assert_int_equal(placed.base_offset, header.base_offset);
    assert_int_equal(placed.leader_epoch, p->leader_epoch);
    return header.base_offset;
}

static void the_high_watermark_is_the_least_of_the_flushed_ends(void **state)
{
    (void)state;
    struct kd_partition p;
    bool changed;
    kd_partition_init(&p, 1);
    kd_partition_found(&p, 0, 10);
    assert_int_equal(p.high_watermark, 10);
    assert_int_equal(kd_partition_lead(&p, 3, &changed), KB_OK);
    assert_true(changed);
    assert_int_equal(place(&p, 5, 100), 10);
    assert_int_equal(place(&p, 5, 100), 15);
    assert_false(kd_partition_written(&p, 20));
    assert_true(kd_partition_flushed(&p, 15));
    assert_int_equal(p.high_watermark, 15);

    kd_partition_set_isr(&p, (int32_t[]){2, 3}, 2);
    assert_false(kd_partition_flushed(&p, 20));
    assert_false(kd_partition_follower(&p, 2, 20));
    assert_true(kd_partition_follower(&p, 3, 18));
    assert_int_equal(p.high_watermark, 18);
    assert_false(kd_partition_follower(&p, 9, 100)); /* not in sync: does not count */
    kd_partition_set_isr(&p, (int32_t[]){2}, 1);
    assert_int_equal(p.high_watermark, 20);
    kd_partition_deinit(&p);
}

static void a_relaxed_partition_counts_what_is_written(void **state)
{
    (void)state;
    struct kd_partition p;
    kd_partition_init(&p, 1);
    p.relaxed = true;
    place(&p, 3, 100);
    assert_true(kd_partition_written(&p, 3));
    assert_int_equal(p.high_watermark, 3);
    assert_false(kd_partition_flushed(&p, 3));
    kd_partition_deinit(&p);
}

static void segments_roll_by_size_time_index_and_offset(void **state)
{
    (void)state;
    struct kd_partition p;
    struct kd_roll_limits limits = {1000, 5000, 800, 4096};
    struct kw_batch_header batch = plain_batch(1, 400, 2000);
    kd_partition_init(&p, 1);
    assert_false(kd_partition_roll_due(&p, &limits, &batch, 0)); /* never an empty one */
    place(&p, 1, 400);
    assert_false(kd_partition_roll_due(&p, &limits, &batch, 0));
    place(&p, 1, 400);
    assert_true(kd_partition_roll_due(&p, &limits, &batch, 0));
    kd_partition_rolled(&p, 0, 0);
    assert_int_equal(p.active.base_offset, 2);
    place(&p, 1, 400); /* of time 1000 */
    batch.max_timestamp_ms = 6001;
    assert_true(kd_partition_roll_due(&p, &limits, &batch, 0));
    batch.max_timestamp_ms = -1; /* without a time of its own, ours counts */
    assert_false(kd_partition_roll_due(&p, &limits, &batch, 5000));
    assert_true(kd_partition_roll_due(&p, &limits, &batch, 5001));
    limits.segment_bytes = INT64_C(1) << 40;
    for (int i = 0; i < 66; i++) /* an entry for each, but for the first */
        place(&p, 1, 4097);
    assert_false(kd_partition_roll_due(&p, &limits, &batch, 0));
    place(&p, 1, 4097);
    assert_true(kd_partition_roll_due(&p, &limits, &batch, 0)); /* 66 entries of 12 bytes */
    p.active.index_entries = 0;
    p.log_end = p.active.base_offset + INT32_MAX;
    assert_false(kd_partition_roll_due(&p, &limits, &batch, 0));
    p.log_end++;
    assert_true(kd_partition_roll_due(&p, &limits, &batch, 0));
    kd_partition_deinit(&p);
}

/* ---- Memory -------------------------------------------------------------- */

/* What could not be remembered was not: every step may be tried again. */
static void lead_short_of_memory(void *ctx)
{
    struct kd_partition p;
    bool changed;
    size_t size;
    (void)ctx;
    kd_partition_init(&p, 1);
    for (int32_t epoch = 1; epoch <= 20; epoch++) {
        if (kd_partition_lead(&p, epoch, &changed) != KB_OK)
            assert_int_equal(kd_partition_lead(&p, epoch, &changed), KB_OK);
        assert_true(changed);
        place(&p, 5, 100);
    }
    assert_int_equal(p.epochs.count, 20);
    char *text = kd_epochs_format(&p.epochs, &size);
    if (!text)
        text = kd_epochs_format(&p.epochs, &size);
    assert_non_null(text);
    int code = kd_epochs_parse(&p.epochs, kb_slice_of(text, size));
    if (code == KB_E_NO_MEMORY)
        code = kd_epochs_parse(&p.epochs, kb_slice_of(text, size));
    assert_int_equal(code, KB_OK);
    assert_int_equal(p.epochs.count, 20);
    kb_free(text);
    kd_partition_deinit(&p);
}

static void out_of_memory_changes_nothing(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(lead_short_of_memory, NULL), 4, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_an_epoch_is_where_the_next_begins),
        cmocka_unit_test(contradicting_epochs_go),
        cmocka_unit_test(the_checkpoint_is_kafkas),
        cmocka_unit_test(the_high_watermark_is_the_least_of_the_flushed_ends),
        cmocka_unit_test(a_relaxed_partition_counts_what_is_written),
        cmocka_unit_test(segments_roll_by_size_time_index_and_offset),
        cmocka_unit_test(out_of_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
