/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer protocol (KIP-848), heartbeat by heartbeat. */
#include "tests/unit/broker/consumer_rig.h"
#include "base/codes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS = 4 };

struct scene {
    struct rig rig;
    struct rig_consumer m[MEMBERS];
};

static int setup(void **state)
{
    static const char *const names[MEMBERS] = {"a", "b", "c", "d"};
    struct scene *s = calloc(1, sizeof *s);
    rig_init(&s->rig);
    rig_topic(&s->rig, "t", 6);
    for (int i = 0; i < MEMBERS; i++)
        rig_consumer_init(&s->m[i], names[i], "t");
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    rig_check_same(&s->rig);
    rig_deinit(&s->rig);
    free(s);
    return 0;
}

static struct kw_consumer_group_describe_response_group describe(struct scene *s,
                                                                 struct kb_arena *arena)
{
    struct kw_consumer_group_describe_response_group group;
    kb_arena_init(arena, 1 << 20);
    kd_groups_describe_consumer(&s->rig.groups, kb_slice_str("g"), arena, &group);
    return group;
}

static void must_be_in_state(struct scene *s, const char *state)
{
    struct kb_arena arena;
    struct kw_consumer_group_describe_response_group group = describe(s, &arena);
    assert_int_equal(group.error_code, KB_OK);
    assert_true(kb_slice_is(group.group_state, state));
    kb_arena_deinit(&arena);
}

static void one_member(void **state)
{
    struct scene *s = *state;
    assert_int_equal(rig_beat(&s->rig, &s->m[0]), KB_OK);
    assert_int_equal(s->m[0].epoch, 1);
    assert_int_equal(s->m[0].interval_ms, 5000);
    assert_string_equal(rig_has(&s->rig, &s->m[0]), "t0 t1 t2 t3 t4 t5");
    must_be_in_state(s, "Stable");
    assert_int_equal(rig_beat(&s->rig, &s->m[0]), KB_OK);
    assert_false(s->m[0].told);
    assert_int_equal(rig_beat_leave(&s->rig, &s->m[0], -1), KB_OK);
    must_be_in_state(s, "Empty");
    assert_int_equal(rig_beat(&s->rig, &s->m[0]), KB_OK);
    assert_int_equal(s->m[0].epoch, 3);
}

static void partitions_go_over_only_when_given_back(void **state)
{
    struct scene *s = *state;
    struct rig_consumer *a = &s->m[0], *b = &s->m[1];
    rig_beat(&s->rig, a);
    assert_int_equal(rig_beat(&s->rig, b), KB_OK);
    assert_int_equal(b->epoch, 2);
    assert_string_equal(rig_has(&s->rig, b), "");
    must_be_in_state(s, "Reconciling");
    rig_beat(&s->rig, a); /* told to give back; its epoch stays until it has */
    assert_int_equal(a->epoch, 1);
    assert_true(a->told);
    assert_int_equal(a->has_count, 3);
    rig_beat(&s->rig, b);
    assert_int_equal(b->has_count, 0);
    rig_beat(&s->rig, a);
    assert_int_equal(a->epoch, 2);
    rig_beat(&s->rig, b);
    assert_int_equal(b->has_count, 3);
    must_be_in_state(s, "Stable");
    rig_beat_leave(&s->rig, b, -1);
    rig_beat(&s->rig, a);
    assert_int_equal(a->has_count, 6);
}

static void who_gives_nothing_back_is_fenced(void **state)
{
    struct scene *s = *state;
    struct rig_consumer *a = &s->m[0], *b = &s->m[1];
    a->clings = true;
    a->rebalance_ms = 20000;
    rig_beat(&s->rig, a);
    rig_beat(&s->rig, b);
    rig_beat(&s->rig, a);
    for (int i = 0; i < 3; i++) {
        rig_pass(&s->rig, 5000);
        assert_int_equal(rig_beat(&s->rig, a), KB_OK);
        rig_beat(&s->rig, b);
    }
    rig_pass(&s->rig, 5001);
    assert_int_equal(rig_beat(&s->rig, a), KB_E_UNKNOWN_MEMBER_ID);
    rig_beat(&s->rig, b);
    assert_int_equal(b->has_count, 6);
}

static void who_is_not_heard_has_left(void **state)
{
    struct scene *s = *state;
    rig_beat(&s->rig, &s->m[0]);
    rig_pass(&s->rig, 44999);
    assert_int_equal(rig_beat(&s->rig, &s->m[0]), KB_OK);
    rig_pass(&s->rig, 45001);
    assert_int_equal(rig_beat(&s->rig, &s->m[0]), KB_E_UNKNOWN_MEMBER_ID);
    must_be_in_state(s, "Empty");
}

static void heartbeats_may_come_twice_or_late(void **state)
{
    struct scene *s = *state;
    struct rig_consumer *a = &s->m[0], *b = &s->m[1];
    rig_beat(&s->rig, a);
    assert_int_equal(rig_beat_late(&s->rig, a, 0), KB_E_INVALID_REQUEST); /* it has some */
    rig_beat(&s->rig, b);
    rig_beat(&s->rig, a);
    int32_t before = a->epoch;
    rig_beat(&s->rig, a);
    assert_int_equal(a->epoch, before + 1);
    assert_int_equal(rig_beat_late(&s->rig, a, before), KB_OK); /* the epoch before, and no more */
    assert_int_equal(rig_beat_late(&s->rig, a, before - 1), KB_E_INVALID_REQUEST);
    assert_int_equal(rig_beat_late(&s->rig, a, a->epoch + 1), KB_E_FENCED_MEMBER_EPOCH);
    a->has[0].partition = 77;
    assert_int_equal(rig_beat_late(&s->rig, a, before), KB_E_FENCED_MEMBER_EPOCH);
}

static void a_member_may_begin_anew(void **state)
{
    struct scene *s = *state;
    rig_beat(&s->rig, &s->m[0]);
    s->m[0].epoch = 0;
    s->m[0].has_count = 0;
    assert_int_equal(rig_beat(&s->rig, &s->m[0]), KB_OK);
    assert_int_equal(s->m[0].epoch, 1);
    assert_int_equal(s->m[0].has_count, 6);
}

static void a_whole_heartbeat_is_told_all(void **state)
{
    struct scene *s = *state;
    rig_beat(&s->rig, &s->m[0]);
    rig_beat(&s->rig, &s->m[0]);
    assert_false(s->m[0].told);
    s->m[0].says_all = true;
    rig_beat(&s->rig, &s->m[0]);
    assert_true(s->m[0].told);
}

static void static_members_come_back(void **state)
{
    struct scene *s = *state;
    struct rig_consumer *a = &s->m[0], *b = &s->m[1];
    a->instance = "i";
    b->instance = "i";
    rig_beat(&s->rig, a);
    rig_beat(&s->rig, &s->m[2]);
    rig_beat_all(&s->rig, s->m, 1, 9);
    rig_beat(&s->rig, a);
    rig_beat(&s->rig, &s->m[2]);
    assert_int_equal(a->has_count, 3);
    assert_int_equal(rig_beat(&s->rig, b), KB_E_UNRELEASED_INSTANCE_ID);
    assert_int_equal(rig_beat_leave(&s->rig, a, -2), KB_OK);
    rig_check_same(&s->rig);
    rig_beat(&s->rig, &s->m[2]);
    assert_int_equal(s->m[2].has_count, 3); /* its place is kept */
    assert_int_equal(rig_beat(&s->rig, b), KB_OK);
    assert_int_equal(b->has_count, 3);
    assert_int_equal(b->epoch, s->m[2].epoch); /* nothing is assigned anew */
    snprintf(a->id, sizeof a->id, "a-0");
    assert_int_equal(rig_beat_late(&s->rig, a, 2), KB_E_FENCED_INSTANCE_ID);
    assert_int_equal(rig_beat_late(&s->rig, a, -1), KB_E_FENCED_INSTANCE_ID);
}

static void a_place_is_kept_for_a_session(void **state)
{
    struct scene *s = *state;
    s->m[0].instance = "i";
    rig_beat(&s->rig, &s->m[0]);
    rig_beat_leave(&s->rig, &s->m[0], -2);
    rig_pass(&s->rig, 45001);
    must_be_in_state(s, "Empty");
    assert_int_equal(rig_beat_late(&s->rig, &s->m[0], -2), KB_E_UNKNOWN_MEMBER_ID);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct scene *s = *state;
    struct rig_consumer *a = &s->m[0];
    a->rebalance_ms = -1;
    assert_int_equal(rig_beat(&s->rig, a), KB_E_INVALID_REQUEST);
    a->rebalance_ms = 1000;
    a->assignor = "sticky";
    assert_int_equal(rig_beat(&s->rig, a), KB_E_UNSUPPORTED_ASSIGNOR);
    a->assignor = "range";
    a->instance = " ";
    assert_int_equal(rig_beat(&s->rig, a), KB_E_INVALID_REQUEST);
    a->instance = NULL;
    a->rack = "";
    assert_int_equal(rig_beat(&s->rig, a), KB_E_INVALID_REQUEST);
    a->rack = NULL;
    a->regex = "(";
    assert_int_equal(rig_beat(&s->rig, a), KB_E_INVALID_REGULAR_EXPRESSION);
    a->regex = NULL;
    assert_int_equal(rig_beat_late(&s->rig, a, -3), KB_E_INVALID_REQUEST);
    assert_int_equal(rig_beat_late(&s->rig, a, -2), KB_E_INVALID_REQUEST);
    assert_int_equal(rig_beat_late(&s->rig, a, -1), KB_E_GROUP_ID_NOT_FOUND);
    assert_int_equal(rig_beat_late(&s->rig, a, 3), KB_E_GROUP_ID_NOT_FOUND);
    a->id[0] = 0;
    assert_int_equal(rig_beat(&s->rig, a), KB_E_INVALID_REQUEST);
    assert_null(kb_map_next(&s->rig.groups.by_id, NULL)); /* nothing came of all that */
    a->version = 0;
    assert_int_equal(rig_beat(&s->rig, a), KB_OK);
    assert_int_equal(strlen(a->id), KB_UUID_TEXT - 1);
}

static void a_group_is_full_at_some_time(void **state)
{
    struct scene *s = *state;
    s->rig.limits.consumer_max_size = 1;
    rig_beat(&s->rig, &s->m[0]);
    assert_int_equal(rig_beat(&s->rig, &s->m[1]), KB_E_GROUP_MAX_SIZE_REACHED);
    assert_int_equal(rig_beat(&s->rig, &s->m[0]), KB_OK);
}

static void topics_come_grow_and_go(void **state)
{
    struct scene *s = *state;
    struct rig_consumer *a = &s->m[0];
    a->topics = "t,u";
    rig_beat(&s->rig, a);
    rig_topic(&s->rig, "unknown", 1);
    rig_beat(&s->rig, a);
    assert_int_equal(a->epoch, 1); /* not one of its own */
    rig_topic(&s->rig, "u", 2);
    rig_beat(&s->rig, a);
    assert_string_equal(rig_has(&s->rig, a), "t0 t1 t2 t3 t4 t5 u0 u1");
    rig_topic(&s->rig, "u", 3);
    rig_beat(&s->rig, a);
    assert_int_equal(a->has_count, 9);
    rig_topic(&s->rig, "t", 0);
    rig_beat(&s->rig, a);
    assert_string_equal(rig_has(&s->rig, a), "u0 u1 u2");
    rig_restart(&s->rig);
    int32_t epoch = a->epoch;
    rig_beat(&s->rig, a);
    rig_beat(&s->rig, a);
    assert_int_equal(a->epoch, epoch + 1); /* the one that takes t away: no other */
}

static void expressions_stand_for_topics(void **state)
{
    struct scene *s = *state;
    struct rig_consumer *a = &s->m[0];
    a->topics = "";
    a->regex = "log.*";
    rig_beat(&s->rig, a);
    assert_int_equal(a->epoch, 1);
    assert_int_equal(a->has_count, 0);
    rig_topic(&s->rig, "log-1", 1);
    rig_topic(&s->rig, "my-log", 1); /* the whole name has to match */
    rig_beat(&s->rig, a);
    assert_string_equal(rig_has(&s->rig, a), "log-10");
    rig_check_same(&s->rig);
    rig_restart(&s->rig);
    rig_topic(&s->rig, "log-2", 1);
    rig_beat(&s->rig, a);
    assert_string_equal(rig_has(&s->rig, a), "log-10 log-20");
    a->topics = "t";
    a->says_all = true;
    rig_beat(&s->rig, a);
    assert_int_equal(a->has_count, 8);
    a->regex = "";
    a->says_all = true;
    rig_beat(&s->rig, a);
    rig_beat(&s->rig, a);
    assert_string_equal(rig_has(&s->rig, a), "t0 t1 t2 t3 t4 t5");
}

static void other_words_take_partitions_away_at_once(void **state)
{
    struct scene *s = *state;
    struct rig_consumer *a = &s->m[0], *b = &s->m[1];
    rig_topic(&s->rig, "u", 4);
    a->topics = "t,u";
    b->topics = "u";
    rig_beat(&s->rig, a);
    rig_beat(&s->rig, b);
    rig_beat_all(&s->rig, s->m, 2, 20);
    assert_string_equal(rig_has(&s->rig, b), "u0 u1 u2 u3"); /* 6 and 4, not 8 and 2 */
    a->topics = "u";
    a->says_all = true;
    rig_beat(&s->rig, a);
    assert_string_equal(rig_has(&s->rig, a), "");
    assert_int_not_equal(rig_beat_all(&s->rig, s->m, 2, 20), 0);
    assert_int_equal(a->has_count, 2);
    assert_int_equal(b->has_count, 2);
}

static void most_choose_the_assignor(void **state)
{
    struct scene *s = *state;
    struct kb_arena arena;
    s->m[0].assignor = "range";
    s->m[1].assignor = "uniform";
    s->m[2].assignor = "range";
    rig_beat_all(&s->rig, s->m, 3, 20);
    struct kw_consumer_group_describe_response_group group = describe(s, &arena);
    assert_true(kb_slice_is(group.assignor_name, "range"));
    assert_int_equal(group.members_count, 3);
    assert_int_equal(group.members[0].member_type, 1);
    assert_int_equal(group.members[0].assignment.topic_partitions_count, 1);
    kb_arena_deinit(&arena);
    assert_string_equal(rig_has(&s->rig, &s->m[0]), "t0 t1");
    assert_string_equal(rig_has(&s->rig, &s->m[1]), "t2 t3");
}

static void assignments_wait_for_their_interval(void **state)
{
    struct scene *s = *state;
    s->rig.limits.settings[KD_SET_ASSIGNMENT_INTERVAL] = 1000;
    rig_beat(&s->rig, &s->m[0]);
    assert_int_equal(s->m[0].has_count, 6); /* the first is not to wait */
    rig_beat(&s->rig, &s->m[1]);
    must_be_in_state(s, "Assigning");
    rig_beat(&s->rig, &s->m[0]);
    assert_int_equal(s->m[0].has_count, 6);
    rig_pass(&s->rig, 1000);
    rig_beat(&s->rig, &s->m[0]);
    assert_int_equal(s->m[0].has_count, 3);
}

static void a_group_may_have_settings_of_its_own(void **state)
{
    struct scene *s = *state;
    struct kd_group_own own = {.settings = {[KD_SET_SESSION] = 9000, [KD_SET_HEARTBEAT] = 3000}};
    struct kb_map all;
    kb_map_init(&all, 1);
    assert_true(kb_map_put(&all, &own.by_id, kb_slice_str("g")));
    s->rig.limits.own = &all;
    rig_beat(&s->rig, &s->m[0]);
    assert_int_equal(s->m[0].interval_ms, 3000);
    rig_pass(&s->rig, 9001);
    assert_int_equal(rig_beat(&s->rig, &s->m[0]), KB_E_UNKNOWN_MEMBER_ID);
    s->rig.limits.own = NULL;
    kb_map_deinit(&all);
}

static void offsets_need_the_epoch(void **state)
{
    struct scene *s = *state;
    struct rig_consumer *a = &s->m[0];
    struct kd_groups *groups = &s->rig.groups;
    struct kb_slice g = kb_slice_str("g"), id = kb_slice_str(a->id);
    assert_int_equal(rig_commit_as(&s->rig, "", -1, true, "t", 0, 1), KB_OK);
    rig_beat(&s->rig, a);
    rig_beat(&s->rig, &s->m[1]);
    assert_int_equal(rig_commit_as(&s->rig, "", -1, true, "t", 0, 9), KB_E_UNKNOWN_MEMBER_ID);
    assert_int_equal(rig_commit_as(&s->rig, "x", 1, true, "t", 0, 9), KB_E_UNKNOWN_MEMBER_ID);
    assert_int_equal(rig_commit_as(&s->rig, a->id, 1, false, "t", 0, 9), KB_E_UNSUPPORTED_VERSION);
    assert_int_equal(rig_commit_as(&s->rig, a->id, 2, true, "t", 0, 9), KB_E_STALE_MEMBER_EPOCH);
    assert_int_equal(rig_commit_as(&s->rig, a->id, 1, true, "t", 0, 2), KB_OK);
    rig_beat(&s->rig, a);
    rig_beat(&s->rig, a);
    assert_int_equal(a->epoch, 2);
    int kept = a->has[0].partition;
    /* what it has had ever since may be committed in the epoch before; what it gave back not */
    assert_int_equal(rig_commit_as(&s->rig, a->id, 1, true, "t", kept, 3), KB_OK);
    rig_beat(&s->rig, &s->m[1]);
    int gone = s->m[1].has[0].partition;
    assert_int_equal(rig_commit_as(&s->rig, a->id, 1, true, "t", gone, 4), KB_E_STALE_MEMBER_EPOCH);
    assert_int_equal(kd_groups_may_fetch(groups, g, id, 2), KB_OK);
    assert_int_equal(kd_groups_may_fetch(groups, g, id, 1), KB_E_STALE_MEMBER_EPOCH);
    assert_int_equal(kd_groups_may_fetch(groups, g, kb_slice_str("x"), 1), KB_E_UNKNOWN_MEMBER_ID);
    assert_int_equal(kd_groups_may_fetch(groups, g, kb_slice_null(), -1), KB_OK);
    assert_int_equal(kd_groups_may_fetch(groups, kb_slice_str("h"), id, 5), KB_OK);
}

static int delete_group(struct scene *s)
{
    struct kd_outcome out;
    kd_outcome_init(&out);
    int code = kd_groups_delete(&s->rig.groups, kb_slice_str("g"), &out);
    rig_end_step(&s->rig, &out);
    return code;
}

static int delete_offset(struct scene *s, const char *topic)
{
    struct kd_outcome out;
    struct kd_commit which = {.topic = kb_slice_str(topic)};
    kd_outcome_init(&out);
    kd_groups_delete_offsets(&s->rig.groups, kb_slice_str("g"), &which, 1, &out);
    rig_end_step(&s->rig, &out);
    return which.code;
}

static void groups_and_offsets_are_deleted(void **state)
{
    struct scene *s = *state;
    struct rig_consumer *a = &s->m[0];
    rig_topic(&s->rig, "u", 1);
    rig_beat(&s->rig, a);
    rig_commit_as(&s->rig, a->id, 1, true, "t", 0, 5);
    rig_commit_as(&s->rig, a->id, 1, true, "u", 0, 5);
    assert_int_equal(delete_group(s), KB_E_NON_EMPTY_GROUP);
    assert_int_equal(delete_offset(s, "t"), KB_E_GROUP_SUBSCRIBED_TO_TOPIC);
    assert_int_equal(delete_offset(s, "u"), KB_OK);
    rig_beat_leave(&s->rig, a, -1);
    assert_int_equal(delete_group(s), KB_OK);
    assert_null(kb_map_next(&s->rig.groups.by_id, NULL));
    assert_int_equal(delete_group(s), KB_E_GROUP_ID_NOT_FOUND);
}

static void empty_groups_are_forgotten_with_their_offsets(void **state)
{
    struct scene *s = *state;
    struct kd_outcome out;
    rig_beat(&s->rig, &s->m[0]);
    rig_commit_as(&s->rig, s->m[0].id, 1, true, "t", 0, 5);
    for (int i = 0; i < 2; i++) {
        s->rig.now.wall_ms += s->rig.limits.offsets_retention_ms + 1;
        kd_outcome_init(&out);
        kd_groups_expire(&s->rig.groups, s->rig.now, &out);
        rig_end_step(&s->rig, &out);
        assert_int_equal(rig_offset(&s->rig, "t", 0), i ? -1 : 5); /* in use at first */
        rig_beat_leave(&s->rig, &s->m[0], -1);
    }
    assert_null(kb_map_next(&s->rig.groups.by_id, NULL));
}

static void old_requests_know_no_such_group(void **state)
{
    struct scene *s = *state;
    struct kb_arena arena;
    struct kw_describe_groups_response_group group;
    rig_beat(&s->rig, &s->m[0]);
    kb_arena_init(&arena, 1 << 20);
    kd_groups_describe(&s->rig.groups, kb_slice_str("g"), 5, &arena, &group);
    assert_int_equal(group.error_code, KB_OK);
    assert_true(kb_slice_is(group.group_state, "Dead"));
    kd_groups_describe(&s->rig.groups, kb_slice_str("g"), 6, &arena, &group);
    assert_int_equal(group.error_code, KB_E_GROUP_ID_NOT_FOUND);
    kb_arena_deinit(&arena);
}

/* ---- Out of memory ---- */

/* Until the first failure: after it the driver drops the coordinator. */
static void run_short_of_memory(void *ctx)
{
    struct scene *s = ctx;
    struct rig *rig = &s->rig;
    rig_init(rig);
    rig_topic(rig, "t", 6);
    for (int i = 0; i < MEMBERS; i++)
        rig_consumer_init(&s->m[i], "m", "t");
    s->m[1].regex = "t|u";
    s->m[2].instance = s->m[3].instance = "i";
    snprintf(s->m[1].id, sizeof s->m[1].id, "other");
    for (int step = 0; !rig->failed && step < 40; step++) {
        struct rig_consumer *m = &s->m[step % 3];
        if (step == 20)
            rig_topic(rig, "u", 2);
        else if (step == 25)
            rig_beat_leave(rig, &s->m[2], -2);
        else if (step == 26)
            rig_beat(rig, &s->m[3]);
        else if (step == 30)
            rig_commit_as(rig, s->m[0].id, s->m[0].epoch, true, "t", 0, 5);
        else if (step == 35)
            rig_beat_leave(rig, &s->m[0], -1);
        else if (step < 25 || m != &s->m[2])
            rig_beat(rig, m);
    }
    if (!rig->failed)
        rig_pass(rig, 90000);
    kb_mem_set_hook(NULL, NULL);
    rig_deinit(rig);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    struct scene *s = calloc(1, sizeof *s);
    assert_in_range(unit_each_failure(run_short_of_memory, s), 300, 20000);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
        TEST(one_member),
        TEST(partitions_go_over_only_when_given_back),
        TEST(who_gives_nothing_back_is_fenced),
        TEST(who_is_not_heard_has_left),
        TEST(heartbeats_may_come_twice_or_late),
        TEST(a_member_may_begin_anew),
        TEST(a_whole_heartbeat_is_told_all),
        TEST(static_members_come_back),
        TEST(a_place_is_kept_for_a_session),
        TEST(what_makes_no_sense_is_refused),
        TEST(a_group_is_full_at_some_time),
        TEST(topics_come_grow_and_go),
        TEST(expressions_stand_for_topics),
        TEST(other_words_take_partitions_away_at_once),
        TEST(most_choose_the_assignor),
        TEST(assignments_wait_for_their_interval),
        TEST(a_group_may_have_settings_of_its_own),
        TEST(offsets_need_the_epoch),
        TEST(groups_and_offsets_are_deleted),
        TEST(empty_groups_are_forgotten_with_their_offsets),
        TEST(old_requests_know_no_such_group),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("consumer groups", tests, NULL, NULL);
}
