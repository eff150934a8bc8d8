/* SPDX-License-Identifier: Apache-2.0 */
/* Groups that go from one protocol to the other while their members work, and histories
 * of both at random. */
#include "tests/unit/broker/consumer_rig.h"
#include "base/codes.h"
#include "broker/core/group/modern/modern.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSICS = 3, CONSUMERS = 4, PARTITIONS = 12 };

struct scene {
    struct rig rig;
    struct rig_client *old[CLASSICS];
    struct rig_consumer new[CONSUMERS];
};

static void build(struct scene *s)
{
    static const char *const olds[] = {"x", "y", "z"}, *const news[] = {"a", "b", "c", "d"};
    memset(s, 0, sizeof *s);
    rig_init(&s->rig);
    s->rig.assigns = true;
    rig_topic(&s->rig, "t", 6);
    for (int i = 0; i < CLASSICS; i++)
        s->old[i] = rig_client(&s->rig, olds[i], "range");
    for (int i = 0; i < CONSUMERS; i++)
        rig_consumer_init(&s->new[i], news[i], "t");
}

/* ---- What a member of the classic protocol does ---- */

static void begin_anew(struct rig_client *c)
{
    c->id[0] = 0;
    c->generation = c->synced = -1;
    c->held = 0;
}

static void rejoin(struct rig *rig, struct rig_client *c)
{
    c->held = 0; /* it gives up all it has before */
    c->synced = -1;
    int code = rig_join(rig, c);
    if (code == KB_E_MEMBER_ID_REQUIRED)
        code = rig_join(rig, c);
    if (code == KB_E_UNKNOWN_MEMBER_ID || code == KB_E_FENCED_INSTANCE_ID)
        begin_anew(c);
}

/* One thing, as it comes next. */
static void act(struct rig *rig, struct rig_client *c)
{
    if (c->waits)
        return;
    if (c->generation < 0 || c->code == KB_E_REBALANCE_IN_PROGRESS) {
        rejoin(rig, c);
        return;
    }
    c->code = c->synced != c->generation ? rig_sync(rig, c) : rig_heartbeat(rig, c);
    if (c->code == KB_E_UNKNOWN_MEMBER_ID || c->code == KB_E_ILLEGAL_GENERATION ||
        c->code == KB_E_FENCED_INSTANCE_ID)
        begin_anew(c);
}

static void act_all(struct scene *s, int classics, int consumers, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < classics; i++)
            act(&s->rig, s->old[i]);
        for (int i = 0; i < consumers; i++)
            rig_beat(&s->rig, &s->new[i]);
    }
}

static uint64_t bits(const struct rig_consumer *c)
{
    uint64_t set = 0;
    for (size_t i = 0; i < c->has_count; i++)
        set |= 1ull << c->has[i].partition;
    return set;
}

static const struct kd_group *group(const struct scene *s)
{
    return kd_group_find(&s->rig.groups, kb_slice_str("g"));
}

/* ---- Up and down ---- */

static void up_and_down_again(void **state)
{
    struct scene *s = malloc(sizeof *s);
    (void)state;
    build(s);
    act_all(s, 2, 0, 6);
    assert_int_equal(s->old[0]->held | s->old[1]->held, 0x3f);
    int32_t generation = s->old[0]->generation;
    assert_int_equal(rig_beat(&s->rig, &s->new[0]), KB_OK);
    assert_non_null(group(s)->modern);
    assert_int_equal(s->new[0].epoch, generation + 1);
    assert_int_equal(s->new[0].has_count, 0); /* the others have them still */
    rig_check_same(&s->rig);
    assert_int_equal(rig_heartbeat(&s->rig, s->old[0]), KB_E_REBALANCE_IN_PROGRESS);
    act_all(s, 2, 1, 6);
    assert_int_equal(s->new[0].has_count, 2);
    assert_int_equal(s->old[0]->held | s->old[1]->held | bits(&s->new[0]), 0x3f);
    rig_check_same(&s->rig);
    rig_beat_leave(&s->rig, &s->new[0], -1);
    assert_null(group(s)->modern);
    rig_check_same(&s->rig);
    act_all(s, 2, 0, 6);
    assert_int_equal(s->old[0]->held | s->old[1]->held, 0x3f);
    assert_int_equal(s->old[0]->held & s->old[1]->held, 0);
    rig_check_same(&s->rig);
    rig_deinit(&s->rig);
    free(s);
}

static void parked_requests_are_answered(void **state)
{
    struct scene *s = malloc(sizeof *s);
    (void)state;
    build(s);
    act_all(s, 1, 0, 3);
    rejoin(&s->rig, s->old[1]); /* waits for the first */
    assert_true(s->old[1]->waits);
    assert_int_equal(rig_beat(&s->rig, &s->new[0]), KB_OK);
    assert_false(s->old[1]->waits);
    assert_int_equal(s->old[1]->code, KB_E_REBALANCE_IN_PROGRESS);
    act_all(s, 2, 1, 8);
    assert_int_equal(s->old[0]->held | s->old[1]->held | bits(&s->new[0]), 0x3f);
    rig_deinit(&s->rig);
    free(s);
}

static void policies_forbid_it(void **state)
{
    struct scene *s = malloc(sizeof *s);
    (void)state;
    build(s);
    s->rig.limits.upgrade = s->rig.limits.downgrade = false;
    act_all(s, 1, 0, 3);
    assert_int_equal(rig_beat(&s->rig, &s->new[0]), KB_E_GROUP_ID_NOT_FOUND);
    assert_null(group(s)->modern);
    s->rig.limits.upgrade = true;
    assert_int_equal(rig_beat(&s->rig, &s->new[0]), KB_OK);
    rig_beat_leave(&s->rig, &s->new[0], -1);
    assert_non_null(group(s)->modern);
    rig_deinit(&s->rig);
    free(s);
}

static void what_an_assignor_hid_is_not_lost(void **state)
{
    struct scene *s = malloc(sizeof *s);
    (void)state;
    build(s);
    s->rig.assigns = false; /* words that are no partitions */
    act_all(s, 1, 0, 3);
    assert_int_equal(rig_beat(&s->rig, &s->new[0]), KB_E_GROUP_ID_NOT_FOUND);
    assert_int_equal(rig_heartbeat(&s->rig, s->old[0]), KB_OK);
    rig_deinit(&s->rig);
    free(s);
}

static void empty_groups_become_what_comes(void **state)
{
    struct scene *s = malloc(sizeof *s);
    (void)state;
    build(s);
    act_all(s, 1, 0, 3);
    rig_commit(&s->rig, s->old[0], "t", 0, 7);
    rig_leave(&s->rig, s->old[0]);
    begin_anew(s->old[0]);
    assert_int_equal(rig_beat(&s->rig, &s->new[0]), KB_OK);
    assert_int_equal(s->new[0].has_count, 6);
    assert_int_equal(rig_offset(&s->rig, "t", 0), 7); /* offsets stay */
    rig_check_same(&s->rig);
    rig_beat_leave(&s->rig, &s->new[0], -1);
    act_all(s, 1, 0, 3);
    assert_null(group(s)->modern);
    assert_int_equal(s->old[0]->held, 0x3f);
    assert_int_equal(rig_offset(&s->rig, "t", 0), 7);
    rig_check_same(&s->rig);
    rig_deinit(&s->rig);
    free(s);
}

static void an_instance_changes_its_protocol(void **state)
{
    struct scene *s = malloc(sizeof *s);
    (void)state;
    build(s);
    s->old[0]->instance = s->new[0].instance = "i";
    act_all(s, 2, 0, 6);
    assert_int_equal(rig_beat(&s->rig, &s->new[0]), KB_OK); /* in its own place */
    assert_int_equal(s->new[0].has_count, 3);
    assert_int_equal(group(s)->modern->members.count, 2);
    rig_check_same(&s->rig);
    begin_anew(s->old[0]);
    act(&s->rig, s->old[0]); /* and back: the last of the others has gone */
    assert_null(group(s)->modern);
    act_all(s, 2, 0, 6);
    assert_int_equal(s->old[0]->held | s->old[1]->held, 0x3f);
    rig_check_same(&s->rig);
    rig_deinit(&s->rig);
    free(s);
}

/* Nothing that the instance says is new, and still there is somebody to be given a share. */
static void a_round_that_was_due_is_not_forgotten(void **state)
{
    struct scene *s = malloc(sizeof *s);
    (void)state;
    build(s);
    s->old[0]->instance = s->new[0].instance = "i";
    act_all(s, 2, 0, 6);
    rig_leave(&s->rig, s->old[1]);
    begin_anew(s->old[1]);
    rejoin(&s->rig, s->old[1]);
    assert_true(s->old[1]->waits); /* for the instance, which comes with another protocol */
    assert_int_equal(rig_beat(&s->rig, &s->new[0]), KB_OK);
    assert_false(s->old[1]->waits);
    for (int round = 0; round < 6; round++) {
        act(&s->rig, s->old[1]);
        rig_beat(&s->rig, &s->new[0]);
    }
    assert_int_equal(s->old[1]->held | bits(&s->new[0]), 0x3f);
    assert_int_equal(s->old[1]->held & bits(&s->new[0]), 0);
    rig_check_same(&s->rig);
    rig_deinit(&s->rig);
    free(s);
}

static void both_cannot_be_mistaken(void **state)
{
    struct scene *s = malloc(sizeof *s);
    (void)state;
    build(s);
    rig_beat(&s->rig, &s->new[0]);
    snprintf(s->old[0]->id, sizeof s->old[0]->id, "%s", s->new[0].id);
    s->old[0]->generation = s->new[0].epoch;
    assert_int_equal(rig_heartbeat(&s->rig, s->old[0]), KB_E_UNKNOWN_MEMBER_ID);
    assert_int_equal(rig_sync(&s->rig, s->old[0]), KB_E_UNKNOWN_MEMBER_ID);
    rig_deinit(&s->rig);
    free(s);
}

/* ---- At random ---- */

static uint64_t draw(struct scene *s, uint64_t below)
{
    return kb_random_below(&s->rig.random, below);
}

/* Is it somebody to the coordinator? Who was fenced and has not heard of it is nobody. */
static bool is_member(const struct scene *s, const char *id)
{
    const struct kd_group *g = group(s);
    if (!g || !id[0])
        return false;
    return g->modern ? kd_modern_find(g, kb_slice_str(id)) != NULL
                     : kd_group_member(g, kb_slice_str(id)) != NULL;
}

static void must_not_share(const struct scene *s)
{
    uint64_t taken = 0, sets[CLASSICS + CONSUMERS];
    for (int i = 0; i < CLASSICS; i++)
        sets[i] = is_member(s, s->old[i]->id) ? s->old[i]->held : 0;
    for (int i = 0; i < CONSUMERS; i++)
        sets[CLASSICS + i] = is_member(s, s->new[i].id) ? bits(&s->new[i]) : 0;
    for (size_t i = 0; i < KB_ARRAY_SIZE(sets); i++) {
        assert_int_equal(taken & sets[i], 0);
        taken |= sets[i];
    }
}

static void lose(struct rig_consumer *c)
{
    c->epoch = 0;
    c->has_count = 0;
    snprintf(c->id, sizeof c->id, "%s-%d", c->name, ++c->incarnation);
}

static void move_classic(struct scene *s, struct rig_client *c)
{
    switch (draw(s, 12)) {
    case 0:
        if (!c->waits && c->id[0])
            rig_leave(&s->rig, c);
        if (!c->waits)
            begin_anew(c);
        break;
    case 1:
        if (!c->waits)
            begin_anew(c); /* it died */
        break;
    default:
        act(&s->rig, c);
    }
}

static void move_consumer(struct scene *s, struct rig_consumer *c)
{
    switch (draw(s, 16)) {
    case 0:
        rig_beat_leave(&s->rig, c, -1);
        break;
    case 1:
        lose(c);
        break;
    case 2:
        if (c->instance)
            rig_beat_leave(&s->rig, c, -2);
        break;
    case 3:
        if (c->epoch > 1)
            rig_beat_late(&s->rig, c, c->epoch - 1);
        break;
    case 4:
        c->says_all = true;
        c->regex = draw(s, 2) ? "t|u.*" : "";
        break;
    default:
        rig_beat(&s->rig, c);
    }
}

static void move_world(struct scene *s)
{
    const struct kd_topic *topic = kd_topics_find(&s->rig.topics, kb_slice_str("t"));
    switch (draw(s, 8)) {
    case 0:
        if (topic->count < PARTITIONS)
            rig_topic(&s->rig, "t", topic->count + 1);
        break;
    case 1: {
        for (int i = 0; i < CLASSICS; i++)
            if (s->old[i]->waits)
                return; /* parked ones are asked again elsewhere */
        rig_restart(&s->rig);
        break;
    }
    default:
        rig_pass(&s->rig, (int64_t)draw(s, 4000));
    }
}

static void move(struct scene *s)
{
    uint64_t who = draw(s, CLASSICS + CONSUMERS + 2);
    if (who < CLASSICS)
        move_classic(s, s->old[who]);
    else if (who < CLASSICS + CONSUMERS)
        move_consumer(s, &s->new[who - CLASSICS]);
    else
        move_world(s);
}

/* Nothing fails any more: everything is shared before long. */
static void must_settle(struct scene *s)
{
    uint64_t all = 0, want;
    for (int i = 0; i < 24; i++) {
        act_all(s, CLASSICS, CONSUMERS, 1);
        rig_pass(&s->rig, 4000);
    }
    want = (1ull << kd_topics_find(&s->rig.topics, kb_slice_str("t"))->count) - 1;
    for (int i = 0; i < CLASSICS; i++)
        all |= s->old[i]->held;
    for (int i = 0; i < CONSUMERS; i++)
        all |= bits(&s->new[i]);
    assert_int_equal(all, want);
    must_not_share(s);
    assert_string_equal(kd_modern_state_name(group(s)), "Stable");
}

static void histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct scene *s = malloc(sizeof *s);
        build(s);
        kb_random_seed(&s->rig.random, seed);
        s->new[0].instance = "i";
        s->old[0]->instance = seed % 2 ? "j" : NULL;
        for (int i = 0; i < 120; i++) {
            move(s);
            must_not_share(s);
            if (i % 8 == 0)
                rig_check_same(&s->rig);
        }
        rig_check_same(&s->rig);
        must_settle(s);
        rig_check_same(&s->rig);
        rig_deinit(&s->rig);
        free(s);
    }
}

static void run_short_of_memory(void *ctx)
{
    struct scene *s = ctx;
    build(s);
    kb_random_seed(&s->rig.random, 7);
    for (int i = 0; !s->rig.failed && i < 40; i++) {
        int who = i % 3;
        if (i == 10 || i == 20)
            rig_beat(&s->rig, &s->new[0]);
        else if (i == 30)
            rig_beat_leave(&s->rig, &s->new[0], -1);
        else
            act(&s->rig, s->old[who]);
    }
    kb_mem_set_hook(NULL, NULL);
    rig_deinit(&s->rig);
}

static void survives_lack_of_memory(void **state)
{
    struct scene *s = malloc(sizeof *s);
    (void)state;
    assert_in_range(unit_each_failure(run_short_of_memory, s), 200, 20000);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_and_down_again),
        cmocka_unit_test(parked_requests_are_answered),
        cmocka_unit_test(policies_forbid_it),
        cmocka_unit_test(what_an_assignor_hid_is_not_lost),
        cmocka_unit_test(empty_groups_become_what_comes),
        cmocka_unit_test(an_instance_changes_its_protocol),
        cmocka_unit_test(a_round_that_was_due_is_not_forgotten),
        cmocka_unit_test(both_cannot_be_mistaken),
        cmocka_unit_test(histories),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("group migration", tests, NULL, NULL);
}
