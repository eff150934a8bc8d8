/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_WAIT_H
#define KC_WAIT_H
/*
 * How an application's thread waits for something that the loop does.
 *
 * Each thread inside a wait holds one slot: an eventfd that it sleeps on in
 * ppoll, and a mask of what it waits for. The loop (or any thread) that changes
 * something calls kc_notify with the bits concerned. A signal handler that ran
 * in the waiting thread ends its wait, and so does kc_wake, which is
 * async-signal-safe: it touches atomics and writes to eventfds, nothing else.
 *
 * A wake ends every wait in progress; where there is none it sticks for the
 * next. "Check, then sleep" cannot lose a notification: the slot is armed before
 * the condition is looked at, and an eventfd stays readable until it is drained.
 *
 * Slots are made on demand, never moved and never closed before deinit, so that
 * a wake may walk them at any time.
 */
#include "base/error.h"
#include <stdatomic.h>

struct kurier_runtime;
struct kc_slot;

struct kc_waits {
    _Atomic(struct kc_slot *) slots; /* grows at its head */
    atomic_bool woken;               /* a wake that nobody was there for */
};

void kc_waits_init(struct kc_waits *waits);
void kc_waits_deinit(struct kc_waits *waits); /* nobody waits any more */

/* True: what was waited for is there. Runs on the waiting thread, often. */
typedef bool kc_ready_fn(void *ctx);

/*
 * Waits until ready(ctx), at most timeout_ms (KB_FOREVER: no end), looked at
 * anew after each kc_notify with a bit of `interest`. On a driven runtime it
 * steps the runtime meanwhile. 0, KB_E_TIMED_OUT, KB_E_INTERRUPTED or
 * KB_E_NO_MEMORY; err tells. With timeout 0 on a driven runtime nothing is stepped.
 */
int kc_wait(struct kc_waits *waits, struct kurier_runtime *runtime, uint32_t interest,
            kc_ready_fn *ready, void *ctx, int timeout_ms, struct kb_error *err);
void kc_notify(struct kc_waits *waits, uint32_t interest); /* any thread */
void kc_wake(struct kc_waits *waits);                      /* any thread, signal handlers */

#endif
