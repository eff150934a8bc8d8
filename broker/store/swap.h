/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_SWAP_H
#define KD_SWAP_H
/*
 * A compacted segment takes the place of those that it was made from, in Kafka's
 * steps, so that a crash at any of them leaves the old or the new:
 *
 *     42.log.cleaned   being made; worth nothing
 *     42.log.swap      whole and on the disk: from here on it counts
 *     43.log 44.log    what it stands for, unlinked; 42.log goes last, by
 *     42.log           a rename over it
 *
 * Each step's names are on the disk before the next. Indexes go before and come
 * after, so that none ever lies beside a log that it does not tell of. A compacted
 * segment ends where the last of the old ones did: what it stands for is told by
 * its offsets, and loading (recover.h) finishes what was begun.
 */
#include "broker/store/log.h"

struct kd_swap {
    struct kd_segment *const *old; /* one after the other; borrowed */
    size_t count;
    struct kd_segment *made; /* kd_segment_adopt of the ".log.cleaned", synced, as are its
                                index files; borrowed, pinned all the while */
    bool begun;              /* set: it counts, and a failure leaves the rest to the next start */
};

/* -ESTALE: the log has other segments by now. Unless begun, nothing is changed. */
int kd_log_swap(struct kd_log *log, struct kd_swap *swap);
/* Unlinks what was made and not swapped. */
void kd_log_drop_made(struct kd_log *log, int64_t base_offset);

#endif
