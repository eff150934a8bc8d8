/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTERLEAVE_H
#define INTERLEAVE_H
/*
 * Runs a few threads of a test in every order that there is. Threads are
 * contexts in one real thread; each atomic operation and each operation on a
 * lock is a step, and before each the scheduler decides whose step comes next.
 *
 * The search is depth first. A run starts from nothing and follows the choices
 * of the last one up to the newest with an alternative left. Where a state is
 * met that was met before (what is shared, and how far each thread has come
 * with what results), what follows is known already and the run is cut off.
 *
 * The code under test is compiled into the test, behind the macros at the end
 * of this file: nothing of this is in the product. Operations count as
 * sequentially consistent, which is what the code asks for; explicit relaxed
 * ones are no steps and must lie under a lock or not matter.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kb_lock;

enum { IL_THREADS = 3 };

struct il_scenario {
    void (*reset)(void *ctx); /* everything as at the start */
    void (*threads[IL_THREADS])(void *ctx);
    /* May this thread go on? Asked while it stands in il_block. */
    bool (*ready[IL_THREADS])(void *ctx);
    uint64_t (*hash)(void *ctx); /* of all that is shared */
    uint64_t (*hash_locked)(void *ctx, struct kb_lock *lock); /* of what this lock protects */
    void (*finished)(void *ctx); /* nobody can go on: look at the outcome */
    void *ctx;
};

struct il_result {
    uint64_t runs, states, steps, outcomes;
};

struct il_result il_explore(const struct il_scenario *scenario);

/* ---- Inside a thread ---- */
/* From here on the thread's own state is `local` alone: runs that meet here
 * with the same one are the same. */
void il_phase(uint64_t local);
void il_block(void);        /* until ready() */
int il_choose(int options); /* each of them is tried */
void il_step(void);         /* somebody else may come before what follows */
uint64_t il_saw(uint64_t value); /* a result that the thread now knows; answers it */
uint64_t il_mix(uint64_t hash, uint64_t value);

void il_lock_enter(struct kb_lock *lock);
bool il_lock_try(struct kb_lock *lock);
void il_lock_leave(struct kb_lock *lock);

#ifdef INTERLEAVE_INSTRUMENT
#include "base/lock.h"
#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_fetch_or
#undef atomic_compare_exchange_strong
#define IL_RESULT(type, expr)                                                                      \
    ({                                                                                             \
        il_step();                                                                                 \
        type il_value = (expr);                                                                    \
        il_saw((uint64_t)(uintptr_t)il_value);                                                     \
        il_value;                                                                                  \
    })
#define IL_TYPE(p) __typeof__(((void)0, *(p)))
#define atomic_load(p) IL_RESULT(IL_TYPE(p), __atomic_load_n(p, __ATOMIC_SEQ_CST))
#define atomic_store(p, v) (il_step(), __atomic_store_n(p, v, __ATOMIC_SEQ_CST))
#define atomic_exchange(p, v) IL_RESULT(IL_TYPE(p), __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))
#define atomic_fetch_add(p, v) IL_RESULT(IL_TYPE(p), __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST))
#define atomic_fetch_sub(p, v) IL_RESULT(IL_TYPE(p), __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST))
#define atomic_fetch_or(p, v) IL_RESULT(IL_TYPE(p), __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST))
#define atomic_compare_exchange_strong(p, was, v)                                                  \
    ({                                                                                             \
        il_step();                                                                                 \
        bool il_done = __atomic_compare_exchange_n(p, was, v, false, __ATOMIC_SEQ_CST,             \
                                                   __ATOMIC_SEQ_CST);                              \
        il_saw(il_mix(il_done, (uint64_t)(uintptr_t) * (was)));                                    \
        il_done;                                                                                   \
    })
#define kb_lock_enter il_lock_enter
#define kb_lock_try il_lock_try
#define kb_lock_leave il_lock_leave
#endif

#endif
