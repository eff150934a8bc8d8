/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/group/modern/assign.h"
#include "base/check.h"
#include <stdlib.h>

struct place {
    const struct kd_assign_member *member;
    int32_t index;
};

static int by_name(const void *a, const void *b)
{
    const struct kd_assign_member *x = ((const struct place *)a)->member;
    const struct kd_assign_member *y = ((const struct place *)b)->member;
    if (x->instance.data && y->instance.data)
        return kb_slice_compare(x->instance, y->instance);
    if (x->instance.data || y->instance.data)
        return x->instance.data ? -1 : 1;
    return kb_slice_compare(x->id, y->id);
}

/* All members in their order; rank: where in it each of them is. */
static bool put_in_order(const struct kd_assign *assign, struct place **order, int32_t **rank)
{
    size_t count = (size_t)assign->member_count;
    *order = kb_arena_array(assign->arena, count, sizeof **order);
    *rank = kb_arena_array(assign->arena, count, sizeof **rank);
    if (!*order || !*rank)
        return false;
    for (int32_t i = 0; i < assign->member_count; i++)
        (*order)[i] = (struct place){&assign->members[i], i};
    qsort(*order, count, sizeof **order, by_name);
    for (int32_t i = 0; i < assign->member_count; i++)
        (*rank)[(*order)[i].index] = i;
    return true;
}

static int by_value(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* ranks: of those who share it, in order; NULL: all. The first ones have one more where
 * it does not come out even. */
static void share(struct kd_assign *assign, const struct kd_assign_topic *topic,
                  const struct place *order, const int32_t *ranks)
{
    int32_t each = topic->count / topic->subscriber_count;
    int32_t more = topic->count % topic->subscriber_count;
    int32_t at = topic->first, end = topic->first + topic->count;
    for (int32_t s = 0; at < end; s++) {
        int32_t take = each + (s < more);
        int32_t member = order[ranks ? ranks[s] : s].index;
        for (; take > 0; take--)
            assign->owner[at++] = member;
    }
}

bool kd_assign_range(struct kd_assign *assign)
{
    struct place *order;
    int32_t *rank, *ranks;
    if (!put_in_order(assign, &order, &rank))
        return false;
    ranks = kb_arena_array(assign->arena, (size_t)assign->member_count, sizeof *ranks);
    if (!ranks)
        return false;
    for (int32_t t = 0; t < assign->topic_count; t++) {
        const struct kd_assign_topic *topic = &assign->topics[t];
        if (assign->alike) {
            share(assign, topic, order, NULL);
            continue;
        }
        for (int32_t s = 0; s < topic->subscriber_count; s++)
            ranks[s] = rank[topic->subscribers[s]];
        qsort(ranks, (size_t)topic->subscriber_count, sizeof *ranks, by_value);
        share(assign, topic, order, ranks);
    }
    return true;
}
