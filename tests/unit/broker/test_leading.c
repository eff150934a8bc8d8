/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions are led, also where there is no memory for it at first. */
#include "tests/unit/store/rig.h"
#include "base/codes.h"
#include "broker/server/group/topic.h"
#include "broker/server/leading.h"
#include "broker/server/txn/topic.h"

enum { PLACES = 3, LATER_MS = 5000 };

struct world {
    struct rig rig;
    struct kd_config config;
    struct kd_shard shard;
    struct kd_group_topic groups;
    struct kd_txn_topic txns;
    struct kd_topic *topic;
    int told, code;
};

static void world_open(struct world *w)
{
    int32_t self = 1;
    rig_init(&w->rig, kb_fs_mem_new(), 1);
    rig_open(&w->rig);
    assert_true(kd_config_init(&w->config));
    w->shard.config = &w->config;
    w->shard.log = &w->rig.log;
    w->shard.loop = w->rig.loop;
    w->shard.disk = w->rig.disk;
    kb_random_seed(&w->shard.random, 1);
    kd_topics_init(&w->shard.topics, 1);
    kd_group_topic_init(&w->groups, &w->shard);
    w->shard.groups = &w->groups;
    kd_txn_topic_init(&w->txns, &w->shard);
    w->shard.txns = &w->txns;
    kd_lead_init(&w->shard);
    w->topic = kd_topic_new(kb_slice_str("t"), (struct kb_uuid){{1}}, &w->config);
    for (int i = 0; i < PLACES; i++)
        assert_non_null(kd_topic_grow(w->topic, &self, 1));
    assert_true(kd_topics_put(&w->shard.topics, w->topic));
}

static void world_close(struct world *w)
{
    struct kb_fs *fs = w->rig.fs;
    w->shard.stopping = true;
    kd_lead_cancel(&w->shard);
    rig_close(&w->rig);
    kd_topics_deinit(&w->shard.topics);
    kd_config_deinit(&w->config);
    fs->ops->free(fs);
}

static void on_led(void *ctx, int code)
{
    struct world *w = ctx;
    w->told++;
    w->code = code;
}

static int serving(const struct world *w)
{
    int count = 0;
    for (int i = 0; i < PLACES; i++)
        count += w->topic->places[i]->serving;
    return count;
}

/* The nth allocation of kd_lead fails. False: it needs no more than that. */
static bool lead_without(long nth)
{
    struct unit_failure failure = {.nth = nth};
    struct world w = {0};
    world_open(&w);
    kb_mem_set_hook(unit_failure_hook, &failure);
    kd_lead(&w.shard, w.topic->places, PLACES, on_led, &w);
    kb_mem_set_hook(NULL, NULL);
    rig_idle(&w.rig, LATER_MS);
    assert_int_equal(w.told, 1);
    assert_int_equal(w.code, failure.seen > nth ? KB_E_NO_MEMORY : KB_OK);
    assert_int_equal(serving(&w), PLACES);
    world_close(&w);
    return failure.seen > nth;
}

static void what_there_is_no_memory_for_is_led_later(void **state)
{
    long nth = 0;
    (void)state;
    while (lead_without(nth))
        nth++;
    assert_true(nth > PLACES);
}

static void one_that_is_deleted_meanwhile_is_not(void **state)
{
    struct unit_failure failure = {.nth = 0};
    struct world w = {0};
    (void)state;
    world_open(&w);
    kb_mem_set_hook(unit_failure_hook, &failure);
    kd_lead(&w.shard, w.topic->places, PLACES, on_led, &w);
    kb_mem_set_hook(NULL, NULL);
    w.topic->condemned = true;
    rig_idle(&w.rig, LATER_MS);
    assert_int_equal(serving(&w), 0);
    kd_topics_remove(&w.shard.topics, w.topic);
    kd_topic_free(w.topic);
    rig_idle(&w.rig, LATER_MS);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_there_is_no_memory_for_is_led_later),
        cmocka_unit_test(one_that_is_deleted_meanwhile_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
