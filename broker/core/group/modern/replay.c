/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of groups of the consumer protocol change the state. Compaction may
 * leave a member's records in any order, so each of them makes the member.
 */
#include "broker/core/group/modern/kinds.h"
#include "broker/core/group/modern/modern.h"
#include "wire/gen/consumer_group_current_member_assignment_record.h"
#include "wire/gen/consumer_group_member_metadata_record.h"
#include "wire/gen/consumer_group_metadata_record.h"
#include "wire/gen/consumer_group_regular_expression_record.h"
#include "wire/gen/consumer_group_target_assignment_member_record.h"
#include "wire/gen/consumer_group_target_assignment_metadata_record.h"

/* One record: whose it is, and what there is to be read. */
struct replaying {
    struct kd_groups *groups;
    struct kd_group *group;
    struct kb_slice more; /* a member's id or an expression, by kind */
    struct kd_reading *value;
    struct kb_time now;
};

static struct kd_modern_member *obtain(const struct replaying *r)
{
    return kd_modern_obtain(r->group, r->more);
}

static struct kd_modern_member *find(const struct replaying *r)
{
    return kd_modern_find(r->group, r->more);
}

static int made(bool whole)
{
    return whole ? KB_OK : KB_E_NO_MEMORY;
}

/* ---- The group ---- */

static int set_epoch(struct replaying *r)
{
    struct kw_consumer_group_metadata_value value;
    if (!kw_consumer_group_metadata_value_decode(&r->value->r, 0, &r->value->arena, &value))
        return kd_reading_fault(r->value);
    r->group->modern->epoch = value.epoch;
    r->group->modern->hash = value.metadata_hash;
    return KB_OK;
}

static void forget_epoch(struct replaying *r)
{
    kd_modern_free(r->group);
}

static int set_old_metadata(struct replaying *r)
{
    r->group->modern->has_old_metadata = true;
    return KB_OK;
}

static void forget_old_metadata(struct replaying *r)
{
    r->group->modern->has_old_metadata = false;
}

static int set_expression(struct replaying *r)
{
    struct kw_consumer_group_regular_expression_value value;
    if (!kw_consumer_group_regular_expression_value_decode(&r->value->r, 0, &r->value->arena,
                                                           &value))
        return kd_reading_fault(r->value);
    return made(kd_modern_set_expression(r->group, r->more, value.topics,
                                         (size_t)KB_MAX(value.topics_count, 0)));
}

static void forget_expression(struct replaying *r)
{
    kd_modern_forget_expression(r->group, r->more);
}

/* ---- Targets ---- */

static int set_target_epoch(struct replaying *r)
{
    struct kw_consumer_group_target_assignment_metadata_value value;
    if (!kw_consumer_group_target_assignment_metadata_value_decode(&r->value->r, 0,
                                                                   &r->value->arena, &value))
        return kd_reading_fault(r->value);
    r->group->modern->assignment_epoch = value.assignment_epoch;
    r->group->modern->assigned_ms = value.assignment_timestamp;
    return KB_OK;
}

static void forget_target_epoch(struct replaying *r)
{
    r->group->modern->assignment_epoch = -1;
    r->group->modern->assigned_ms = 0;
}

static int set_target(struct replaying *r)
{
    struct kb_arena *arena = &r->value->arena;
    struct kw_consumer_group_target_assignment_member_value value;
    struct kd_parts parts;
    size_t room = 0;
    if (!kw_consumer_group_target_assignment_member_value_decode(&r->value->r, 0, arena, &value))
        return kd_reading_fault(r->value);
    for (int32_t i = 0; i < value.topic_partitions_count; i++)
        room += (size_t)KB_MAX(value.topic_partitions[i].partitions_count, 0);
    parts = kd_parts_room(arena, room);
    if (!parts.at)
        return KB_E_NO_MEMORY;
    for (int32_t i = 0; i < value.topic_partitions_count; i++)
        for (int32_t p = 0; p < value.topic_partitions[i].partitions_count; p++)
            kd_parts_add(&parts, value.topic_partitions[i].topic_id,
                         value.topic_partitions[i].partitions[p], 0);
    kd_parts_sort(&parts);
    struct kd_modern_member *member = obtain(r);
    return made(member && kd_parts_keep(&member->target, &parts));
}

static void forget_target(struct replaying *r)
{
    struct kd_modern_member *member = find(r);
    if (member)
        kd_parts_drop(&member->target);
}

/* ---- Members ---- */

static struct kd_parts current_parts(
    const struct kw_consumer_group_current_member_assignment_value_topic *topics, int32_t count,
    int32_t epoch, struct kb_arena *arena)
{
    size_t room = 0;
    for (int32_t i = 0; i < count; i++)
        room += (size_t)KB_MAX(topics[i].partitions_count, 0);
    struct kd_parts parts = kd_parts_room(arena, room);
    for (int32_t i = 0; parts.at && i < count; i++)
        for (int32_t p = 0; p < topics[i].partitions_count; p++)
            kd_parts_add(&parts, topics[i].topic_id, topics[i].partitions[p],
                         topics[i].assignment_epochs_count == topics[i].partitions_count
                             ? topics[i].assignment_epochs[p]
                             : KB_MAX(epoch, 0)); /* by a broker before 4.3 */
    if (parts.at)
        kd_parts_sort(&parts);
    return parts;
}

static int set_current(struct replaying *r)
{
    struct kb_arena *arena = &r->value->arena;
    struct kw_consumer_group_current_member_assignment_value value;
    if (!kw_consumer_group_current_member_assignment_value_decode(&r->value->r, 0, arena, &value))
        return kd_reading_fault(r->value);
    const struct kd_current current = {
        .epoch = value.member_epoch,
        .previous_epoch = value.previous_member_epoch,
        .state = value.state,
        .assigned = current_parts(value.assigned_partitions, value.assigned_partitions_count,
                                  value.member_epoch, arena),
        .revoking =
            current_parts(value.partitions_pending_revocation,
                          value.partitions_pending_revocation_count, value.member_epoch, arena)};
    struct kd_modern_member *member = arena->failed ? NULL : obtain(r);
    return made(member && kd_modern_set_current(member, &current));
}

static void forget_current(struct replaying *r)
{
    const struct kd_current none = {.epoch = -1, .previous_epoch = -1};
    struct kd_modern_member *member = find(r);
    if (member)
        kd_modern_set_current(member, &none); /* takes no memory */
}

static int set_words(struct replaying *r)
{
    struct kb_arena *arena = &r->value->arena;
    struct kw_consumer_group_member_metadata_value value;
    if (!kw_consumer_group_member_metadata_value_decode(&r->value->r, 0, arena, &value))
        return kd_reading_fault(r->value);
    /* A tag that is not there, of a broker before 4.0, means nothing. */
    const struct kw_consumer_group_member_metadata_value_classic_member *classic =
        value.classic_member_metadata;
    struct kd_words words = {.instance = value.instance_id,
                             .rack = value.rack_id,
                             .client_id = value.client_id,
                             .client_host = value.client_host,
                             .topics = value.subscribed_topic_names,
                             .topic_count = (size_t)KB_MAX(value.subscribed_topic_names_count, 0),
                             .regex = value.subscribed_topic_regex,
                             .assignor = value.server_assignor,
                             .rebalance_ms = value.rebalance_timeout_ms,
                             .classic = classic && classic->supported_protocols_count > 0};
    if (words.classic) {
        words.session_ms = classic->session_timeout_ms;
        words.protocol_count = (size_t)classic->supported_protocols_count;
        words.protocols = kb_arena_array(arena, words.protocol_count, sizeof *words.protocols);
        for (size_t i = 0; words.protocols && i < words.protocol_count; i++)
            words.protocols[i] = (struct kd_protocol){classic->supported_protocols[i].name,
                                                      classic->supported_protocols[i].metadata};
    }
    struct kd_modern_member *member = arena->failed ? NULL : obtain(r);
    return made(member && kd_modern_set_words(member, &words));
}

static void forget_words(struct replaying *r)
{
    struct kd_modern_member *member = find(r);
    if (member)
        kd_modern_remove(member);
}

/* ---- Which it is ---- */

static const struct kind {
    int16_t number;
    bool has_more; /* in its key, beside the group */
    int (*set)(struct replaying *r);
    void (*forget)(struct replaying *r);
} kinds[] = {
    {KD_RECORD_EPOCH, false, set_epoch, forget_epoch},
    {KD_RECORD_OLD_METADATA, false, set_old_metadata, forget_old_metadata},
    {KD_RECORD_WORDS, true, set_words, forget_words},
    {KD_RECORD_TARGET_EPOCH, false, set_target_epoch, forget_target_epoch},
    {KD_RECORD_TARGET, true, set_target, forget_target},
    {KD_RECORD_CURRENT, true, set_current, forget_current},
    {KD_RECORD_EXPRESSION, true, set_expression, forget_expression},
};

static bool read_key(const struct kind *kind, struct kd_reading *key, struct kb_slice *group,
                     struct kb_slice *more)
{
    struct kw_consumer_group_metadata_key one = {0};
    struct kw_consumer_group_member_metadata_key two = {0};
    bool read = kind->has_more
                    ? kw_consumer_group_member_metadata_key_decode(&key->r, 0, &key->arena, &two)
                    : kw_consumer_group_metadata_key_decode(&key->r, 0, &key->arena, &one);
    *group = kind->has_more ? two.group_id : one.group_id;
    *more = two.member_id;
    return read;
}

static int set(const struct kind *kind, struct replaying *r, struct kb_slice id,
               struct kb_slice bytes)
{
    struct kd_reading value;
    r->group = kd_group_obtain(r->groups, id, r->now);
    if (!r->group)
        return KB_E_NO_MEMORY;
    if (r->group->generation || r->group->members.count)
        return KB_E_CORRUPT_MESSAGE; /* of the classic protocol: that one ends first */
    if (!r->group->modern && !kd_modern_make(r->group))
        return KB_E_NO_MEMORY;
    r->value = &value;
    kd_reading_init(&value, bytes);
    int code = value.version ? KB_E_UNSUPPORTED_VERSION : kind->set(r);
    kb_arena_deinit(&value.arena);
    return code;
}

static int replay_kind(const struct kind *kind, struct kd_groups *groups, struct kd_reading *key,
                       const struct kd_record *record, struct kb_time now)
{
    struct replaying r = {.groups = groups, .now = now};
    struct kb_slice id;
    if (!read_key(kind, key, &id, &r.more))
        return kd_reading_fault(key);
    if (record->value.data)
        return set(kind, &r, id, record->value);
    r.group = kd_group_find(groups, id);
    if (r.group && r.group->modern)
        kind->forget(&r);
    return KB_OK;
}

int kd_modern_replay(struct kd_groups *groups, struct kd_reading *key,
                     const struct kd_record *record, struct kb_time now)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(kinds); i++)
        if (kinds[i].number == key->version)
            return replay_kind(&kinds[i], groups, key, record, now);
    return KB_OK;
}
