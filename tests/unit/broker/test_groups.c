/* SPDX-License-Identifier: Apache-2.0 */
/* The classic group protocol, request by request. */
#include "tests/unit/broker/group_rig.h"
#include "base/codes.h"
#include <stdio.h>

static void setup(struct rig *rig)
{
    rig_init(rig);
}

/* Join with the id that it is told, then sync: in the group, or parked. */
static void enter(struct rig *rig, struct rig_client *client)
{
    if (rig_join(rig, client) == KB_E_MEMBER_ID_REQUIRED)
        rig_join(rig, client);
}

static void settle(struct rig *rig)
{
    for (size_t i = 0; i < rig->count; i++)
        if (!rig->clients[i].waits && rig->clients[i].id[0])
            rig_sync(rig, &rig->clients[i]);
}

static void one_member(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    assert_int_equal(rig_join(&rig, a), KB_E_MEMBER_ID_REQUIRED);
    assert_int_equal(strncmp(a->id, "a-", 2), 0);
    assert_int_equal(rig_join(&rig, a), KB_OK);
    assert_false(a->waits);
    assert_true(a->leads);
    assert_int_equal(a->generation, 1);
    assert_int_equal(a->told, 1);
    assert_string_equal(a->protocol, "range");
    assert_int_equal(rig_heartbeat(&rig, a), KB_OK);
    assert_int_equal(rig_sync(&rig, a), KB_OK);
    assert_string_equal(a->assignment, "for a@1");
    assert_string_equal(rig_state(&rig, &rig.groups), "Stable range 1 a=for a@1");
    rig_check_replay(&rig);
    assert_int_equal(rig_leave(&rig, a), KB_OK);
    assert_int_equal(rig_heartbeat(&rig, a), KB_E_UNKNOWN_MEMBER_ID);
    assert_string_equal(rig_state(&rig, &rig.groups), "Empty  0");
    rig_check_replay(&rig);
    rig_deinit(&rig);
}

static void old_clients_get_an_id_at_once(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    a->version = 3;
    assert_int_equal(rig_join(&rig, a), KB_OK);
    assert_int_equal(a->generation, 1);
    rig_deinit(&rig);
}

static void a_second_member_rebalances(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range,sticky");
    struct rig_client *b = rig_client(&rig, "b", "sticky,range");
    enter(&rig, a);
    settle(&rig);
    enter(&rig, b);
    assert_true(b->waits);
    assert_int_equal(rig_heartbeat(&rig, a), KB_E_REBALANCE_IN_PROGRESS);
    assert_int_equal(rig_join(&rig, a), KB_OK);
    assert_false(b->waits);
    assert_int_equal(b->generation, 2);
    assert_true(a->leads);
    assert_int_equal(a->told, 2);
    assert_int_equal(b->told, 0);
    assert_string_equal(b->protocol, "range"); /* a vote each: the leader's first */
    rig_sync(&rig, b);
    assert_true(b->waits);
    assert_int_equal(rig_sync(&rig, a), KB_OK);
    assert_false(b->waits);
    assert_string_equal(b->assignment, "for b@2");
    rig_check_replay(&rig);
    rig_deinit(&rig);
}

static void a_new_group_gathers(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    rig.limits.initial_delay_ms = 3000;
    struct rig_client *a = rig_client(&rig, "a", "range");
    struct rig_client *b = rig_client(&rig, "b", "range");
    enter(&rig, a);
    rig_pass(&rig, 2000);
    assert_true(a->waits);
    enter(&rig, b);
    rig_pass(&rig, 2000); /* once more, since somebody came */
    assert_true(a->waits);
    rig_pass(&rig, 2001);
    assert_false(a->waits);
    assert_false(b->waits);
    assert_int_equal(a->generation, 1);
    assert_int_equal(a->told, 2);
    rig_deinit(&rig);
}

static void gathering_ends_at_the_rebalance_timeout(void **state)
{
    struct rig rig;
    struct rig_client *last = NULL;
    (void)state;
    setup(&rig);
    rig.limits.initial_delay_ms = 3000;
    for (int i = 0; i < 6; i++) {
        last = rig_client(&rig, "m", "range");
        last->rebalance_ms = 10000;
        enter(&rig, last);
        rig_pass(&rig, 2000);
    }
    assert_false(rig.clients[0].waits);
    assert_int_equal(rig.clients[0].generation, 1);
    rig_deinit(&rig);
}

static void who_stays_away_is_dropped(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    struct rig_client *b = rig_client(&rig, "b", "range");
    a->session_ms = 300000;
    enter(&rig, a);
    settle(&rig);
    enter(&rig, b);
    rig_pass(&rig, 59999);
    assert_true(b->waits);
    rig_pass(&rig, 1);
    assert_false(b->waits);
    assert_int_equal(b->generation, 2);
    assert_true(b->leads);
    assert_int_equal(rig_heartbeat(&rig, a), KB_E_UNKNOWN_MEMBER_ID);
    rig_deinit(&rig);
}

static void who_does_not_sync_is_dropped(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    a->session_ms = 300000;
    enter(&rig, a);
    rig_pass(&rig, 60000);
    assert_string_equal(rig_state(&rig, &rig.groups), "Empty  0");
    rig_deinit(&rig);
}

static void a_lost_session_rebalances(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    struct rig_client *b = rig_client(&rig, "b", "range");
    enter(&rig, a);
    enter(&rig, b);
    rig_join(&rig, a);
    settle(&rig);
    for (int i = 0; i < 3; i++) {
        rig_pass(&rig, 5000);
        rig_heartbeat(&rig, a);
    }
    assert_int_equal(rig_heartbeat(&rig, b), KB_E_UNKNOWN_MEMBER_ID);
    assert_int_equal(rig_heartbeat(&rig, a), KB_E_REBALANCE_IN_PROGRESS);
    assert_int_equal(rig_join(&rig, a), KB_OK);
    assert_int_equal(a->told, 1);
    rig_deinit(&rig);
}

/* It waits for the leader and cannot be heard. */
static void a_sync_that_waited_begins_a_session(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    struct rig_client *b = rig_client(&rig, "b", "range");
    a->session_ms = 300000;
    enter(&rig, a);
    enter(&rig, b);
    rig_join(&rig, a);
    rig_sync(&rig, b);
    rig_pass(&rig, 9000);
    assert_int_equal(rig_sync(&rig, a), KB_OK);
    rig_pass(&rig, 9000);
    assert_int_equal(rig_heartbeat(&rig, b), KB_OK);
    rig_pass(&rig, 10000);
    assert_int_equal(rig_heartbeat(&rig, b), KB_E_UNKNOWN_MEMBER_ID);
    rig_deinit(&rig);
}

/* The round that it began ends with nobody there, again and again, but not at once. */
static void static_members_that_stay_away_cost_no_time(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    struct rig_client *b = rig_client(&rig, "b", "range");
    a->instance = "i";
    a->rebalance_ms = b->rebalance_ms = 0;
    a->session_ms = 300000;
    enter(&rig, a);
    settle(&rig);
    rig_join(&rig, b);
    rig_join(&rig, b);
    rig_leave(&rig, b);
    rig_pass(&rig, 299000);
    assert_int_equal(rig_join(&rig, a), KB_OK);
    rig_deinit(&rig);
}

static void an_id_that_nobody_uses_holds_a_round_for_a_session(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    struct rig_client *b = rig_client(&rig, "b", "range");
    assert_int_equal(rig_join(&rig, b), KB_E_MEMBER_ID_REQUIRED);
    enter(&rig, a);
    assert_true(a->waits);
    rig_pass(&rig, 10000);
    assert_false(a->waits);
    assert_int_equal(rig_join(&rig, b), KB_E_UNKNOWN_MEMBER_ID);
    rig_deinit(&rig);
}

static void a_static_member_comes_back(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    struct rig_client *b = rig_client(&rig, "b", "range");
    a->instance = "one";
    b->instance = "two";
    assert_int_equal(rig_join(&rig, a), KB_OK); /* no id is required of it */
    rig_join(&rig, b);
    rig_join(&rig, a);
    settle(&rig);
    settle(&rig);
    assert_string_equal(rig_state(&rig, &rig.groups), "Stable range 2 a=for a@2 b=for b@2");
    struct rig_client *again = rig_client(&rig, "a", "range");
    again->instance = "one";
    assert_int_equal(rig_join(&rig, again), KB_OK);
    assert_int_equal(again->generation, 2);
    assert_true(again->leads && again->skips);
    assert_int_equal(rig_heartbeat(&rig, a), KB_E_FENCED_INSTANCE_ID);
    assert_int_equal(rig_heartbeat(&rig, b), KB_OK);
    again->leads = false; /* as the flag says */
    assert_int_equal(rig_sync(&rig, again), KB_OK);
    assert_string_equal(again->assignment, "for a@2");
    rig_check_replay(&rig);
    rig_deinit(&rig);
}

static void an_old_static_leader_is_told_its_former_name(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    a->instance = "one";
    enter(&rig, a);
    settle(&rig);
    struct rig_client *again = rig_client(&rig, "a", "range");
    again->instance = "one";
    again->version = 5;
    assert_int_equal(rig_join(&rig, again), KB_OK);
    assert_false(again->leads);
    rig_deinit(&rig);
}

static void a_static_member_with_other_words_rebalances(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    a->instance = "one";
    enter(&rig, a);
    settle(&rig);
    struct rig_client *again = rig_client(&rig, "a", "sticky,range");
    again->instance = "one";
    assert_int_equal(rig_join(&rig, again), KB_OK);
    assert_int_equal(again->generation, 2);
    assert_string_equal(again->protocol, "sticky");
    rig_deinit(&rig);
}

static void refusals(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    struct rig_client *b = rig_client(&rig, "b", "other");
    struct rig_client *c = rig_client(&rig, "c", "range");
    enter(&rig, a);
    settle(&rig);
    assert_int_equal(rig_join(&rig, b), KB_E_INCONSISTENT_GROUP_PROTOCOL);
    c->session_ms = 10;
    assert_int_equal(rig_join(&rig, c), KB_E_INVALID_SESSION_TIMEOUT);
    c->session_ms = 10000;
    rig.limits.max_size = 1;
    assert_int_equal(rig_join(&rig, c), KB_E_GROUP_MAX_SIZE_REACHED);
    snprintf(c->id, sizeof c->id, "nobody");
    assert_int_equal(rig_join(&rig, c), KB_E_UNKNOWN_MEMBER_ID);
    a->generation = 7;
    assert_int_equal(rig_heartbeat(&rig, a), KB_E_ILLEGAL_GENERATION);
    assert_int_equal(rig_sync(&rig, a), KB_E_ILLEGAL_GENERATION);
    assert_int_equal(rig_commit(&rig, a, "t", 0, 5), KB_E_ILLEGAL_GENERATION);
    rig_deinit(&rig);
}

static void offsets(void **state)
{
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    assert_int_equal(rig_offset(&rig, "t", 0), -1);
    assert_int_equal(rig_commit(&rig, NULL, "t", 0, 5), KB_OK); /* nobody is in the group */
    assert_int_equal(rig_offset(&rig, "t", 0), 5);
    enter(&rig, a);
    assert_int_equal(rig_commit(&rig, a, "t", 0, 6), KB_E_REBALANCE_IN_PROGRESS);
    settle(&rig);
    assert_int_equal(rig_commit(&rig, NULL, "t", 0, 7), KB_E_UNKNOWN_MEMBER_ID);
    assert_int_equal(rig_commit(&rig, a, "t", 0, 8), KB_OK);
    assert_int_equal(rig_commit(&rig, a, "t", 1, 9), KB_OK);
    assert_int_equal(rig_offset(&rig, "t", 0), 8);
    rig_check_replay(&rig);
    rig_deinit(&rig);
}

static void a_commit_larger_than_a_batch_is_refused(void **state)
{
    enum { OFTEN = 1000000 };
    struct rig rig;
    struct kd_outcome out;
    const struct kd_committer who = {.group = kb_slice_str("g"), .generation = -1};
    struct kd_commit *commits = KB_NEW_ARRAY(struct kd_commit, OFTEN);
    (void)state;
    setup(&rig);
    for (int i = 0; i < OFTEN; i++)
        commits[i] = (struct kd_commit){.topic = kb_slice_str("t"), .offset = i, .expires_ms = -1};
    kd_outcome_init(&out);
    assert_int_equal(kd_groups_commit(&rig.groups, &who, commits, OFTEN, rig.now, &out),
                     KB_E_INVALID_COMMIT_OFFSET_SIZE);
    assert_int_equal(commits[OFTEN - 1].code, KB_E_INVALID_COMMIT_OFFSET_SIZE);
    assert_false(out.failed);
    assert_int_equal(out.record_count, 0);
    kd_outcome_deinit(&out);
    assert_int_equal(rig_commit(&rig, NULL, "t", 0, 5), KB_OK);
    kb_free(commits);
    rig_deinit(&rig);
}

static void expire(struct rig *rig)
{
    struct kd_outcome out;
    kd_outcome_init(&out);
    kd_groups_expire(&rig->groups, rig->now, &out);
    for (size_t i = 0; i < out.record_count; i++)
        assert_true(kb_slice_is_null(out.records[i].value));
    kd_outcome_deinit(&out);
}

static void offsets_expire_after_the_last_member(void **state)
{
    enum { DAY = 86400000 };
    struct rig rig;
    (void)state;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range");
    enter(&rig, a);
    settle(&rig);
    a->session_ms = 1800000;
    rig_commit(&rig, a, "t", 0, 5);
    rig.now.wall_ms += 30LL * DAY;
    expire(&rig);
    assert_int_equal(rig_offset(&rig, "t", 0), 5); /* it is read */
    rig_leave(&rig, a);
    rig.now.wall_ms += 6LL * DAY;
    expire(&rig);
    assert_int_equal(rig_offset(&rig, "t", 0), 5);
    rig.now.wall_ms += 2LL * DAY;
    expire(&rig);
    assert_int_equal(rig_offset(&rig, "t", 0), -1);
    assert_string_equal(rig_state(&rig, &rig.groups), "Dead  0");
    rig_deinit(&rig);
}

/* A whole life, with memory failing at each point: the step says so, every request is
 * answered or parked, and what is left can be dropped. */
static void run_short_of_memory(void *ctx)
{
    struct rig rig;
    (void)ctx;
    setup(&rig);
    struct rig_client *a = rig_client(&rig, "a", "range,sticky");
    struct rig_client *b = rig_client(&rig, "b", "sticky");
    struct rig_client *c = rig_client(&rig, "c", "sticky");
    b->instance = c->instance = "one";
    const int script[] = {1, 1, 2, 3, 1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t i = 0; !rig.failed && i < sizeof script / sizeof script[0]; i++) {
        if (script[i] == 1 && !a->waits)
            rig_join(&rig, a);
        else if (script[i] == 2 && !a->waits)
            rig_sync(&rig, a);
        else if (script[i] == 3 && !b->waits)
            b->generation < 0 ? rig_join(&rig, b) : rig_sync(&rig, b);
        else if (script[i] == 4)
            rig_commit(&rig, a, "t", 0, 5);
        else if (script[i] == 5 && !c->waits)
            rig_join(&rig, c);
        else if (script[i] == 6)
            rig_heartbeat(&rig, a);
        else if (script[i] == 7)
            rig_leave(&rig, a);
        else if (script[i] == 8)
            rig_pass(&rig, 120000);
    }
    kb_mem_set_hook(NULL, NULL);
    rig_deinit(&rig);
    for (size_t i = 0; i < rig.count; i++)
        assert_false(rig.clients[i].waits);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(run_short_of_memory, NULL), 50, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_member),
        cmocka_unit_test(old_clients_get_an_id_at_once),
        cmocka_unit_test(a_second_member_rebalances),
        cmocka_unit_test(a_new_group_gathers),
        cmocka_unit_test(gathering_ends_at_the_rebalance_timeout),
        cmocka_unit_test(who_stays_away_is_dropped),
        cmocka_unit_test(who_does_not_sync_is_dropped),
        cmocka_unit_test(a_lost_session_rebalances),
        cmocka_unit_test(a_sync_that_waited_begins_a_session),
        cmocka_unit_test(static_members_that_stay_away_cost_no_time),
        cmocka_unit_test(an_id_that_nobody_uses_holds_a_round_for_a_session),
        cmocka_unit_test(a_static_member_comes_back),
        cmocka_unit_test(an_old_static_leader_is_told_its_former_name),
        cmocka_unit_test(a_static_member_with_other_words_rebalances),
        cmocka_unit_test(refusals),
        cmocka_unit_test(offsets),
        cmocka_unit_test(a_commit_larger_than_a_batch_is_refused),
        cmocka_unit_test(offsets_expire_after_the_last_member),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
