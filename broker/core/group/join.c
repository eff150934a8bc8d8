/* SPDX-License-Identifier: Apache-2.0 */
/* JoinGroup: who may join, and what it does to the round. */
#include "broker/core/group/modern/classic.h"
#include "broker/core/group/modern/modern.h"
#include <stdio.h>

enum { NEW_MEMBER_MS = 5 * 60 * 1000 }; /* how long a first join may wait for its round */
enum { MEMBER_ID_MAX = 32767 };

/* ---- Answers ---- */

void kd_join_answer(struct kd_join *join, struct kd_outcome *out)
{
    join->wait.member = NULL;
    out->failed |= join->wait.arena->failed;
    kb_list_push_back(&out->answers, &join->wait.link);
}

void kd_join_refuse(struct kd_join *join, int code, struct kb_slice member_id,
                    struct kd_outcome *out)
{
    kw_join_group_response_init(&join->out);
    join->out.error_code = (int16_t)code;
    join->out.protocol_name = join->version >= 7 ? kb_slice_null() : kb_slice_str("");
    join->out.leader = kb_slice_str("");
    join->out.member_id = kd_slice_copy(join->wait.arena, member_id);
    kd_join_answer(join, out);
}

/* The leader is told who there is, and what each said for the protocol. */
static void tell_members(struct kd_join *join, const struct kd_group *group)
{
    struct kb_arena *arena = join->wait.arena;
    struct kw_join_group_response_member *members =
        kb_arena_array(arena, group->members.count, sizeof *members);
    join->out.members = members;
    if (!members)
        return;
    KB_LIST_EACH(at, &group->order) {
        const struct kd_member *member = KB_CONTAINER(at, struct kd_member, link);
        struct kw_join_group_response_member *told = &members[join->out.members_count++];
        kw_join_group_response_member_init(told);
        told->member_id = kd_slice_copy(arena, member->id);
        told->group_instance_id = kd_slice_copy(arena, member->instance);
        told->metadata = kd_slice_copy(arena, kd_member_metadata(member, group->protocol));
    }
}

static void fill(struct kd_join *join, const struct kd_member *member, struct kb_slice leader_id)
{
    const struct kd_group *group = member->group;
    struct kb_arena *arena = join->wait.arena;
    kw_join_group_response_init(&join->out);
    join->out.generation_id = group->generation;
    join->out.protocol_type = kd_slice_copy(arena, group->protocol_type);
    join->out.protocol_name = kd_slice_copy(arena, group->protocol);
    join->out.leader = kd_slice_copy(arena, leader_id);
    join->out.member_id = kd_slice_copy(arena, member->id);
}

void kd_join_welcome(struct kd_join *join, const struct kd_member *member, struct kd_outcome *out)
{
    fill(join, member, member->group->leader->id);
    if (member == member->group->leader)
        tell_members(join, member->group);
    kd_join_answer(join, out);
}

/* ---- Parking ---- */

static void park(struct kd_join *join, struct kd_member *member)
{
    if (!member->join)
        member->group->joined++;
    join->wait.member = member;
    member->join = join;
}

/* What the member says of itself, from now on. */
static bool take_words(struct kd_member *member, const struct kd_join *join,
                       const struct kd_protocol *protocols, size_t count)
{
    const struct kw_join_group_request *in = join->in;
    member->session_ms = in->session_timeout_ms;
    member->rebalance_ms =
        in->rebalance_timeout_ms >= 0 ? in->rebalance_timeout_ms : in->session_timeout_ms;
    return kd_slice_set(&member->client_id, join->client_id) &&
           kd_slice_set(&member->client_host, join->client_host) &&
           kd_member_set_protocols(member, protocols, count);
}

/* ---- One join ---- */

struct joining {
    struct kd_groups *groups;
    struct kd_group *group;
    struct kd_join *join;
    const struct kw_join_group_request *in;
    struct kd_protocol *protocols;
    size_t protocol_count;
    struct kb_time now;
    struct kd_outcome *out;
};

static void refuse(struct joining *j, int code)
{
    kd_join_refuse(j->join, code, j->in->member_id, j->out);
}

static struct kb_slice new_id(struct joining *j)
{
    char id[KB_UUID_TEXT];
    struct kb_slice stem =
        j->in->group_instance_id.data ? j->in->group_instance_id : j->join->client_id;
    size_t stem_size = KB_MIN(stem.size, (size_t)MEMBER_ID_MAX - KB_UUID_TEXT);
    uint8_t *text = kb_arena_alloc(j->join->wait.arena, stem_size + KB_UUID_TEXT);
    if (!text)
        return kb_slice_null();
    kb_uuid_format(kb_uuid_random(j->groups->random), id);
    if (stem_size)
        memcpy(text, stem.data, stem_size);
    text[stem_size] = '-';
    memcpy(text + stem_size + 1, id, KB_UUID_TEXT - 1);
    return kb_slice_of(text, stem_size + KB_UUID_TEXT);
}

static bool is_full(const struct kd_group *group)
{
    return group->members.count + group->pending.count >= (size_t)group->groups->limits->max_size;
}

/* A member that was not there before. */
static void add(struct joining *j, struct kb_slice id)
{
    struct kd_group *group = j->group;
    if (!group->members.count && !kd_slice_set(&group->protocol_type, j->in->protocol_type)) {
        j->out->failed = true;
        return;
    }
    struct kd_member *member = kd_group_add(group, id, j->in->group_instance_id);
    if (!member || !take_words(member, j->join, j->protocols, j->protocol_count)) {
        j->out->failed = true;
        return;
    }
    if (!group->leader)
        group->leader = member;
    member->is_new = true;
    kd_timer_set(group, &member->session, kb_deadline(j->now, NEW_MEMBER_MS), j->out);
    park(j->join, member);
    group->joined_since = true;
    kd_group_rebalance(group, j->now, j->out);
}

/* One that was there says something else, or wants a new round. */
static void update(struct joining *j, struct kd_member *member)
{
    if (member->join)
        kd_member_refuse(member, KB_E_REBALANCE_IN_PROGRESS, j->out); /* one that it gave up */
    if (!take_words(member, j->join, j->protocols, j->protocol_count)) {
        j->out->failed = true;
        return;
    }
    kd_member_renew(member, j->now, j->out);
    park(j->join, member);
    kd_group_rebalance(j->group, j->now, j->out);
}

static bool has_same_words(const struct joining *j, const struct kd_member *member)
{
    return kd_member_has_protocols(member, j->protocols, j->protocol_count);
}

/* ---- Static members ---- */

/*
 * The instance was restarted, and has a new id. Where its words for the protocol
 * are the same the group goes on without a round. A leader that is told so, but
 * did not take part in the last round, has to be kept from assigning: from
 * version 9 on by a flag, before by the name of its former self.
 */
static void replace(struct joining *j, struct kd_member *member)
{
    struct kd_group *group = j->group;
    struct kb_slice old_id = kd_slice_copy(j->join->wait.arena, member->id);
    struct kb_slice id = new_id(j);
    struct kb_slice before =
        kd_slice_copy(j->join->wait.arena, kd_member_metadata(member, group->protocol));
    kd_member_refuse(member, KB_E_FENCED_INSTANCE_ID, j->out);
    if (!id.data || !kd_member_rename(member, id)) {
        j->out->failed = true;
        return;
    }
    if (group->state != KD_GROUP_STABLE) {
        member->must_sync = false;
        update(j, member);
        return;
    }
    if (!take_words(member, j->join, j->protocols, j->protocol_count)) {
        j->out->failed = true;
        return;
    }
    struct kb_slice after = kd_member_metadata(member, group->protocol);
    if (!before.data || !kb_slice_equal(before, after) || !kd_group_keeps_protocol(group)) {
        kd_member_renew(member, j->now, j->out);
        park(j->join, member);
        kd_group_rebalance(group, j->now, j->out);
        return;
    }
    kd_member_renew(member, j->now, j->out);
    kd_emit_group(group, j->now, j->out);
    bool leads = member == group->leader, skips = leads && j->join->version >= 9;
    fill(j->join, member, leads && !skips ? old_id : group->leader->id);
    if (skips) {
        j->join->out.skip_assignment = true;
        tell_members(j->join, group);
    }
    kd_join_answer(j->join, j->out);
}

/* ---- Who it may be ---- */

static void join_as_new(struct joining *j)
{
    struct kd_group *group = j->group;
    struct kd_member *known =
        j->in->group_instance_id.data ? kd_group_static(group, j->in->group_instance_id) : NULL;
    if (known) {
        replace(j, known);
        return;
    }
    if (is_full(group)) {
        refuse(j, KB_E_GROUP_MAX_SIZE_REACHED);
        return;
    }
    struct kb_slice id = new_id(j);
    if (!id.data) {
        j->out->failed = true;
    } else if (j->join->version < 4 || j->in->group_instance_id.data) {
        add(j, id);
    } else {
        if (!kd_group_expect(group, id, kb_deadline(j->now, j->in->session_timeout_ms), j->out))
            j->out->failed = true;
        kd_join_refuse(j->join, KB_E_MEMBER_ID_REQUIRED, id, j->out);
    }
}

/* Its answer was lost, and nothing is new. */
static void welcome_again(struct joining *j, struct kd_member *member)
{
    kd_member_renew(member, j->now, j->out);
    kd_join_welcome(j->join, member, j->out);
}

static void join_again(struct joining *j, struct kd_member *member)
{
    struct kd_group *group = j->group;
    bool same = has_same_words(j, member);
    switch (group->state) {
    case KD_GROUP_PREPARING:
        update(j, member);
        break;
    case KD_GROUP_COMPLETING:
        same ? welcome_again(j, member) : update(j, member);
        break;
    case KD_GROUP_STABLE: /* a leader that joins wants to assign anew */
        same &&member != group->leader ? welcome_again(j, member) : update(j, member);
        break;
    default:
        refuse(j, KB_E_UNKNOWN_MEMBER_ID);
    }
}

static void join_by_id(struct joining *j)
{
    struct kd_member *member = NULL;
    if (!j->in->group_instance_id.data && kd_group_expected(j->group, j->in->member_id)) {
        add(j, j->in->member_id);
        return;
    }
    int code = kd_group_identify(j->group, j->in->member_id, j->in->group_instance_id, &member);
    if (code)
        refuse(j, code);
    else
        join_again(j, member);
}

static int check(const struct joining *j)
{
    const struct kd_group_limits *limits = j->groups->limits;
    if (!j->in->group_id.size)
        return KB_E_INVALID_GROUP_ID;
    if (j->in->session_timeout_ms < limits->min_session_ms ||
        j->in->session_timeout_ms > limits->max_session_ms)
        return KB_E_INVALID_SESSION_TIMEOUT;
    if (!j->in->protocol_type.size || j->in->protocols_count <= 0)
        return KB_E_INCONSISTENT_GROUP_PROTOCOL;
    return KB_OK;
}

/* A group of the other protocol: its members go on in it, or there are none, and it
 * becomes one of this. True: it is. */
static bool is_ours(struct joining *j)
{
    if (!j->group || !j->group->modern)
        return true;
    if (j->group->modern->members.count) {
        kd_modern_join(j->group, j->join, j->now, j->out);
        return false;
    }
    kd_emit_no_modern(j->group, j->out);
    return true;
}

static void join_group(struct joining *j)
{
    const struct kw_join_group_request *in = j->in;
    j->protocol_count = (size_t)in->protocols_count;
    j->protocols = kb_arena_array(j->join->wait.arena, j->protocol_count, sizeof *j->protocols);
    for (size_t i = 0; j->protocols && i < j->protocol_count; i++)
        j->protocols[i] = (struct kd_protocol){in->protocols[i].name, in->protocols[i].metadata};
    j->group = kd_group_find(j->groups, in->group_id);
    if (!is_ours(j))
        return;
    if (!j->group && in->member_id.size) {
        refuse(j, KB_E_UNKNOWN_MEMBER_ID);
        return;
    }
    if (!j->group)
        j->group = kd_group_make(j->groups, in->group_id, j->now);
    if (!j->protocols || !j->group)
        j->out->failed = true;
    else if (!kd_group_accepts(j->group, in->protocol_type, j->protocols, j->protocol_count))
        refuse(j, KB_E_INCONSISTENT_GROUP_PROTOCOL);
    else if (in->member_id.size)
        join_by_id(j);
    else
        join_as_new(j);
}

void kd_groups_join(struct kd_groups *groups, struct kd_join *join, struct kb_time now,
                    struct kd_outcome *out)
{
    struct joining j = {.groups = groups, .join = join, .in = join->in, .now = now, .out = out};
    kb_list_init(&join->wait.link);
    int code = check(&j);
    if (code)
        refuse(&j, code);
    else
        join_group(&j);
    if (out->failed && !join->wait.member && kb_list_empty(&join->wait.link))
        refuse(&j, KB_E_COORDINATOR_NOT_AVAILABLE); /* no memory, and in nobody's hands */
}
