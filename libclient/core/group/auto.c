/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `auto` kind: asks the coordinator for the group by DescribeGroups, which
 * knows classic ones alone, and becomes what the group is.
 *
 *     it has members        classic: one newcomer must not convert a running group
 *     empty, or not known   consumer: new, or of that protocol already
 *
 * Where the coordinator has no KIP-848, `consumer` says so when it joins, and goes
 * on as classic. Who names assignors of his own stays with the protocol that
 * listens to them.
 */
#include "base/arena.h"
#include "libclient/core/group/member.h"
#include "libclient/core/group/member_request.h"

static bool auto_open(struct kc_member *member)
{
    member->state = NULL; /* all is in the member */
    return true;
}

static void on_event(struct kc_member *member, struct kb_time now)
{
    (void)now;
    member->wants_coordinator = member->subscribed && !member->coordinator_known;
    member->doing = member->wants_coordinator ? "looks for the group's coordinator"
                    : member->subscribed      ? "asks of which protocol the group is"
                                              : "is not subscribed";
}

static bool wants_classic(const struct kc_member *member)
{
    bool own = false;
    for (size_t i = 0; i < member->assignor_count; i++)
        own |= !member->assignors[i]->assign;
    return own || kc_options_given(member->options, "partition.assignment.strategy");
}

/* For want of memory it asks once more. */
static void become(struct kc_member *member, struct kb_time now, const struct kc_member_kind *kind)
{
    struct kb_error err;
    kc_member_relax(member);
    if (kc_member_switch(member, now, kind))
        return;
    kb_error_set(&err, KB_E_NO_MEMORY, "group %s: no memory to join it",
                 member->options->consumer.group_id);
    kc_member_back_off(member, now, &err);
}

/* Their metadata is asked for meanwhile; if there is no memory for that, later. */
static void auto_subscribed(struct kc_member *member, struct kb_time now)
{
    kc_member_want_topics(member);
    on_event(member, now);
    if (wants_classic(member))
        become(member, now, &kc_member_classic);
}

static void auto_leave(struct kc_member *member, struct kb_time now)
{
    kc_member_want_topics(member);
    on_event(member, now);
}

static bool auto_plan(struct kc_member *member, struct kb_time now, struct kb_arena *arena,
                      struct kc_member_request *out)
{
    if (!member->subscribed)
        return false;
    *out = (struct kc_member_request){.api_key = KW_API_DESCRIBE_GROUPS,
                                      .timeout_ms = member->options->common.request_timeout_ms};
    kw_describe_groups_request_init(&out->describe);
    out->describe.groups = kb_arena_alloc(arena, sizeof *out->describe.groups);
    if (!out->describe.groups) {
        member->not_before_ms = now.mono_ms + member->options->common.retry_backoff_ms;
        return false;
    }
    out->describe.groups[0] = kb_slice_str(member->options->consumer.group_id);
    out->describe.groups_count = 1;
    return true;
}

static bool is_running(const struct kw_describe_groups_response_group *group)
{
    return !group->error_code && !kb_slice_is(group->group_state, "Empty") &&
           !kb_slice_is(group->group_state, "Dead");
}

static void auto_answer(struct kc_member *member, struct kb_time now,
                        const struct kc_member_response *response)
{
    static const struct kw_describe_groups_response_group nothing;
    const struct kw_describe_groups_response_group *group =
        response->describe.groups_count > 0 ? response->describe.groups : &nothing;
    struct kb_error err;
    if (!(kb_code_classes(group->error_code) & KB_RETRIABLE)) {
        become(member, now, is_running(group) ? &kc_member_classic : &kc_member_consumer);
        return;
    }
    kb_error_set(&err, group->error_code, "group %s: %s", member->options->consumer.group_id,
                 kb_code_text(group->error_code));
    member->coordinator_known = group->error_code == KB_E_COORDINATOR_LOAD_IN_PROGRESS;
    kc_member_back_off(member, now, &err);
    on_event(member, now);
}

static void auto_failure(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    if (why->code == KB_E_UNSUPPORTED) {
        become(member, now, &kc_member_classic);
        return;
    }
    kc_member_back_off(member, now, why);
    on_event(member, now);
}

static int64_t auto_deadline_ms(const struct kc_member *member)
{
    bool asks = member->subscribed && !member->flight && member->coordinator_known;
    return asks ? member->not_before_ms : KB_NEVER;
}

static enum kc_standing auto_standing(const struct kc_member *member)
{
    return member->subscribed ? KC_STANDING_JOINING : KC_STANDING_OUT;
}

/* Nothing was opened; nothing was owned, so nothing is done; nothing was committed,
 * so nothing is heard. */
static void auto_close(struct kc_member *member)
{
    (void)member;
}

static void auto_done(struct kc_member *member, struct kb_time now, enum kc_change change)
{
    (void)change;
    on_event(member, now);
}

static void auto_heard(struct kc_member *member, struct kb_time now, int code)
{
    (void)code;
    on_event(member, now);
}

/* One of the others has a state for it. */
static void auto_refused(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    if (member->subscribed && kc_member_switch(member, now, &kc_member_consumer))
        kc_member_refused(member, now, why);
}

const struct kc_member_kind *kc_member_kind_of(const struct kc_options *options)
{
    static const struct kc_member_kind *const kinds[] = {
        [KC_GROUP_AUTO] = &kc_member_auto,
        [KC_GROUP_CLASSIC] = &kc_member_classic,
        [KC_GROUP_CONSUMER] = &kc_member_consumer,
    };
    return kinds[options->consumer.group_protocol];
}

const struct kc_member_kind kc_member_auto = {
    .name = "auto",
    .open = auto_open,
    .close = auto_close,
    .subscribed = auto_subscribed,
    .metadata = on_event,
    .leave = auto_leave,
    .polled = on_event,
    .done = auto_done,
    .plan = auto_plan,
    .answer = auto_answer,
    .failure = auto_failure,
    .heard = auto_heard,
    .refused = auto_refused,
    .tick = on_event,
    .deadline_ms = auto_deadline_ms,
    .standing = auto_standing,
};
