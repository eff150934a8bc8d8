/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of partitions and of names, and the messages that carry them. */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/random.h"
#include "libclient/core/group/group_options.h"
#include "libclient/core/group/names.h"
#include "libclient/core/group/partitions.h"
#include "libclient/core/group/subscription.h"
#include <string.h>

static const struct kb_uuid none;
static const char *const topics[] = {"a", "b", "cc"};
enum { TOPICS = 3, PARTITIONS = 6, ALL = TOPICS * PARTITIONS };

/* ---- Sets against sets of bits -----------------------------------------------------*/

static bool make(struct kc_partitions *set, uint32_t bits, struct kb_random *random)
{
    kc_partitions_init(set);
    for (uint32_t left = bits; left;) {
        uint32_t i = (uint32_t)kb_random_below(random, ALL);
        if (!(left >> i & 1))
            continue;
        left &= ~(1u << i);
        if (!kc_partitions_add(set, kb_slice_str(topics[i / PARTITIONS]), none,
                               (int32_t)(i % PARTITIONS)))
            return false;
    }
    return true;
}

static uint32_t bits_of(const struct kc_partitions *set)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < set->count; i++) {
        uint32_t topic = 0;
        while (strcmp(topics[topic], set->rows[i].topic))
            topic++;
        uint32_t bit = 1u << (topic * PARTITIONS + (uint32_t)set->rows[i].partition);
        assert_false(bits & bit);
        assert_true(bit > bits); /* in order */
        assert_true(kc_partitions_contains(set, &set->rows[i]));
        bits |= bit;
    }
    return bits;
}

static void sets_are_as_sets_of_bits(void **state)
{
    struct kb_random random;
    (void)state;
    kb_random_seed(&random, 11);
    for (int round = 0; round < 500; round++) {
        uint32_t x = (uint32_t)kb_random_below(&random, 1u << ALL);
        uint32_t y = (uint32_t)kb_random_below(&random, 1u << ALL);
        struct kc_partitions a, b, out;
        assert_true(make(&a, x, &random) && make(&b, y, &random));
        kc_partitions_init(&out);
        assert_int_equal(bits_of(&a), x);
        assert_true(kc_partitions_union(&out, &a, &b));
        assert_int_equal(bits_of(&out), x | y);
        assert_true(kc_partitions_difference(&out, &a, &b));
        assert_int_equal(bits_of(&out), x & ~y);
        assert_true(kc_partitions_intersection(&out, &a, &b));
        assert_int_equal(bits_of(&out), x & y);
        assert_true(kc_partitions_copy(&out, &a));
        assert_true(kc_partitions_equal(&out, &a));
        assert_int_equal(kc_partitions_equal(&a, &b), x == y);
        kc_partitions_remove(&out, &b);
        assert_int_equal(bits_of(&out), x & ~y);
        assert_true(kc_partitions_union(&a, &a, &b)); /* into itself */
        assert_int_equal(bits_of(&a), x | y);
        kc_partitions_deinit(&a); /* names live on in the others */
        kc_partitions_deinit(&b);
        assert_int_equal(bits_of(&out), x & ~y);
        kc_partitions_deinit(&out);
    }
}

static void another_id_is_another_partition(void **state)
{
    struct kb_uuid id = {{1}};
    struct kc_partitions set;
    (void)state;
    kc_partitions_init(&set);
    assert_true(kc_partitions_add(&set, kb_slice_str("a"), none, 0));
    assert_true(kc_partitions_add(&set, kb_slice_str("a"), none, 0));
    assert_int_equal(set.count, 1);
    assert_true(kc_partitions_add(&set, kb_slice_str("a"), id, 0));
    assert_int_equal(set.count, 2);
    kc_partitions_deinit(&set);
}

static void without_memory_nothing_changes(void *ctx)
{
    struct kb_random random;
    struct kc_partitions a, b, out;
    (void)ctx;
    kb_random_seed(&random, 11);
    make(&a, 0x30f0f, &random);
    make(&b, 0x3c0f0, &random);
    kc_partitions_init(&out);
    bool copied = kc_partitions_copy(&out, &a);
    size_t before = out.count;
    if (copied && !kc_partitions_union(&out, &out, &b))
        assert_int_equal(out.count, before);
    kc_partitions_deinit(&a);
    kc_partitions_deinit(&b);
    kc_partitions_deinit(&out);
}

static void sets_stand_a_lack_of_memory(void **state)
{
    (void)state;
    assert_true(unit_each_failure(without_memory_nothing_changes, NULL) > 5);
}

/* ---- What members tell each other ------------------------------------------------------*/

static const struct kc_assignor *assignor(const char *name)
{
    return kc_assignor_find(kb_slice_str(name));
}

struct carried {
    struct kc_names names;
    struct kc_partitions owned, before;
    struct kb_arena arena;
};

static void carried_init(struct carried *c)
{
    struct kb_random random;
    kb_random_seed(&random, 5);
    kb_arena_init(&c->arena, 1 << 20);
    kc_names_init(&c->names);
    assert_true(kc_names_add(&c->names, kb_slice_str("b")));
    assert_true(kc_names_add(&c->names, kb_slice_str("a")));
    assert_true(make(&c->owned, 0xc3, &random));
    assert_true(make(&c->before, 0x7, &random));
}

static void carried_deinit(struct carried *c)
{
    kc_names_deinit(&c->names);
    kc_partitions_deinit(&c->owned);
    kc_partitions_deinit(&c->before);
    kb_arena_deinit(&c->arena);
}

static int32_t partitions_in(const struct kw_consumer_protocol_subscription *said)
{
    int32_t n = 0;
    for (int32_t i = 0; i < said->owned_partitions_count; i++)
        n += said->owned_partitions[i].partitions_count;
    return n;
}

static void subscriptions_come_back(void **state)
{
    struct carried c;
    struct kb_slice bytes;
    struct kw_consumer_protocol_subscription said;
    (void)state;
    carried_init(&c);
    struct kc_subscription from = {&c.names, &c.owned, &c.before, 9, "r1"};
    assert_true(kc_subscription_encode(&from, assignor("cooperative-sticky"), &c.arena, &bytes));
    assert_true(kc_subscription_decode(bytes, assignor("cooperative-sticky"), &c.arena, &said));
    assert_int_equal(said.topics_count, 2);
    assert_true(kb_slice_is(said.topics[0], "a"));
    assert_int_equal(partitions_in(&said), 4);
    assert_int_equal(said.generation_id, 9);
    assert_true(kb_slice_is(said.rack_id, "r1"));
    assert_true(kc_subscription_encode(&from, assignor("sticky"), &c.arena, &bytes));
    assert_true(kc_subscription_decode(bytes, assignor("sticky"), &c.arena, &said));
    assert_int_equal(partitions_in(&said), 3); /* what it had before */
    carried_deinit(&c);
}

/* As librdkafka 2.0 and Kafka 2.4 write them: the versions that they know. */
static void older_versions_are_read(void **state)
{
    static const uint8_t v0[] = {0, 0, 0, 0, 0, 1, 0, 1, 't', 255, 255, 255, 255};
    static const uint8_t v1[] = {0, 1, 0, 0, 0, 1, 0, 1,   't', 0, 0, 0, 4, 0, 0, 0,
                                 6, 0, 0, 0, 1, 0, 1, 't', 0,   0, 0, 1, 0, 0, 0, 2};
    static const uint8_t newer[] = {0, 9, 0, 0, 0,   1,   0,   1,   't', 255, 255, 255, 255,
                                    0, 0, 0, 0, 255, 255, 255, 255, 0,   1,   'r', 1,   2};
    struct kw_consumer_protocol_subscription said;
    struct kb_arena arena;
    (void)state;
    kb_arena_init(&arena, 1 << 20);
    assert_true(
        kc_subscription_decode(kb_slice_of(v0, sizeof v0), assignor("range"), &arena, &said));
    assert_int_equal(said.topics_count, 1);
    assert_true(kc_subscription_decode(kb_slice_of(v1, sizeof v1), assignor("cooperative-sticky"),
                                       &arena, &said));
    assert_int_equal(partitions_in(&said), 1);
    assert_int_equal(said.generation_id, 6); /* in its user data */
    assert_true(
        kc_subscription_decode(kb_slice_of(newer, sizeof newer), assignor("range"), &arena, &said));
    assert_true(kb_slice_is(said.rack_id, "r"));
    for (size_t i = 0; i < sizeof v1; i++)
        kc_subscription_decode(kb_slice_of(v1, i), assignor("sticky"), &arena, &said);
    assert_false(kc_subscription_decode(kb_slice_of(v1, 5), assignor("range"), &arena, &said));
    kb_arena_deinit(&arena);
}

static void assignments_come_back(void **state)
{
    struct carried c;
    struct kb_slice bytes;
    struct kc_partitions out;
    (void)state;
    carried_init(&c);
    kc_partitions_init(&out);
    assert_true(kc_assignment_encode(&c.owned, &c.arena, &bytes));
    assert_int_equal(kc_assignment_decode(bytes, &c.arena, &out), 0);
    assert_true(kc_partitions_equal(&out, &c.owned));
    assert_int_equal(kc_assignment_decode(kb_slice_of(bytes.data, bytes.size - 1), &c.arena, &out),
                     KB_E_PROTOCOL);
    assert_int_equal(kc_assignment_decode(kb_slice_of("", 0), &c.arena, &out), 0);
    assert_int_equal(out.count, 0);
    kc_partitions_deinit(&out);
    carried_deinit(&c);
}

/* ---- Which assignors --------------------------------------------------------------------*/

static int strategy(const char *text, struct kc_assignors *out, struct kb_error *err)
{
    struct kc_consumer_options options = {
        .assignment_strategy = (char *)text, .session_timeout_ms = 2, .heartbeat_interval_ms = 1};
    return kc_group_options(&options, out, err);
}

static void strategies_are_read_as_java_writes_them(void **state)
{
    struct kc_assignors out;
    struct kb_error err;
    (void)state;
    assert_int_equal(
        strategy(" range ,org.apache.kafka.clients.consumer.StickyAssignor,range", &out, &err), 0);
    assert_int_equal(out.count, 2);
    assert_string_equal(out.list[0]->name, "range");
    assert_string_equal(out.list[1]->name, "sticky");
    assert_int_equal(strategy("range,stiky", &out, &err), KB_E_BAD_CONFIG);
    assert_non_null(strstr(err.text, "stiky is no assignor"));
    assert_int_equal(strategy(" , ", &out, &err), KB_E_BAD_CONFIG);
    struct kc_consumer_options options = {.assignment_strategy = (char *)"range",
                                          .session_timeout_ms = 6000,
                                          .heartbeat_interval_ms = 6000};
    assert_int_equal(kc_group_options(&options, &out, &err), KB_E_BAD_CONFIG);
    assert_non_null(strstr(err.text, "heartbeat.interval.ms (6000) must be below"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_as_sets_of_bits),
        cmocka_unit_test(another_id_is_another_partition),
        cmocka_unit_test(sets_stand_a_lack_of_memory),
        cmocka_unit_test(subscriptions_come_back),
        cmocka_unit_test(older_versions_are_read),
        cmocka_unit_test(assignments_come_back),
        cmocka_unit_test(strategies_are_read_as_java_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
