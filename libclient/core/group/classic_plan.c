/* SPDX-License-Identifier: Apache-2.0 */
/* What a classic member asks its coordinator. */
#include "base/arena.h"
#include "base/check.h"
#include "libclient/core/group/classic.h"
#include "libclient/core/group/member_request.h"
#include "libclient/core/group/subscription.h"

enum { ROUND_GRACE_MS = 5000 }; /* a round answers a little behind its timeout */

static const char protocol_type[] = "consumer";

static struct kb_slice group_of(const struct kc_member *member)
{
    return kb_slice_str(member->options->consumer.group_id);
}

static struct kb_slice instance_of(const struct kc_member *member)
{
    return kc_member_is_static(member) ? kb_slice_str(member->options->consumer.group_instance_id)
                                       : kb_slice_null();
}

/* How long a request may take that waits for the other members. */
static int32_t round_timeout_ms(const struct kc_member *member)
{
    int64_t round_ms = (int64_t)member->options->consumer.max_poll_interval_ms + ROUND_GRACE_MS;
    return (int32_t)KB_MIN(KB_MAX(round_ms, member->options->common.request_timeout_ms), INT32_MAX);
}

/* One for each assignor offered. */
static bool plan_protocols(struct kc_member *member, struct kb_arena *arena,
                           struct kw_join_group_request *out)
{
    const struct kc_classic *c = member->state;
    const char *rack = member->options->consumer.client_rack;
    struct kc_subscription subscription = {.topics = &member->topics,
                                           .owned = &member->owned,
                                           .before = &c->before,
                                           .generation = c->before_generation,
                                           .rack = rack && *rack ? rack : NULL};
    out->protocols = kb_arena_array(arena, member->assignor_count + 1, sizeof *out->protocols);
    bool whole = out->protocols != NULL;
    for (size_t i = 0; i < member->assignor_count && whole; i++) {
        out->protocols[i].name = kb_slice_str(member->assignors[i]->name);
        whole = kc_subscription_encode(&subscription, member->assignors[i], arena,
                                       &out->protocols[i].metadata);
    }
    out->protocols_count = (int32_t)member->assignor_count;
    return whole;
}

static bool plan_join(struct kc_member *member, struct kb_arena *arena,
                      struct kc_member_request *out)
{
    struct kc_classic *c = member->state;
    struct kw_join_group_request *join = &out->join;
    out->api_key = KW_API_JOIN_GROUP;
    out->parks = true;
    out->timeout_ms = round_timeout_ms(member);
    kw_join_group_request_init(join);
    join->group_id = group_of(member);
    join->session_timeout_ms = member->options->consumer.session_timeout_ms;
    join->rebalance_timeout_ms = member->options->consumer.max_poll_interval_ms;
    join->member_id = kb_slice_str(member->member_id);
    join->group_instance_id = instance_of(member);
    join->protocol_type = kb_slice_str(protocol_type);
    join->reason = kb_slice_str(c->reason);
    c->joined_for = member->topics_version;
    return plan_protocols(member, arena, join);
}

static bool plan_sync(struct kc_member *member, struct kb_arena *arena,
                      struct kc_member_request *out)
{
    const struct kc_classic *c = member->state;
    struct kw_sync_group_request *sync = &out->sync;
    out->api_key = KW_API_SYNC_GROUP;
    out->parks = true;
    out->timeout_ms = round_timeout_ms(member);
    kw_sync_group_request_init(sync);
    sync->group_id = group_of(member);
    sync->generation_id = member->generation;
    sync->member_id = kb_slice_str(member->member_id);
    sync->group_instance_id = instance_of(member);
    sync->protocol_type = kb_slice_str(protocol_type);
    sync->protocol_name = kb_slice_str(c->chosen->name);
    return !c->lead.assignor || c->skips || kc_lead_encode(&c->lead, arena, sync);
}

static bool plan_heartbeat(struct kc_member *member, struct kc_member_request *out)
{
    const struct kc_options *options = member->options;
    out->api_key = KW_API_HEARTBEAT;
    out->timeout_ms =
        KB_MIN(options->common.request_timeout_ms, options->consumer.session_timeout_ms / 2 + 1);
    kw_heartbeat_request_init(&out->heartbeat);
    out->heartbeat.group_id = group_of(member);
    out->heartbeat.generation_id = member->generation;
    out->heartbeat.member_id = kb_slice_str(member->member_id);
    out->heartbeat.group_instance_id = instance_of(member);
    return true;
}

static bool plan_leave(struct kc_member *member, struct kb_time now, struct kb_arena *arena,
                       struct kc_member_request *out)
{
    struct kw_leave_group_request_member *leaver = kb_arena_alloc(arena, sizeof *leaver);
    int64_t left_ms = KB_MAX(member->leave_by_ms - now.mono_ms, 1);
    if (!leaver)
        return false;
    out->api_key = KW_API_LEAVE_GROUP;
    out->aside = true;
    out->timeout_ms = (int32_t)KB_MIN(left_ms, member->options->common.request_timeout_ms);
    kw_leave_group_request_member_init(leaver);
    leaver->member_id = kb_slice_str(member->member_id);
    leaver->group_instance_id = instance_of(member);
    leaver->reason = kb_slice_str(member->subscribed ? "max.poll.interval.ms is over"
                                                     : "the consumer unsubscribed or closed");
    kw_leave_group_request_init(&out->leave);
    out->leave.group_id = group_of(member);
    out->leave.members = leaver;
    out->leave.members_count = 1;
    return true;
}

static bool plan_describe(struct kc_member *member, struct kb_arena *arena,
                          struct kc_member_request *out)
{
    struct kb_slice *group = kb_arena_alloc(arena, sizeof *group);
    if (!group)
        return false;
    *group = group_of(member);
    out->api_key = KW_API_DESCRIBE_GROUPS;
    out->timeout_ms = member->options->common.request_timeout_ms;
    kw_describe_groups_request_init(&out->describe);
    out->describe.groups = group;
    out->describe.groups_count = 1;
    return true;
}

bool kc_classic_plan(struct kc_member *member, struct kb_time now, struct kb_arena *arena,
                     struct kc_member_request *out)
{
    struct kc_classic *c = member->state;
    bool planned = false;
    *out = (struct kc_member_request){0};
    c->sent_ms = now.mono_ms;
    if (kc_classic_beats(c))
        return now.mono_ms >= c->beat_ms && plan_heartbeat(member, out);
    switch (c->state) {
    case KC_CLASSIC_JOIN:
        planned = plan_join(member, arena, out);
        break;
    case KC_CLASSIC_SYNC:
        planned = plan_sync(member, arena, out);
        break;
    case KC_CLASSIC_LEAVE:
        planned = plan_leave(member, now, arena, out);
        break;
    case KC_CLASSIC_WHY:
        planned = plan_describe(member, arena, out);
        break;
    default:
        return false;
    }
    if (!planned)
        member->not_before_ms = now.mono_ms + member->options->common.retry_backoff_ms;
    return planned;
}
