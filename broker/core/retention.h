/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_RETENTION_H
#define KD_RETENTION_H
/*
 * Which segments of a log may go, by age and by size. They are looked at from
 * the oldest on, and the first that has to stay ends it:
 *
 *     kd_retention_begin(&r, &limits, log_bytes, high_watermark, now_ms);
 *     while (kd_retention_takes(&r, next segment))
 *         the log may begin behind it
 *
 * A segment is as old as its latest record. The log never gets smaller than
 * its limit, and nothing at or above the high watermark goes. Pure.
 */
#include <stdbool.h>
#include <stdint.h>

struct kd_retention_limits {
    int64_t ms, bytes; /* -1: without limit */
};

struct kd_segment_facts {
    int64_t base_offset, end_offset;
    int64_t bytes;
    int64_t latest_ms; /* of its records; where they have no time, of its last write */
    int64_t first_ms;  /* of its first batch; latest_ms where that has no time */
};

struct kd_retention {
    bool by_age;
    int64_t horizon_ms;   /* what is older goes */
    int64_t excess_bytes; /* of the log over its limit; negative: none */
    int64_t high_watermark;
};

/* now_ms is a wall clock's time that is to be believed: wall.h. */
void kd_retention_begin(struct kd_retention *retention, const struct kd_retention_limits *limits,
                        int64_t log_bytes, int64_t high_watermark, int64_t now_ms);
/* True: it may go, and is no longer counted. */
bool kd_retention_takes(struct kd_retention *retention, const struct kd_segment_facts *segment);

#endif
