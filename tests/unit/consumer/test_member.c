/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a classic group, told as stories: what it asks, what it hears, what it
 * makes of it. */
#include "tests/unit/consumer/member_rig.h"

#include "libclient/core/group/classic.h"
#include "libclient/core/group/subscription.h"
#include "wire/api.h"
#include <string.h>

static const struct rig_topic topics[] = {{"t", 4}, {"u", 2}, {NULL, 0}};
static const char *const eager[] = {"partition.assignment.strategy", "range", NULL};

static int with(void **state, const char *const *keys)
{
    static struct rig rig;
    assert_true(rig_init(&rig, &kc_member_classic, keys, topics, 1));
    *state = &rig;
    return 0;
}

static int begin(void **state)
{
    return with(state, NULL);
}

static int begin_eager(void **state)
{
    return with(state, eager);
}

static int begin_static(void **state)
{
    static const char *const keys[] = {"group.instance.id", "i", NULL};
    return with(state, keys);
}

static int end(void **state)
{
    rig_deinit(*state);
    return 0;
}

/* ---- What the coordinator says -----------------------------------------------------*/

static void refuse(struct rig *rig, int16_t code)
{
    struct kc_member_response r = {.api_key = rig->request.api_key};
    switch (r.api_key) {
    case KW_API_JOIN_GROUP:
        kw_join_group_response_init(&r.join);
        r.join.error_code = code;
        break;
    case KW_API_SYNC_GROUP:
        kw_sync_group_response_init(&r.sync);
        r.sync.error_code = code;
        break;
    case KW_API_LEAVE_GROUP:
        kw_leave_group_response_init(&r.leave);
        r.leave.error_code = code;
        break;
    default:
        kw_heartbeat_response_init(&r.heartbeat);
        r.heartbeat.error_code = code;
        break;
    }
    rig_answer(rig, &r);
}

static void name(struct rig *rig, const char *id)
{
    struct kc_member_response r = {.api_key = KW_API_JOIN_GROUP};
    kw_join_group_response_init(&r.join);
    r.join.error_code = KB_E_MEMBER_ID_REQUIRED;
    r.join.member_id = kb_slice_str(id);
    rig_answer(rig, &r);
}

static struct kc_member_response joined(struct rig *rig, int32_t generation, const char *id,
                                        const char *leader)
{
    struct kc_member_response r = {.api_key = KW_API_JOIN_GROUP};
    kw_join_group_response_init(&r.join);
    r.join.generation_id = generation;
    r.join.protocol_name = rig->request.join.protocols[0].name;
    r.join.member_id = kb_slice_str(id);
    r.join.leader = kb_slice_str(leader);
    return r;
}

static void follow(struct rig *rig, int32_t generation)
{
    struct kc_member_response r = joined(rig, generation, "m", "other");
    rig_answer(rig, &r);
}

/* It leads, and is alone with what its own JoinGroup says. */
static void lead(struct rig *rig, int32_t generation)
{
    struct kc_member_response r = joined(rig, generation, "m", "m");
    struct kw_join_group_response_member self;
    kw_join_group_response_member_init(&self);
    self.member_id = kb_slice_str("m");
    self.metadata = rig->request.join.protocols[0].metadata;
    r.join.members = &self;
    r.join.members_count = 1;
    rig_answer(rig, &r);
}

/* Partitions `from` to `to` - 1 of t. */
static void assign(struct rig *rig, int32_t from, int32_t to)
{
    static const struct kb_uuid no_id;
    struct kc_member_response r = {.api_key = KW_API_SYNC_GROUP};
    struct kc_partitions set;
    struct kb_arena arena;
    kb_mem_spare(1);
    kb_arena_init(&arena, 1 << 20);
    kc_partitions_init(&set);
    for (int32_t i = from; i < to; i++)
        assert_true(kc_partitions_add(&set, kb_slice_str("t"), no_id, i));
    kw_sync_group_response_init(&r.sync);
    assert_true(kc_assignment_encode(&set, &arena, &r.sync.assignment));
    kb_mem_spare(-1);
    rig_answer(rig, &r);
    kc_partitions_deinit(&set);
    kb_arena_deinit(&arena);
}

static void expect_change(struct rig *rig, enum kc_change change, const char *partitions)
{
    assert_int_equal(rig->member.change, change);
    assert_string_equal(rig_text(&rig->member.changing), partitions);
}

static void take(struct rig *rig, enum kc_change change, const char *partitions)
{
    expect_change(rig, change, partitions);
    kc_member_done(&rig->member, rig->now);
}

/* In the group as a follower with t-0 ... t-(n-1), as generation 1. */
static void settle(struct rig *rig, int32_t n)
{
    assert_true(rig_subscribe(rig, "t"));
    rig_expect(rig, KW_API_JOIN_GROUP);
    name(rig, "m");
    rig_expect(rig, KW_API_JOIN_GROUP);
    follow(rig, 1);
    rig_expect(rig, KW_API_SYNC_GROUP);
    assign(rig, 0, n);
    if (n)
        kc_member_done(&rig->member, rig->now);
    assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_IN);
}

static void next_heartbeat(struct rig *rig)
{
    rig_wait(rig, 3000);
    rig_expect(rig, KW_API_HEARTBEAT);
}

/* ---- Coming in ----------------------------------------------------------------------*/

static void joins_without_waiting(void **state)
{
    struct rig *rig = *state;
    struct kb_time start = rig->now;
    assert_int_equal(rig_plan(rig), -1);
    assert_true(rig_subscribe(rig, "t"));
    assert_int_equal(rig->member.wanted.count, 1);
    rig_expect(rig, KW_API_JOIN_GROUP);
    assert_true(kb_slice_is(rig->request.join.member_id, ""));
    assert_int_equal(rig_plan(rig), -1); /* one at a time */
    name(rig, "m");
    rig_expect(rig, KW_API_JOIN_GROUP);
    assert_true(kb_slice_is(rig->request.join.member_id, "m"));
    lead(rig, 1);
    assert_int_equal(rig_plan(rig), -1); /* its topics are not known yet */
    rig_learn(rig);
    rig_expect(rig, KW_API_SYNC_GROUP);
    assert_int_equal(rig->request.sync.assignments_count, 1);
    struct kc_partitions given;
    kc_partitions_init(&given);
    assert_int_equal(
        kc_assignment_decode(rig->request.sync.assignments[0].assignment, &rig->arena, &given), 0);
    assert_string_equal(rig_text(&given), "t-0 t-1 t-2 t-3");
    kc_partitions_deinit(&given);
    assign(rig, 0, 4);
    take(rig, KC_CHANGE_ASSIGN, "t-0 t-1 t-2 t-3");
    assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_IN);
    assert_int_equal(rig->now.mono_ms, start.mono_ms);
}

static void an_older_broker_names_it_at_once(void **state)
{
    struct rig *rig = *state;
    rig_subscribe(rig, "t");
    rig_expect(rig, KW_API_JOIN_GROUP);
    follow(rig, 1);
    rig_expect(rig, KW_API_SYNC_GROUP);
    assert_true(kb_slice_is(rig->request.sync.member_id, "m"));
}

static void needs_a_coordinator(void **state)
{
    struct rig *rig = *state;
    kc_member_coordinator(&rig->member, rig->now, false);
    assert_false(rig->member.wants_coordinator);
    rig_subscribe(rig, "t");
    assert_true(rig->member.wants_coordinator);
    assert_int_equal(rig_plan(rig), -1);
    kc_member_coordinator(&rig->member, rig->now, true);
    assert_false(rig->member.wants_coordinator);
    rig_expect(rig, KW_API_JOIN_GROUP);
}

/* ---- Heartbeats and rounds -------------------------------------------------------------*/

static void heartbeats_come_by_the_clock(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    assert_int_equal(rig_plan(rig), -1);
    static const int64_t waits_ms[] = {375, 750, 1500, 3000, 3000}; /* quick at first */
    for (size_t i = 0; i < KB_ARRAY_SIZE(waits_ms); i++) {
        int64_t before_ms = rig->now.mono_ms;
        next_heartbeat(rig);
        assert_int_equal(rig->now.mono_ms, before_ms + waits_ms[i]);
        assert_int_equal(rig->request.heartbeat.generation_id, 1);
        refuse(rig, 0);
        assert_int_equal(rig_plan(rig), -1);
    }
}

static void an_incremental_round_keeps_all_but_what_moves(void **state)
{
    struct rig *rig = *state;
    settle(rig, 4);
    next_heartbeat(rig);
    refuse(rig, KB_E_REBALANCE_IN_PROGRESS);
    assert_int_equal(rig->member.change, KC_CHANGE_NONE);
    rig_expect(rig, KW_API_JOIN_GROUP);
    follow(rig, 2);
    rig_expect(rig, KW_API_SYNC_GROUP);
    assign(rig, 0, 2);
    expect_change(rig, KC_CHANGE_REVOKE, "t-2 t-3");
    next_heartbeat(rig); /* it lives while they are given up */
    refuse(rig, 0);
    kc_member_done(&rig->member, rig->now);
    assert_string_equal(rig_text(&rig->member.owned), "t-0 t-1");
    rig_expect(rig, KW_API_JOIN_GROUP); /* so that somebody gets them */
    follow(rig, 3);
    rig_expect(rig, KW_API_SYNC_GROUP);
    assign(rig, 0, 2);
    assert_int_equal(rig->member.change, KC_CHANGE_NONE);
    assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_IN);
    assert_int_equal(rig_plan(rig), -1);
}

static void an_eager_round_gives_up_all_before(void **state)
{
    struct rig *rig = *state;
    settle(rig, 4);
    next_heartbeat(rig);
    refuse(rig, KB_E_REBALANCE_IN_PROGRESS);
    expect_change(rig, KC_CHANGE_REVOKE, "t-0 t-1 t-2 t-3");
    assert_int_equal(rig_plan(rig), -1);
    next_heartbeat(rig);
    refuse(rig, KB_E_REBALANCE_IN_PROGRESS);
    kc_member_done(&rig->member, rig->now);
    rig_expect(rig, KW_API_JOIN_GROUP);
    follow(rig, 2);
    rig_expect(rig, KW_API_SYNC_GROUP);
    assign(rig, 2, 4);
    take(rig, KC_CHANGE_ASSIGN, "t-2 t-3");
    assert_string_equal(rig_text(&rig->member.owned), "t-2 t-3");
}

static void a_round_within_a_round(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    next_heartbeat(rig);
    refuse(rig, KB_E_REBALANCE_IN_PROGRESS);
    rig_expect(rig, KW_API_JOIN_GROUP);
    follow(rig, 2);
    rig_expect(rig, KW_API_SYNC_GROUP);
    refuse(rig, KB_E_REBALANCE_IN_PROGRESS);
    rig_expect(rig, KW_API_JOIN_GROUP);
    assert_string_equal(rig_text(&rig->member.owned), "t-0 t-1");
}

static void another_subscription_begins_a_round(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    rig_subscribe(rig, "t");
    assert_int_equal(rig_plan(rig), -1); /* it is the same */
    rig_subscribe(rig, "u");
    take(rig, KC_CHANGE_REVOKE, "t-0 t-1");
    rig_expect(rig, KW_API_JOIN_GROUP);
    follow(rig, 2);
    rig_expect(rig, KW_API_SYNC_GROUP);
}

static void a_leader_watches_its_topics(void **state)
{
    static const struct rig_topic grown[] = {{"t", 5}, {NULL, 0}};
    struct rig *rig = *state;
    rig_subscribe(rig, "t");
    rig_expect(rig, KW_API_JOIN_GROUP);
    lead(rig, 1);
    rig_learn(rig);
    rig_expect(rig, KW_API_SYNC_GROUP);
    assign(rig, 0, 4);
    kc_member_done(&rig->member, rig->now);
    rig_learn(rig);
    assert_int_equal(rig_plan(rig), -1);
    rig->topics = grown;
    rig_learn(rig);
    rig_expect(rig, KW_API_JOIN_GROUP);
}

static void a_follower_does_not(void **state)
{
    static const struct rig_topic grown[] = {{"t", 5}, {NULL, 0}};
    struct rig *rig = *state;
    settle(rig, 2);
    rig->topics = grown;
    rig_learn(rig);
    assert_int_equal(rig_plan(rig), -1);
}

static void a_leader_does_not_wait_for_ever(void **state)
{
    struct rig *rig = *state;
    rig_subscribe(rig, "t");
    rig_expect(rig, KW_API_JOIN_GROUP);
    lead(rig, 1);
    for (int i = 0; i < 20 && rig_plan(rig) != KW_API_SYNC_GROUP; i++) {
        if (rig->member.flight)
            refuse(rig, 0);
        rig_wait(rig, 60000);
    }
    assert_int_equal(rig->request.api_key, KW_API_SYNC_GROUP);
}

/* ---- Being lost ---------------------------------------------------------------------------*/

static void an_unknown_member_joins_as_another(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    next_heartbeat(rig);
    refuse(rig, KB_E_UNKNOWN_MEMBER_ID);
    take(rig, KC_CHANGE_LOSE, "t-0 t-1");
    assert_int_equal(rig->member.generation, -1);
    rig_expect(rig, KW_API_JOIN_GROUP);
    assert_true(kb_slice_is(rig->request.join.member_id, ""));
}

static void an_old_generation_joins_as_itself(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    next_heartbeat(rig);
    refuse(rig, KB_E_ILLEGAL_GENERATION);
    take(rig, KC_CHANGE_LOSE, "t-0 t-1");
    rig_expect(rig, KW_API_JOIN_GROUP);
    assert_true(kb_slice_is(rig->request.join.member_id, "m"));
}

static void lose_takes_the_place_of_revoke(void **state)
{
    struct rig *rig = *state;
    settle(rig, 4);
    next_heartbeat(rig);
    refuse(rig, KB_E_REBALANCE_IN_PROGRESS);
    expect_change(rig, KC_CHANGE_REVOKE, "t-0 t-1 t-2 t-3");
    uint64_t before = rig->member.changes;
    next_heartbeat(rig);
    refuse(rig, KB_E_UNKNOWN_MEMBER_ID);
    expect_change(rig, KC_CHANGE_LOSE, "t-0 t-1 t-2 t-3");
    assert_true(rig->member.changes > before);
}

static void the_session_ends_by_our_own_clock(void **state)
{
    struct kb_error cut;
    struct rig *rig = *state;
    settle(rig, 2);
    int64_t heard_ms = rig->now.mono_ms;
    kb_error_set(&cut, KB_E_TRANSPORT, "cut");
    while (rig->member.change == KC_CHANGE_NONE) {
        assert_true(rig->now.mono_ms <= heard_ms + 45000);
        kc_member_coordinator(&rig->member, rig->now, true);
        if (rig_plan(rig) >= 0)
            kc_member_failure(&rig->member, rig->now, &cut);
        assert_false(rig->member.flight);
        rig_wait(rig, 60000);
    }
    assert_int_equal(rig->now.mono_ms, heard_ms + 45000);
    take(rig, KC_CHANGE_LOSE, "t-0 t-1");
}

static void a_silent_application_leaves(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    kc_member_alive(&rig->member, rig->now.mono_ms + 300);
    rig_wait(rig, 60000);
    take(rig, KC_CHANGE_LOSE, "t-0 t-1");
    assert_int_equal(rig->member.err.code, KB_E_LEASE_EXPIRED);
    assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_AWAY);
    rig_expect(rig, KW_API_LEAVE_GROUP);
    assert_true(rig->request.aside);
    refuse(rig, 0);
    assert_int_equal(rig_plan(rig), -1);
    assert_int_equal(kc_member_deadline_ms(&rig->member), KB_NEVER);
    kc_member_alive(&rig->member, KB_NEVER);
    kc_member_polled(&rig->member, rig->now);
    rig_expect(rig, KW_API_JOIN_GROUP);
    assert_true(kb_slice_is(rig->request.join.member_id, ""));
}

static void a_poll_while_it_leaves_is_not_forgotten(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    kc_member_alive(&rig->member, rig->now.mono_ms + 300);
    rig_wait(rig, 60000);
    kc_member_done(&rig->member, rig->now);
    rig_expect(rig, KW_API_LEAVE_GROUP);
    kc_member_alive(&rig->member, KB_NEVER);
    kc_member_polled(&rig->member, rig->now);
    refuse(rig, 0);
    rig_expect(rig, KW_API_JOIN_GROUP);
}

static void a_revocation_has_an_end(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    int64_t calm_ms = rig->now.mono_ms;
    next_heartbeat(rig);
    refuse(rig, KB_E_REBALANCE_IN_PROGRESS);
    expect_change(rig, KC_CHANGE_REVOKE, "t-0 t-1");
    while (rig->member.change == KC_CHANGE_REVOKE) {
        assert_true(rig->now.mono_ms <= calm_ms + 300000);
        if (rig_plan(rig) >= 0)
            refuse(rig, KB_E_REBALANCE_IN_PROGRESS);
        rig_wait(rig, 60000);
    }
    assert_int_equal(rig->now.mono_ms, calm_ms + 300000);
    take(rig, KC_CHANGE_LOSE, "t-0 t-1");
    rig_expect(rig, KW_API_JOIN_GROUP);
}

static void a_commit_may_hear_it_first(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    kc_member_heard(&rig->member, rig->now, 0, KB_E_UNKNOWN_MEMBER_ID); /* an older one's */
    kc_member_heard(&rig->member, rig->now, 1, KB_E_OFFSET_METADATA_TOO_LARGE);
    assert_int_equal(rig->member.change, KC_CHANGE_NONE);
    kc_member_heard(&rig->member, rig->now, 1, KB_E_ILLEGAL_GENERATION);
    take(rig, KC_CHANGE_LOSE, "t-0 t-1");
    rig_expect(rig, KW_API_JOIN_GROUP);
}

static void a_late_answer_is_nobodys(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    next_heartbeat(rig);
    refuse(rig, 0);
    refuse(rig, KB_E_UNKNOWN_MEMBER_ID); /* it was answered already */
    assert_int_equal(rig->member.change, KC_CHANGE_NONE);
    next_heartbeat(rig);
    struct kc_member_response other = {.api_key = KW_API_SYNC_GROUP};
    rig_answer(rig, &other);
    assert_true(rig->member.flight);
}

/* ---- The coordinator ------------------------------------------------------------------------*/

static void a_coordinator_that_moved_is_looked_for(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    next_heartbeat(rig);
    refuse(rig, KB_E_NOT_COORDINATOR);
    assert_true(rig->member.wants_coordinator);
    assert_int_equal(rig_plan(rig), -1);
    kc_member_coordinator(&rig->member, rig->now, true);
    rig_wait(rig, 1000);
    rig_expect(rig, KW_API_HEARTBEAT);
    refuse(rig, 0);
    assert_int_equal(rig->member.change, KC_CHANGE_NONE);
    assert_int_equal(rig->member.trouble.code, 0);
}

static void what_time_heals_is_asked_again(void **state)
{
    static const int16_t codes[] = {KB_E_COORDINATOR_LOAD_IN_PROGRESS, KB_E_NOT_COORDINATOR,
                                    KB_E_REBALANCE_IN_PROGRESS, KB_E_UNKNOWN_SERVER_ERROR,
                                    KB_E_UNKNOWN_MEMBER_ID};
    struct rig *rig = *state;
    rig_subscribe(rig, "t");
    for (size_t i = 0; i < KB_ARRAY_SIZE(codes); i++) {
        rig_expect(rig, KW_API_JOIN_GROUP);
        refuse(rig, codes[i]);
        kc_member_coordinator(&rig->member, rig->now, true);
        assert_int_equal(rig_plan(rig), -1); /* not at once */
        assert_true(rig->member.trouble.code);
        rig_wait(rig, 2000);
    }
    rig_expect(rig, KW_API_JOIN_GROUP);
}

static void what_people_must_mend_fails(void **state)
{
    static const int16_t codes[] = {KB_E_GROUP_AUTHORIZATION_FAILED, KB_E_INVALID_SESSION_TIMEOUT,
                                    KB_E_GROUP_MAX_SIZE_REACHED, KB_E_FENCED_INSTANCE_ID,
                                    KB_E_INVALID_GROUP_ID};
    struct rig *rig = *state;
    for (size_t i = 0; i < KB_ARRAY_SIZE(codes); i++) {
        rig_subscribe(rig, "t");
        rig_expect(rig, KW_API_JOIN_GROUP);
        refuse(rig, codes[i]);
        assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_FAILED);
        assert_int_equal(rig->member.err.code, codes[i]);
        assert_int_equal(rig->member.errors, i + 1);
        assert_int_equal(rig_plan(rig), -1);
        assert_int_equal(kc_member_deadline_ms(&rig->member), KB_NEVER);
    }
}

static void a_refused_strategy_is_told_by_name(void **state)
{
    struct rig *rig = *state;
    rig_subscribe(rig, "t");
    rig_expect(rig, KW_API_JOIN_GROUP);
    refuse(rig, KB_E_INCONSISTENT_GROUP_PROTOCOL);
    rig_expect(rig, KW_API_DESCRIBE_GROUPS);
    struct kc_member_response r = {.api_key = KW_API_DESCRIBE_GROUPS};
    struct kw_describe_groups_response_group group;
    kw_describe_groups_response_group_init(&group);
    group.protocol_type = kb_slice_str("consumer");
    group.protocol_data = kb_slice_str("range");
    r.describe.groups = &group;
    r.describe.groups_count = 1;
    rig_answer(rig, &r);
    assert_int_equal(rig->member.err.code, KB_E_INCONSISTENT_GROUP_PROTOCOL);
    assert_non_null(strstr(rig->member.err.text, "uses the strategy range"));
    assert_non_null(strstr(rig->member.err.text, "offers cooperative-sticky"));
}

static void a_version_that_is_too_old_fails(void **state)
{
    struct kb_error old;
    struct rig *rig = *state;
    rig_subscribe(rig, "t");
    rig_expect(rig, KW_API_JOIN_GROUP);
    kb_error_set(&old, KB_E_UNSUPPORTED, "JoinGroup cannot be expressed in version 4");
    kc_member_failure(&rig->member, rig->now, &old);
    assert_int_equal(rig->member.err.code, KB_E_UNSUPPORTED);
}

/* ---- Leaving --------------------------------------------------------------------------------*/

static void leaving_tells_the_coordinator(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    kc_member_leave(&rig->member, rig->now, KC_LEAVE_DEFAULT, rig->now.mono_ms + 1000);
    assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_LEAVING);
    assert_int_equal(rig->member.change, KC_CHANGE_NONE);
    rig_expect(rig, KW_API_LEAVE_GROUP);
    assert_true(kb_slice_is(rig->request.leave.members[0].member_id, "m"));
    refuse(rig, 0);
    assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_OUT);
    assert_int_equal(kc_member_deadline_ms(&rig->member), KB_NEVER);
}

static void leaving_abandons_a_parked_join(void **state)
{
    struct rig *rig = *state;
    rig_subscribe(rig, "t");
    rig_expect(rig, KW_API_JOIN_GROUP);
    name(rig, "m");
    rig_expect(rig, KW_API_JOIN_GROUP);
    kc_member_leave(&rig->member, rig->now, KC_LEAVE_DEFAULT, rig->now.mono_ms + 1000);
    assert_false(rig->member.flight);
    rig_expect(rig, KW_API_LEAVE_GROUP);
    kc_member_coordinator(&rig->member, rig->now, false);
    rig_wait(rig, 60000); /* nobody answers */
    assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_OUT);
}

static void a_static_member_keeps_its_place(void **state)
{
    struct rig *rig = *state;
    settle(rig, 2);
    kc_member_leave(&rig->member, rig->now, KC_LEAVE_DEFAULT, rig->now.mono_ms + 1000);
    assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_OUT);
    assert_int_equal(rig_plan(rig), -1);
    settle(rig, 2);
    kc_member_leave(&rig->member, rig->now, KC_LEAVE_TELL, rig->now.mono_ms + 1000);
    rig_expect(rig, KW_API_LEAVE_GROUP);
    assert_true(kb_slice_is(rig->request.leave.members[0].group_instance_id, "i"));
}

static void a_static_leader_that_returns_assigns_nothing(void **state)
{
    struct rig *rig = *state;
    rig_subscribe(rig, "t");
    rig_expect(rig, KW_API_JOIN_GROUP);
    assert_true(kb_slice_is(rig->request.join.group_instance_id, "i"));
    struct kc_member_response r = joined(rig, 7, "m", "m");
    struct kw_join_group_response_member self;
    kw_join_group_response_member_init(&self);
    self.member_id = kb_slice_str("m");
    self.metadata = rig->request.join.protocols[0].metadata;
    r.join.members = &self;
    r.join.members_count = 1;
    r.join.skip_assignment = true;
    rig_answer(rig, &r);
    rig_learn(rig);
    rig_expect(rig, KW_API_SYNC_GROUP);
    assert_int_equal(rig->request.sync.assignments_count, 0);
    assign(rig, 0, 3);
    take(rig, KC_CHANGE_ASSIGN, "t-0 t-1 t-2");
}

/* ---- Out of memory -----------------------------------------------------------------------------*/

static bool step(struct rig *rig)
{
    switch (rig_plan(rig)) {
    case KW_API_JOIN_GROUP:
        if (*rig->member.member_id)
            lead(rig, rig->member.generation < 0 ? 1 : rig->member.generation + 1);
        else
            name(rig, "m");
        rig_learn(rig);
        return true;
    case KW_API_SYNC_GROUP:
        assign(rig, 0, rig->member.generation < 3 ? 4 : 2);
        return true;
    case KW_API_HEARTBEAT:
        refuse(rig, rig->member.generation < 3 ? KB_E_REBALANCE_IN_PROGRESS : 0);
        return true;
    default:
        return false;
    }
}

/* Two rounds, then one that takes something away: all of it comes to pass, late. */
static void a_short_life(void *ctx)
{
    static struct rig rig;
    (void)ctx;
    if (rig_init(&rig, &kc_member_classic, NULL, topics, 1)) {
        while (!rig_subscribe(&rig, "t"))
            ;
        for (int i = 0; i < 200 && (rig.member.generation < 4 || rig.member.owned.count != 2); i++)
            if (rig.member.change != KC_CHANGE_NONE)
                kc_member_done(&rig.member, rig.now);
            else if (!step(&rig))
                rig_wait(&rig, 3000);
        assert_string_equal(rig_text(&rig.member.owned), "t-0 t-1");
    }
    rig_deinit(&rig);
}

static void a_lack_of_memory_only_delays(void **state)
{
    (void)state;
    assert_true(unit_each_failure(a_short_life, NULL) > 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(joins_without_waiting),
        TEST(an_older_broker_names_it_at_once),
        TEST(needs_a_coordinator),
        TEST(heartbeats_come_by_the_clock),
        TEST(an_incremental_round_keeps_all_but_what_moves),
        cmocka_unit_test_setup_teardown(an_eager_round_gives_up_all_before, begin_eager, end),
        TEST(a_round_within_a_round),
        TEST(another_subscription_begins_a_round),
        TEST(a_leader_watches_its_topics),
        TEST(a_follower_does_not),
        TEST(a_leader_does_not_wait_for_ever),
        TEST(an_unknown_member_joins_as_another),
        TEST(an_old_generation_joins_as_itself),
        cmocka_unit_test_setup_teardown(lose_takes_the_place_of_revoke, begin_eager, end),
        TEST(the_session_ends_by_our_own_clock),
        TEST(a_silent_application_leaves),
        TEST(a_poll_while_it_leaves_is_not_forgotten),
        cmocka_unit_test_setup_teardown(a_revocation_has_an_end, begin_eager, end),
        TEST(a_commit_may_hear_it_first),
        TEST(a_late_answer_is_nobodys),
        TEST(a_coordinator_that_moved_is_looked_for),
        TEST(what_time_heals_is_asked_again),
        TEST(what_people_must_mend_fails),
        TEST(a_refused_strategy_is_told_by_name),
        TEST(a_version_that_is_too_old_fails),
        TEST(leaving_tells_the_coordinator),
        TEST(leaving_abandons_a_parked_join),
        cmocka_unit_test_setup_teardown(a_static_member_keeps_its_place, begin_static, end),
        cmocka_unit_test_setup_teardown(a_static_leader_that_returns_assigns_nothing, begin_static,
                                        end),
        cmocka_unit_test(a_lack_of_memory_only_delays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
