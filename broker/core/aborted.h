/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_ABORTED_H
#define KD_ABORTED_H
/*
 * A transaction that was aborted, as Kafka's .txnindex keeps it: one of them for
 * each abort marker in a log, in the order of the markers. Batches of its producer
 * between the two offsets are not for a reader who wants what is committed.
 */
#include <stdint.h>

struct kd_aborted {
    int64_t producer_id;
    int64_t first_offset;  /* of its first batch in this log */
    int64_t last_offset;   /* of its marker */
    int64_t stable_offset; /* what the last stable offset is once the marker is there: the
                              first open transaction that is left, else behind the marker.
                              So whatever is aborted below it stands here or before */
};

#endif
