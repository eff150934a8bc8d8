/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/group/modern/classic.h"
#include "broker/core/group/modern/migrate.h"

static int identify(const struct kd_group *group, struct kb_slice id, struct kb_slice instance,
                    struct kd_modern_member **member)
{
    *member = instance.data ? kd_modern_static(group, instance) : kd_modern_find(group, id);
    if (!*member)
        return KB_E_UNKNOWN_MEMBER_ID;
    return kb_slice_equal((*member)->id, id) ? KB_OK : KB_E_FENCED_INSTANCE_ID;
}

/* The one that the request is of, if it speaks this protocol, in this generation. */
static int find(const struct kd_group *group, struct kb_slice id, struct kb_slice instance,
                int32_t generation, struct kd_modern_member **member)
{
    int code = identify(group, id, instance, member);
    if (code)
        return code;
    if (!(*member)->words.classic)
        return KB_E_UNKNOWN_MEMBER_ID;
    return generation == (*member)->current.epoch ? KB_OK : KB_E_ILLEGAL_GENERATION;
}

/* What it was asked for is due. */
static void expect(struct kd_modern_member *member, struct kb_time now, struct kd_outcome *out)
{
    kd_timer_set(member->group, &member->late, kb_deadline(now, member->words.rebalance_ms), out);
}

static void expect_if_not_yet(struct kd_modern_member *member, struct kb_time now,
                              struct kd_outcome *out)
{
    if (!member->late.node.position)
        expect(member, now, out);
}

/* ---- Join ---- */

struct joining {
    struct kd_group *group;
    struct kd_join *join;
    const struct kw_join_group_request *in;
    struct kd_entry entry;
    struct kd_subscription subscription;
    struct kb_time now;
    struct kd_outcome *out;
};

static struct kb_slice new_id(const struct joining *j)
{
    char text[KB_UUID_TEXT];
    kb_uuid_format(kb_uuid_random(j->group->groups->random), text);
    return kb_slice_str(kb_arena_strdup(j->join->wait.arena, kb_slice_str(text)));
}

static bool know_all(const struct kd_group *group, struct kb_slice protocol)
{
    KB_LIST_EACH(at, &group->modern->order) {
        const struct kd_words *words = &KB_CONTAINER(at, struct kd_modern_member, link)->words;
        bool known = !words->classic;
        for (size_t i = 0; !known && i < words->protocol_count; i++)
            known = kb_slice_equal(words->protocols[i].name, protocol);
        if (!known)
            return false;
    }
    return true;
}

/* Is there a protocol that all of them would have in common? They may be alone one day. */
static bool accepts(const struct joining *j)
{
    if (!kb_slice_is(j->in->protocol_type, "consumer"))
        return false;
    for (int32_t i = 0; i < j->in->protocols_count; i++)
        if (know_all(j->group, j->in->protocols[i].name))
            return true;
    return false;
}

static int identify_joining(struct joining *j)
{
    struct kd_entry *e = &j->entry;
    bool is_static = j->in->group_instance_id.data;
    if (!j->in->member_id.size && is_static) {
        e->former = kd_modern_static(j->group, j->in->group_instance_id);
        return KB_OK;
    }
    if (is_static)
        return identify(j->group, e->id, j->in->group_instance_id, &e->member);
    e->member = kd_modern_find(j->group, e->id);
    return KB_OK;
}

static int check(struct joining *j)
{
    const struct kd_group *group = j->group;
    if (!accepts(j) || !kd_subscription_read(&j->subscription, j->in->protocols[0].metadata,
                                             group->groups->topics, j->join->wait.arena))
        return KB_E_INCONSISTENT_GROUP_PROTOCOL;
    int code = identify_joining(j);
    bool is_new = !j->entry.member && !j->entry.former;
    if (!code && is_new &&
        group->modern->members.count >= (size_t)group->groups->limits->consumer_max_size)
        return KB_E_GROUP_MAX_SIZE_REACHED;
    if (!code && j->join->version >= 4 && !j->in->member_id.size && !j->in->group_instance_id.data)
        return KB_E_MEMBER_ID_REQUIRED;
    return code;
}

static void say(struct joining *j)
{
    struct kb_arena *arena = j->join->wait.arena;
    const struct kw_join_group_request *in = j->in;
    struct kd_words *words = &j->entry.words;
    *words =
        (struct kd_words){.instance = in->group_instance_id,
                          .rack = j->subscription.rack,
                          .client_id = j->join->client_id,
                          .client_host = j->join->client_host,
                          .topics = j->subscription.topics,
                          .topic_count = j->subscription.topic_count,
                          .rebalance_ms = in->rebalance_timeout_ms >= 0 ? in->rebalance_timeout_ms
                                                                        : in->session_timeout_ms,
                          .classic = true,
                          .session_ms = in->session_timeout_ms,
                          .protocol_count = (size_t)in->protocols_count};
    words->protocols = kb_arena_array(arena, words->protocol_count, sizeof *words->protocols);
    for (size_t i = 0; words->protocols && i < words->protocol_count; i++)
        words->protocols[i] =
            (struct kd_protocol){in->protocols[i].name, in->protocols[i].metadata};
    j->entry.owned = &j->subscription.owned;
    j->out->failed |= arena->failed;
}

static void welcome(struct joining *j)
{
    struct kb_arena *arena = j->join->wait.arena;
    const struct kd_modern_member *member = j->entry.member;
    struct kw_join_group_response *out = &j->join->out;
    kw_join_group_response_init(out);
    out->generation_id = member->current.epoch;
    out->protocol_type = kb_slice_str("consumer");
    out->protocol_name = kd_slice_copy(arena, member->words.protocols[0].name);
    out->leader = kb_slice_str("");
    out->member_id = kd_slice_copy(arena, member->id);
    kd_join_answer(j->join, j->out);
}

static void enter(struct joining *j)
{
    say(j);
    if (!j->out->failed)
        kd_modern_enter(&j->entry, j->now, j->out);
    if (j->out->failed) {
        kd_join_refuse(j->join, KB_E_COORDINATOR_NOT_AVAILABLE, j->entry.id, j->out);
        return;
    }
    kd_modern_renew(j->entry.member, j->now, j->out);
    expect(j->entry.member, j->now, j->out);
    welcome(j);
    if (kd_downgrade_follows(j->group, NULL))
        kd_downgrade(j->group, NULL, j->now, j->out);
}

void kd_modern_join(struct kd_group *group, struct kd_join *join, struct kb_time now,
                    struct kd_outcome *out)
{
    struct joining j = {.group = group, .join = join, .in = join->in, .now = now, .out = out};
    j.entry.group = group;
    j.entry.id = j.in->member_id.size ? j.in->member_id : new_id(&j);
    int code = check(&j);
    if (code)
        kd_join_refuse(join, code, j.entry.id, out);
    else
        enter(&j);
}

/* ---- Sync ---- */

static bool said_otherwise(struct kb_slice said, struct kb_slice is)
{
    return said.data && !kb_slice_equal(said, is);
}

static int check_sync(const struct kd_group *group, const struct kw_sync_group_request *in,
                      struct kb_time now, struct kd_modern_member **found, struct kd_outcome *out)
{
    int code = find(group, in->member_id, in->group_instance_id, in->generation_id, found);
    if (code)
        return code;
    if (said_otherwise(in->protocol_type, kb_slice_str("consumer")) ||
        said_otherwise(in->protocol_name, (*found)->words.protocols[0].name))
        return KB_E_INCONSISTENT_GROUP_PROTOCOL;
    if (group->modern->assignment_epoch > (*found)->current.epoch &&
        (*found)->current.state != KD_MODERN_UNREVOKED) {
        expect_if_not_yet(*found, now, out);
        return KB_E_REBALANCE_IN_PROGRESS;
    }
    return KB_OK;
}

void kd_modern_sync(struct kd_group *group, struct kd_sync *sync, struct kb_time now,
                    struct kd_outcome *out)
{
    struct kb_arena *arena = sync->wait.arena;
    struct kd_modern_member *member = NULL;
    int code = check_sync(group, sync->in, now, &member, out);
    if (code) {
        kd_sync_answer(sync, code, NULL, kb_slice_null(), out);
        return;
    }
    struct kw_reader r = kw_reader_of(member->words.protocols[0].metadata);
    int16_t version = kw_read_i16(&r);
    kd_timer_stop(group, &member->late);
    kd_modern_renew(member, now, out);
    kw_sync_group_response_init(&sync->out);
    sync->out.protocol_type = kd_slice_copy(arena, sync->in->protocol_type);
    sync->out.protocol_name = kd_slice_copy(arena, sync->in->protocol_name);
    sync->out.assignment = kd_assignment_write(&member->current.assigned, KB_MAX(version, 0),
                                               group->groups->topics, arena);
    out->failed |= arena->failed;
    kb_list_push_back(&out->answers, &sync->wait.link);
}

/* ---- Heartbeat, leave ---- */

/* Is there something that it waits for, and somebody else has it still? */
static bool waits_for_others(const struct kd_modern_member *member)
{
    const struct kd_parts *target = &member->target;
    for (size_t i = 0; i < target->count; i++) {
        const struct kd_modern_member *owner = kd_modern_owner(member->group, &target->at[i]);
        if (owner && owner != member)
            return true;
    }
    return false;
}

static bool is_to_move(const struct kd_modern_member *member)
{
    return member->current.epoch < member->group->modern->assignment_epoch ||
           member->current.state == KD_MODERN_UNREVOKED ||
           (member->current.state == KD_MODERN_UNRELEASED && !waits_for_others(member));
}

int kd_modern_heartbeat(struct kd_group *group, const struct kw_heartbeat_request *in,
                        struct kb_time now, struct kd_outcome *out)
{
    struct kd_modern_member *member = NULL;
    int code = find(group, in->member_id, in->group_instance_id, in->generation_id, &member);
    if (code)
        return code;
    kd_modern_renew(member, now, out);
    kd_modern_refresh(group, false, now, out);
    kd_modern_retarget(group, now, out);
    if (out->failed || !is_to_move(member))
        return KB_OK;
    expect_if_not_yet(member, now, out);
    return KB_E_REBALANCE_IN_PROGRESS;
}

int kd_modern_leave(struct kd_group *group, struct kb_slice id, struct kb_slice instance,
                    struct kb_time now, struct kd_outcome *out)
{
    struct kd_modern_member *member = NULL;
    if (instance.data && !id.size) { /* an administrator names the instance alone */
        member = kd_modern_static(group, instance);
        if (!member)
            return KB_E_UNKNOWN_MEMBER_ID;
    } else {
        int code = identify(group, id, instance, &member);
        if (code)
            return code;
    }
    kd_modern_fence(member, now, out);
    return KB_OK;
}
