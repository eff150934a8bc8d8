/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CLEAN_H
#define KD_CLEAN_H
/*
 * Whether a log with cleanup.policy=compact is to be compacted now. Its sealed
 * segments are looked at from the oldest on:
 *
 *     log start        first dirty             until         active segment
 *        |--- clean -------|------- dirty --------|-- not yet ------|----
 *
 *     kd_clean_begin(&look, &limits, first_dirty, stable_end, now_ms);
 *     for each sealed segment, kd_clean_sees(&look, segment);
 *     if (kd_clean_is_due(&look)) compact it up to look.until
 *
 * Clean is what an earlier compaction went over, and what its map knew. Not yet
 * is what is not stable, or younger than min.compaction.lag.ms. Pure.
 */
#include "broker/core/retention.h"

struct kd_clean_limits {
    double min_ratio;               /* min.cleanable.dirty.ratio */
    int64_t min_lag_ms, max_lag_ms; /* INT64_MAX: without bound */
};

struct kd_clean_look {
    double min_ratio;
    int64_t first_dirty, stable_end;
    int64_t young_ms;   /* what is younger stays as it is; INT64_MAX: nothing is too young */
    int64_t overdue_ms; /* what is as old must be compacted; INT64_MIN: nothing */
    bool ended, overdue;
    int64_t clean_bytes, dirty_bytes;
    int64_t until; /* dirty are the segments that end in (first_dirty, until] */
};

/* now_ms is a wall clock's time that is to be believed: wall.h. stable_end: the
 * last stable offset. */
void kd_clean_begin(struct kd_clean_look *look, const struct kd_clean_limits *limits,
                    int64_t first_dirty, int64_t stable_end, int64_t now_ms);
/* False: the rest need not be shown. */
bool kd_clean_sees(struct kd_clean_look *look, const struct kd_segment_facts *segment);

double kd_clean_ratio(const struct kd_clean_look *look); /* dirty bytes among those seen */
bool kd_clean_is_due(const struct kd_clean_look *look);
/* Of two that are due: is `a` to be compacted before `b`? */
bool kd_clean_is_before(const struct kd_clean_look *a, const struct kd_clean_look *b);

#endif
