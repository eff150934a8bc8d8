/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/group/records.h"
#include "broker/core/group/modern/modern.h"
#include "wire/gen/group_metadata_record.h"
#include "wire/gen/offset_commit_record.h"
#include "wire/reader.h"
#include "wire/writer.h"

/* What the first number of a key says; 0 was 1's in the oldest brokers. */
enum { OFFSET_OF_OLD = 0, OFFSET = 1, GROUP = 2 };
/* The versions that are written: those that all of today's brokers and tools read. */
enum { OFFSET_VERSION = 3, OFFSET_EXPIRES_VERSION = 1, GROUP_VERSION = 3 };

/* ---- Emitting ----------------------------------------------------------- */

void kd_emit(struct kd_groups *groups, struct kd_record record, struct kb_time now,
             struct kd_outcome *out)
{
    if (kd_outcome_add(out, record))
        out->failed |= kd_groups_replay(groups, &record, now) != KB_OK;
}

static struct kb_slice offset_key(const struct kd_group *group, struct kb_slice topic,
                                  int32_t partition, struct kd_outcome *out)
{
    struct kw_writer w;
    const struct kw_offset_commit_key key = {group->id, topic, partition};
    kw_writer_init(&w, KD_RECORD_MAX_BYTES);
    kw_write_i16(&w, OFFSET);
    kw_offset_commit_key_encode(&w, 0, &key);
    return kd_outcome_take(&w, out);
}

static struct kb_slice offset_value(const struct kd_commit *commit, struct kb_time now,
                                    struct kd_outcome *out)
{
    struct kw_writer w;
    struct kw_offset_commit_value value;
    int16_t version = commit->expires_ms >= 0 ? OFFSET_EXPIRES_VERSION : OFFSET_VERSION;
    kw_offset_commit_value_init(&value);
    value.offset = commit->offset;
    value.leader_epoch = commit->leader_epoch;
    value.metadata = commit->metadata.data ? commit->metadata : kb_slice_str("");
    value.commit_timestamp = now.wall_ms;
    value.expire_timestamp = commit->expires_ms;
    kw_writer_init(&w, KD_RECORD_MAX_BYTES);
    kw_write_i16(&w, version);
    kw_offset_commit_value_encode(&w, version, &value);
    return kd_outcome_take(&w, out);
}

static struct kd_record offset_record(const struct kd_group *group, const struct kd_commit *commit,
                                      struct kb_time now, struct kd_outcome *out)
{
    struct kb_slice key = offset_key(group, commit->topic, commit->partition, out);
    return (struct kd_record){key, offset_value(commit, now, out)};
}

void kd_emit_offset(struct kd_group *group, const struct kd_commit *commit, struct kb_time now,
                    struct kd_outcome *out)
{
    kd_emit(group->groups, offset_record(group, commit, now, out), now, out);
}

void kd_emit_open_offset(struct kd_group *group, int64_t producer, const struct kd_commit *commit,
                         struct kb_time now, struct kd_outcome *out)
{
    struct kd_record record = offset_record(group, commit, now, out);
    if (kd_outcome_add(out, record))
        out->failed |= kd_groups_replay_txn(group->groups, producer, &record, now) != KB_OK;
}

void kd_emit_no_offset(struct kd_group *group, struct kb_slice topic, int32_t partition,
                       struct kd_outcome *out)
{
    kd_emit(group->groups,
            (struct kd_record){offset_key(group, topic, partition, out), kb_slice_null()},
            (struct kb_time){0}, out);
}

static struct kb_slice group_key(const struct kd_group *group, struct kd_outcome *out)
{
    struct kw_writer w;
    const struct kw_group_metadata_key key = {group->id};
    kw_writer_init(&w, KD_RECORD_MAX_BYTES);
    kw_write_i16(&w, GROUP);
    kw_group_metadata_key_encode(&w, 0, &key);
    return kd_outcome_take(&w, out);
}

static struct kb_slice or_empty(struct kb_slice bytes)
{
    return bytes.data ? bytes : kb_slice_str("");
}

static void fill_member(const struct kd_member *member, struct kw_group_metadata_value_member *out)
{
    kw_group_metadata_value_member_init(out);
    out->member_id = member->id;
    out->group_instance_id = member->instance;
    out->client_id = or_empty(member->client_id);
    out->client_host = or_empty(member->client_host);
    out->rebalance_timeout = member->rebalance_ms;
    out->session_timeout = member->session_ms;
    out->subscription = or_empty(kd_member_metadata(member, member->group->protocol));
    out->assignment = or_empty(member->handed.data ? member->handed : member->assignment);
}

static struct kb_slice group_value(const struct kd_group *group, struct kb_time now,
                                   struct kd_outcome *out)
{
    struct kw_writer w;
    struct kw_group_metadata_value value;
    kw_group_metadata_value_init(&value);
    value.protocol_type = or_empty(group->protocol_type);
    value.generation = group->generation;
    value.protocol = group->protocol;
    value.leader = group->leader ? group->leader->id : kb_slice_null();
    value.current_state_timestamp = now.wall_ms;
    value.members = kb_arena_array(&out->arena, group->members.count, sizeof *value.members);
    if (!value.members)
        return kb_slice_null();
    KB_LIST_EACH(at, &group->order)
        fill_member(KB_CONTAINER(at, struct kd_member, link),
                    &value.members[value.members_count++]);
    kw_writer_init(&w, KD_RECORD_MAX_BYTES);
    kw_write_i16(&w, GROUP_VERSION);
    kw_group_metadata_value_encode(&w, GROUP_VERSION, &value);
    return kd_outcome_take(&w, out);
}

void kd_emit_group(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    struct kb_slice value = group_value(group, now, out);
    out->failed |= !value.data;
    kd_emit(group->groups, (struct kd_record){group_key(group, out), value}, now, out);
    KB_LIST_EACH(at, &group->order)
        KB_CONTAINER(at, struct kd_member, link)->handed = kb_slice_null();
}

void kd_emit_no_group(struct kd_group *group, struct kd_outcome *out)
{
    kd_emit(group->groups, (struct kd_record){group_key(group, out), kb_slice_null()},
            (struct kb_time){0}, out);
}

/* ---- Replaying ---------------------------------------------------------- */

/* producer NULL: in no transaction. */
static int replay_offset(struct kd_groups *groups, const int64_t *producer,
                         const struct kw_offset_commit_key *key, struct kd_reading *in,
                         struct kb_time now)
{
    struct kw_offset_commit_value value;
    if (in->version < 0 || in->version > 4)
        return KB_E_UNSUPPORTED_VERSION;
    if (!kw_offset_commit_value_decode(&in->r, in->version, &in->arena, &value))
        return kd_reading_fault(in);
    struct kd_group *group = kd_group_obtain(groups, key->group, now);
    const struct kd_commit commit = {.topic = key->topic,
                                     .partition = key->partition,
                                     .offset = value.offset,
                                     .leader_epoch = value.leader_epoch,
                                     .metadata = value.metadata,
                                     .expires_ms = value.expire_timestamp};
    if (!group)
        return KB_E_NO_MEMORY;
    bool set = producer ? kd_group_open_offset(group, *producer, &commit, value.commit_timestamp)
                        : kd_group_set_offset(group, &commit, value.commit_timestamp);
    return set ? KB_OK : KB_E_NO_MEMORY;
}

static int replay_offset_key(struct kd_groups *groups, const int64_t *producer,
                             struct kd_reading *key, const struct kd_record *record,
                             struct kb_time now)
{
    struct kw_offset_commit_key which;
    struct kd_reading value;
    if (!kw_offset_commit_key_decode(&key->r, 0, &key->arena, &which))
        return kd_reading_fault(key);
    if (!record->value.data) {
        struct kd_group *group = kd_group_find(groups, which.group);
        if (group)
            kd_group_forget_offset(group, which.topic, which.partition);
        return KB_OK;
    }
    kd_reading_init(&value, record->value);
    int code = replay_offset(groups, producer, &which, &value, now);
    kb_arena_deinit(&value.arena);
    return code;
}

static bool set_member(struct kd_group *group, const struct kw_group_metadata_value *value,
                       const struct kw_group_metadata_value_member *in)
{
    const struct kd_protocol protocol = {or_empty(value->protocol), in->subscription};
    struct kd_member *member = kd_group_member(group, in->member_id);
    if (member) /* live: it is as it was emitted */
        return kd_slice_set(&member->assignment, in->assignment);
    member = kd_group_add(group, in->member_id, in->group_instance_id);
    if (!member)
        return false;
    member->session_ms = in->session_timeout;
    member->rebalance_ms = in->rebalance_timeout >= 0 ? in->rebalance_timeout : in->session_timeout;
    return kd_slice_set(&member->client_id, in->client_id) &&
           kd_slice_set(&member->client_host, in->client_host) &&
           kd_slice_set(&member->assignment, in->assignment) &&
           kd_member_set_protocols(member, &protocol, 1);
}

static bool set_group(struct kd_group *group, const struct kw_group_metadata_value *value,
                      struct kb_time now)
{
    bool loading = group->groups->loading;
    bool whole = true;
    if (loading)
        kd_group_forget_classic(group);
    for (int32_t i = 0; whole && i < value->members_count; i++)
        whole = set_member(group, value, &value->members[i]);
    group->generation = value->generation;
    enum kd_group_state state = value->members_count ? KD_GROUP_STABLE : KD_GROUP_EMPTY;
    if (!loading) {
        kd_group_turn(group, state, now);
        return whole;
    }
    group->state = state;
    group->state_since_ms =
        value->current_state_timestamp >= 0 ? value->current_state_timestamp : now.wall_ms;
    group->leader = value->leader.data ? kd_group_member(group, value->leader) : NULL;
    struct kb_slice type = value->protocol_type.size ? value->protocol_type : kb_slice_null();
    return whole && kd_slice_set(&group->protocol_type, type) &&
           kd_slice_set(&group->protocol, value->protocol);
}

static int replay_group(struct kd_groups *groups, const struct kw_group_metadata_key *key,
                        struct kd_reading *in, struct kb_time now)
{
    struct kw_group_metadata_value value;
    if (in->version < 0 || in->version > 4)
        return KB_E_UNSUPPORTED_VERSION;
    if (!kw_group_metadata_value_decode(&in->r, in->version, &in->arena, &value))
        return kd_reading_fault(in);
    struct kd_group *group = kd_group_obtain(groups, key->group, now);
    if (group && group->modern)
        return KB_E_CORRUPT_MESSAGE;
    return group && set_group(group, &value, now) ? KB_OK : KB_E_NO_MEMORY;
}

static int replay_group_key(struct kd_groups *groups, struct kd_reading *key,
                            const struct kd_record *record, struct kb_time now)
{
    struct kw_group_metadata_key which;
    struct kd_reading value;
    if (!kw_group_metadata_key_decode(&key->r, 0, &key->arena, &which))
        return kd_reading_fault(key);
    if (!record->value.data) {
        struct kd_group *group = kd_group_find(groups, which.group);
        if (group)
            kd_group_forget_classic(group);
        return KB_OK;
    }
    kd_reading_init(&value, record->value);
    int code = replay_group(groups, &which, &value, now);
    kb_arena_deinit(&value.arena);
    return code;
}

static int replay(struct kd_groups *groups, const int64_t *producer, const struct kd_record *record,
                  struct kb_time now)
{
    struct kd_reading key;
    int code = KB_OK;
    if (!record->key.data)
        return KB_E_CORRUPT_MESSAGE;
    kd_reading_init(&key, record->key);
    if (!kw_reader_ok(&key.r))
        code = KB_E_CORRUPT_MESSAGE;
    else if (key.version == OFFSET_OF_OLD || key.version == OFFSET)
        code = replay_offset_key(groups, producer, &key, record, now);
    else if (key.version == GROUP)
        code = replay_group_key(groups, &key, record, now);
    else
        code = kd_modern_replay(groups, &key, record, now);
    kb_arena_deinit(&key.arena);
    return code;
}

int kd_groups_replay(struct kd_groups *groups, const struct kd_record *record, struct kb_time now)
{
    return replay(groups, NULL, record, now);
}

int kd_groups_replay_txn(struct kd_groups *groups, int64_t producer, const struct kd_record *record,
                         struct kb_time now)
{
    return replay(groups, &producer, record, now);
}
