/* SPDX-License-Identifier: Apache-2.0 */
/* Assignors: the ones with prescribed results by example, the sticky ones by what has
 * to hold of any result. */
#include "tests/unit/unit.h"
#include "base/check.h"
#include "base/codes.h"
#include "base/random.h"
#include "libclient/core/assignor.h"
#include <stdio.h>
#include <stdlib.h>

enum { MEMBERS = 12, TOPICS = 6, PARTITIONS = 20 };

struct world {
    struct kc_assign in;
    struct kc_assign_topic topics[TOPICS];
    struct kc_assign_member members[MEMBERS];
    char ids[MEMBERS][24], names[TOPICS][24];
    int32_t wanted[MEMBERS][TOPICS];
    struct kc_owned owned[MEMBERS][TOPICS * PARTITIONS];
    uint64_t racks[TOPICS][PARTITIONS];
    int32_t cells[TOPICS][PARTITIONS];
    int32_t *owners[TOPICS];
};

static void world_init(struct world *w, size_t members, size_t topics, int32_t partitions)
{
    memset(w, 0, sizeof *w);
    w->in = (struct kc_assign){w->topics, topics, w->members, members};
    for (size_t t = 0; t < topics; t++) {
        snprintf(w->names[t], sizeof w->names[t], "t%zu", t);
        w->topics[t] = (struct kc_assign_topic){kb_slice_str(w->names[t]), partitions, NULL};
        w->owners[t] = w->cells[t];
    }
    for (size_t m = 0; m < members; m++) {
        snprintf(w->ids[m], sizeof w->ids[m], "m%02zu", m);
        w->members[m] = (struct kc_assign_member){.id = kb_slice_str(w->ids[m]),
                                                  .rack = -1,
                                                  .topics = w->wanted[m],
                                                  .topic_count = topics,
                                                  .owned = w->owned[m],
                                                  .generation = -1};
        for (size_t t = 0; t < topics; t++)
            w->wanted[m][t] = (int32_t)t;
    }
}

static void want(struct world *w, size_t member, const char *topics)
{
    size_t count = 0;
    for (; *topics; topics++)
        w->wanted[member][count++] = *topics - '0';
    w->members[member].topic_count = count;
}

static void run(struct world *w, const char *name)
{
    assert_int_equal(kc_assignor_find(kb_slice_str(name))->assign(&w->in, w->owners), KB_OK);
}

/* The owners of a topic's partitions, a letter each. */
static const char *row(const struct world *w, size_t topic)
{
    static char text[PARTITIONS + 1];
    int32_t count = w->topics[topic].count;
    for (int32_t p = 0; p < count; p++)
        text[p] = w->cells[topic][p] < 0 ? '-' : (char)('a' + w->cells[topic][p]);
    text[count] = 0;
    return text;
}

/* The result is what members have from now on. */
static void adopt(struct world *w, int32_t generation)
{
    for (size_t m = 0; m < w->in.member_count; m++) {
        w->members[m].owned_count = 0;
        w->members[m].generation = generation;
    }
    for (size_t t = 0; t < w->in.topic_count; t++)
        for (int32_t p = 0; p < w->topics[t].count; p++) {
            int32_t m = w->cells[t][p];
            if (m >= 0)
                w->owned[m][w->members[m].owned_count++] = (struct kc_owned){(int32_t)t, p};
        }
}

static int32_t load(const struct world *w, int32_t member)
{
    int32_t count = 0;
    for (size_t t = 0; t < w->in.topic_count; t++)
        for (int32_t p = 0; p < w->topics[t].count; p++)
            count += w->cells[t][p] == member;
    return count;
}

/* ---- range, roundrobin ---- */

static void range_in_stretches(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 3, 2, 7);
    run(&w, "range");
    assert_string_equal(row(&w, 0), "aaabbcc");
    assert_string_equal(row(&w, 1), "aaabbcc");
    want(&w, 1, "1");
    run(&w, "range");
    assert_string_equal(row(&w, 0), "aaaaccc");
    assert_string_equal(row(&w, 1), "aaabbcc");
}

static void range_takes_static_members_first(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 3, 1, 3);
    w.members[2].instance = kb_slice_str("x");
    run(&w, "range");
    assert_string_equal(row(&w, 0), "cab");
}

static void range_prefers_racks(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 2, 1, 4);
    w.topics[0].racks = w.racks[0];
    for (int p = 0; p < 4; p++)
        w.racks[0][p] = p % 2 ? 1 : 2; /* rack 0 has the odd ones */
    w.members[0].rack = 0;
    w.members[1].rack = 1;
    run(&w, "range");
    assert_string_equal(row(&w, 0), "baba");
}

static void more_members_than_partitions(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 4, 1, 2);
    run(&w, "range");
    assert_string_equal(row(&w, 0), "ab");
    run(&w, "roundrobin");
    assert_string_equal(row(&w, 0), "ab");
    run(&w, "sticky");
    assert_string_equal(row(&w, 0), "ab");
}

static void roundrobin_in_turn(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 2, 2, 3);
    run(&w, "roundrobin");
    assert_string_equal(row(&w, 0), "aba");
    assert_string_equal(row(&w, 1), "bab");
    want(&w, 1, "1");
    run(&w, "roundrobin");
    assert_string_equal(row(&w, 0), "aaa");
}

static void nobody_wants_a_topic(void **state)
{
    static const char *const names[] = {"range", "roundrobin", "sticky", "cooperative-sticky"};
    (void)state;
    for (size_t i = 0; i < KB_ARRAY_SIZE(names); i++) {
        struct world w;
        world_init(&w, 2, 2, 2);
        want(&w, 0, "1");
        want(&w, 1, "1");
        run(&w, names[i]);
        assert_string_equal(row(&w, 0), "--");
    }
}

/* ---- sticky ---- */

static int32_t moves(const struct world *w, int32_t before[TOPICS][PARTITIONS])
{
    int32_t count = 0;
    for (size_t t = 0; t < w->in.topic_count; t++)
        for (int32_t p = 0; p < w->topics[t].count; p++)
            count += before[t][p] != w->cells[t][p];
    return count;
}

static void who_joins_gets_its_share_and_no_more_moves(void **state)
{
    struct world w;
    int32_t before[TOPICS][PARTITIONS];
    (void)state;
    world_init(&w, 5, 2, 20);
    w.in.member_count = 4;
    run(&w, "sticky");
    for (int32_t m = 0; m < 4; m++)
        assert_int_equal(load(&w, m), 10);
    adopt(&w, 1);
    memcpy(before, w.cells, sizeof before);
    w.in.member_count = 5;
    run(&w, "sticky");
    for (int32_t m = 0; m < 5; m++)
        assert_int_equal(load(&w, m), 8);
    assert_int_equal(moves(&w, before), 8);
}

static void who_leaves_leaves_only_its_own(void **state)
{
    struct world w;
    int32_t before[TOPICS][PARTITIONS];
    (void)state;
    world_init(&w, 4, 2, 20);
    run(&w, "sticky");
    adopt(&w, 1);
    memcpy(before, w.cells, sizeof before);
    w.in.member_count = 3;
    run(&w, "sticky");
    assert_int_equal(moves(&w, before), 10);
}

static void cooperative_takes_two_rounds(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 2, 1, 4);
    w.in.member_count = 1;
    run(&w, "cooperative-sticky");
    assert_string_equal(row(&w, 0), "aaaa");
    adopt(&w, 1);
    w.in.member_count = 2;
    run(&w, "cooperative-sticky");
    assert_string_equal(row(&w, 0), "aa--");
    adopt(&w, 2);
    run(&w, "cooperative-sticky");
    assert_string_equal(row(&w, 0), "aabb");
}

static void the_later_generation_is_right(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 2, 1, 2);
    for (int m = 0; m < 2; m++) {
        w.owned[m][0] = (struct kc_owned){0, 0};
        w.members[m].owned_count = 1;
        w.members[m].generation = 3 + m;
    }
    run(&w, "sticky");
    assert_string_equal(row(&w, 0), "ba");
}

static void claims_from_nowhere_are_ignored(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 1, 1, 2);
    w.owned[0][0] = (struct kc_owned){7, 0};
    w.owned[0][1] = (struct kc_owned){0, 99};
    w.owned[0][2] = (struct kc_owned){-1, -1};
    w.members[0].owned_count = 3;
    run(&w, "sticky");
    assert_string_equal(row(&w, 0), "aa");
}

/* a can only have t0, c only t1, b both: a chain a -> b -> c evens it out. */
static void chains(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 3, 2, 4);
    want(&w, 0, "0");
    want(&w, 1, "01");
    want(&w, 2, "1");
    for (int p = 0; p < 4; p++) {
        w.owned[0][p] = (struct kc_owned){0, p};
        w.owned[1][p] = (struct kc_owned){1, p};
    }
    w.members[0].owned_count = w.members[1].owned_count = 4;
    w.members[0].generation = w.members[1].generation = 1;
    run(&w, "sticky");
    for (int32_t m = 0; m < 3; m++)
        assert_in_range(load(&w, m), 2, 3);
}

/* ---- What holds of any input ---- */

static void randomize(struct world *w, struct kb_random *random)
{
    size_t topics = 1 + kb_random_below(random, TOPICS);
    world_init(w, 1 + kb_random_below(random, MEMBERS), topics,
               (int32_t)kb_random_below(random, PARTITIONS + 1));
    bool uneven = kb_random_below(random, 2);
    for (size_t m = 0; m < w->in.member_count; m++) {
        struct kc_assign_member *member = &w->members[m];
        member->rack = (int)kb_random_below(random, 4) - 1;
        member->generation = (int32_t)kb_random_below(random, 4) - 1;
        size_t count = 0;
        for (size_t t = 0; t < topics; t++)
            if (!uneven || kb_random_below(random, 2))
                w->wanted[m][count++] = (int32_t)t;
        member->topic_count = count;
        member->owned_count = kb_random_below(random, 10);
        for (size_t o = 0; o < member->owned_count; o++)
            w->owned[m][o] = (struct kc_owned){(int32_t)kb_random_below(random, TOPICS),
                                               (int32_t)kb_random_below(random, PARTITIONS)};
    }
    for (size_t t = 0; t < topics; t++)
        for (int p = 0; p < PARTITIONS; p++)
            w->racks[t][p] = kb_random_below(random, 8);
    for (size_t t = 0; t < topics; t++)
        w->topics[t].racks = kb_random_below(random, 2) ? w->racks[t] : NULL;
}

static bool wanted_by(const struct world *w, int32_t member, size_t topic)
{
    return kc_assign_subscribed(&w->members[member], (int32_t)topic);
}

static void check_whole(const struct world *w)
{
    for (size_t t = 0; t < w->in.topic_count; t++) {
        bool anybody = false;
        for (size_t m = 0; m < w->in.member_count; m++)
            anybody |= wanted_by(w, (int32_t)m, t);
        for (int32_t p = 0; p < w->topics[t].count; p++) {
            assert_int_equal(w->cells[t][p] >= 0, anybody);
            assert_true(!anybody || wanted_by(w, w->cells[t][p], t));
        }
    }
}

/* No partition could go to somebody who has two less. */
static void check_even(const struct world *w)
{
    for (size_t t = 0; t < w->in.topic_count; t++)
        for (int32_t p = 0; p < w->topics[t].count; p++)
            for (size_t m = 0; w->cells[t][p] >= 0 && m < w->in.member_count; m++)
                if (wanted_by(w, (int32_t)m, t))
                    assert_in_range(load(w, w->cells[t][p]), 0, load(w, (int32_t)m) + 1);
}

static void any_input(void **state)
{
    struct kb_random random;
    (void)state;
    kb_random_seed(&random, 7);
    for (int i = 0; i < 2000; i++) {
        struct world w;
        randomize(&w, &random);
        run(&w, "range");
        check_whole(&w);
        run(&w, "roundrobin");
        check_whole(&w);
        run(&w, "sticky");
        check_whole(&w);
        check_even(&w);
    }
}

/* Once more with what it gave: nothing moves. */
static void settled_stays(void **state)
{
    struct kb_random random;
    (void)state;
    kb_random_seed(&random, 8);
    for (int i = 0; i < 500; i++) {
        struct world w;
        int32_t before[TOPICS][PARTITIONS];
        randomize(&w, &random);
        run(&w, "sticky");
        adopt(&w, 9);
        memcpy(before, w.cells, sizeof before);
        run(&w, "cooperative-sticky");
        assert_int_equal(moves(&w, before), 0);
    }
}

static void try_all(void *ctx)
{
    static const char *const names[] = {"range", "roundrobin", "sticky", "cooperative-sticky"};
    struct world *w = ctx;
    for (size_t i = 0; i < KB_ARRAY_SIZE(names); i++) {
        int code = kc_assignor_find(kb_slice_str(names[i]))->assign(&w->in, w->owners);
        assert_true(code == KB_OK || code == KB_E_NO_MEMORY);
    }
}

static void lack_of_memory(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 3, 2, 5);
    assert_in_range(unit_each_failure(try_all, &w), 8, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_in_stretches),
        cmocka_unit_test(range_takes_static_members_first),
        cmocka_unit_test(range_prefers_racks),
        cmocka_unit_test(more_members_than_partitions),
        cmocka_unit_test(roundrobin_in_turn),
        cmocka_unit_test(nobody_wants_a_topic),
        cmocka_unit_test(who_joins_gets_its_share_and_no_more_moves),
        cmocka_unit_test(who_leaves_leaves_only_its_own),
        cmocka_unit_test(cooperative_takes_two_rounds),
        cmocka_unit_test(the_later_generation_is_right),
        cmocka_unit_test(claims_from_nowhere_are_ignored),
        cmocka_unit_test(chains),
        cmocka_unit_test(any_input),
        cmocka_unit_test(settled_stays),
        cmocka_unit_test(lack_of_memory),
    };
    return cmocka_run_group_tests_name("assignors", tests, NULL, NULL);
}
