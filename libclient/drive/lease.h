/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_LEASE_H
#define KC_LEASE_H
/*
 * Until when the application counts as alive to its group. A poll says so with its
 * time; single records, done and progress, which have no time to spare, only that
 * they were there: it counts from when the loop looks next, at the latest a
 * heartbeat later.
 */
#include "base/time.h"
#include <stdatomic.h>
#include <stdbool.h>

struct kc_lease {
    atomic_llong until_ms; /* mono */
    atomic_bool active;    /* something was done since the loop looked */
    atomic_bool waiting;   /* a poll waits */
};

static inline void kc_lease_touch(struct kc_lease *lease)
{
    if (!atomic_load_explicit(&lease->active, memory_order_relaxed))
        atomic_store_explicit(&lease->active, true, memory_order_relaxed);
}

/* Never earlier than it was. */
static inline void kc_lease_extend(struct kc_lease *lease, int64_t until_ms)
{
    long long now = atomic_load(&lease->until_ms);
    while (now < until_ms && !atomic_compare_exchange_weak(&lease->until_ms, &now, until_ms))
        ;
}

/* On the loop. */
static inline int64_t kc_lease_look(struct kc_lease *lease, struct kb_time now, int32_t interval_ms)
{
    bool active = atomic_exchange(&lease->active, false);
    if (active || atomic_load(&lease->waiting))
        kc_lease_extend(lease, now.mono_ms + interval_ms);
    return atomic_load(&lease->until_ms);
}

#endif
