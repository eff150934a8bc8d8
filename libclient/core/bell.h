/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_BELL_H
#define KC_BELL_H
/*
 * How senders tell the loop that a slot has something for it, without a lock
 * and without a wake-up per record:
 *
 *   senders ── ring ──> stack of slots ── take ──> the loop
 *
 * A slot stands in the stack at most once. The loop is woken (kick) only if it
 * would not look in time by itself: a slot whose batch was merely opened can
 * wait as long as the loop has promised (`watched`) to look before the oldest
 * open batch has lingered long enough, and all batches linger equally long.
 */
#include <stdatomic.h>
#include <stdbool.h>

struct kc_rung {
    struct kc_rung *next;
    atomic_uint state; /* 0: not in the stack; KC_RUNG_IN, KC_RUNG_URGENT */
};

struct kc_bell {
    _Atomic(struct kc_rung *) top;
    atomic_bool watched;
    atomic_bool kicked;                 /* a kick is on its way to the loop */
    void (*kick)(struct kc_bell *bell); /* any thread */
    void *ctx;
};

/* Any thread. urgent: a sealed batch waits, or the loop asked for this. */
void kc_bell_ring(struct kc_bell *bell, struct kc_rung *slot, bool urgent);

/* The loop, when kicked and when its timer fires: a kick from now on is a new
 * one. Then it takes all that rang, oldest first. */
void kc_bell_answer(struct kc_bell *bell);
struct kc_rung *kc_bell_take(struct kc_bell *bell);
/* The next of a list that was taken. The slot may ring again from here on, so
 * look at it only afterwards. */
struct kc_rung *kc_bell_release(struct kc_rung *slot);
/* The loop, before it rests. watched: its timer fires before any open batch is
 * due. False: something rang meanwhile, take again. */
bool kc_bell_rest(struct kc_bell *bell, bool watched);

#endif
