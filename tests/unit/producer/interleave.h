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
 * met that was met before (what is shared, and every thread's stack and
 * registers), what follows is known already and the run is cut off. So what
 * threads refer to must lie at the same address in every run: in static memory.
 *
 * The code under test is compiled into the test, behind the macros at the end
 * of this file: nothing of this is in the product. Operations count as
 * sequentially consistent, which is what the code asks for; explicit relaxed
 * ones are no steps and must lie under a lock or not matter.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IL_THREADS = 3 };

struct il_scenario {
    void (*reset)(void *ctx); /* everything as at the start */
    void (*threads[IL_THREADS])(void *ctx);
    /* May this thread go on? Asked while it stands in il_block. */
    bool (*ready[IL_THREADS])(void *ctx);
    uint64_t (*hash)(void *ctx); /* of all that is shared */
    void (*finished)(void *ctx); /* nobody can go on: look at the outcome */
    void *ctx;
};

struct il_result {
    uint64_t runs, states, steps, outcomes;
    bool complete; /* every order was tried */
};

/* max_runs 0: all there are. */
struct il_result il_explore(const struct il_scenario *scenario, uint64_t max_runs);

/* ---- Inside a thread ---- */
void il_step(void);         /* somebody else may come before what follows */
void il_block(void);        /* until ready() */
int il_choose(int options); /* each of them is tried */
uint64_t il_mix(uint64_t hash, uint64_t value);

struct kb_lock;
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
#define atomic_load(p) (il_step(), __atomic_load_n(p, __ATOMIC_SEQ_CST))
#define atomic_store(p, v) (il_step(), __atomic_store_n(p, v, __ATOMIC_SEQ_CST))
#define atomic_exchange(p, v) (il_step(), __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))
#define atomic_fetch_add(p, v) (il_step(), __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST))
#define atomic_fetch_sub(p, v) (il_step(), __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST))
#define atomic_fetch_or(p, v) (il_step(), __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST))
#define atomic_compare_exchange_strong(p, was, v)                                                  \
    (il_step(), __atomic_compare_exchange_n(p, was, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
#define kb_lock_enter il_lock_enter
#define kb_lock_try il_lock_try
#define kb_lock_leave il_lock_leave
#endif

#endif
