/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool is a row of partitions that the same members share: of all topics where
 * everybody subscribes to all of them, else of one. In each, what nobody has goes
 * to who has least; then who has most gives to who has least, as long as that
 * brings them nearer. Pools that share members disturb each other, so that is
 * repeated until nothing moves any more.
 */
#include "broker/core/group/modern/assign.h"
#include "base/heap.h"
#include <stdlib.h>

enum { ROUNDS_MAX = 16 };

struct hand {
    struct kb_heap_node least, most; /* by load; the second by what it has of this pool */
    int32_t load;                    /* partitions of all pools */
    int32_t first;                   /* of this pool, a chain through next[]; -1: none */
};

struct uniform {
    struct kd_assign *assign;
    struct hand *hands;
    int32_t *next;
    struct kb_heap least, most;
};

struct pool {
    int32_t first, end; /* partitions */
    const int32_t *members;
    int32_t member_count;
};

static int32_t member_at(const struct uniform *u, const struct hand *hand)
{
    return (int32_t)(hand - u->hands);
}

static void give(struct uniform *u, int32_t partition, int32_t member)
{
    u->assign->owner[partition] = member;
    u->hands[member].load++;
}

static void clear(struct uniform *u, const struct pool *pool)
{
    for (int32_t i = 0; i < pool->member_count; i++) {
        kb_heap_remove(&u->least, &u->hands[pool->members[i]].least);
        kb_heap_remove(&u->most, &u->hands[pool->members[i]].most);
    }
}

/* ---- What nobody has ---- */

static bool rank_least(struct uniform *u, const struct pool *pool)
{
    for (int32_t i = 0; i < pool->member_count; i++) {
        struct hand *hand = &u->hands[pool->members[i]];
        if (!kb_heap_put(&u->least, &hand->least, hand->load))
            return false;
    }
    return true;
}

static bool fill(struct uniform *u, const struct pool *pool)
{
    bool whole = rank_least(u, pool);
    for (int32_t p = pool->first; whole && p < pool->end; p++) {
        if (u->assign->owner[p] >= 0)
            continue;
        struct hand *hand = KB_CONTAINER(kb_heap_first(&u->least), struct hand, least);
        give(u, p, member_at(u, hand));
        kb_heap_move(&u->least, &hand->least, hand->load);
    }
    clear(u, pool);
    return whole;
}

/* ---- From who has most to who has least ---- */

static bool rank_most(struct uniform *u, const struct pool *pool)
{
    const int32_t *owner = u->assign->owner;
    for (int32_t i = 0; i < pool->member_count; i++)
        u->hands[pool->members[i]].first = -1;
    for (int32_t p = pool->first; p < pool->end; p++) {
        u->next[p] = u->hands[owner[p]].first;
        u->hands[owner[p]].first = p;
    }
    for (int32_t i = 0; i < pool->member_count; i++) {
        struct hand *hand = &u->hands[pool->members[i]];
        if (hand->first >= 0 && !kb_heap_put(&u->most, &hand->most, -(int64_t)hand->load))
            return false;
    }
    return true;
}

static void move(struct uniform *u, struct hand *from, struct hand *to)
{
    int32_t partition = from->first;
    from->first = u->next[partition];
    from->load--;
    give(u, partition, member_at(u, to));
    kb_heap_move(&u->least, &from->least, from->load);
    kb_heap_move(&u->least, &to->least, to->load);
    if (from->first < 0)
        kb_heap_remove(&u->most, &from->most);
    else
        kb_heap_move(&u->most, &from->most, -(int64_t)from->load);
    if (to->most.position)
        kb_heap_move(&u->most, &to->most, -(int64_t)to->load);
}

/* What somebody was given here is not in its chain: who has least does not come to have
 * most. */
static bool level(struct uniform *u, const struct pool *pool, bool *moved)
{
    bool whole = rank_least(u, pool) && rank_most(u, pool);
    while (whole && kb_heap_first(&u->most)) {
        struct hand *from = KB_CONTAINER(kb_heap_first(&u->most), struct hand, most);
        struct hand *to = KB_CONTAINER(kb_heap_first(&u->least), struct hand, least);
        if (from->load - to->load <= 1)
            break;
        move(u, from, to);
        *moved = true;
    }
    clear(u, pool);
    return whole;
}

/* ---- Pools ---- */

/* First those with most partitions for each subscriber: they leave least to choose. */
static int by_need(const void *a, const void *b)
{
    const struct pool *x = a, *y = b;
    int64_t left = (int64_t)(x->end - x->first) * y->member_count;
    int64_t right = (int64_t)(y->end - y->first) * x->member_count;
    if (left != right)
        return left > right ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

static struct pool *make_pools(struct kd_assign *assign, int32_t *count)
{
    *count = assign->alike ? KB_MIN(assign->topic_count, 1) : assign->topic_count;
    struct pool *pools = kb_arena_array(assign->arena, (size_t)*count, sizeof *pools);
    for (int32_t i = 0; pools && i < *count; i++) {
        const struct kd_assign_topic *topic = &assign->topics[i];
        int32_t end = assign->alike ? assign->partition_count : topic->first + topic->count;
        pools[i] = (struct pool){topic->first, end, topic->subscribers, topic->subscriber_count};
    }
    if (pools && *count)
        qsort(pools, (size_t)*count, sizeof *pools, by_need);
    return pools;
}

static bool run(struct uniform *u, const struct pool *pools, int32_t count)
{
    bool moved = true;
    int rounds = count > 1 ? ROUNDS_MAX : 1;
    for (int32_t p = 0; p < u->assign->partition_count; p++)
        if (u->assign->owner[p] >= 0)
            u->hands[u->assign->owner[p]].load++;
    for (int32_t i = 0; i < count; i++)
        if (!fill(u, &pools[i]))
            return false;
    for (int round = 0; moved && round < rounds; round++) {
        moved = false;
        for (int32_t i = 0; i < count; i++)
            if (!level(u, &pools[i], &moved))
                return false;
    }
    return true;
}

bool kd_assign_uniform(struct kd_assign *assign)
{
    struct uniform u = {.assign = assign};
    int32_t count;
    struct pool *pools = make_pools(assign, &count);
    u.hands = kb_arena_array(assign->arena, (size_t)assign->member_count, sizeof *u.hands);
    u.next = kb_arena_array(assign->arena, (size_t)assign->partition_count, sizeof *u.next);
    if (!pools || !u.hands || !u.next)
        return false;
    kb_heap_init(&u.least);
    kb_heap_init(&u.most);
    bool whole = run(&u, pools, count);
    kb_heap_deinit(&u.least);
    kb_heap_deinit(&u.most);
    return whole;
}
