/* SPDX-License-Identifier: Apache-2.0 */
/* A leader whose assignor is the application's: it asks, waits, and takes the answer
 * unless that comes too late. And the question itself, as the application sees it. */
#include "tests/unit/consumer/member_rig.h"

#include "libclient/core/group/subscription.h"
#include "libclient/drive/placement.h"
#include "wire/api.h"

#include <string.h>

static const struct rig_topic topics[] = {{"t", 4}, {NULL, 0}};
static struct kc_own_assignor own = {.base = {.name = "mine", .cooperative = true}};

static bool open_rig(struct rig *rig)
{
    if (!rig_init(rig, &kc_member_classic, NULL, topics, 1))
        return false;
    rig->assignors.list[0] = &own.base;
    return true;
}

static int begin(void **state)
{
    static struct rig rig;
    assert_true(open_rig(&rig));
    *state = &rig;
    return 0;
}

static int end(void **state)
{
    rig_deinit(*state);
    return 0;
}

/* What a member says of itself in its JoinGroup: t, of which it owns from 0 to n - 1. */
static struct kb_slice says(struct kb_arena *arena, int32_t n)
{
    static const struct kb_uuid no_id;
    struct kc_names names = {0};
    struct kc_partitions owned = {0}, before = {0};
    struct kb_slice bytes;
    struct kc_subscription subscription = {&names, &owned, &before, n ? 1 : -1, NULL};
    kb_mem_spare(1);
    assert_true(kc_names_add(&names, kb_slice_str("t")));
    for (int32_t i = 0; i < n; i++)
        assert_true(kc_partitions_add(&owned, kb_slice_str("t"), no_id, i));
    assert_true(kc_subscription_encode(&subscription, &own.base, arena, &bytes));
    kb_mem_spare(-1);
    kc_names_deinit(&names);
    kc_partitions_deinit(&owned);
    return bytes;
}

/* It leads two: itself, m, and n, which has the first partitions. */
static void lead(struct rig *rig, int32_t has)
{
    struct kc_member_response r = {.api_key = KW_API_JOIN_GROUP};
    struct kw_join_group_response_member members[2];
    struct kb_arena arena;
    kb_arena_init(&arena, 1 << 20);
    kw_join_group_response_init(&r.join);
    for (int i = 0; i < 2; i++) {
        kw_join_group_response_member_init(&members[i]);
        members[i].member_id = kb_slice_str(i ? "n" : "m");
        members[i].metadata = says(&arena, i ? has : 0);
    }
    r.join.generation_id = 1;
    r.join.protocol_name = kb_slice_str("mine");
    r.join.member_id = r.join.leader = kb_slice_str("m");
    r.join.members = members;
    r.join.members_count = 2;
    rig_answer(rig, &r);
    kb_arena_deinit(&arena);
}

static void is_asked(struct rig *rig, int32_t has)
{
    kc_member_alive(&rig->member, rig->now.mono_ms + 300000);
    assert_true(rig_subscribe(rig, "t"));
    rig_expect(rig, KW_API_JOIN_GROUP);
    lead(rig, has);
    rig_learn(rig);
    assert_non_null(rig->member.to_assign);
    assert_ptr_equal(rig->member.assign_by, &own.base);
}

static void places(struct rig *rig, uint32_t number)
{
    static const int32_t owners[] = {0, 0, 1, -1};
    kc_member_placed(&rig->member, rig->now, number, owners, NULL);
}

/* Partitions given to n. */
static int given(struct rig *rig)
{
    struct kc_partitions set = {0};
    struct kb_arena arena;
    rig_expect(rig, KW_API_SYNC_GROUP);
    assert_int_equal(rig->request.sync.assignments_count, 2);
    kb_arena_init(&arena, 1 << 20);
    assert_int_equal(
        kc_assignment_decode(rig->request.sync.assignments[1].assignment, &arena, &set), 0);
    int count = (int)set.count;
    kc_partitions_deinit(&set);
    kb_arena_deinit(&arena);
    return count;
}

static void it_asks_and_waits(void **state)
{
    struct rig *rig = *state;
    is_asked(rig, 0);
    uint32_t number = rig->member.assigns;
    rig_wait(rig, 3000);
    rig_expect(rig, KW_API_HEARTBEAT); /* meanwhile */
    assert_int_equal(rig->member.assigns, number);
    places(rig, number + 1); /* of another question */
    assert_non_null(rig->member.to_assign);
    kc_member_abandon(&rig->member);
    places(rig, number);
    assert_null(rig->member.to_assign);
    assert_int_equal(given(rig), 1);
    places(rig, number); /* twice */
    assert_int_equal(rig_plan(rig), -1);
}

static void what_another_has_is_held_back(void **state)
{
    struct rig *rig = *state;
    is_asked(rig, 3);
    assert_int_equal(rig->member.to_assign->members[1].owned_count, 3);
    places(rig, rig->member.assigns);
    assert_int_equal(given(rig), 1); /* t-2 stays; t-0 and t-1 are nobody's for now */
    struct kc_partitions set = {0};
    assert_int_equal(
        kc_assignment_decode(rig->request.sync.assignments[0].assignment, &rig->arena, &set), 0);
    assert_int_equal(set.count, 0);
}

static void it_leaves_if_there_is_no_answer(void **state)
{
    struct rig *rig = *state;
    struct kb_error why;
    is_asked(rig, 0);
    kb_error_set(&why, KB_E_STATE, "no");
    kc_member_placed(&rig->member, rig->now, rig->member.assigns, NULL, &why);
    assert_int_equal(rig->member.err.code, KB_E_STATE);
    assert_non_null(strstr(rig->member.err.text, "mine failed: no"));
    rig_expect(rig, KW_API_LEAVE_GROUP);
    struct kc_member_response r = {.api_key = KW_API_LEAVE_GROUP};
    kw_leave_group_response_init(&r.leave);
    rig_answer(rig, &r);
    assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_FAILED);
    kc_member_polled(&rig->member, rig->now);
    assert_int_equal(rig_plan(rig), -1);
    is_asked(rig, 0); /* subscribed anew */
}

static void a_silent_application_is_not_waited_for(void **state)
{
    struct rig *rig = *state;
    is_asked(rig, 0);
    kc_member_alive(&rig->member, rig->now.mono_ms + 5);
    rig_wait(rig, 5);
    assert_null(rig->member.to_assign);
    assert_int_equal(rig->member.err.code, KB_E_LEASE_EXPIRED);
    rig_expect(rig, KW_API_LEAVE_GROUP);
    places(rig, rig->member.assigns);
    assert_int_equal(kc_member_standing(&rig->member), KC_STANDING_AWAY);
}

/* ---- What the application sees --------------------------------------------------------*/

static kurier_code share_out(void *ctx, const kurier_group_view *view, kurier_placement *placement)
{
    bool *wrong = ctx;
    assert_int_equal(view->member_count, 2);
    assert_int_equal(view->topic_count, 1);
    assert_string_equal(view->members[1].id, "n");
    assert_null(view->members[1].instance);
    assert_string_equal(view->members[1].topics[0], "t");
    assert_int_equal(view->members[1].owned_count, 2);
    assert_int_equal(view->members[1].owned[1].partition, 1);
    for (int32_t p = 0; p < view->topics[0].partitions; p++)
        kurier_placement_give(placement, p % 2u, "t", p);
    if (*wrong)
        kurier_placement_give(placement, 2, "t", 0);
    return KURIER_OK;
}

static void the_question_is_a_copy(void **state)
{
    struct rig *rig = *state;
    bool wrong = false;
    own.fn = share_out;
    own.ctx = &wrong;
    is_asked(rig, 2);
    struct kurier_placement *p = kc_placement_new(7, &own, rig->member.to_assign);
    assert_non_null(p);
    kc_member_leave(&rig->member, rig->now, KC_LEAVE_KEEP, rig->now.mono_ms);
    kc_placement_run(p);
    static const int32_t want[] = {0, 1, 0, 1};
    assert_int_equal(p->err.code, 0);
    assert_memory_equal(p->owners, want, sizeof want);
    wrong = true;
    kc_placement_run(p);
    assert_int_equal(p->err.code, KB_E_INVALID_ARGUMENT);
    assert_non_null(strstr(p->err.text, "t-0 to member 2"));
    kc_placement_free(p);
}

static void a_short_life(void *ctx)
{
    struct rig rig;
    (void)ctx;
    if (open_rig(&rig) && rig_subscribe(&rig, "t")) {
        for (int i = 0; i < 40 && !rig.member.to_assign; i++) {
            if (rig_plan(&rig) == KW_API_JOIN_GROUP)
                lead(&rig, 2);
            rig_learn(&rig);
            rig_wait(&rig, 1000);
        }
        if (rig.member.to_assign) {
            kc_placement_free(kc_placement_new(1, &own, rig.member.to_assign));
            places(&rig, rig.member.assigns);
            assert_null(rig.member.to_assign);
        }
    }
    rig_deinit(&rig);
}

static void a_lack_of_memory_only_delays(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(a_short_life, NULL), 12, 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(it_asks_and_waits),
        TEST(what_another_has_is_held_back),
        TEST(it_leaves_if_there_is_no_answer),
        TEST(a_silent_application_is_not_waited_for),
        TEST(the_question_is_a_copy),
        cmocka_unit_test(a_lack_of_memory_only_delays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
