/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConsumerGroupHeartbeat. All that may refuse it is asked first; then the member
 * says what is new of it, the group's epoch and target follow, and the member is
 * led a step further. What was told is told again to who asks again: heartbeats
 * may come late or twice.
 */
#include "broker/core/group/modern/beat.h"

static struct kb_slice new_id(struct kd_beating *b)
{
    char text[KB_UUID_TEXT];
    kb_uuid_format(kb_uuid_random(b->groups->random), text);
    return kb_slice_str(kb_arena_strdup(b->beat->arena, kb_slice_str(text)));
}

/* ---- It takes part ---- */

/* Null is what was not told: it stays. */
static struct kd_words new_words(const struct kd_beating *b)
{
    const struct kw_consumer_group_heartbeat_request *in = b->in;
    const struct kd_modern_member *before = b->member ? b->member : b->former;
    struct kd_words words = {.rebalance_ms = -1};
    if (before)
        words = before->words;
    words.instance = in->instance_id.data ? in->instance_id : words.instance;
    words.rack = in->rack_id.data ? in->rack_id : words.rack;
    words.assignor = in->server_assignor.data ? in->server_assignor : words.assignor;
    words.regex = in->subscribed_topic_regex.data ? in->subscribed_topic_regex : words.regex;
    if (in->rebalance_timeout_ms != -1)
        words.rebalance_ms = in->rebalance_timeout_ms;
    if (in->subscribed_topic_names_count >= 0) {
        words.topics = in->subscribed_topic_names;
        words.topic_count = (size_t)in->subscribed_topic_names_count;
    }
    words.client_id = b->beat->client_id;
    words.client_host = b->beat->client_host;
    words.classic = false;
    words.protocols = NULL;
    words.protocol_count = 0;
    words.session_ms = 0;
    return words;
}

static struct kd_parts *owned(const struct kd_beating *b, struct kd_parts *parts)
{
    const struct kw_consumer_group_heartbeat_request *in = b->in;
    size_t room = 0;
    if (in->topic_partitions_count < 0)
        return NULL;
    for (int32_t i = 0; i < in->topic_partitions_count; i++)
        room += (size_t)KB_MAX(in->topic_partitions[i].partitions_count, 0);
    *parts = kd_parts_room(&b->out->arena, room);
    for (int32_t i = 0; parts->at && i < in->topic_partitions_count; i++)
        for (int32_t p = 0; p < in->topic_partitions[i].partitions_count; p++)
            kd_parts_add(parts, in->topic_partitions[i].topic_id,
                         in->topic_partitions[i].partitions[p], 0);
    b->out->failed |= !parts->at;
    if (parts->at)
        kd_parts_sort(parts);
    return parts;
}

static void tell_assignment(struct kd_beating *b)
{
    const struct kd_parts *parts = &b->member->current.assigned;
    struct kb_arena *arena = b->beat->arena;
    struct kw_consumer_group_heartbeat_response_assignment *to = kb_arena_alloc(arena, sizeof *to);
    if (!to)
        return;
    to->topic_partitions =
        kb_arena_array(arena, kd_parts_topics(parts), sizeof *to->topic_partitions);
    for (size_t at = 0, end; to->topic_partitions && at < parts->count; at = end) {
        struct kw_consumer_group_heartbeat_response_topic *topic =
            &to->topic_partitions[to->topic_partitions_count++];
        end = kd_parts_run(parts, at);
        topic->topic_id = parts->at[at].topic;
        topic->partitions = kd_parts_numbers(parts, at, end, arena);
        topic->partitions_count = (int32_t)(end - at);
    }
    b->beat->out.assignment = to;
}

/* Did it say that it has other partitions than it is to have? */
static bool has_others(const struct kd_beating *b, const struct kd_parts *owned)
{
    const struct kd_parts *assigned = &b->member->current.assigned;
    return owned && (owned->count != assigned->count || !kd_parts_within(owned, assigned));
}

/*
 * What a member is to have is told where it is news, asked for, or where the member shows
 * that it did not hear of it: by an epoch that is not its own any more, by what it has.
 */
static void tell(struct kd_beating *b, int32_t epoch, const struct kd_entry *entry)
{
    const struct kw_consumer_group_heartbeat_request *in = b->in;
    struct kw_consumer_group_heartbeat_response *out = &b->beat->out;
    bool says_all = in->rebalance_timeout_ms != -1 && in->topic_partitions_count >= 0 &&
                    (in->subscribed_topic_names_count >= 0 || in->subscribed_topic_regex.data);
    out->member_id = kd_slice_copy(b->beat->arena, b->member->id);
    out->member_epoch = b->member->current.epoch;
    out->heartbeat_interval_ms = (int32_t)kd_group_setting(b->group, KD_SET_HEARTBEAT);
    if (in->member_epoch != epoch || says_all || entry->reassigned || has_others(b, entry->owned))
        tell_assignment(b);
}

static void take_part(struct kd_beating *b)
{
    struct kd_parts parts;
    if (!b->group)
        b->group = kd_group_make(b->groups, b->in->group_id, b->now);
    b->out->failed |= !b->group;
    if (!b->out->failed && !b->group->modern)
        kd_upgrade(&b->upgrade, b->group, b->now, b->out);
    if (!b->out->failed && b->upgrade.count)
        b->out->failed |= kd_beat_identify(b) != KB_OK; /* it may be one of those that were there */
    if (b->out->failed)
        return;
    struct kd_entry entry = {.group = b->group,
                             .id = b->id,
                             .member = b->member,
                             .former = b->former,
                             .words = new_words(b),
                             .owned = owned(b, &parts)};
    int32_t epoch = b->member ? b->member->current.epoch : -1;
    kd_modern_enter(&entry, b->now, b->out);
    b->member = entry.member;
    if (b->out->failed)
        return;
    kd_modern_renew(b->member, b->now, b->out);
    tell(b, epoch, &entry);
}

/* ---- Leaving ---- */

/* Its place is kept for the rest of its session. */
static void leave_for_a_while(struct kd_beating *b)
{
    struct kd_current current = b->member->current;
    current.epoch = KD_EPOCH_LEAVE_STATIC;
    current.revoking = (struct kd_parts){0};
    if (!kd_parts_dup(&b->out->arena, &current.assigned)) {
        b->out->failed = true;
        return;
    }
    for (size_t i = 0; i < current.assigned.count; i++)
        current.assigned.at[i].epoch = 0;
    kd_timer_stop(b->group, &b->member->late);
    kd_emit_current(b->group, b->member->id, &current, b->now, b->out);
}

static int leave(struct kd_beating *b)
{
    struct kd_modern_member *member = b->in->instance_id.data
                                          ? kd_modern_static(b->group, b->in->instance_id)
                                          : kd_modern_find(b->group, b->in->member_id);
    if (!member)
        return kd_beat_refuse(b, KB_E_UNKNOWN_MEMBER_ID, "the group has no such member");
    if (b->in->instance_id.data && !kb_slice_equal(member->id, b->in->member_id))
        return kd_beat_refuse(b, KB_E_FENCED_INSTANCE_ID, "the instance is another member by now");
    b->beat->out.member_id = b->in->member_id;
    b->beat->out.member_epoch = b->in->member_epoch;
    b->member = member;
    if (b->in->member_epoch == KD_EPOCH_LEAVE_STATIC)
        leave_for_a_while(b);
    else
        kd_modern_fence(member, b->now, b->out);
    return KB_OK;
}

/* ---- One heartbeat ---- */

static int beat(struct kd_beating *b)
{
    int code = kd_beat_check(b);
    if (code)
        return code;
    if (b->in->member_epoch < KD_EPOCH_JOIN)
        return leave(b);
    b->id = b->in->member_id.size ? b->in->member_id : new_id(b);
    code = kd_beat_identify(b);
    if (!code)
        code = kd_beat_admit(b);
    if (!code)
        take_part(b);
    return code;
}

void kd_groups_beat(struct kd_groups *groups, struct kd_beat *beating, struct kb_time now,
                    struct kd_outcome *out)
{
    struct kd_beating b = {
        .groups = groups, .beat = beating, .in = beating->in, .now = now, .out = out};
    kw_consumer_group_heartbeat_response_init(&beating->out);
    beating->out.error_code = (int16_t)beat(&b);
    out->failed |= beating->arena->failed;
    if (out->failed && !beating->out.error_code)
        beating->out.error_code = KB_E_COORDINATOR_NOT_AVAILABLE;
}
