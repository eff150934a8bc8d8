/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_TIMERS_H
#define KN_TIMERS_H
/*
 * The timers of one loop: a heap by deadline, and beside it a list for those
 * that the heap had no memory for. That list is searched from end to end: out
 * of memory makes timers slow, never late or lost.
 */
#include "net/loop.h"

struct kn_timers {
    struct kb_heap heap;
    struct kb_list spill;
};

void kn_timers_init(struct kn_timers *timers);
void kn_timers_deinit(struct kn_timers *timers); /* what is set is forgotten */
void kn_timers_put(struct kn_timers *timers, struct kn_timer *timer, int64_t deadline_ms);
void kn_timers_remove(struct kn_timers *timers, struct kn_timer *timer); /* not set: nothing */
int64_t kn_timers_first_ms(const struct kn_timers *timers);              /* KB_NEVER: none */
/* Fires at most `max` that are due; those set meanwhile wait for the next run. */
void kn_timers_run(struct kn_timers *timers, int64_t now_ms, int max);

#endif
