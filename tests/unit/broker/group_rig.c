/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/group_rig.h"
#include "base/codes.h"
#include "broker/core/group/modern/migrate.h"
#include "wire/gen/consumer_protocol_assignment.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rig_init(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    rig->limits =
        (struct kd_group_limits){.min_session_ms = 6000,
                                 .max_session_ms = 1800000,
                                 .offsets_retention_ms = 7 * 86400000LL,
                                 .max_size = 1000,
                                 .offset_metadata_max_bytes = 4096,
                                 .settings = {[KD_SET_SESSION] = 45000, [KD_SET_HEARTBEAT] = 5000},
                                 .consumer_max_size = 1000,
                                 .upgrade = true,
                                 .downgrade = true};
    kd_assignors_parse("uniform,range", rig->limits.assignors);
    kd_topics_init(&rig->topics, 1);
    rig->now = (struct kb_time){1000, 1700000000000};
    kb_random_seed(&rig->random, 1);
    kd_groups_init(&rig->groups, &rig->limits, &rig->topics, &rig->random);
    struct kd_outcome out;
    kd_outcome_init(&out);
    kd_groups_loaded(&rig->groups, rig->now, &out);
    kd_outcome_deinit(&out);
}

static void keep(struct rig *rig, const struct kd_record *record)
{
    rig->log = realloc(rig->log, (rig->log_count + 1) * sizeof *rig->log);
    struct rig_entry *copy = &rig->log[rig->log_count++];
    const struct kb_slice from[2] = {record->key, record->value};
    struct kb_slice to[2];
    for (int i = 0; i < 2; i++) {
        uint8_t *bytes = from[i].data ? malloc(from[i].size + 1) : NULL;
        if (bytes)
            memcpy(bytes, from[i].data, from[i].size);
        to[i] = kb_slice_of(bytes, from[i].size);
    }
    *copy = (struct rig_entry){{to[0], to[1]}, rig->in_txn, rig->producer, RIG_RECORD};
}

static void copy_text(char *to, size_t size, struct kb_slice from)
{
    snprintf(to, size, "%.*s", (int)from.size, from.data ? (const char *)from.data : "");
}

static void take_join(struct rig_client *client)
{
    const struct kw_join_group_response *out = &client->join.out;
    client->code = out->error_code;
    copy_text(client->id, sizeof client->id, out->member_id);
    client->skips = out->skip_assignment;
    client->told = (size_t)out->members_count;
    if (client->code)
        return;
    client->generation = out->generation_id;
    copy_text(client->protocol, sizeof client->protocol, out->protocol_name);
    client->leads = kb_slice_equal(out->leader, out->member_id);
}

static uint64_t partitions_of(struct kb_slice bytes)
{
    struct kw_consumer_protocol_assignment in;
    struct kb_arena arena;
    struct kw_reader r = kw_reader_of(bytes);
    uint64_t set = 0;
    kb_arena_init(&arena, 1 << 16);
    if (bytes.size && kw_read_i16(&r) == 0 &&
        kw_consumer_protocol_assignment_decode(&r, 0, &arena, &in))
        for (int32_t i = 0; i < in.assigned_partitions_count; i++)
            for (int32_t p = 0; p < in.assigned_partitions[i].partitions_count; p++)
                set |= 1ull << in.assigned_partitions[i].partitions[p];
    kb_arena_deinit(&arena);
    return set;
}

static void take_sync(struct rig_client *client)
{
    client->held = partitions_of(client->sync.out.assignment);
    client->code = client->sync.out.error_code;
    copy_text(client->assignment, sizeof client->assignment, client->sync.out.assignment);
}

static void take_answer(struct kd_parked *wait)
{
    struct rig_client *client = wait->owner;
    client->waits = false;
    if (wait->kind == KD_PARKED_JOIN)
        take_join(client);
    else
        take_sync(client);
}

void rig_end_step(struct rig *rig, struct kd_outcome *out)
{
    struct kb_list *node;
    rig->failed |= out->failed;
    for (size_t i = 0; i < out->record_count; i++)
        keep(rig, &out->records[i]);
    while ((node = kb_list_pop_front(&out->answers)))
        take_answer(KB_CONTAINER(node, struct kd_parked, link));
    kd_outcome_deinit(out);
}

void rig_deinit(struct rig *rig)
{
    struct kd_outcome out;
    kd_outcome_init(&out);
    kd_groups_drop(&rig->groups, KB_E_NOT_COORDINATOR, &out);
    rig_end_step(rig, &out);
    kd_groups_deinit(&rig->groups);
    kd_topics_deinit(&rig->topics);
    for (size_t i = 0; i < rig->count; i++)
        kb_arena_deinit(&rig->clients[i].arena);
    for (size_t i = 0; i < rig->log_count; i++) {
        free((void *)rig->log[i].record.key.data);
        free((void *)rig->log[i].record.value.data);
    }
    free(rig->log);
}

struct rig_client *rig_client(struct rig *rig, const char *name, const char *protocols)
{
    struct rig_client *client = &rig->clients[rig->count++];
    client->name = name;
    client->protocols = protocols;
    client->version = 9;
    client->session_ms = 10000;
    client->rebalance_ms = 60000;
    client->generation = -1;
    kb_arena_init(&client->arena, 1 << 20);
    return client;
}

/* ---- Requests ---- */

static void wait_init(struct rig_client *client, struct kd_parked *wait, enum kd_parked_kind kind)
{
    assert_false(client->waits);
    *wait = (struct kd_parked){.kind = kind, .arena = &client->arena, .owner = client};
    client->waits = true;
    client->code = 0;
}

static void fill_protocols(struct rig_client *client)
{
    struct kw_join_group_request *in = &client->join_in;
    in->protocols = kb_arena_array(&client->arena, 8, sizeof *in->protocols);
    in->protocols_count = 0;
    for (const char *at = client->protocols; in->protocols && *at;) {
        size_t size = strcspn(at, ",");
        struct kw_join_group_request_protocol *protocol = &in->protocols[in->protocols_count++];
        kw_join_group_request_protocol_init(protocol);
        protocol->name = kb_slice_of(at, size);
        protocol->metadata = kb_slice_of("\0\0\0\0\0\1\0\1t\377\377\377\377", 13);
        at += size + (at[size] == ',');
    }
}

int rig_join(struct rig *rig, struct rig_client *client)
{
    struct kd_outcome out;
    struct kw_join_group_request *in = &client->join_in;
    kw_join_group_request_init(in);
    in->group_id = kb_slice_str("g");
    in->session_timeout_ms = client->session_ms;
    in->rebalance_timeout_ms = client->rebalance_ms;
    in->member_id = kb_slice_str(kb_arena_strdup(&client->arena, kb_slice_str(client->id)));
    in->group_instance_id = kb_slice_str(client->instance);
    in->protocol_type = kb_slice_str("consumer");
    fill_protocols(client);
    wait_init(client, &client->join.wait, KD_PARKED_JOIN);
    client->join.in = in;
    client->join.version = client->version;
    client->join.client_id = kb_slice_str(client->name);
    client->join.client_host = kb_slice_str("/127.0.0.1");
    kd_outcome_init(&out);
    kd_groups_join(&rig->groups, &client->join, rig->now, &out);
    rig_end_step(rig, &out);
    return client->code;
}

/* Every so manieth partition. */
static struct kb_slice partitions_for(const struct rig *rig, struct kb_arena *arena, size_t nth,
                                      size_t of)
{
    const struct kd_topic *topic = kd_topics_find(&rig->topics, kb_slice_str("t"));
    struct kd_parts parts = kd_parts_room(arena, (size_t)topic->count);
    for (int32_t p = (int32_t)nth; parts.at && p < topic->count; p += (int32_t)of)
        kd_parts_add(&parts, topic->id, p, 0);
    return parts.at ? kd_assignment_write(&parts, 0, &rig->topics, arena) : kb_slice_null();
}

static void assign(struct rig *rig, struct rig_client *client)
{
    struct kw_sync_group_request *in = &client->sync_in;
    const struct kw_join_group_response *told = &client->join.out;
    size_t count = (size_t)told->members_count;
    in->assignments = kb_arena_array(&client->arena, count, sizeof *in->assignments);
    for (size_t i = 0; in->assignments && i < count; i++) {
        struct kw_sync_group_request_assignment *one = &in->assignments[in->assignments_count++];
        one->member_id = told->members[i].member_id;
        one->assignment = partitions_for(rig, &client->arena, i, count);
    }
}

/* The leader hands each member "for ID@GENERATION". */
static void fill_assignments(struct rig *rig, struct rig_client *client)
{
    struct kw_sync_group_request *in = &client->sync_in;
    in->assignments = kb_arena_array(&client->arena, rig->count, sizeof *in->assignments);
    for (size_t i = 0; in->assignments && i < rig->count; i++) {
        struct kw_sync_group_request_assignment *one = &in->assignments[in->assignments_count++];
        char text[64];
        snprintf(text, sizeof text, "for %s@%d", rig->clients[i].name, client->generation);
        kw_sync_group_request_assignment_init(one);
        one->member_id = kb_slice_str(rig->clients[i].id);
        one->assignment = kb_slice_str(kb_arena_strdup(&client->arena, kb_slice_str(text)));
    }
}

int rig_sync(struct rig *rig, struct rig_client *client)
{
    struct kd_outcome out;
    struct kw_sync_group_request *in = &client->sync_in;
    kw_sync_group_request_init(in);
    in->group_id = kb_slice_str("g");
    in->generation_id = client->generation;
    in->member_id = kb_slice_str(client->id);
    in->group_instance_id = kb_slice_str(client->instance);
    if (client->leads)
        rig->assigns ? assign(rig, client) : fill_assignments(rig, client);
    client->synced = client->generation;
    wait_init(client, &client->sync.wait, KD_PARKED_SYNC);
    client->sync.in = in;
    kd_outcome_init(&out);
    kd_groups_sync(&rig->groups, &client->sync, rig->now, &out);
    rig_end_step(rig, &out);
    return client->code;
}

int rig_heartbeat(struct rig *rig, struct rig_client *client)
{
    struct kd_outcome out;
    struct kw_heartbeat_request in;
    kw_heartbeat_request_init(&in);
    in.group_id = kb_slice_str("g");
    in.generation_id = client->generation;
    in.member_id = kb_slice_str(client->id);
    in.group_instance_id = kb_slice_str(client->instance);
    kd_outcome_init(&out);
    int code = kd_groups_heartbeat(&rig->groups, &in, rig->now, &out);
    rig_end_step(rig, &out);
    return code;
}

int rig_leave(struct rig *rig, struct rig_client *client)
{
    struct kd_outcome out;
    struct kw_leave_group_request in;
    struct kw_leave_group_response answer;
    struct kw_leave_group_request_member member;
    kw_leave_group_request_init(&in);
    kw_leave_group_request_member_init(&member);
    in.group_id = kb_slice_str("g");
    member.member_id = kb_slice_str(client->id);
    member.group_instance_id = kb_slice_str(client->instance);
    in.members = &member;
    in.members_count = 1;
    kd_outcome_init(&out);
    kd_groups_leave(&rig->groups, &in, 5, &client->arena, rig->now, &answer, &out);
    int code = answer.error_code || !answer.members_count ? answer.error_code
                                                          : answer.members[0].error_code;
    rig_end_step(rig, &out);
    return code;
}

int rig_commit(struct rig *rig, struct rig_client *client, const char *topic, int32_t partition,
               int64_t offset)
{
    struct kd_outcome out;
    struct kd_commit commit = {.topic = kb_slice_str(topic),
                               .partition = partition,
                               .offset = offset,
                               .leader_epoch = -1,
                               .metadata = kb_slice_str("note"),
                               .expires_ms = -1};
    struct kd_committer who = {.group = kb_slice_str("g"),
                               .member = kb_slice_str(client ? client->id : ""),
                               .instance = kb_slice_str(client ? client->instance : NULL),
                               .generation = client ? client->generation : -1,
                               .in_txn = rig->in_txn,
                               .producer = rig->producer};
    kd_outcome_init(&out);
    int code = kd_groups_commit(&rig->groups, &who, &commit, 1, rig->now, &out);
    rig_end_step(rig, &out);
    return code ? code : commit.code;
}

void rig_mark(struct rig *rig, int64_t producer, bool commit)
{
    rig->log = realloc(rig->log, (rig->log_count + 1) * sizeof *rig->log);
    rig->log[rig->log_count++] =
        (struct rig_entry){.producer = producer, .kind = commit ? RIG_COMMIT : RIG_ABORT};
    kd_groups_end_txn(&rig->groups, producer, commit);
}

void rig_replay(struct rig *rig, struct kd_groups *groups)
{
    for (size_t i = 0; i < rig->log_count; i++) {
        const struct rig_entry *at = &rig->log[i];
        int code = KB_OK;
        if (at->kind != RIG_RECORD)
            kd_groups_end_txn(groups, at->producer, at->kind == RIG_COMMIT);
        else if (at->in_txn)
            code = kd_groups_replay_txn(groups, at->producer, &at->record, rig->now);
        else
            code = kd_groups_replay(groups, &at->record, rig->now);
        assert_int_equal(code, KB_OK);
    }
}

int64_t rig_offset(struct rig *rig, const char *topic, int32_t partition)
{
    const struct kd_offset *offset =
        kd_groups_offset(&rig->groups, kb_slice_str("g"), kb_slice_str(topic), partition);
    return offset ? offset->position.offset : -1;
}

bool rig_is_open(const struct kd_groups *groups, const char *topic, int32_t partition)
{
    return kd_groups_offset_is_open(groups, kb_slice_str("g"), kb_slice_str(topic), partition);
}

void rig_pass(struct rig *rig, int64_t ms)
{
    int64_t end = rig->now.mono_ms + ms;
    while (rig->now.mono_ms <= end) {
        struct kd_outcome out;
        int64_t next = KB_MIN(kd_groups_deadline(&rig->groups), end);
        next = KB_MAX(next, rig->now.mono_ms);
        rig->now.wall_ms += next - rig->now.mono_ms;
        rig->now.mono_ms = next;
        kd_outcome_init(&out);
        kd_groups_tick(&rig->groups, rig->now, &out);
        rig_end_step(rig, &out);
        if (next == end && kd_groups_deadline(&rig->groups) > end)
            return;
    }
}

/* ---- What is ---- */

const char *rig_state(const struct rig *rig, const struct kd_groups *groups)
{
    static char text[256];
    struct kb_arena arena;
    struct kw_describe_groups_response_group group;
    (void)rig;
    kb_arena_init(&arena, 1 << 20);
    kd_groups_describe(groups, kb_slice_str("g"), 5, &arena, &group);
    snprintf(text, sizeof text, "%.*s %.*s %d", (int)group.group_state.size,
             (const char *)group.group_state.data, (int)group.protocol_data.size,
             (const char *)group.protocol_data.data, group.members_count);
    for (int32_t i = 0; i < group.members_count; i++) {
        const struct kw_describe_groups_response_member *m = &group.members[i];
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, " %.*s=%.*s", (int)m->client_id.size,
                 (const char *)m->client_id.data, (int)m->member_assignment.size,
                 (const char *)m->member_assignment.data);
    }
    kb_arena_deinit(&arena);
    return text;
}

void rig_check_replay(struct rig *rig)
{
    struct kd_groups again;
    struct kd_outcome out;
    struct kb_random random = rig->random;
    const struct kd_offset *at = NULL;
    char live[256];
    kd_groups_init(&again, &rig->limits, &rig->topics, &random);
    rig_replay(rig, &again);
    kd_outcome_init(&out);
    kd_groups_loaded(&again, rig->now, &out);
    kd_outcome_deinit(&out);
    snprintf(live, sizeof live, "%s", rig_state(rig, &rig->groups));
    assert_string_equal(rig_state(rig, &again), live);
    while ((at = kd_groups_next_offset(&rig->groups, kb_slice_str("g"), at))) {
        const struct kd_offset *same =
            kd_groups_offset(&again, kb_slice_str("g"), at->topic, at->partition);
        assert_non_null(same);
        assert_int_equal(same->position.offset, at->position.offset);
        assert_int_equal(same->position.committed_ms, at->position.committed_ms);
        assert_int_equal(same->position.place, at->position.place);
    }
    assert_int_equal(again.txns.count, rig->groups.txns.count);
    for (int32_t i = 0; i < 4; i++)
        assert_int_equal(rig_is_open(&again, "t", i), rig_is_open(&rig->groups, "t", i));
    kd_groups_deinit(&again);
}
