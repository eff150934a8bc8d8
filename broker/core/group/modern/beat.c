/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConsumerGroupHeartbeat. All that may refuse it is asked first; then the member
 * says what is new of it, the group's epoch and target follow, and the member is
 * led a step further. What was told is told again to who asks again: heartbeats
 * may come late or twice.
 */
#include "base/regex.h"
#include "broker/core/group/consumer.h"
#include "broker/core/group/modern/assign.h"
#include "broker/core/group/modern/migrate.h"
#include "broker/core/group/modern/modern.h"

struct beating {
    struct kd_groups *groups;
    struct kd_beat *beat;
    const struct kw_consumer_group_heartbeat_request *in;
    struct kd_group *group;          /* NULL: there is none yet */
    struct kd_modern_member *member; /* NULL: it is new */
    struct kd_modern_member *former; /* the same instance, before */
    struct kd_upgrade upgrade;
    struct kb_slice id; /* the member's */
    struct kb_time now;
    struct kd_outcome *out;
};

static int refuse(struct beating *b, int code, const char *text)
{
    b->beat->out.error_message = kb_slice_str(text);
    return code;
}

/* ---- What was asked ---- */

static bool is_blank(struct kb_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] > ' ')
            return false;
    return text.data != NULL;
}

static int check_join(struct beating *b)
{
    const struct kw_consumer_group_heartbeat_request *in = b->in;
    if (in->rebalance_timeout_ms == -1)
        return refuse(b, KB_E_INVALID_REQUEST, "who joins tells its rebalance timeout");
    if (in->topic_partitions_count != 0)
        return refuse(b, KB_E_INVALID_REQUEST, "who joins says that it has no partitions");
    if (in->subscribed_topic_names_count < 0 && !in->subscribed_topic_regex.data)
        return refuse(b, KB_E_INVALID_REQUEST, "who joins subscribes to topics or an expression");
    return KB_OK;
}

static bool is_offered(const struct kd_groups *groups, struct kb_slice assignor)
{
    for (int i = 0; i < KD_ASSIGNORS && groups->limits->assignors[i]; i++)
        if (kb_slice_is(assignor, groups->limits->assignors[i]->name))
            return true;
    return false;
}

static int check_request(struct beating *b)
{
    const struct kw_consumer_group_heartbeat_request *in = b->in;
    bool gave_id =
        b->beat->version >= 1 || in->member_epoch > 0 || in->member_epoch == KD_EPOCH_LEAVE;
    if (gave_id && is_blank(in->member_id))
        return refuse(b, KB_E_INVALID_REQUEST, "a member id is not empty");
    if (is_blank(in->group_id))
        return refuse(b, KB_E_INVALID_REQUEST, "a group id is not empty");
    if (is_blank(in->instance_id))
        return refuse(b, KB_E_INVALID_REQUEST, "an instance id is not empty");
    if (is_blank(in->rack_id))
        return refuse(b, KB_E_INVALID_REQUEST, "a rack id is not empty");
    if (in->member_epoch < KD_EPOCH_LEAVE_STATIC)
        return refuse(b, KB_E_INVALID_REQUEST, "there is no such member epoch");
    if (in->member_epoch == KD_EPOCH_LEAVE_STATIC && !in->instance_id.data)
        return refuse(b, KB_E_INVALID_REQUEST, "who leaves for a while has an instance id");
    int code = in->member_epoch == KD_EPOCH_JOIN ? check_join(b) : KB_OK;
    if (!code && in->server_assignor.data && !is_offered(b->groups, in->server_assignor))
        return refuse(b, KB_E_UNSUPPORTED_ASSIGNOR, "this broker does not offer that assignor");
    return code;
}

static int check_expression(struct beating *b)
{
    struct kb_slice text = b->in->subscribed_topic_regex;
    struct kb_regex *regex = NULL;
    struct kb_error err;
    bool known = b->group && b->group->modern && kd_modern_expression(b->group, text);
    if (!text.size || known)
        return KB_OK;
    int code = kb_regex_new(text, &regex, &err);
    kb_regex_free(regex);
    if (code == KB_E_INVALID_REGULAR_EXPRESSION)
        return refuse(b, code, kb_arena_strdup(b->beat->arena, kb_slice_str(err.text)));
    b->out->failed |= code != KB_OK;
    return code ? KB_E_COORDINATOR_NOT_AVAILABLE : KB_OK;
}

/* ---- Which group, and which member ---- */

static int find_group(struct beating *b)
{
    bool joins = b->in->member_epoch == KD_EPOCH_JOIN;
    b->group = kd_group_find(b->groups, b->in->group_id);
    if (!joins && (!b->group || !b->group->modern))
        return refuse(b, KB_E_GROUP_ID_NOT_FOUND,
                      "there is no such group of the consumer protocol");
    if (joins && b->group && !b->group->modern && b->group->members.count)
        return kd_upgrade_plan(&b->upgrade, b->group, b->beat->arena, &b->beat->out.error_message);
    return KB_OK;
}

static struct kd_modern_member *find(const struct beating *b, struct kb_slice id)
{
    return b->group && b->group->modern ? kd_modern_find(b->group, id) : NULL;
}

static bool owns_within(const struct beating *b, const struct kd_parts *assigned)
{
    const struct kw_consumer_group_heartbeat_request *in = b->in;
    for (int32_t i = 0; i < in->topic_partitions_count; i++)
        for (int32_t p = 0; p < in->topic_partitions[i].partitions_count; p++)
            if (!kd_parts_find(assigned, in->topic_partitions[i].topic_id,
                               in->topic_partitions[i].partitions[p]))
                return false;
    return in->topic_partitions_count >= 0;
}

/* The epoch before is that of somebody who did not hear of the one since. */
static int check_epoch(struct beating *b)
{
    const struct kd_current *is = &b->member->current;
    int32_t epoch = b->in->member_epoch;
    if (epoch == KD_EPOCH_JOIN || epoch == is->epoch ||
        (epoch < is->epoch && epoch == is->previous_epoch && owns_within(b, &is->assigned)))
        return KB_OK;
    return refuse(b, KB_E_FENCED_MEMBER_EPOCH,
                  "the member is in another epoch: it gives up all it has, and joins again");
}

static int identify_static(struct beating *b)
{
    struct kd_modern_member *known =
        b->group && b->group->modern ? kd_modern_static(b->group, b->in->instance_id) : NULL;
    bool joins = b->in->member_epoch == KD_EPOCH_JOIN;
    if (!known)
        return joins ? KB_OK : refuse(b, KB_E_UNKNOWN_MEMBER_ID, "the group has no such instance");
    if (!joins && !kb_slice_equal(known->id, b->in->member_id))
        return refuse(b, KB_E_FENCED_INSTANCE_ID, "the instance is another member by now");
    if (!joins) {
        b->member = known;
        return check_epoch(b);
    }
    if (!known->words.classic && known->current.epoch != KD_EPOCH_LEAVE_STATIC &&
        !kb_slice_equal(known->id, b->id))
        return refuse(b, KB_E_UNRELEASED_INSTANCE_ID, "the instance is a member that has not left");
    if (kb_slice_equal(known->id, b->id))
        b->member = known;
    else
        b->former = known;
    return KB_OK;
}

static int identify(struct beating *b)
{
    if (b->in->instance_id.data)
        return identify_static(b);
    b->member = find(b, b->in->member_id);
    if (!b->member)
        return b->in->member_epoch == KD_EPOCH_JOIN
                   ? KB_OK
                   : refuse(b, KB_E_UNKNOWN_MEMBER_ID, "the group has no such member");
    return check_epoch(b);
}

static int check_room(struct beating *b)
{
    size_t count = !b->group          ? 0
                   : b->group->modern ? b->group->modern->members.count
                                      : b->group->members.count;
    bool is_new =
        !b->member && !b->former && !kd_upgrade_has(&b->upgrade, b->id, b->in->instance_id);
    if (is_new && count >= (size_t)b->groups->limits->consumer_max_size)
        return refuse(b, KB_E_GROUP_MAX_SIZE_REACHED, "the group has as many members as it may");
    return KB_OK;
}

static struct kb_slice new_id(struct beating *b)
{
    char text[KB_UUID_TEXT];
    kb_uuid_format(kb_uuid_random(b->groups->random), text);
    return kb_slice_str(kb_arena_strdup(b->beat->arena, kb_slice_str(text)));
}

/* ---- It takes part ---- */

/* Null is what was not told: it stays. */
static struct kd_words new_words(const struct beating *b)
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

static struct kd_parts *owned(const struct beating *b, struct kd_parts *parts)
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

static void tell_assignment(struct beating *b)
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

static void tell(struct beating *b, bool changed)
{
    const struct kw_consumer_group_heartbeat_request *in = b->in;
    struct kw_consumer_group_heartbeat_response *out = &b->beat->out;
    bool says_all = in->rebalance_timeout_ms != -1 && in->topic_partitions_count >= 0 &&
                    (in->subscribed_topic_names_count >= 0 || in->subscribed_topic_regex.data);
    out->member_id = kd_slice_copy(b->beat->arena, b->member->id);
    out->member_epoch = b->member->current.epoch;
    out->heartbeat_interval_ms = (int32_t)kd_group_setting(b->group, KD_SET_HEARTBEAT);
    if (in->member_epoch == KD_EPOCH_JOIN || says_all || changed)
        tell_assignment(b);
}

static void take_part(struct beating *b)
{
    struct kd_parts parts;
    if (!b->group)
        b->group = kd_group_make(b->groups, b->in->group_id, b->now);
    b->out->failed |= !b->group;
    if (!b->out->failed && !b->group->modern)
        kd_upgrade(&b->upgrade, b->group, b->now, b->out);
    if (!b->out->failed && b->upgrade.count)
        b->out->failed |= identify(b) != KB_OK; /* it may be one of those that were there */
    if (b->out->failed)
        return;
    struct kd_entry entry = {.group = b->group,
                             .id = b->id,
                             .member = b->member,
                             .former = b->former,
                             .words = new_words(b),
                             .owned = owned(b, &parts)};
    kd_modern_enter(&entry, b->now, b->out);
    b->member = entry.member;
    if (b->out->failed)
        return;
    kd_modern_renew(b->member, b->now, b->out);
    tell(b, entry.reassigned);
}

/* ---- Leaving ---- */

/* Its place is kept for the rest of its session. */
static void leave_for_a_while(struct beating *b)
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

static int leave(struct beating *b)
{
    struct kd_modern_member *member = b->in->instance_id.data
                                          ? kd_modern_static(b->group, b->in->instance_id)
                                          : kd_modern_find(b->group, b->in->member_id);
    if (!member)
        return refuse(b, KB_E_UNKNOWN_MEMBER_ID, "the group has no such member");
    if (b->in->instance_id.data && !kb_slice_equal(member->id, b->in->member_id))
        return refuse(b, KB_E_FENCED_INSTANCE_ID, "the instance is another member by now");
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

static int beat(struct beating *b)
{
    int code = check_request(b);
    if (!code)
        code = find_group(b);
    if (!code && b->in->member_epoch < KD_EPOCH_JOIN)
        return leave(b);
    b->id = b->in->member_id.size ? b->in->member_id : new_id(b);
    if (!code)
        code = identify(b);
    if (!code)
        code = check_room(b);
    if (!code)
        code = check_expression(b);
    if (!code)
        take_part(b);
    return code;
}

void kd_groups_beat(struct kd_groups *groups, struct kd_beat *beating, struct kb_time now,
                    struct kd_outcome *out)
{
    struct beating b = {
        .groups = groups, .beat = beating, .in = beating->in, .now = now, .out = out};
    kw_consumer_group_heartbeat_response_init(&beating->out);
    beating->out.error_code = (int16_t)beat(&b);
    out->failed |= beating->arena->failed;
    if (out->failed && !beating->out.error_code)
        beating->out.error_code = KB_E_COORDINATOR_NOT_AVAILABLE;
}
