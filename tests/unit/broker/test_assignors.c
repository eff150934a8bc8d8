/* SPDX-License-Identifier: Apache-2.0 */
/* Who is to have which partition. */
#include "tests/unit/unit.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"
#include "broker/core/group/modern/assign.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS = 40, TOPICS = 20, MEMORY = 64 << 20 };

struct question {
    struct kb_arena arena;
    struct kd_assign assign;
    struct kd_assign_member members[MEMBERS];
    struct kd_assign_topic topics[TOPICS];
    int32_t all[MEMBERS];
    char names[MEMBERS][16];
};

/* Topics of these sizes, to which all members subscribe. */
static void ask(struct question *q, int32_t members, int32_t topics, const int32_t *sizes)
{
    memset(q, 0, sizeof *q);
    kb_arena_init(&q->arena, MEMORY);
    for (int32_t i = 0; i < members; i++) {
        snprintf(q->names[i], sizeof q->names[i], "m%02d", members - i);
        q->members[i] = (struct kd_assign_member){kb_slice_null(), kb_slice_str(q->names[i])};
        q->all[i] = i;
    }
    q->assign = (struct kd_assign){.members = q->members,
                                   .member_count = members,
                                   .topics = q->topics,
                                   .topic_count = topics,
                                   .alike = true,
                                   .arena = &q->arena};
    for (int32_t t = 0; t < topics; t++) {
        q->topics[t] = (struct kd_assign_topic){.first = q->assign.partition_count,
                                                .count = sizes[t],
                                                .subscribers = q->all,
                                                .subscriber_count = members};
        q->topics[t].id.bytes[15] = (uint8_t)t;
        q->assign.partition_count += sizes[t];
    }
    q->assign.owner = calloc((size_t)q->assign.partition_count + 1, sizeof(int32_t));
    for (int32_t p = 0; p < q->assign.partition_count; p++)
        q->assign.owner[p] = -1;
}

static void forget(struct question *q)
{
    free(q->assign.owner);
    kb_arena_deinit(&q->arena);
}

static int32_t load(const struct question *q, int32_t member)
{
    int32_t count = 0;
    for (int32_t p = 0; p < q->assign.partition_count; p++)
        count += q->assign.owner[p] == member;
    return count;
}

static bool subscribes(const struct kd_assign_topic *topic, int32_t member)
{
    for (int32_t s = 0; s < topic->subscriber_count; s++)
        if (topic->subscribers[s] == member)
            return true;
    return false;
}

static void must_be_allowed(const struct question *q)
{
    for (int32_t t = 0; t < q->assign.topic_count; t++)
        for (int32_t p = 0; p < q->topics[t].count; p++)
            assert_true(subscribes(&q->topics[t], q->assign.owner[q->topics[t].first + p]));
}

static int32_t spread(const struct question *q)
{
    int32_t least = INT32_MAX, most = 0;
    for (int32_t m = 0; m < q->assign.member_count; m++) {
        least = KB_MIN(least, load(q, m));
        most = KB_MAX(most, load(q, m));
    }
    return most - least;
}

static void ranges(void **state)
{
    static const int32_t sizes[] = {5, 2};
    struct question q;
    (void)state;
    ask(&q, 3, 2, sizes); /* m03 m02 m01 */
    assert_true(kd_assign_range(&q.assign));
    const int32_t want[] = {2, 2, 1, 1, 0, 2, 1};
    assert_memory_equal(q.assign.owner, want, sizeof want);
    q.members[0].instance = kb_slice_str("z"); /* static ones are first, whatever their id */
    assert_true(kd_assign_range(&q.assign));
    const int32_t then[] = {0, 0, 2, 2, 1, 0, 2};
    assert_memory_equal(q.assign.owner, then, sizeof then);
    forget(&q);
}

static void ranges_of_those_who_subscribe(void **state)
{
    static const int32_t sizes[] = {4, 3}, some[] = {0, 2};
    struct question q;
    (void)state;
    ask(&q, 3, 2, sizes);
    q.assign.alike = false;
    q.topics[0].subscribers = some;
    q.topics[0].subscriber_count = 2;
    assert_true(kd_assign_range(&q.assign));
    const int32_t want[] = {2, 2, 0, 0, 2, 1, 0};
    assert_memory_equal(q.assign.owner, want, sizeof want);
    forget(&q);
}

static int32_t moved(const int32_t *before, const struct question *q)
{
    int32_t count = 0;
    for (int32_t p = 0; p < q->assign.partition_count; p++)
        count += before[p] >= 0 && before[p] != q->assign.owner[p];
    return count;
}

static void uniform_is_even_and_keeps(void **state)
{
    static const int32_t sizes[] = {7, 1, 12, 3};
    (void)state;
    for (int32_t members = 1; members < MEMBERS; members++) {
        struct question q;
        int32_t before[23];
        ask(&q, members, 4, sizes);
        assert_true(kd_assign_uniform(&q.assign));
        assert_true(spread(&q) <= 1);
        memcpy(before, q.assign.owner, sizeof before);
        assert_true(kd_assign_uniform(&q.assign));
        assert_int_equal(moved(before, &q), 0);
        forget(&q);
    }
}

static void a_newcomer_takes_no_more_than_its_share(void **state)
{
    static const int32_t sizes[] = {100};
    int32_t before[100];
    (void)state;
    for (int32_t members = 2; members < MEMBERS; members++) {
        struct question q;
        ask(&q, members, 1, sizes);
        q.assign.member_count--;
        q.topics[0].subscriber_count--;
        assert_true(kd_assign_uniform(&q.assign));
        memcpy(before, q.assign.owner, sizeof before);
        q.assign.member_count++;
        q.topics[0].subscriber_count++;
        assert_true(kd_assign_uniform(&q.assign));
        assert_true(spread(&q) <= 1);
        assert_int_equal(moved(before, &q), load(&q, members - 1));
        forget(&q);
    }
}

/* Everybody subscribes to what chance says; nobody could be given something by somebody who
 * has two more of it. */
static void must_be_balanced(const struct question *q)
{
    for (int32_t t = 0; t < q->assign.topic_count; t++)
        for (int32_t p = 0; p < q->topics[t].count; p++) {
            int32_t owner = q->assign.owner[q->topics[t].first + p];
            for (int32_t s = 0; s < q->topics[t].subscriber_count; s++)
                assert_true(load(q, owner) - load(q, q->topics[t].subscribers[s]) <= 1);
        }
}

static void draw(struct question *q, struct kb_random *random, int32_t (*lists)[MEMBERS])
{
    q->assign.alike = false;
    for (int32_t t = 0; t < q->assign.topic_count; t++) {
        int32_t count = 0;
        for (int32_t m = 0; m < q->assign.member_count; m++)
            if (kb_random_below(random, 3) == 0)
                lists[t][count++] = m;
        if (!count)
            lists[t][count++] = 0;
        q->topics[t].subscribers = lists[t];
        q->topics[t].subscriber_count = count;
    }
}

static void other_subscriptions_are_balanced_as_far_as_can_be(void **state)
{
    struct kb_random random;
    (void)state;
    kb_random_seed(&random, 1);
    for (int round = 0; round < 200; round++) {
        static int32_t lists[TOPICS][MEMBERS];
        int32_t sizes[TOPICS];
        struct question q;
        for (int t = 0; t < TOPICS; t++)
            sizes[t] = 1 + (int32_t)kb_random_below(&random, 12);
        ask(&q, 1 + (int32_t)kb_random_below(&random, 12), TOPICS, sizes);
        draw(&q, &random, lists);
        assert_true(kd_assign_uniform(&q.assign));
        must_be_allowed(&q);
        must_be_balanced(&q);
        assert_true(kd_assign_range(&q.assign));
        must_be_allowed(&q);
        forget(&q);
    }
}

static void lists_of_names(void **state)
{
    const struct kd_assignor *found[KD_ASSIGNORS];
    (void)state;
    assert_true(kd_assignors_parse("range", found));
    assert_string_equal(found[0]->name, "range");
    assert_null(found[1]);
    assert_true(kd_assignors_parse(" uniform , range", found));
    assert_string_equal(found[1]->name, "range");
    static const char *const wrong[] = {"", "sticky", "uniform,uniform", "range,,uniform", NULL};
    for (size_t i = 0; i < KB_ARRAY_SIZE(wrong); i++)
        assert_false(kd_assignors_parse(wrong[i], found));
}

static void run_short_of_memory(void *ctx)
{
    static const int32_t sizes[] = {7, 1, 12, 3};
    struct question q;
    (void)ctx;
    ask(&q, 5, 4, sizes);
    q.assign.alike = false;
    if (kd_assign_uniform(&q.assign))
        must_be_allowed(&q);
    if (!q.arena.failed && kd_assign_range(&q.assign))
        must_be_allowed(&q);
    forget(&q);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(run_short_of_memory, NULL), 3, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(ranges_of_those_who_subscribe),
        cmocka_unit_test(uniform_is_even_and_keeps),
        cmocka_unit_test(a_newcomer_takes_no_more_than_its_share),
        cmocka_unit_test(other_subscriptions_are_balanced_as_far_as_can_be),
        cmocka_unit_test(lists_of_names),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("assignors", tests, NULL, NULL);
}
