/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounds of joining. A round begins when somebody joins, leaves or is lost, and
 * is complete once every member has a join parked here and nobody who was given
 * a member id is still to come; at its deadline, the largest rebalance timeout,
 * it goes on with those who are there. Static members may stay away.
 *
 * The first round of an empty group gathers: it waits
 * group.initial.rebalance.delay.ms, and that again for as long as somebody
 * joined meanwhile, up to the rebalance timeout, so that members which start
 * together share their first assignment.
 */
#include "broker/core/group/group.h"

#define BIT(state) (1u << KD_GROUP_##state)
static const unsigned may_turn_to[] = {
    [KD_GROUP_EMPTY] = BIT(PREPARING) | BIT(STABLE), /* it was of the consumer protocol */
    [KD_GROUP_PREPARING] = BIT(COMPLETING) | BIT(EMPTY),
    [KD_GROUP_COMPLETING] = BIT(STABLE) | BIT(PREPARING),
    [KD_GROUP_STABLE] = BIT(STABLE) | BIT(PREPARING), /* itself: a static member came back */
};

void kd_group_turn(struct kd_group *group, enum kd_group_state state, struct kb_time now)
{
    KB_CHECK(may_turn_to[group->state] & (1u << state));
    group->state = state;
    group->state_since_ms = now.wall_ms;
}

enum { ABSENT_MS = 1000 }; /* between looks for those who stay away, at least */

static int64_t rebalance_ms(const struct kd_group *group)
{
    int64_t most = 0;
    KB_LIST_EACH(at, &group->order)
        most = KB_MAX(most, (int64_t)KB_CONTAINER(at, struct kd_member, link)->rebalance_ms);
    return most;
}

/* ---- What is parked ---- */

static void refuse_join(struct kd_member *member, int code, struct kd_outcome *out)
{
    struct kd_join *join = member->join;
    if (!join)
        return;
    member->join = NULL;
    member->group->joined--;
    kd_join_refuse(join, code, member->id, out);
}

static void refuse_sync(struct kd_member *member, int code, struct kd_outcome *out)
{
    struct kd_sync *sync = member->sync;
    member->sync = NULL;
    if (sync)
        kd_sync_answer(sync, code, NULL, kb_slice_null(), out);
}

void kd_member_refuse(struct kd_member *member, int code, struct kd_outcome *out)
{
    refuse_join(member, code, out);
    refuse_sync(member, code, out);
}

/* ---- Which protocol ---- */

static bool all_know(const struct kd_group *group, struct kb_slice protocol)
{
    KB_LIST_EACH(at, &group->order)
        if (!kd_member_metadata(KB_CONTAINER(at, struct kd_member, link), protocol).data)
            return false;
    return true;
}

bool kd_group_accepts(const struct kd_group *group, struct kb_slice type,
                      const struct kd_protocol *protocols, size_t count)
{
    if (!group->members.count)
        return true;
    if (!kb_slice_equal(group->protocol_type, type))
        return false;
    for (size_t i = 0; i < count; i++)
        if (all_know(group, protocols[i].name))
            return true;
    return false;
}

/* How many would rather have this one than any other that all know. */
static size_t votes(const struct kd_group *group, const bool *known, struct kb_slice protocol)
{
    const struct kd_member *leader = group->leader;
    size_t count = 0;
    KB_LIST_EACH(at, &group->order) {
        const struct kd_member *member = KB_CONTAINER(at, struct kd_member, link);
        for (size_t i = 0; i < member->protocol_count; i++) {
            size_t l = 0;
            while (l < leader->protocol_count &&
                   !kb_slice_equal(leader->protocols[l].name, member->protocols[i].name))
                l++;
            if (l == leader->protocol_count || !known[l])
                continue;
            count += kb_slice_equal(member->protocols[i].name, protocol);
            break;
        }
    }
    return count;
}

struct kb_slice kd_group_preferred(const struct kd_group *group)
{
    const struct kd_member *leader = group->leader;
    bool *known = kb_calloc(leader->protocol_count, sizeof *known);
    struct kb_slice best = kb_slice_null();
    size_t best_votes = 0;
    if (!known)
        return best;
    for (size_t i = 0; i < leader->protocol_count; i++)
        known[i] = all_know(group, leader->protocols[i].name);
    for (size_t i = 0; i < leader->protocol_count; i++) {
        size_t got = known[i] ? votes(group, known, leader->protocols[i].name) : 0;
        if (got > best_votes) {
            best = leader->protocols[i].name;
            best_votes = got;
        }
    }
    kb_free(known);
    return best;
}

bool kd_group_keeps_protocol(const struct kd_group *group)
{
    return group->protocol.data && kb_slice_equal(kd_group_preferred(group), group->protocol);
}

/* ---- A round ends ---- */

/* A leader that stayed away makes room for one that is here. */
static bool elect_leader(struct kd_group *group)
{
    if (group->leader && group->leader->join)
        return true;
    KB_LIST_EACH(at, &group->order) {
        struct kd_member *member = KB_CONTAINER(at, struct kd_member, link);
        if (member->join) {
            group->leader = member;
            return true;
        }
    }
    return false;
}

static void drop_absent(struct kd_group *group)
{
    KB_LIST_EACH_SAFE(at, &group->order) {
        struct kd_member *member = KB_CONTAINER(at, struct kd_member, link);
        if (!member->join && !member->instance.data)
            kd_group_remove(member);
    }
}

static void next_generation(struct kd_group *group)
{
    group->generation = group->generation == INT32_MAX ? 1 : group->generation + 1;
}

static void become_empty(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    next_generation(group);
    if (!kd_slice_set(&group->protocol, kb_slice_null()))
        out->failed = true;
    kd_emit_group(group, now, out);
}

static void welcome_all(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    KB_LIST_EACH(at, &group->order) {
        struct kd_member *member = KB_CONTAINER(at, struct kd_member, link);
        struct kd_join *join = member->join;
        member->join = NULL;
        member->is_new = false;
        member->must_sync = true;
        if (!join)
            continue;
        kd_member_renew(member, now, out);
        kd_join_welcome(join, member, out);
    }
    group->joined = 0;
}

static void complete(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    kd_timer_stop(group, &group->round);
    group->gathering = false;
    drop_absent(group);
    if (!group->members.count) {
        become_empty(group, now, out);
        return;
    }
    if (!elect_leader(group)) { /* static ones alone, none of them here */
        int64_t wait_ms = KB_MAX(rebalance_ms(group), (int64_t)ABSENT_MS);
        kd_timer_set(group, &group->round, kb_deadline(now, wait_ms), out);
        return;
    }
    next_generation(group);
    struct kb_slice protocol = kd_group_preferred(group);
    if (!protocol.data || !kd_slice_set(&group->protocol, protocol)) {
        out->failed = true;
        return;
    }
    kd_group_turn(group, KD_GROUP_COMPLETING, now);
    welcome_all(group, now, out);
    kd_timer_set(group, &group->round, kb_deadline(now, rebalance_ms(group)), out);
}

void kd_group_try_complete(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    if (group->state == KD_GROUP_PREPARING && !group->gathering && !group->pending.count &&
        group->joined == group->members.count)
        complete(group, now, out);
}

/* ---- A round begins ---- */

static void gather(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    int64_t delay_ms = KB_MIN(group->groups->limits->initial_delay_ms, group->gather_left_ms);
    group->gather_left_ms -= delay_ms;
    group->joined_since = false;
    kd_timer_set(group, &group->round, kb_deadline(now, delay_ms), out);
}

void kd_group_rebalance(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    if (group->state == KD_GROUP_PREPARING) {
        kd_group_try_complete(group, now, out);
        return;
    }
    KB_LIST_EACH(at, &group->order) {
        struct kd_member *member = KB_CONTAINER(at, struct kd_member, link);
        refuse_sync(member, KB_E_REBALANCE_IN_PROGRESS, out);
        member->must_sync = false;
    }
    bool first = group->state == KD_GROUP_EMPTY;
    kd_group_turn(group, KD_GROUP_PREPARING, now);
    if (first && group->groups->limits->initial_delay_ms > 0) {
        group->gathering = true;
        group->gather_left_ms = KB_MAX(rebalance_ms(group), (int64_t)1);
        gather(group, now, out);
        return;
    }
    kd_timer_set(group, &group->round, kb_deadline(now, rebalance_ms(group)), out);
    kd_group_try_complete(group, now, out);
}

/* ---- Time passes ---- */

static void drop_unsynced(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    bool dropped = false;
    KB_LIST_EACH_SAFE(at, &group->order) {
        struct kd_member *member = KB_CONTAINER(at, struct kd_member, link);
        if (!member->must_sync)
            continue;
        kd_member_refuse(member, KB_E_UNKNOWN_MEMBER_ID, out);
        kd_group_remove(member);
        dropped = true;
    }
    if (dropped)
        kd_group_rebalance(group, now, out);
}

void kd_group_on_round(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    if (group->state != KD_GROUP_PREPARING)
        drop_unsynced(group, now, out);
    else if (group->gathering && group->joined_since && group->gather_left_ms > 0)
        gather(group, now, out);
    else
        complete(group, now, out);
}

void kd_group_on_pending(struct kd_pending *pending, struct kb_time now, struct kd_outcome *out)
{
    struct kd_group *group = pending->group;
    kd_group_expected(group, pending->id);
    kd_group_try_complete(group, now, out);
}

void kd_group_expel(struct kd_member *member, int code, struct kb_time now, struct kd_outcome *out)
{
    struct kd_group *group = member->group;
    kd_member_refuse(member, code, out);
    kd_group_remove(member);
    kd_group_rebalance(group, now, out);
}
