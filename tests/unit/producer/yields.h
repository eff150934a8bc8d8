/* SPDX-License-Identifier: Apache-2.0 */
#ifndef YIELDS_H
#define YIELDS_H
/*
 * Real threads that give way at the worst moments: the code under test is
 * compiled into the test with a chance of sched_yield before each operation on
 * an atomic or a lock. Meant for ThreadSanitizer, useful without.
 */
#include "base/lock.h"
#include "base/random.h"
#include <sched.h>

static _Thread_local struct kb_random yield_random;

static inline void yield_perhaps(void)
{
    if (kb_random_below(&yield_random, 8) == 0)
        sched_yield();
}

static inline void yield_lock_enter(struct kb_lock *lock)
{
    yield_perhaps();
    kb_lock_enter(lock);
    yield_perhaps();
}

static inline bool yield_lock_try(struct kb_lock *lock)
{
    yield_perhaps();
    return kb_lock_try(lock);
}

static inline void yield_lock_leave(struct kb_lock *lock)
{
    yield_perhaps();
    kb_lock_leave(lock);
}

#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_fetch_or
#undef atomic_compare_exchange_strong
#define atomic_load(p) (yield_perhaps(), atomic_load_explicit(p, memory_order_seq_cst))
#define atomic_store(p, v) (yield_perhaps(), atomic_store_explicit(p, v, memory_order_seq_cst))
#define atomic_exchange(p, v)                                                                      \
    (yield_perhaps(), atomic_exchange_explicit(p, v, memory_order_seq_cst))
#define atomic_fetch_add(p, v)                                                                     \
    (yield_perhaps(), atomic_fetch_add_explicit(p, v, memory_order_seq_cst))
#define atomic_fetch_sub(p, v)                                                                     \
    (yield_perhaps(), atomic_fetch_sub_explicit(p, v, memory_order_seq_cst))
#define atomic_fetch_or(p, v)                                                                      \
    (yield_perhaps(), atomic_fetch_or_explicit(p, v, memory_order_seq_cst))
#define atomic_compare_exchange_strong(p, was, v)                                                  \
    (yield_perhaps(), atomic_compare_exchange_strong_explicit(p, was, v, memory_order_seq_cst,     \
                                                              memory_order_seq_cst))
#define kb_lock_enter yield_lock_enter
#define kb_lock_try yield_lock_try
#define kb_lock_leave yield_lock_leave

#endif
