/* SPDX-License-Identifier: Apache-2.0 */
/*
 * range: the members of a topic, in their order, share its partitions in stretches
 * of equal length, the first ones longer by one. Topics with the same members and
 * as many partitions are so cut alike, and keys that meet in one member meet in
 * all. Partitions beside a member's rack go to it first, within its share.
 *
 * roundrobin: all partitions of all topics in turn to the next who wants them.
 */
#include "base/check.h"
#include "base/codes.h"
#include "base/mem.h"
#include "libclient/core/assignor.h"
#include <stdlib.h>

struct share {
    const struct kc_assign *in;
    int32_t topic;
    int32_t *members; /* of the topic, in order */
    int32_t *taken;   /* by each */
    size_t count;
    int32_t even, longer; /* partitions for each; how many get one more */
    int32_t *owners;
};

static int32_t room(const struct share *s, size_t at)
{
    return s->even + (s->longer > 0) - s->taken[at];
}

static void take(struct share *s, size_t at, int32_t partition)
{
    s->owners[partition] = s->members[at];
    if (++s->taken[at] > s->even)
        s->longer--;
}

static void take_beside(struct share *s)
{
    const struct kc_assign_topic *topic = &s->in->topics[s->topic];
    for (size_t at = 0; at < s->count; at++)
        for (int32_t p = 0; p < topic->count && room(s, at) > 0; p++)
            if (s->owners[p] < 0 && kc_assign_beside(s->in, s->members[at], s->topic, p))
                take(s, at, p);
}

static void take_rest(struct share *s)
{
    size_t at = 0;
    for (int32_t p = 0; p < s->in->topics[s->topic].count; p++) {
        if (s->owners[p] >= 0)
            continue;
        while (room(s, at) <= 0)
            at++;
        take(s, at, p);
    }
}

static void share_topic(struct share *s, const int32_t *order)
{
    int32_t count = s->in->topics[s->topic].count;
    s->count = 0;
    for (size_t i = 0; i < s->in->member_count; i++)
        if (kc_assign_subscribed(&s->in->members[order[i]], s->topic)) {
            s->taken[s->count] = 0;
            s->members[s->count++] = order[i];
        }
    for (int32_t p = 0; p < count; p++)
        s->owners[p] = -1;
    if (!s->count)
        return;
    s->even = count / (int32_t)s->count;
    s->longer = count % (int32_t)s->count;
    if (s->in->topics[s->topic].racks)
        take_beside(s);
    take_rest(s);
}

int kc_assign_range(const struct kc_assign *in, int32_t **owners)
{
    size_t n = in->member_count + 1;
    int32_t *room_for = KB_NEW_ARRAY(int32_t, 3 * n);
    if (!room_for)
        return KB_E_NO_MEMORY;
    struct share s = {.in = in, .members = room_for + n, .taken = room_for + 2 * n};
    kc_assign_order(in, room_for);
    for (size_t t = 0; t < in->topic_count; t++) {
        s.topic = (int32_t)t;
        s.owners = owners[t];
        share_topic(&s, room_for);
    }
    kb_free(room_for);
    return KB_OK;
}

/* ---- roundrobin --------------------------------------------------------- */

static int by_topic(const void *a, const void *b, void *ctx)
{
    const struct kc_assign *in = ctx;
    struct kb_slice x = in->topics[*(const int32_t *)a].name;
    struct kb_slice y = in->topics[*(const int32_t *)b].name;
    size_t size = KB_MIN(x.size, y.size);
    int order = size ? memcmp(x.data, y.data, size) : 0;
    return order ? order : (x.size > y.size) - (x.size < y.size);
}

/* The next member from *at on that wants the topic; -1: nobody does. */
static int32_t next_member(const struct kc_assign *in, const int32_t *order, size_t *at,
                           int32_t topic)
{
    for (size_t tries = 0; tries < in->member_count; tries++) {
        int32_t member = order[*at];
        *at = (*at + 1) % in->member_count;
        if (kc_assign_subscribed(&in->members[member], topic))
            return member;
    }
    return -1;
}

int kc_assign_roundrobin(const struct kc_assign *in, int32_t **owners)
{
    int32_t *order = KB_NEW_ARRAY(int32_t, in->member_count + in->topic_count + 1);
    size_t at = 0;
    if (!order)
        return KB_E_NO_MEMORY;
    int32_t *topics = order + in->member_count;
    kc_assign_order(in, order);
    for (size_t t = 0; t < in->topic_count; t++)
        topics[t] = (int32_t)t;
    qsort_r(topics, in->topic_count, sizeof *topics, by_topic, (void *)in);
    for (size_t i = 0; i < in->topic_count; i++)
        for (int32_t p = 0; p < in->topics[topics[i]].count; p++)
            owners[topics[i]][p] = next_member(in, order, &at, topics[i]);
    kb_free(order);
    return KB_OK;
}
