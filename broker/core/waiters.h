/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_WAITERS_H
#define KD_WAITERS_H
/*
 * Who waits for a partition to advance: the purgatory of delayed fetches. A
 * fetch that found too little leaves one mark on each of its partitions; the
 * first that moves wakes it, once, and it looks again at all of them.
 *
 *     partition 0   waiters <-> mark a <-> mark b
 *     partition 1   waiters <-> mark a
 *
 * Pure, without a queue of its own: wake() is called from kd_waiters_wake and
 * must not do more than note that there is work.
 */
#include "base/list.h"
#include <stddef.h>

struct kd_waiter {
    void (*wake)(struct kd_waiter *waiter);
    struct kd_mark *marks; /* one per partition it waits for */
    size_t count;          /* placed */
};

struct kd_mark {
    struct kb_list link; /* in the partition's list */
    struct kd_waiter *waiter;
};

/* `marks`: as many as partitions, they live as long as the waiter. */
void kd_waiter_init(struct kd_waiter *waiter, void (*wake)(struct kd_waiter *),
                    struct kd_mark *marks);
/* Puts its next mark on this partition's list. */
void kd_waiter_arm(struct kd_waiter *waiter, struct kb_list *partition);
/* Takes all its marks back.. */
void kd_waiter_disarm(struct kd_waiter *waiter);

/* Disarms and wakes all that wait here. */
void kd_waiters_wake(struct kb_list *partition);

#endif
