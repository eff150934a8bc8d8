/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sticky: first everybody keeps what it has; then what nobody has goes to whoever
 * has least; then, as long as there is a chain
 *
 *     a has something that b wants, b something that c wants, ... , z has
 *     at least two partitions less than a
 *
 * one partition moves along each link. What comes out no move can make more even.
 * Chains begin with the one that has most and are looked for breadth first, so that
 * few partitions move.
 */
#include "base/check.h"
#include "base/codes.h"
#include "base/mem.h"
#include "libclient/core/assignor.h"

struct sticky {
    const struct kc_assign *in;
    int32_t **owners;
    int32_t **before; /* who had it; -1: nobody, or several say so */
    int32_t *order;   /* of members */
    int32_t *load;    /* by member */
    int32_t *owned;   /* by member and topic */
    /* The search for a chain. */
    int32_t *queue, *from, *via; /* members; who led to it; by which topic */
    bool *searched;              /* topics */
    bool *tried;                 /* members that no chain begins with */
};

/* ---- Memory ------------------------------------------------------------- */

static int32_t **table_new(const struct kc_assign *in)
{
    size_t cells = 0;
    for (size_t t = 0; t < in->topic_count; t++)
        cells += (size_t)in->topics[t].count;
    int32_t **rows = kb_malloc((in->topic_count + 1) * sizeof *rows + cells * sizeof **rows);
    if (!rows)
        return NULL;
    int32_t *at = (int32_t *)(rows + in->topic_count + 1);
    for (size_t t = 0; t < in->topic_count; t++) {
        rows[t] = at;
        at += in->topics[t].count;
    }
    return rows;
}

static void sticky_deinit(struct sticky *s)
{
    kb_free(s->before);
    kb_free(s->order);
    kb_free(s->load);
    kb_free(s->owned);
    kb_free(s->queue);
    kb_free(s->searched);
}

static bool sticky_init(struct sticky *s, const struct kc_assign *in, int32_t **owners)
{
    size_t members = in->member_count, topics = in->topic_count;
    *s = (struct sticky){.in = in, .owners = owners};
    s->before = table_new(in);
    s->order = KB_NEW_ARRAY(int32_t, members + 1);
    s->load = KB_NEW_ARRAY(int32_t, members + 1);
    s->owned = KB_NEW_ARRAY(int32_t, members * topics + 1);
    s->queue = KB_NEW_ARRAY(int32_t, 3 * members + 1);
    s->searched = KB_NEW_ARRAY(bool, topics + members + 1);
    if (!s->before || !s->order || !s->load || !s->owned || !s->queue || !s->searched) {
        sticky_deinit(s);
        return false;
    }
    s->from = s->queue + members;
    s->via = s->from + members;
    s->tried = s->searched + topics;
    kc_assign_order(in, s->order);
    return true;
}

static int32_t *owned_of(struct sticky *s, int32_t member, int32_t topic)
{
    return &s->owned[(size_t)member * s->in->topic_count + (size_t)topic];
}

static void give(struct sticky *s, int32_t member, int32_t topic, int32_t partition)
{
    int32_t had = s->owners[topic][partition];
    if (had >= 0) {
        s->load[had]--;
        --*owned_of(s, had, topic);
    }
    s->owners[topic][partition] = member;
    s->load[member]++;
    ++*owned_of(s, member, topic);
}

/* ---- What members have -------------------------------------------------- */

/* Of two that claim a partition the later generation is right; in the same one
 * neither is. */
static void claim(struct sticky *s, int32_t member, const struct kc_owned *owned)
{
    const struct kc_assign *in = s->in;
    if (owned->topic < 0 || (size_t)owned->topic >= in->topic_count || owned->partition < 0 ||
        owned->partition >= in->topics[owned->topic].count)
        return;
    int32_t *owner = &s->owners[owned->topic][owned->partition];
    int32_t *before = &s->before[owned->topic][owned->partition];
    if (*owner == member)
        return;
    int32_t generation = in->members[member].generation;
    int32_t theirs = *owner < 0 ? INT32_MIN : in->members[*owner].generation;
    if (*owner >= 0 && generation == theirs)
        *before = -1;
    if (generation > theirs)
        *owner = *before = member;
}

static void read_claims(struct sticky *s)
{
    const struct kc_assign *in = s->in;
    for (size_t t = 0; t < in->topic_count; t++)
        for (int32_t p = 0; p < in->topics[t].count; p++)
            s->owners[t][p] = s->before[t][p] = -1;
    for (size_t i = 0; i < in->member_count; i++) {
        const struct kc_assign_member *member = &in->members[s->order[i]];
        for (size_t o = 0; o < member->owned_count; o++)
            claim(s, s->order[i], &member->owned[o]);
    }
}

static void keep(struct sticky *s)
{
    const struct kc_assign *in = s->in;
    for (size_t t = 0; t < in->topic_count; t++)
        for (int32_t p = 0; p < in->topics[t].count; p++) {
            int32_t owner = s->before[t][p];
            s->owners[t][p] = -1;
            if (owner >= 0 && kc_assign_subscribed(&in->members[owner], (int32_t)t))
                give(s, owner, (int32_t)t, p);
        }
}

/* ---- What nobody has ---------------------------------------------------- */

/* Who has least; among these who is beside a replica, then who comes first. */
static int32_t neediest(const struct sticky *s, int32_t topic, int32_t partition)
{
    int32_t best = -1;
    bool best_beside = false;
    for (size_t i = 0; i < s->in->member_count; i++) {
        int32_t member = s->order[i];
        if (!kc_assign_subscribed(&s->in->members[member], topic))
            continue;
        bool beside = kc_assign_beside(s->in, member, topic, partition);
        if (best < 0 || s->load[member] < s->load[best] ||
            (s->load[member] == s->load[best] && beside && !best_beside)) {
            best = member;
            best_beside = beside;
        }
    }
    return best;
}

static void hand_out(struct sticky *s)
{
    const struct kc_assign *in = s->in;
    for (size_t t = 0; t < in->topic_count; t++)
        for (int32_t p = 0; p < in->topics[t].count; p++) {
            int32_t member = s->owners[t][p] < 0 ? neediest(s, (int32_t)t, p) : -1;
            if (member >= 0)
                give(s, member, (int32_t)t, p);
        }
}

/* ---- Chains ------------------------------------------------------------- */

/* Everybody who wants something that `member` has. */
static size_t reach(struct sticky *s, int32_t member, size_t tail)
{
    const struct kc_assign *in = s->in;
    for (size_t t = 0; t < in->topic_count; t++) {
        if (s->searched[t] || !*owned_of(s, member, (int32_t)t))
            continue;
        s->searched[t] = true;
        for (size_t i = 0; i < in->member_count; i++) {
            int32_t other = s->order[i];
            if (s->from[other] >= 0 || !kc_assign_subscribed(&in->members[other], (int32_t)t))
                continue;
            s->from[other] = member;
            s->via[other] = (int32_t)t;
            s->queue[tail++] = other;
        }
    }
    return tail;
}

/* The end of a chain from `start`: whoever has least, if that is two less. -1: none. */
static int32_t find_chain(struct sticky *s, int32_t start)
{
    const struct kc_assign *in = s->in;
    int32_t least = start;
    for (size_t i = 0; i < in->member_count; i++)
        s->from[i] = -1;
    memset(s->searched, 0, in->topic_count * sizeof *s->searched);
    s->queue[0] = start;
    s->from[start] = start;
    for (size_t head = 0, tail = 1; head < tail; head++) {
        int32_t member = s->queue[head];
        if (s->load[member] < s->load[least])
            least = member;
        tail = reach(s, member, tail);
    }
    return s->load[least] + 1 < s->load[start] ? least : -1;
}

/* Which of its partitions goes: one that it did not have, or is not beside; else the
 * last. */
static int32_t pick(const struct sticky *s, int32_t member, int32_t topic)
{
    int32_t best = -1;
    int best_cost = 3;
    for (int32_t p = s->in->topics[topic].count - 1; p >= 0; p--) {
        if (s->owners[topic][p] != member)
            continue;
        int cost = 2 * (s->before[topic][p] == member) + kc_assign_beside(s->in, member, topic, p);
        if (best < 0 || cost < best_cost) {
            best = p;
            best_cost = cost;
        }
    }
    return best;
}

static void shift(struct sticky *s, int32_t end)
{
    while (s->from[end] != end) {
        int32_t from = s->from[end], topic = s->via[end];
        give(s, end, topic, pick(s, from, topic));
        end = from;
    }
}

/* Who has most, of those that a chain may begin with; -1: all are tried, or nobody has
 * two less. */
static int32_t fullest(const struct sticky *s)
{
    int32_t most = -1, least = INT32_MAX;
    for (size_t i = 0; i < s->in->member_count; i++) {
        int32_t member = s->order[i];
        least = KB_MIN(least, s->load[member]);
        if (!s->tried[member] && (most < 0 || s->load[member] > s->load[most]))
            most = member;
    }
    return most >= 0 && s->load[most] > least + 1 ? most : -1;
}

static void even_out(struct sticky *s)
{
    for (int32_t start; (start = fullest(s)) >= 0;) {
        int32_t end = find_chain(s, start);
        if (end >= 0) { /* which may open chains to others */
            shift(s, end);
            memset(s->tried, 0, s->in->member_count * sizeof *s->tried);
        } else {
            s->tried[start] = true;
        }
    }
}

/* ---- The assignors ------------------------------------------------------ */

static int assign(const struct kc_assign *in, int32_t **owners, bool cooperative)
{
    struct sticky s;
    if (!sticky_init(&s, in, owners))
        return KB_E_NO_MEMORY;
    read_claims(&s);
    keep(&s);
    hand_out(&s);
    even_out(&s);
    for (size_t t = 0; cooperative && t < in->topic_count; t++)
        for (int32_t p = 0; p < in->topics[t].count; p++)
            if (s.before[t][p] >= 0 && s.before[t][p] != owners[t][p])
                owners[t][p] = -1;
    sticky_deinit(&s);
    return KB_OK;
}

int kc_assign_sticky(const struct kc_assign *in, int32_t **owners)
{
    return assign(in, owners, false);
}

int kc_assign_cooperative(const struct kc_assign *in, int32_t **owners)
{
    return assign(in, owners, true);
}
