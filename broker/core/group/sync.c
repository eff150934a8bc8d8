/* SPDX-License-Identifier: Apache-2.0 */
/* SyncGroup, Heartbeat, LeaveGroup: what members do between two rounds. */
#include "broker/core/group/modern/classic.h"
#include "broker/core/group/modern/modern.h"

/* ---- Sync ---- */

void kd_sync_answer(struct kd_sync *sync, int code, const struct kd_group *group,
                    struct kb_slice assignment, struct kd_outcome *out)
{
    struct kb_arena *arena = sync->wait.arena;
    kw_sync_group_response_init(&sync->out);
    sync->out.error_code = (int16_t)code;
    sync->out.assignment = kb_slice_str("");
    if (!code) {
        sync->out.protocol_type = kd_slice_copy(arena, group->protocol_type);
        sync->out.protocol_name = kd_slice_copy(arena, group->protocol);
        if (assignment.data)
            sync->out.assignment = kd_slice_copy(arena, assignment);
    }
    sync->wait.member = NULL;
    out->failed |= arena->failed;
    kb_list_push_back(&out->answers, &sync->wait.link);
}

static bool said_otherwise(struct kb_slice said, struct kb_slice is)
{
    return said.data && !kb_slice_equal(said, is);
}

static int check_sync(const struct kd_group *group, const struct kw_sync_group_request *in,
                      struct kd_member **member)
{
    int code = kd_group_identify(group, in->member_id, in->group_instance_id, member);
    if (code)
        return code;
    if (in->generation_id != group->generation)
        return KB_E_ILLEGAL_GENERATION;
    if (said_otherwise(in->protocol_type, group->protocol_type) ||
        said_otherwise(in->protocol_name, group->protocol))
        return KB_E_INCONSISTENT_GROUP_PROTOCOL;
    return KB_OK;
}

/* Members that the leader forgot get nothing. */
static void hand_out(struct kd_group *group, const struct kw_sync_group_request *in)
{
    KB_LIST_EACH(at, &group->order)
        KB_CONTAINER(at, struct kd_member, link)->handed = kb_slice_str("");
    for (int32_t i = 0; i < in->assignments_count; i++) {
        struct kd_member *member = kd_group_member(group, in->assignments[i].member_id);
        if (member)
            member->handed = in->assignments[i].assignment;
    }
}

/* Who waited begins a session anew: it could not be heard. */
static void release_all(struct kd_group *group, struct kb_time now, struct kd_outcome *out)
{
    KB_LIST_EACH(at, &group->order) {
        struct kd_member *member = KB_CONTAINER(at, struct kd_member, link);
        struct kd_sync *sync = member->sync;
        member->sync = NULL;
        if (!sync)
            continue;
        kd_member_renew(member, now, out);
        kd_sync_answer(sync, KB_OK, group, member->assignment, out);
    }
}

static void complete_sync(struct kd_member *member, struct kd_sync *sync, struct kb_time now,
                          struct kd_outcome *out)
{
    struct kd_group *group = member->group;
    if (member->sync) /* one that it gave up */
        kd_sync_answer(member->sync, KB_E_REBALANCE_IN_PROGRESS, NULL, kb_slice_null(), out);
    member->sync = sync;
    sync->wait.member = member;
    if (member != group->leader)
        return;
    hand_out(group, sync->in);
    kd_emit_group(group, now, out);
    release_all(group, now, out);
}

void kd_groups_sync(struct kd_groups *groups, struct kd_sync *sync, struct kb_time now,
                    struct kd_outcome *out)
{
    const struct kw_sync_group_request *in = sync->in;
    struct kd_group *group = kd_group_find(groups, in->group_id);
    struct kd_member *member = NULL;
    if (group && group->modern) {
        kd_modern_sync(group, sync, now, out);
        return;
    }
    int code = !in->group_id.size ? KB_E_INVALID_GROUP_ID
               : !group           ? KB_E_UNKNOWN_MEMBER_ID
                                  : check_sync(group, in, &member);
    if (!code && group->state == KD_GROUP_PREPARING)
        code = KB_E_REBALANCE_IN_PROGRESS;
    if (code) {
        kd_sync_answer(sync, code, NULL, kb_slice_null(), out);
        return;
    }
    member->must_sync = false;
    kd_member_renew(member, now, out);
    if (group->state == KD_GROUP_COMPLETING)
        complete_sync(member, sync, now, out);
    else
        kd_sync_answer(sync, KB_OK, group, member->assignment, out);
}

/* ---- Heartbeat ---- */

int kd_groups_heartbeat(struct kd_groups *groups, const struct kw_heartbeat_request *in,
                        struct kb_time now, struct kd_outcome *out)
{
    struct kd_group *group = kd_group_find(groups, in->group_id);
    struct kd_member *member = NULL;
    if (!in->group_id.size)
        return KB_E_INVALID_GROUP_ID;
    if (!group)
        return KB_E_UNKNOWN_MEMBER_ID;
    if (group->modern)
        return kd_modern_heartbeat(group, in, now, out);
    int code = kd_group_identify(group, in->member_id, in->group_instance_id, &member);
    if (code)
        return code;
    if (in->generation_id != group->generation)
        return KB_E_ILLEGAL_GENERATION;
    kd_member_renew(member, now, out);
    return group->state == KD_GROUP_PREPARING ? KB_E_REBALANCE_IN_PROGRESS : KB_OK;
}

/* ---- Leave ---- */

static int leave(struct kd_group *group, struct kb_slice id, struct kb_slice instance,
                 struct kb_time now, struct kd_outcome *out)
{
    struct kd_member *member = NULL;
    if (group->modern)
        return kd_modern_leave(group, id, instance, now, out);
    if (!instance.data && kd_group_expected(group, id)) {
        kd_group_try_complete(group, now, out);
        return KB_OK;
    }
    /* An administrator names the instance alone. */
    if (instance.data && !id.size) {
        member = kd_group_static(group, instance);
        if (!member)
            return KB_E_UNKNOWN_MEMBER_ID;
    } else {
        int code = kd_group_identify(group, id, instance, &member);
        if (code)
            return code;
    }
    kd_group_expel(member, KB_E_UNKNOWN_MEMBER_ID, now, out);
    return KB_OK;
}

static int leave_each(struct kd_group *group, const struct kw_leave_group_request *in,
                      struct kb_arena *arena, struct kb_time now,
                      struct kw_leave_group_response *answer, struct kd_outcome *out)
{
    size_t count = (size_t)KB_MAX(in->members_count, 0);
    answer->members = kb_arena_array(arena, count, sizeof *answer->members);
    for (size_t i = 0; answer->members && i < count; i++) {
        struct kw_leave_group_response_member *told = &answer->members[answer->members_count++];
        kw_leave_group_response_member_init(told);
        told->member_id = in->members[i].member_id;
        told->group_instance_id = in->members[i].group_instance_id;
        told->error_code =
            (int16_t)(group ? leave(group, told->member_id, told->group_instance_id, now, out)
                            : KB_E_UNKNOWN_MEMBER_ID);
    }
    return KB_OK;
}

void kd_groups_leave(struct kd_groups *groups, const struct kw_leave_group_request *in,
                     int16_t version, struct kb_arena *arena, struct kb_time now,
                     struct kw_leave_group_response *answer, struct kd_outcome *out)
{
    struct kd_group *group = kd_group_find(groups, in->group_id);
    kw_leave_group_response_init(answer);
    int code = !in->group_id.size ? KB_E_INVALID_GROUP_ID
               : version >= 3     ? leave_each(group, in, arena, now, answer, out)
               : !group           ? KB_E_UNKNOWN_MEMBER_ID
                                  : leave(group, in->member_id, kb_slice_null(), now, out);
    answer->error_code = (int16_t)code;
}
