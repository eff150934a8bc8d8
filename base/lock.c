/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KB_LOCK_SPINS = 64 }; /* about the time of one short section */

static void futex(struct kb_lock *lock, int op, unsigned value)
{
    syscall(SYS_futex, &lock->word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

void kb_lock_wait(struct kb_lock *lock)
{
    for (int i = 0; i < KB_LOCK_SPINS; i++) {
        if (atomic_load_explicit(&lock->word, memory_order_relaxed) == 0 && kb_lock_try(lock))
            return;
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
    while (atomic_exchange(&lock->word, 2) != 0)
        futex(lock, FUTEX_WAIT, 2);
}

void kb_lock_wake(struct kb_lock *lock)
{
    futex(lock, FUTEX_WAKE, 1);
}
