/* SPDX-License-Identifier: Apache-2.0 */
/* A coordinator of transactions on a simulated loop, with no log: what its driver does
 * with more than it should have at once. */
#include "tests/unit/unit.h"
#include "base/codes.h"
#include "broker/core/txn/txn.h"
#include "broker/server/txn/topic.h"
#include "net/sim.h"
#include <stdio.h>

enum { PLACES = 3, CROWD = 2000, LAST_MS = 1000 };

struct rig {
    struct kn_sim *sim;
    struct kn_env *env;
    struct kd_config config;
    struct kd_shard shard;
    struct kd_txn_topic txns;
    struct kd_coordinator *coordinators[1];
    struct kd_place place;
};

static struct kd_txn_coordinator *own(struct rig *rig)
{
    return kd_txn_coordinator_of(rig->coordinators[0]);
}

static void nothing_due(struct kn_timer *timer)
{
    (void)timer;
}

/* What kd_coordinator_new does, but for the load. */
static void open_coordinator(struct rig *rig)
{
    const struct kd_coordinator_kind *kind = rig->txns.topic.kind;
    struct kd_coordinator *c = kind->make(&rig->txns.topic);
    struct kd_outcome out;
    assert_non_null(c);
    c->kind = kind;
    c->shard = &rig->shard;
    c->place = &rig->place;
    c->state = KD_COORDINATOR_ACTIVE;
    kb_list_init(&c->steps);
    kn_timer_init(&c->timer, nothing_due);
    rig->coordinators[0] = c;
    rig->txns.topic.coordinators = rig->coordinators;
    rig->txns.topic.count = 1;
    kd_outcome_init(&out);
    kd_txns_loaded(kd_txns_of(c), kn_loop_now(rig->shard.loop), &out);
    kd_outcome_deinit(&out);
}

/* Topic "t", which is not served yet. */
static void add_topic(struct rig *rig)
{
    int32_t self = 1;
    struct kd_topic *topic = kd_topic_new(kb_slice_str("t"), (struct kb_uuid){{1}}, &rig->config);
    for (int i = 0; i < PLACES; i++)
        assert_non_null(kd_topic_grow(topic, &self, 1));
    assert_true(kd_topics_put(&rig->shard.topics, topic));
}

static int set_up(void **state)
{
    struct rig *rig = KB_NEW(struct rig);
    rig->sim = kn_sim_new(1);
    rig->env = kn_sim_env(rig->sim, "broker");
    assert_true(kd_config_init(&rig->config));
    rig->shard.loop = kn_loop_new(rig->env);
    rig->shard.config = &rig->config;
    rig->shard.txns = &rig->txns;
    kb_random_seed(&rig->shard.random, 1);
    kd_topics_init(&rig->shard.topics, 1);
    add_topic(rig);
    kd_txn_topic_init(&rig->txns, &rig->shard);
    rig->place.serving = true;
    open_coordinator(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    struct kd_coordinator *c = rig->coordinators[0];
    kn_timer_cancel(rig->shard.loop, &c->timer);
    c->kind->free(c);
    kd_topics_deinit(&rig->shard.topics);
    kn_loop_free(rig->shard.loop);
    rig->env->ops->free(rig->env);
    kn_sim_free(rig->sim);
    kd_config_deinit(&rig->config);
    kb_free(rig);
    return 0;
}

/* A transaction of that id over all partitions of "t", decided. */
static struct kd_txn_producer decide(struct rig *rig, const char *id, int64_t producer)
{
    struct kd_txns *txns = kd_txns_of(rig->coordinators[0]);
    struct kb_time now = kn_loop_now(rig->shard.loop);
    struct kd_txn_producer who = {kb_slice_str(id), producer, 0};
    const struct kw_init_producer_id_request in = {who.id, 60000, -1, -1};
    struct kw_init_producer_id_response answer;
    struct kd_txn_place places[PLACES];
    struct kd_outcome out;
    for (int i = 0; i < PLACES; i++)
        places[i] = (struct kd_txn_place){kb_slice_str("t"), i, KB_OK};
    kd_outcome_init(&out);
    assert_int_equal(kd_txns_begin_producer(txns, &in, producer, now, &answer, &out), KB_OK);
    assert_int_equal(kd_txns_add(txns, &who, 0, places, PLACES, now, &out), KB_OK);
    assert_int_equal(kd_txns_end(txns, &who, 0, true, -1, now, &out), KB_OK);
    kd_outcome_deinit(&out);
    return who;
}

static void step(struct rig *rig)
{
    struct kd_step *step = kd_step_begin(rig->coordinators[0]);
    assert_non_null(step);
    kd_step_end(step);
}

/* ---- Markers ---- */

static void what_a_load_finds_need_not_fit_in_one_step(void **state)
{
    struct rig *rig = *state;
    struct kd_step *step = kd_step_begin(rig->coordinators[0]);
    decide(rig, "A", 1);
    decide(rig, "B", 2);
    kb_arena_deinit(&step->outcome.arena);
    kb_arena_init(&step->outcome.arena, PLACES * sizeof(struct kd_txn_place)); /* of one */
    kd_sends_take(&own(rig)->sends, step);
    assert_false(step->outcome.failed);
    assert_null(kd_txns_take_prepared(kd_txns_of(rig->coordinators[0])));
    kd_step_end(step);
}

static void who_fails_later_does_not_put_off_who_waits(void **state)
{
    struct rig *rig = *state;
    struct kd_sends *sends = &own(rig)->sends;
    decide(rig, "A", 1);
    step(rig);
    assert_true(kn_timer_is_set(&sends->again));
    int64_t due = sends->again.node.key;
    kn_sim_run(rig->sim, NULL, NULL, sends->backoff_ms / 2);
    decide(rig, "B", 2);
    step(rig);
    assert_int_equal(sends->again.node.key, due);
}

/* ---- Joins ---- */

static int told, told_code;

static void on_joined(struct kd_txn_join *join, int code)
{
    (void)join;
    told++;
    told_code = code;
}

static void join_all(struct rig *rig, struct kd_txn_join *joins, const struct kd_txn_producer *who)
{
    static struct kd_txn_place place;
    for (int i = 0; i < CROWD; i++) {
        joins[i] = (struct kd_txn_join){
            .who = *who, .places = &place, .count = 1, .add = true, .done = on_joined};
        kd_txn_join(&rig->shard, &joins[i]);
    }
}

static void only_so_many_of_one_id_wait(void **state)
{
    enum { WAIT = 16 };
    struct rig *rig = *state;
    struct kd_txn_join *joins = KB_NEW_ARRAY(struct kd_txn_join, CROWD), other;
    const struct kd_txn_producer a = decide(rig, "A", 1), b = decide(rig, "B", 2);
    told = 0;
    join_all(rig, joins, &a);
    assert_int_equal(told, CROWD - WAIT);
    assert_int_equal(told_code, KB_E_CONCURRENT_TRANSACTIONS);
    other = joins[0]; /* somebody else still may */
    other.who = b;
    kd_txn_join(&rig->shard, &other);
    assert_int_equal(told, CROWD - WAIT);
    kn_sim_run(rig->sim, NULL, NULL, LAST_MS + 1);
    assert_int_equal(told, CROWD + 1);
    kb_free(joins);
}

static void only_so_many_wait_at_all(void **state)
{
    enum { WAIT = 1000 };
    struct rig *rig = *state;
    struct kd_txn_join *joins = KB_NEW_ARRAY(struct kd_txn_join, CROWD);
    static struct kd_txn_place place;
    told = 0;
    char(*ids)[8] = kb_calloc(CROWD, sizeof *ids);
    for (int i = 0; i < CROWD; i++) {
        snprintf(ids[i], sizeof ids[i], "id%d", i);
        joins[i] = (struct kd_txn_join){.who = decide(rig, ids[i], i + 1),
                                        .places = &place,
                                        .count = 1,
                                        .add = true,
                                        .done = on_joined};
        kd_txn_join(&rig->shard, &joins[i]);
    }
    assert_int_equal(told, CROWD - WAIT);
    kn_sim_run(rig->sim, NULL, NULL, LAST_MS + 1);
    assert_int_equal(told, CROWD);
    kb_free(ids);
    kb_free(joins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_load_finds_need_not_fit_in_one_step, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_fails_later_does_not_put_off_who_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_so_many_of_one_id_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_so_many_wait_at_all, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
