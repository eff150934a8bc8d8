/* SPDX-License-Identifier: Apache-2.0 */
#include "net/timers.h"

void kn_timer_init(struct kn_timer *timer, void (*fn)(struct kn_timer *))
{
    *timer = (struct kn_timer){.fn = fn};
    kb_list_init(&timer->spill);
}

bool kn_timer_is_set(const struct kn_timer *timer)
{
    return timer->node.position != 0 || !kb_list_empty(&timer->spill);
}

void kn_timers_init(struct kn_timers *timers)
{
    kb_heap_init(&timers->heap);
    kb_list_init(&timers->spill);
}

void kn_timers_deinit(struct kn_timers *timers)
{
    kb_heap_deinit(&timers->heap);
}

void kn_timers_put(struct kn_timers *timers, struct kn_timer *timer, int64_t deadline_ms)
{
    if (kb_heap_put(&timers->heap, &timer->node, deadline_ms))
        return;
    timer->node.key = deadline_ms;
    kb_list_push_back(&timers->spill, &timer->spill);
}

void kn_timers_remove(struct kn_timers *timers, struct kn_timer *timer)
{
    kb_heap_remove(&timers->heap, &timer->node);
    kb_list_remove(&timer->spill);
}

int64_t kn_timers_first_ms(const struct kn_timers *timers)
{
    const struct kb_heap_node *first = kb_heap_first(&timers->heap);
    int64_t first_ms = first ? first->key : KB_NEVER;
    KB_LIST_EACH(it, &timers->spill)
        first_ms = KB_MIN(first_ms, KB_CONTAINER(it, struct kn_timer, spill)->node.key);
    return first_ms;
}

/* Puts each anew: into the heap if it has room again, else back to the spill. */
static void retry_spill(struct kn_timers *timers, int64_t now_ms)
{
    struct kb_list waiting;
    struct kb_list *it;
    kb_list_init(&waiting);
    while ((it = kb_list_pop_front(&timers->spill)))
        kb_list_push_back(&waiting, it);
    while ((it = kb_list_pop_front(&waiting))) {
        struct kn_timer *timer = KB_CONTAINER(it, struct kn_timer, spill);
        if (timer->node.key <= now_ms)
            timer->fn(timer);
        else
            kn_timers_put(timers, timer, timer->node.key);
    }
}

void kn_timers_run(struct kn_timers *timers, int64_t now_ms, int max)
{
    uint64_t before = timers->heap.inserted;
    if (!kb_list_empty(&timers->spill))
        retry_spill(timers, now_ms);
    for (int i = 0; i < max; i++) {
        struct kb_heap_node *first = kb_heap_first(&timers->heap);
        if (!first || first->key > now_ms || first->order >= before)
            return;
        struct kn_timer *timer = KB_CONTAINER(first, struct kn_timer, node);
        kb_heap_remove(&timers->heap, first);
        timer->fn(timer);
    }
}
