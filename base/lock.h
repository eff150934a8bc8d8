/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_LOCK_H
#define KB_LOCK_H
/*
 * A lock of four bytes for critical sections of some tens of nanoseconds:
 * 0 free, 1 held, 2 held and somebody sleeps. Zeroed memory is a free lock;
 * there is nothing to deinit. Every operation is sequentially consistent, so
 * that what one side writes before a refused kb_lock_try is seen by the
 * holder after its kb_lock_leave.
 */
#include <stdatomic.h>
#include <stdbool.h>

struct kb_lock {
    atomic_uint word;
};

void kb_lock_wait(struct kb_lock *lock); /* enter's slow half */
void kb_lock_wake(struct kb_lock *lock); /* leave's slow half */

static inline bool kb_lock_try(struct kb_lock *lock)
{
    unsigned was = 0;
    return atomic_compare_exchange_strong(&lock->word, &was, 1);
}

static inline void kb_lock_enter(struct kb_lock *lock)
{
    if (!kb_lock_try(lock))
        kb_lock_wait(lock);
}

static inline void kb_lock_leave(struct kb_lock *lock)
{
    if (atomic_exchange(&lock->word, 0) == 2)
        kb_lock_wake(lock);
}

#endif
