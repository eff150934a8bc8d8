/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of a subscription against a cluster on a simulated network. */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "libclient/api/config.h"
#include "libclient/drive/pattern.h"
#include "tests/unit/client/fake.h"

#include <string.h>

struct world {
    struct fake_world net;
    kurier_config *config;
    struct kurier_client *client;
    struct kc_pattern *pattern;
    int told, refused;
    char names[128]; /* "a b " */
};

static void on_topic(void *owner, struct kc_topic *topic)
{
    (void)owner, (void)topic;
}

static const struct kc_client_ops ops = {.topic = on_topic};

static void add_topic(struct world *w, const char *name)
{
    int at = w->net.cluster.topic_count++;
    w->net.cluster.topics[at] = (struct fake_topic){
        .name = name, .id = (uint8_t)(at + 1), .partitions = 1, .leader = {1}, .epoch = {1}};
}

static int setup(void **state)
{
    struct world *w = kb_calloc(1, sizeof *w);
    struct kb_error err;
    fake_world_init(&w->net, 7);
    fake_world_add(&w->net, "kafka1", "kafka1");
    add_topic(w, "orders-eu");
    add_topic(w, "bills");
    add_topic(w, "orders-us");
    w->config = kurier_config_new();
    kurier_config_set(w->config, "bootstrap.servers", "kafka1:9092");
    kurier_config_set(w->config, "metadata.max.age.ms", "60000");
    kurier_config_set(w->config, "log.sink", "events");
    w->client = kc_client_new(w->net.runtime, w->config, &ops, w, &err);
    assert_non_null(w->client);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kc_pattern_free(w->pattern);
    kc_client_free(w->client);
    kurier_config_free(w->config);
    fake_world_deinit(&w->net);
    kb_free(w);
    return 0;
}

static bool on_names(struct kurier_consumer *owner, const char *pattern,
                     const struct kc_names *names)
{
    struct world *w = (struct world *)(void *)owner;
    assert_string_equal(pattern, "orders-.*");
    w->told++;
    w->names[0] = '\0';
    for (size_t i = 0; i < names->count; i++)
        strcat(strcat(w->names, names->names[i]), " ");
    return w->told > w->refused;
}

static void open_pattern(struct world *w)
{
    struct kb_regex *regex;
    assert_int_equal(kc_pattern_compile("orders-.*", &regex, NULL), 0);
    w->pattern = kc_pattern_new(w->client, "orders-.*", regex, on_names, (void *)w);
    assert_non_null(w->pattern);
}

static void run(struct world *w, int64_t ms)
{
    kn_sim_run(w->net.sim, NULL, NULL, ms);
}

static void names_are_told_when_they_change(void **state)
{
    struct world *w = *state;
    open_pattern(w);
    run(w, 1000);
    assert_int_equal(w->told, 1);
    assert_string_equal(w->names, "orders-eu orders-us ");
    add_topic(w, "orders");
    run(w, 60000);
    assert_int_equal(w->told, 1); /* asked, and the same */
    add_topic(w, "orders-asia");
    run(w, 60000);
    assert_int_equal(w->told, 2);
    assert_string_equal(w->names, "orders-asia orders-eu orders-us ");
}

static void names_not_taken_are_told_again(void **state)
{
    struct world *w = *state;
    w->refused = 2;
    open_pattern(w);
    run(w, 5000);
    assert_int_equal(w->told, 3);
}

static void it_asks_until_somebody_answers(void **state)
{
    struct world *w = *state;
    w->net.fakes[0].hangs_up = true;
    open_pattern(w);
    run(w, 5000);
    assert_int_equal(w->told, 0);
    w->net.fakes[0].hangs_up = false;
    run(w, 40000);
    assert_int_equal(w->told, 1);
}

static void a_bad_pattern_says_so(void **state)
{
    struct kb_regex *regex;
    struct kb_error err;
    (void)state;
    assert_int_equal(kc_pattern_compile("orders-(", &regex, &err), KB_E_INVALID_REGULAR_EXPRESSION);
    assert_non_null(strstr(err.text, "byte 8"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_told_when_they_change, setup, teardown),
        cmocka_unit_test_setup_teardown(names_not_taken_are_told_again, setup, teardown),
        cmocka_unit_test_setup_teardown(it_asks_until_somebody_answers, setup, teardown),
        cmocka_unit_test(a_bad_pattern_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
