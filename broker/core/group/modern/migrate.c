/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/group/modern/migrate.h"

/* ---- Up ----------------------------------------------------------------- */

static int refuse(struct kb_slice *text, const char *why)
{
    *text = kb_slice_str(why);
    return KB_E_GROUP_ID_NOT_FOUND;
}

/* What it told for the protocol in use, or before the first round is over for its own first. */
static struct kb_slice metadata_of(const struct kd_member *member)
{
    struct kb_slice metadata = kd_member_metadata(member, member->group->protocol);
    return metadata.data || !member->protocol_count ? metadata : member->protocols[0].metadata;
}

static int plan_member(struct kd_upgraded *to, const struct kd_member *member,
                       struct kb_arena *arena, struct kb_slice *text)
{
    const struct kd_topics *topics = member->group->groups->topics;
    struct kd_subscription subscription;
    bool has_more;
    if (!kd_subscription_read(&subscription, metadata_of(member), topics, arena) ||
        !kd_assignment_read(&to->assigned, &has_more, member->assignment, topics, arena))
        return refuse(text, "a member of the classic protocol tells what cannot be read");
    if (has_more)
        return refuse(text, "the group's assignor hands out more than partitions; that would be "
                            "lost in the consumer protocol");
    for (size_t i = 0; i < to->assigned.count; i++)
        to->assigned.at[i].epoch = member->group->generation;
    const struct kd_words words = {.instance = member->instance,
                                   .rack = subscription.rack,
                                   .client_id = member->client_id,
                                   .client_host = member->client_host,
                                   .topics = subscription.topics,
                                   .topic_count = subscription.topic_count,
                                   .rebalance_ms = member->rebalance_ms,
                                   .classic = true,
                                   .session_ms = member->session_ms,
                                   .protocols = member->protocols,
                                   .protocol_count = member->protocol_count};
    to->id = kd_slice_copy(arena, member->id);
    kd_words_copy(arena, &to->words, &words);
    return KB_OK;
}

int kd_upgrade_plan(struct kd_upgrade *upgrade, const struct kd_group *group,
                    struct kb_arena *arena, struct kb_slice *text)
{
    if (!group->groups->limits->upgrade)
        return refuse(text, "the group is of the classic protocol, and may not become another "
                            "while it has members (group.consumer.migration.policy)");
    if (!kd_group_is_consumer(group))
        return refuse(text, "the group is of the classic protocol, and not one of consumers");
    if (group->members.count > (size_t)group->groups->limits->consumer_max_size)
        return refuse(text, "the group has more members than one of the consumer protocol may");
    upgrade->members = kb_arena_array(arena, group->members.count, sizeof *upgrade->members);
    int code = KB_OK;
    KB_LIST_EACH(at, &group->order)
        if (!code && upgrade->members)
            code = plan_member(&upgrade->members[upgrade->count++],
                               KB_CONTAINER(at, struct kd_member, link), arena, text);
    return code;
}

bool kd_upgrade_has(const struct kd_upgrade *upgrade, struct kb_slice id, struct kb_slice instance)
{
    for (size_t i = 0; i < upgrade->count; i++)
        if (kb_slice_equal(upgrade->members[i].id, id) ||
            (instance.data && kb_slice_equal(upgrade->members[i].words.instance, instance)))
            return true;
    return false;
}

/* Members stay where they are, at an epoch that is their generation. */
static void settle(const struct kd_upgraded *from, struct kd_group *group, int32_t generation,
                   struct kb_time now, struct kd_outcome *out)
{
    const struct kd_current current = {.epoch = generation,
                                       .previous_epoch = generation,
                                       .state = KD_MODERN_STABLE,
                                       .assigned = from->assigned};
    kd_emit_target(group, from->id, &from->assigned, now, out);
    kd_emit_current(group, from->id, &current, now, out);
    if (!out->failed)
        kd_modern_renew(kd_modern_find(group, from->id), now, out);
}

void kd_upgrade(const struct kd_upgrade *upgrade, struct kd_group *group, struct kb_time now,
                struct kd_outcome *out)
{
    int32_t generation = group->generation;
    bool settled = group->state == KD_GROUP_STABLE;
    KB_LIST_EACH(at, &group->order)
        kd_member_refuse(KB_CONTAINER(at, struct kd_member, link), KB_E_REBALANCE_IN_PROGRESS, out);
    if (generation)
        kd_emit_no_group(group, out);
    else
        kd_group_forget_classic(group);
    if (!out->failed && !kd_modern_make(group))
        out->failed = true;
    for (size_t i = 0; i < upgrade->count; i++)
        kd_emit_words(group, upgrade->members[i].id, &upgrade->members[i].words, now, out);
    if (out->failed || !upgrade->count)
        return;
    kd_modern_set_out(group, generation, now, out);
    kd_emit_target_epoch(group, generation, 0, now, out);
    for (size_t i = 0; i < upgrade->count; i++)
        settle(&upgrade->members[i], group, generation, now, out);
    kd_modern_refresh(group, !settled, now, out); /* the round that was due is an epoch */
}

/* ---- Down --------------------------------------------------------------- */

bool kd_downgrade_follows(const struct kd_group *group, const struct kd_modern_member *without)
{
    const struct kd_modern *modern = group->modern;
    size_t left = modern->members.count - (without != NULL);
    size_t classics = modern->classics - (without && without->words.classic);
    return left && classics == left && group->groups->limits->downgrade &&
           left <= (size_t)group->groups->limits->max_size;
}

/* A member on its way; its strings are in the outcome's arena. It takes with it what it has,
 * not what it was to have: a member of the consumer protocol that came back before it heard
 * of that would else be given what it still has. */
struct leaving {
    struct kb_slice id, assignment;
    struct kd_words words;
};

static void pack(struct leaving *to, const struct kd_modern_member *member, struct kb_arena *arena)
{
    const struct kd_topics *topics = member->group->groups->topics;
    struct kw_reader r = kw_reader_of(member->words.protocols[0].metadata);
    int16_t version = kw_read_i16(&r);
    const struct kd_parts has =
        kd_parts_union(arena, &member->current.assigned, &member->current.revoking);
    to->id = kd_slice_copy(arena, member->id);
    to->assignment = kd_assignment_write(&has, KB_MAX(version, 0), topics, arena);
    kd_words_copy(arena, &to->words, &member->words);
}

static void unpack(struct kd_group *group, const struct leaving *from, struct kb_time now,
                   struct kd_outcome *out)
{
    struct kd_member *member = kd_group_add(group, from->id, from->words.instance);
    if (!member || !kd_slice_set(&member->client_id, from->words.client_id) ||
        !kd_slice_set(&member->client_host, from->words.client_host) ||
        !kd_member_set_protocols(member, from->words.protocols, from->words.protocol_count)) {
        out->failed = true;
        return;
    }
    member->session_ms = from->words.session_ms;
    member->rebalance_ms = from->words.rebalance_ms;
    member->handed = from->assignment;
    if (!group->leader)
        group->leader = member;
    kd_member_renew(member, now, out);
}

static bool are_all_there(const struct kd_group *group)
{
    KB_LIST_EACH(at, &group->modern->order)
        if (!kd_modern_has_arrived(KB_CONTAINER(at, struct kd_modern_member, link)))
            return false;
    return group->modern->assignment_epoch == group->modern->epoch;
}

void kd_downgrade(struct kd_group *group, const struct kd_modern_member *without,
                  struct kb_time now, struct kd_outcome *out)
{
    bool settled = !without && are_all_there(group);
    const struct kd_modern *modern = group->modern;
    int32_t epoch = modern->epoch;
    struct leaving *all = kb_arena_array(&out->arena, modern->members.count, sizeof *all);
    size_t count = 0;
    KB_LIST_EACH(at, &modern->order) {
        const struct kd_modern_member *member = KB_CONTAINER(at, struct kd_modern_member, link);
        if (all && member != without)
            pack(&all[count++], member, &out->arena);
    }
    out->failed |= out->arena.failed;
    if (!out->failed)
        kd_emit_no_modern(group, out);
    for (size_t i = 0; !out->failed && i < count; i++)
        unpack(group, &all[i], now, out);
    if (out->failed || !kd_slice_set(&group->protocol_type, kb_slice_str("consumer")) ||
        !kd_slice_set(&group->protocol, kd_group_preferred(group))) {
        out->failed = true;
        return;
    }
    group->generation = epoch;
    kd_emit_group(group, now, out);
    if (!settled && !out->failed)
        kd_group_rebalance(group, now, out);
}
