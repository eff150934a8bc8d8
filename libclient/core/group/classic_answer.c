/* SPDX-License-Identifier: Apache-2.0 */
/* What a classic member hears from its coordinator. */
#include "base/arena.h"
#include "base/check.h"
#include "libclient/core/group/classic.h"
#include "libclient/core/group/member_request.h"
#include "libclient/core/group/subscription.h"
#include <stdio.h>

enum { ANSWER_ARENA_BYTES = 64 << 20 };

/* ---- Refusals: what each means for which request ---------------------------------*/

enum action {
    BY_CLASS,       /* what time may heal is asked again; all else fails */
    AGAIN,          /* the same, a little later */
    ELSEWHERE,      /* of the coordinator that there is now */
    ROUND,          /* a rebalance has begun: join it */
    NEW_GENERATION, /* the group went on without us: join under the same id */
    NEW_MEMBER,     /* it does not know us: join as another */
    WITH_ID,        /* join again under the id that came with it */
    WHY,            /* a strategy that the group does not share */
    FAIL
};

static const struct rule {
    int code;
    enum action join, sync, beat;
} rules[] = {
    {KB_E_COORDINATOR_LOAD_IN_PROGRESS, AGAIN, AGAIN, AGAIN},
    {KB_E_COORDINATOR_NOT_AVAILABLE, ELSEWHERE, ELSEWHERE, ELSEWHERE},
    {KB_E_NOT_COORDINATOR, ELSEWHERE, ELSEWHERE, ELSEWHERE},
    {KB_E_REBALANCE_IN_PROGRESS, AGAIN, ROUND, ROUND},
    {KB_E_ILLEGAL_GENERATION, NEW_GENERATION, NEW_GENERATION, NEW_GENERATION},
    {KB_E_UNKNOWN_MEMBER_ID, NEW_MEMBER, NEW_MEMBER, NEW_MEMBER},
    {KB_E_MEMBER_ID_REQUIRED, WITH_ID, FAIL, FAIL},
    {KB_E_INCONSISTENT_GROUP_PROTOCOL, WHY, FAIL, FAIL},
    {KB_E_FENCED_INSTANCE_ID, FAIL, FAIL, FAIL},
    {KB_E_UNKNOWN_SERVER_ERROR, AGAIN, AGAIN, AGAIN},
};
static const struct rule other = {0, BY_CLASS, BY_CLASS, BY_CLASS};

static const struct rule *rule_of(int code)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(rules); i++)
        if (rules[i].code == code)
            return &rules[i];
    return &other;
}

/* Words for what only people can mend. */
static const char *advice(int code)
{
    switch (code) {
    case KB_E_FENCED_INSTANCE_ID:
        return "another consumer runs under this group.instance.id: give each its own";
    case KB_E_INVALID_SESSION_TIMEOUT:
        return "session.timeout.ms must lie between the broker's group.min.session.timeout.ms "
               "and group.max.session.timeout.ms";
    case KB_E_GROUP_AUTHORIZATION_FAILED:
        return "allow this client READ on the group";
    case KB_E_GROUP_MAX_SIZE_REACHED:
        return "the broker's group.max.size allows no more members";
    default:
        return kb_code_text(code);
    }
}

static void describe(struct kb_error *err, const struct kc_member *member, int code)
{
    kb_error_set(err, code, "group %s: %s: %s", member->options->consumer.group_id,
                 kb_code_name(code), advice(code));
}

static void ask_elsewhere(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    member->coordinator_known = false;
    kc_member_back_off(member, now, why);
}

/* An id that was refused is tried again without; no id needs no second try at once. */
static void join_anew(struct kc_member *member, struct kb_time now, bool id_too,
                      const struct kb_error *why)
{
    bool had = member->generation >= 0 || (id_too && *member->member_id);
    kc_classic_lost(member, id_too);
    if (had)
        member->trouble = *why;
    else
        kc_member_back_off(member, now, why);
}

static void ask_why(struct kc_member *member, const struct kb_error *why)
{
    struct kc_classic *c = member->state;
    c->refusal = *why;
    kc_classic_turn(member, KC_CLASSIC_WHY);
}

static void act(struct kc_member *member, struct kb_time now, enum action action, int code)
{
    struct kc_classic *c = member->state;
    struct kb_error err;
    describe(&err, member, code);
    if (action == BY_CLASS)
        action = kb_code_classes(code) & KB_RETRIABLE ? AGAIN : FAIL;
    switch (action) {
    case ELSEWHERE:
        ask_elsewhere(member, now, &err);
        return;
    case ROUND:
        if (c->state != KC_CLASSIC_GIVE)
            kc_classic_round(member, "the group rebalances");
        return;
    case NEW_GENERATION:
    case NEW_MEMBER:
        join_anew(member, now, action == NEW_MEMBER, &err);
        return;
    case WHY:
        ask_why(member, &err);
        return;
    case FAIL:
        kc_classic_fail(member, &err);
        return;
    default:
        kc_member_back_off(member, now, &err);
        return;
    }
}

/* ---- JoinGroup -----------------------------------------------------------------------*/

static const struct kc_assignor *offered(const struct kc_member *member, struct kb_slice name)
{
    for (size_t i = 0; i < member->assignor_count; i++)
        if (kb_slice_is(name, member->assignors[i]->name))
            return member->assignors[i];
    return NULL;
}

static void begin_to_lead(struct kc_member *member, struct kb_time now,
                          const struct kw_join_group_response *response)
{
    struct kc_classic *c = member->state;
    struct kb_error err;
    if (!kc_lead_begin(&c->lead, c->chosen, response)) {
        describe(&err, member, KB_E_NO_MEMORY);
        kc_member_back_off(member, now, &err); /* and joins again */
        return;
    }
    c->skips = response->skip_assignment;
    c->lead_ms = kb_deadline(now, member->options->common.request_timeout_ms);
    kc_classic_turn(member, KC_CLASSIC_LEAD);
}

static void joined(struct kc_member *member, struct kb_time now,
                   const struct kw_join_group_response *response)
{
    struct kc_classic *c = member->state;
    struct kb_error err;
    c->chosen = offered(member, response->protocol_name);
    if (!c->chosen) {
        kb_error_set(&err, KB_E_PROTOCOL,
                     "group %s: chose the strategy %.*s, which was not offered",
                     member->options->consumer.group_id,
                     (int)KB_MIN(response->protocol_name.size, (size_t)80),
                     (const char *)response->protocol_name.data);
        kc_classic_fail(member, &err);
        return;
    }
    kc_member_relax(member);
    member->generation = response->generation_id;
    c->beats = 0;
    kc_classic_lives(member, now);
    c->reason = NULL;
    c->wants = false;
    kc_lead_end(&c->lead);
    if (kb_slice_is(response->leader, member->member_id))
        begin_to_lead(member, now, response);
    else
        kc_classic_turn(member, KC_CLASSIC_SYNC);
}

static void answer_join(struct kc_member *member, struct kb_time now,
                        const struct kw_join_group_response *response)
{
    int code = response->error_code;
    enum action action = code ? rule_of(code)->join : AGAIN;
    bool same_id = kb_slice_is(response->member_id, member->member_id);
    if (action == WITH_ID && same_id)
        action = AGAIN;
    if ((!code || action == WITH_ID) && !kc_member_take_id(member, response->member_id))
        act(member, now, AGAIN, KB_E_NO_MEMORY);
    else if (!code)
        joined(member, now, response);
    else if (action != WITH_ID)
        act(member, now, action, code);
}

/* ---- SyncGroup -----------------------------------------------------------------------*/

static int take_assignment(struct kc_classic *c, struct kb_slice bytes)
{
    struct kb_arena arena;
    kb_arena_init(&arena, ANSWER_ARENA_BYTES);
    int code = kc_assignment_decode(bytes, &arena, &c->target);
    if (!code && !kc_partitions_copy(&c->before, &c->target))
        code = KB_E_NO_MEMORY;
    kb_arena_deinit(&arena);
    return code;
}

static void answer_sync(struct kc_member *member, struct kb_time now,
                        const struct kw_sync_group_response *response)
{
    struct kc_classic *c = member->state;
    struct kb_error err;
    if (response->error_code) {
        act(member, now, rule_of(response->error_code)->sync, response->error_code);
        return;
    }
    int code = take_assignment(c, response->assignment);
    if (code) {
        describe(&err, member, code);
        kc_member_back_off(member, now, &err);
        kc_classic_round(member, "the assignment could not be read");
        return;
    }
    kc_member_relax(member);
    c->before_generation = member->generation;
    c->calm_ms = now.mono_ms;
    c->beats = 0;
    kc_classic_lives(member, now);
    kc_classic_turn(member, KC_CLASSIC_IN);
}

/* ---- The rest ----------------------------------------------------------------------------*/

static void answer_heartbeat(struct kc_member *member, struct kb_time now,
                             const struct kw_heartbeat_response *response)
{
    struct kc_classic *c = member->state;
    int code = response->error_code;
    if (!code || code == KB_E_REBALANCE_IN_PROGRESS) {
        kc_member_relax(member);
        kc_classic_lives(member, now);
    }
    if (!code)
        c->calm_ms = c->sent_ms;
    if (code)
        act(member, now, rule_of(code)->beat, code);
}

/* Whatever it says, we are gone; unless it was not the one to say it to. */
static void answer_leave(struct kc_member *member, struct kb_time now,
                         const struct kw_leave_group_response *response)
{
    enum action action = rule_of(response->error_code)->beat;
    if (response->error_code && (action == ELSEWHERE || action == AGAIN))
        act(member, now, action, response->error_code);
    else
        kc_classic_left(member);
}

static void list_offered(const struct kc_member *member, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < member->assignor_count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "",
                                 member->assignors[i]->name);
}

/* "group g uses the strategy range, not cooperative-sticky: ..." */
static void answer_describe(struct kc_member *member, const struct kw_describe_groups_response *r)
{
    struct kc_classic *c = member->state;
    const struct kw_describe_groups_response_group *group = r->groups_count == 1 ? r->groups : NULL;
    const char *id = member->options->consumer.group_id;
    char offers[80];
    list_offered(member, offers, sizeof offers);
    if (group && !group->error_code && group->protocol_type.size &&
        !kb_slice_is(group->protocol_type, "consumer"))
        kb_error_set(&c->refusal, c->refusal.code,
                     "group %s is no group of consumers, its members are of type %.*s: use another "
                     "group.id",
                     id, (int)KB_MIN(group->protocol_type.size, (size_t)60),
                     (const char *)group->protocol_type.data);
    else if (group && !group->error_code && group->protocol_data.size)
        kb_error_set(&c->refusal, c->refusal.code,
                     "group %s uses the strategy %.*s, this consumer offers %s: add it to "
                     "partition.assignment.strategy",
                     id, (int)KB_MIN(group->protocol_data.size, (size_t)60),
                     (const char *)group->protocol_data.data, offers);
    else
        kb_error_set(&c->refusal, c->refusal.code,
                     "group %s: not all its members know a strategy that this consumer offers "
                     "(%s): set partition.assignment.strategy to theirs",
                     id, offers);
    kc_classic_fail(member, &c->refusal);
}

void kc_classic_answer(struct kc_member *member, struct kb_time now,
                       const struct kc_member_response *response)
{
    switch (response->api_key) {
    case KW_API_JOIN_GROUP:
        answer_join(member, now, &response->join);
        break;
    case KW_API_SYNC_GROUP:
        answer_sync(member, now, &response->sync);
        break;
    case KW_API_HEARTBEAT:
        answer_heartbeat(member, now, &response->heartbeat);
        break;
    case KW_API_LEAVE_GROUP:
        answer_leave(member, now, &response->leave);
        break;
    default:
        answer_describe(member, &response->describe);
        break;
    }
    kc_classic_proceed(member, now);
}

/* Whether it arrived is not known, so the session goes on as before. */
void kc_classic_failure(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    struct kc_classic *c = member->state;
    bool heals = why->code != KB_E_UNSUPPORTED && !(why->classes & KB_FATAL);
    if (c->state == KC_CLASSIC_WHY)
        kc_classic_fail(member, &c->refusal);
    else if (c->state == KC_CLASSIC_LEAVE && !heals)
        kc_classic_left(member);
    else if (!heals)
        kc_classic_fail(member, why);
    else
        ask_elsewhere(member, now, why);
    kc_classic_proceed(member, now);
}

void kc_classic_refused(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    const struct kc_classic *c = member->state;
    if (c->state == KC_CLASSIC_LEAVE)
        kc_classic_left(member);
    else if (kc_classic_is_member(c))
        kc_classic_fail(member, why);
    kc_classic_proceed(member, now);
}

/* A commit was refused as a heartbeat would be: only what the table names counts. */
void kc_classic_heard(struct kc_member *member, struct kb_time now, int code)
{
    struct kc_classic *c = member->state;
    const struct rule *rule = rule_of(code);
    bool counts = rule != &other && rule->beat != AGAIN && kc_classic_beats(c);
    if (!counts)
        return;
    kc_member_abandon(member); /* a heartbeat */
    act(member, now, rule->beat, code);
    kc_classic_proceed(member, now);
}
