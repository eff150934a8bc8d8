/* SPDX-License-Identifier: Apache-2.0 */
/* A member without a broker: every call comes to its end, and memory that is not
 * there is an error. Nothing listens at the address that it has. */
#include "tests/unit/unit.h"

#include "kurier/kurier.h"

enum { SHORT_MS = 30 };

static kurier_consumer *make(kurier_runtime *runtime)
{
    kurier_config *config = kurier_config_new();
    if (!config)
        return NULL;
    kurier_config_set(config, "bootstrap.servers", "127.0.0.1:1");
    kurier_config_set(config, "group.id", "g");
    kurier_config_set(config, "log.sink", "events");
    kurier_consumer *c = kurier_consumer_new(runtime, config, NULL);
    kurier_config_free(config);
    return c;
}

static const char *const topic = "t";

static void use(kurier_consumer *c)
{
    kurier_error err;
    kurier_position p = kurier_at(topic, 0, 7);
    kurier_explanation why;
    kurier_batch *batch;
    p.metadata = "note";
    if (!kurier_consumer_subscribe(c, &topic, 1, &err))
        assert_int_equal(kurier_consumer_assign(c, &p, 1, &err), KURIER_E_STATE);
    assert_int_equal(kurier_consumer_poll(c, &batch, 1, 0, &err), 0);
    assert_int_not_equal(kurier_consumer_commit(c, &p, 1, 0, &err), 0);
    (void)!kurier_consumer_commit_async(c, NULL, 0, 1, &err);
    assert_int_not_equal(kurier_consumer_committed(c, &p, 1, 0, &err), 0);
    kurier_consumer_explain(c, topic, 0, &why, &err);
    (void)!kurier_consumer_unsubscribe(c, 0, &err);
}

static void live(void *ctx)
{
    kurier_runtime *runtime = kurier_runtime_new(KURIER_DRIVEN, NULL, NULL);
    kurier_consumer *c = runtime ? make(runtime) : NULL;
    (void)ctx;
    if (c)
        use(c);
    kurier_consumer_free(c);
    kurier_runtime_free(runtime);
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(unit_each_failure(live, NULL) > 50);
}

static void waits_end(void **state)
{
    (void)state;
    kurier_error err;
    kurier_position p = kurier_at(topic, 0, 7);
    kurier_consumer *c = make(NULL);
    assert_int_equal(kurier_consumer_commit(c, &p, 1, SHORT_MS, &err), KURIER_E_TIMED_OUT);
    assert_int_equal(kurier_consumer_committed(c, &p, 1, SHORT_MS, &err), KURIER_E_TIMED_OUT);
    assert_int_equal(kurier_consumer_subscribe(c, &topic, 1, &err), 0);
    assert_int_equal(kurier_consumer_unsubscribe(c, KURIER_FOREVER, &err), 0);
    assert_int_equal(kurier_consumer_subscribe(c, &topic, 1, &err), 0);
    kurier_consumer_close(c, SHORT_MS, &err);
    assert_int_equal(kurier_consumer_subscribe(c, &topic, 1, &err), KURIER_E_CLOSED);
    kurier_consumer_free(c);
}

static void it_says_why_nothing_comes(void **state)
{
    (void)state;
    kurier_error err;
    kurier_explanation why;
    kurier_consumer *c = make(NULL);
    assert_int_equal(kurier_consumer_explain(c, topic, 0, &why, &err), 0);
    assert_int_equal(why.why, KURIER_WHY_NOT_ASSIGNED);
    assert_int_equal(kurier_consumer_subscribe(c, &topic, 1, &err), 0);
    assert_int_equal(kurier_consumer_explain(c, topic, 0, &why, &err), 0);
    assert_int_equal(why.why, KURIER_WHY_JOINING);
    kurier_consumer_free(c);
    c = make(NULL);
    kurier_position p = kurier_at(topic, 0, KURIER_COMMITTED);
    assert_int_equal(kurier_consumer_assign(c, &p, 1, &err), 0);
    assert_int_equal(kurier_consumer_explain(c, topic, 0, &why, &err), 0);
    assert_int_equal(why.why, KURIER_WHY_LOOKING_UP);
    kurier_consumer_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory),
        cmocka_unit_test(waits_end),
        cmocka_unit_test(it_says_why_nothing_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
