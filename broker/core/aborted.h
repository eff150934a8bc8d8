/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_ABORTED_H
#define KD_ABORTED_H
/*
 * A transaction that was aborted, as Kafka's .txnindex keeps it: one of them for
 * each abort marker in a log, in the order of the markers. Batches of its producer
 * between the two offsets are not for a reader who wants what is committed.
 */
#include <stddef.h>
#include <stdint.h>

struct kd_aborted {
    int64_t producer_id;
    int64_t first_offset;  /* of its first batch in this log */
    int64_t last_offset;   /* of its marker */
    int64_t stable_offset; /* what the last stable offset is once the marker is there: the
                              first open transaction that is left, else behind the marker.
                              So whatever is aborted below it stands here or before */
};

/* Freed with kd_aborted_list_deinit. */
struct kd_aborted_list {
    struct kd_aborted *items; /* in the order of their markers */
    size_t count;
};
void kd_aborted_list_deinit(struct kd_aborted_list *list);

/* More than any reader is told at a time. */
enum { KD_ABORTED_MAX = 1 << 16 };

#endif
