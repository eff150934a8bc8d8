/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"
#include "broker/core/topics.h"
#include <string.h>

static void names_are_kafkas(void **state)
{
    char longest[KD_TOPIC_NAME_MAX + 2];
    (void)state;
    memset(longest, 'a', sizeof longest);
    assert_true(kd_topic_name_is_valid(kb_slice_str("Orders_v1.eu-west")));
    assert_true(kd_topic_name_is_valid(kb_slice_of(longest, KD_TOPIC_NAME_MAX)));
    assert_false(kd_topic_name_is_valid(kb_slice_of(longest, KD_TOPIC_NAME_MAX + 1)));
    const char *bad[] = {"", ".", "..", "a b", "a/b", "\xc3\xa4", "a:b"};
    for (size_t i = 0; i < KB_ARRAY_SIZE(bad); i++)
        assert_false(kd_topic_name_is_valid(kb_slice_str(bad[i])));
}

static struct kd_topic *make(const struct kd_config *config, const char *name, uint8_t id)
{
    struct kd_topic *topic = kd_topic_new(kb_slice_str(name), (struct kb_uuid){{id}}, config);
    int32_t self = 1;
    assert_non_null(topic);
    assert_non_null(kd_topic_grow(topic, &self, 1));
    return topic;
}

static void topics_are_found_by_name_and_id(void **state)
{
    struct kd_config config;
    struct kd_topics topics;
    (void)state;
    assert_true(kd_config_init(&config));
    kd_topics_init(&topics, 1);
    struct kd_topic *a = make(&config, "a.b", 1), *b = make(&config, "c", 2);
    assert_true(kd_topics_put(&topics, a) && kd_topics_put(&topics, b));
    assert_ptr_equal(kd_topics_find(&topics, kb_slice_str("a.b")), a);
    assert_ptr_equal(kd_topics_find_id(&topics, b->id), b);
    assert_null(kd_topics_find(&topics, kb_slice_str("a_b")));
    assert_ptr_equal(kd_topics_find_similar(&topics, kb_slice_str("a_b")), a);
    assert_null(kd_topics_find_similar(&topics, kb_slice_str("a-b")));
    kd_topics_remove(&topics, a);
    kd_topic_free(a);
    assert_null(kd_topics_find(&topics, kb_slice_str("a.b")));
    kd_topics_deinit(&topics);
    kd_config_deinit(&config);
}

static void partitions_keep_their_place_as_a_topic_grows(void **state)
{
    struct kd_config config;
    int32_t nodes[] = {3, 1};
    (void)state;
    assert_true(kd_config_init(&config));
    struct kd_topic *topic = make(&config, "t", 1);
    struct kd_place *first = kd_topic_place(topic, 0);
    for (int i = 0; i < 100; i++)
        assert_non_null(kd_topic_grow(topic, nodes, 2));
    assert_ptr_equal(kd_topic_place(topic, 0), first);
    assert_int_equal(kd_topic_place(topic, 100)->leader, 3);
    assert_int_equal(kd_topic_place(topic, 100)->isr_count, 2);
    assert_null(kd_topic_place(topic, 101));
    assert_null(kd_topic_place(topic, -1));
    kd_topic_free(topic);
    kd_config_deinit(&config);
}

/* A topic with partitions, whose in-sync replicas change; all of it or nothing. */
static void live_short_of_memory(void *ctx)
{
    struct kd_topics topics;
    int32_t nodes[] = {3, 1};
    kd_topics_init(&topics, 1);
    struct kd_topic *topic = kd_topic_new(kb_slice_str("a.b"), (struct kb_uuid){{1}}, ctx);
    for (int i = 0; topic && i < 9; i++) {
        int32_t count = topic->count;
        struct kd_place *place = kd_topic_grow(topic, nodes, 2);
        assert_int_equal(topic->count, count + (place != NULL));
        assert_true(!place || place == kd_topic_place(topic, count));
        if (place && !kd_place_set_isr(place, nodes, 1))
            assert_int_equal(place->isr_count, 2);
    }
    if (topic && kd_topics_put(&topics, topic)) {
        assert_ptr_equal(kd_topics_find(&topics, kb_slice_str("a.b")), topic);
        assert_ptr_equal(kd_topics_find_id(&topics, topic->id), topic);
    } else if (topic) {
        assert_null(kd_topics_find(&topics, kb_slice_str("a.b")));
        assert_null(kd_topics_find_id(&topics, topic->id));
        kd_topic_free(topic);
    }
    kd_topics_deinit(&topics);
}

static void out_of_memory_changes_nothing(void **state)
{
    struct kd_config config;
    (void)state;
    assert_true(kd_config_init(&config));
    assert_in_range(unit_each_failure(live_short_of_memory, &config), 20, 100);
    kd_config_deinit(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_kafkas),
        cmocka_unit_test(topics_are_found_by_name_and_id),
        cmocka_unit_test(partitions_keep_their_place_as_a_topic_grows),
        cmocka_unit_test(out_of_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
