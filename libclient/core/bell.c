/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/bell.h"
#include <stddef.h>

enum { KC_RUNG_IN = 1, KC_RUNG_URGENT = 2 };

static void push(struct kc_bell *bell, struct kc_rung *slot)
{
    struct kc_rung *top = atomic_load_explicit(&bell->top, memory_order_relaxed);
    do
        slot->next = top;
    while (!atomic_compare_exchange_strong(&bell->top, &top, slot));
}

/*
 * Push, then look at `watched`; the loop sets `watched`, then looks at the
 * stack (rest). One of the two sees the other. Who finds the slot in already
 * may have overtaken the thread that is just putting it there: that one then
 * kicks for both, so it looks at the state again.
 */
void kc_bell_ring(struct kc_bell *bell, struct kc_rung *slot, bool urgent)
{
    unsigned was = atomic_fetch_or(&slot->state, KC_RUNG_IN | (urgent ? KC_RUNG_URGENT : 0));
    if (!(was & KC_RUNG_IN)) {
        push(bell, slot);
        urgent = urgent || (atomic_load(&slot->state) & KC_RUNG_URGENT);
    }
    if (!urgent && atomic_load(&bell->watched))
        return;
    if (!atomic_exchange(&bell->kicked, true))
        bell->kick(bell);
}

void kc_bell_answer(struct kc_bell *bell)
{
    atomic_store(&bell->kicked, false);
}

struct kc_rung *kc_bell_take(struct kc_bell *bell)
{
    struct kc_rung *newest = atomic_exchange(&bell->top, NULL), *oldest = NULL;
    while (newest) {
        struct kc_rung *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

struct kc_rung *kc_bell_release(struct kc_rung *slot)
{
    struct kc_rung *next = slot->next;
    atomic_store(&slot->state, 0);
    return next;
}

bool kc_bell_rest(struct kc_bell *bell, bool watched)
{
    atomic_store(&bell->watched, watched);
    return watched || atomic_load(&bell->top) == NULL;
}
