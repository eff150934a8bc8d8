/* SPDX-License-Identifier: Apache-2.0 */
/* What may be deleted, and by which clock. */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "base/codes.h"
#include "broker/core/partition.h"
#include "broker/core/wall.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

/* ---- Segments ----------------------------------------------------------- */

static const struct kd_segment_facts segments[] = {{0, 10, 100, 1000, 1000},
                                                   {10, 20, 300, 3000, 3000},
                                                   {20, 30, 200, 2000, 2000},
                                                   {30, 40, 50, 4000, 4000}};

/* How many of them go, oldest first. */
static int taken(int64_t ms, int64_t bytes, int64_t high_watermark, int64_t now_ms)
{
    struct kd_retention_limits limits = {ms, bytes};
    struct kd_retention retention;
    int count = 0;
    kd_retention_begin(&retention, &limits, 650, high_watermark, now_ms);
    while (count < 4 && kd_retention_takes(&retention, &segments[count]))
        count++;
    return count;
}

static void old_segments_go(void **state)
{
    (void)state;
    assert_int_equal(taken(500, -1, 40, 1500), 0); /* just as old as allowed */
    assert_int_equal(taken(500, -1, 40, 1501), 1);
    assert_int_equal(taken(500, -1, 40, 2900),
                     1); /* the third is older, but not before the second */
    assert_int_equal(taken(500, -1, 40, 3501), 3);
    assert_int_equal(taken(500, -1, 40, 4501), 4);
    assert_int_equal(taken(0, -1, 40, 1001), 1);
    assert_int_equal(taken(-1, -1, 40, INT64_MAX), 0);
    assert_int_equal(taken(INT64_MAX, -1, 40, INT64_MAX), 0);
}

static void a_log_that_is_too_large_loses_what_is_over(void **state)
{
    (void)state;
    assert_int_equal(taken(-1, 650, 40, 0), 0);
    assert_int_equal(taken(-1, 551, 40, 0), 0); /* never below the limit */
    assert_int_equal(taken(-1, 550, 40, 0), 1);
    assert_int_equal(taken(-1, 251, 40, 0), 1);
    assert_int_equal(taken(-1, 250, 40, 0), 2);
    assert_int_equal(taken(-1, 0, 40, 0), 4);
    assert_int_equal(taken(500, 250, 40, 1501), 2); /* either limit is enough */
}

static void nothing_goes_above_the_high_watermark(void **state)
{
    (void)state;
    assert_int_equal(taken(0, 0, 40, 9999), 4);
    assert_int_equal(taken(0, 0, 39, 9999), 3);
    assert_int_equal(taken(0, 0, 9, 9999), 0);
}

/* ---- The active segment ------------------------------------------------- */

static void append(struct kd_partition *p, int64_t timestamp_ms, int64_t now_ms)
{
    uint8_t raw[KW_BATCH_HEADER_BYTES] = {0};
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.length = 100 - KW_BATCH_PREFIX_BYTES;
    header.record_count = 1;
    header.max_timestamp_ms = timestamp_ms;
    assert_int_equal(kd_partition_place(p, raw, &header, 4096, now_ms), KB_OK);
    (void)kd_partition_written(p, p->log_end);
    (void)kd_partition_flushed(p, p->log_end);
}

static bool retires(const struct kd_partition *p, int64_t ms, int64_t now_ms)
{
    struct kd_retention_limits limits = {ms, -1};
    struct kd_retention retention;
    kd_retention_begin(&retention, &limits, p->active.bytes, p->high_watermark, now_ms);
    return kd_partition_retires(p, &retention);
}

static void an_active_segment_is_as_old_as_its_latest_record(void **state)
{
    (void)state;
    struct kd_partition p;
    kd_partition_init(&p, 1);
    assert_false(retires(&p, 10, 99999)); /* an empty one stays */
    append(&p, 1000, 5000);
    append(&p, 700, 5000);
    assert_false(retires(&p, 500, 1500));
    assert_true(retires(&p, 500, 1501));
    append(&p, -1, 6000); /* without a time of its own: ours */
    assert_false(retires(&p, 500, 6500));
    assert_true(retires(&p, 500, 6501));
    p.log_end++; /* what is not flushed stays */
    assert_false(retires(&p, 500, 6501));
    p.log_end--;
    kd_partition_rolled(&p, 7000, 0);
    assert_false(retires(&p, 500, 99999));
    kd_partition_deinit(&p);
}

static void jitter_makes_a_segment_roll_sooner(void **state)
{
    (void)state;
    struct kd_partition p;
    struct kd_roll_limits limits = {1000, 5000, 1 << 20, 4096};
    struct kw_batch_header batch;
    kw_batch_header_init(&batch);
    batch.length = 88;
    batch.max_timestamp_ms = 5500;
    kd_partition_init(&p, 1);
    kd_partition_rolled(&p, 0, 0);
    append(&p, 1000, 0);
    assert_false(kd_partition_roll_due(&p, &limits, &batch, 0));
    kd_partition_rolled(&p, 0, 501);
    append(&p, 1000, 0);
    assert_true(kd_partition_roll_due(&p, &limits, &batch, 0));
    kd_partition_deinit(&p);
}

/* ---- The wall clock ----------------------------------------------------- */

/* Shows the clock each minute; the wall is ahead of monotonic time by `ahead`. */
struct watch {
    struct kd_wall wall;
    int64_t mono_ms;
};

static int64_t watch_for(struct watch *watch, int64_t ms, int64_t ahead_ms)
{
    int64_t believed = 0;
    for (int64_t end = watch->mono_ms + ms; watch->mono_ms < end;) {
        watch->mono_ms += MINUTE_MS;
        believed = kd_wall_believe(&watch->wall, (struct kb_time){watch->mono_ms, //
                                                                  watch->mono_ms + ahead_ms});
    }
    return believed - watch->mono_ms;
}

static void a_clock_that_runs_well_is_believed(void **state)
{
    (void)state;
    struct watch watch = {.mono_ms = 5000};
    assert_int_equal(watch_for(&watch, MINUTE_MS, 1000000), 1000000);
    assert_int_equal(watch_for(&watch, 5 * HOUR_MS, 1000000), 1000000);
}

static void a_jump_forward_is_believed_after_an_hour(void **state)
{
    (void)state;
    struct watch watch = {.mono_ms = 5000};
    watch_for(&watch, 3 * HOUR_MS, 0);
    assert_int_equal(watch_for(&watch, 59 * MINUTE_MS, HOUR_MS), 0);
    assert_int_equal(watch_for(&watch, 15 * MINUTE_MS, HOUR_MS), HOUR_MS);
}

static void a_jump_forward_that_is_taken_back_never_counts(void **state)
{
    (void)state;
    struct watch watch = {.mono_ms = 5000};
    watch_for(&watch, 3 * HOUR_MS, 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(watch_for(&watch, 50 * MINUTE_MS, HOUR_MS), 0);
        assert_int_equal(watch_for(&watch, MINUTE_MS, 0), 0);
    }
}

static void a_jump_backward_is_believed_at_once(void **state)
{
    (void)state;
    struct watch watch = {.mono_ms = 5000};
    watch_for(&watch, 3 * HOUR_MS, 0);
    assert_int_equal(watch_for(&watch, MINUTE_MS, -HOUR_MS), -HOUR_MS);
    assert_int_equal(watch_for(&watch, 50 * MINUTE_MS, 0), -HOUR_MS);
    assert_int_equal(watch_for(&watch, 20 * MINUTE_MS, 0), 0);
}

static void what_nobody_watched_has_not_held(void **state)
{
    (void)state;
    struct watch watch = {.mono_ms = 5000};
    watch_for(&watch, 3 * HOUR_MS, 0);
    watch.mono_ms += 24 * (int64_t)HOUR_MS; /* asleep, or too busy to ask */
    assert_int_equal(watch_for(&watch, MINUTE_MS, HOUR_MS), 0);
    assert_int_equal(watch_for(&watch, 50 * MINUTE_MS, HOUR_MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_segments_go),
        cmocka_unit_test(a_log_that_is_too_large_loses_what_is_over),
        cmocka_unit_test(nothing_goes_above_the_high_watermark),
        cmocka_unit_test(an_active_segment_is_as_old_as_its_latest_record),
        cmocka_unit_test(jitter_makes_a_segment_roll_sooner),
        cmocka_unit_test(a_clock_that_runs_well_is_believed),
        cmocka_unit_test(a_jump_forward_is_believed_after_an_hour),
        cmocka_unit_test(a_jump_forward_that_is_taken_back_never_counts),
        cmocka_unit_test(a_jump_backward_is_believed_at_once),
        cmocka_unit_test(what_nobody_watched_has_not_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
