/* SPDX-License-Identifier: Apache-2.0 */
/* Options, bootstrap addresses, backoff. */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "libclient/core/backoff.h"
#include "libclient/core/bootstrap.h"
#include "libclient/core/options.h"
#include "libclient/core/options_foreign.h"
#include <string.h>

/* ---- Options ----------------------------------------------------------------*/

static int setup(void **state)
{
    *state = kc_options_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    kc_options_free(*state);
    return 0;
}

static int set(struct kc_options *options, const char *key, const char *value)
{
    return kc_options_set(options, key, value, NULL);
}

static void defaults_are_those_of_the_design(void **state)
{
    struct kc_options *o = *state;
    assert_int_equal(o->producer.acks, KC_ACKS_ALL);
    assert_true(o->producer.enable_idempotence);
    assert_int_equal(o->producer.partitioner, KC_MURMUR2);
    assert_int_equal(o->consumer.auto_offset_reset, KC_RESET_LATEST);
    assert_true(o->consumer.check_crcs);
    assert_null(o->common.bootstrap_servers);
    assert_string_equal(o->common.client_id, "kurier");
}

static void aliases_set_the_same(void **state)
{
    struct kc_options *o = *state;
    char text[64];
    assert_int_equal(set(o, "metadata.broker.list", "a:1,b:2"), 0);
    assert_int_equal(set(o, "queue.buffering.max.ms", "0.5"), 0);
    assert_int_equal(set(o, "message.timeout.ms", "7000"), 0);
    assert_int_equal(set(o, "request.required.acks", "-1"), 0);
    assert_int_equal(set(o, "compression.codec", "zstd"), 0);
    assert_int_equal(set(o, "fetch.message.max.bytes", "99"), 0);
    assert_string_equal(o->common.bootstrap_servers, "a:1,b:2");
    assert_true(o->producer.linger_ms > 0.4 && o->producer.linger_ms < 0.6);
    assert_int_equal(o->producer.delivery_timeout_ms, 7000);
    assert_int_equal(o->producer.acks, KC_ACKS_MINUS_ONE);
    assert_int_equal(o->consumer.max_partition_fetch_bytes, 99);
    assert_int_equal(kc_options_get(o, "bootstrap.servers", text, sizeof text), 7);
    assert_string_equal(text, "a:1,b:2");
    kc_options_get(o, "compression.type", text, sizeof text);
    assert_string_equal(text, "zstd");
}

static void what_was_given_is_remembered(void **state)
{
    struct kc_options *o = *state;
    assert_false(kc_options_given(o, "acks"));
    set(o, "request.required.acks", "all");
    assert_true(kc_options_given(o, "acks"));
    struct kc_options *copy = kc_options_dup(o);
    assert_true(kc_options_given(copy, "acks"));
    set(copy, "acks", NULL);
    assert_false(kc_options_given(copy, "acks"));
    assert_true(kc_options_given(o, "acks"));
    kc_options_free(copy);
}

static void a_copy_stands_alone(void **state)
{
    struct kc_options *o = *state;
    set(o, "client.id", "one");
    struct kc_options *copy = kc_options_dup(o);
    set(o, "client.id", "two");
    assert_string_equal(copy->common.client_id, "one");
    kc_options_free(copy);
}

static void mistakes_are_named(void **state)
{
    struct kc_options *o = *state;
    struct kb_error err;
    assert_int_equal(kc_options_set(o, "lingerms", "1", &err), KB_E_BAD_CONFIG);
    assert_non_null(strstr(err.text, "linger.ms"));
    assert_int_equal(kc_options_set(o, "acks", "2", &err), KB_E_BAD_CONFIG);
    assert_non_null(strstr(err.text, "acks"));
    assert_int_equal(kc_options_set(o, "batch.size", "0", &err), KB_E_BAD_CONFIG);
    assert_int_equal(kc_options_set(o, "batch.size", "1k", &err), KB_E_BAD_CONFIG);
    assert_int_equal(o->producer.batch_size, 131072);
}

static void keys_of_others_bring_advice(void **state)
{
    static const char *const cases[][2] = {
        {"queue.buffering.max.kbytes", "unknown option queue.buffering.max.kbytes, known to "
                                       "librdkafka: use buffer.memory, in bytes"},
        {"compression.zstd.level", "unknown option compression.zstd.level, known to Java: use "
                                   "compression.level"},
        {"ssl.truststore.location", "unknown option ssl.truststore.location, known to librdkafka "
                                    "and Java: leave it out; TLS and SASL are not there yet"},
    };
    for (size_t i = 0; i < KB_ARRAY_SIZE(cases); i++) {
        struct kb_error err;
        assert_int_equal(kc_options_set(*state, cases[i][0], "1", &err), KB_E_BAD_CONFIG);
        assert_string_equal(err.text, cases[i][1]);
    }
}

/* What is ours by now has no row among those that are not. */
static void no_foreign_key_is_ours(void **state)
{
    (void)state;
    for (size_t i = 0; i < kc_foreign_options_count; i++)
        assert_null(kb_options_find(&kc_options_table, kc_foreign_options[i].key));
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < kc_options_table.count; i++) {
        const struct kb_option *row = &kc_options_table.rows[i];
        assert_non_null(row->doc);
        assert_int_not_equal(row->scope, 0);
        assert_non_null(kc_option_peers(row->key));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(row->key, kc_options_table.rows[k].key);
    }
}

static void make_options(void *ctx)
{
    (void)ctx;
    struct kc_options *o = kc_options_new();
    struct kc_options *copy = o ? kc_options_dup(o) : NULL;
    kc_options_free(copy);
    kc_options_free(o);
}

static void no_memory_is_survived(void **state)
{
    (void)state;
    assert_true(unit_each_failure(make_options, NULL) > 3);
}

/* ---- Bootstrap ----------------------------------------------------------------*/

static void addresses_in_every_form(void **state)
{
    struct kc_bootstrap b;
    (void)state;
    assert_int_equal(kc_bootstrap_parse(&b, " a , b:1,[::1]:2,[fe80::1],PLAINTEXT://c:3,", NULL),
                     0);
    assert_int_equal(b.count, 5);
    const char *hosts[] = {"a", "b", "::1", "fe80::1", "c"};
    int ports[] = {9092, 1, 2, 9092, 3};
    for (size_t i = 0; i < b.count; i++) {
        assert_string_equal(b.addresses[i].host, hosts[i]);
        assert_int_equal(b.addresses[i].port, ports[i]);
    }
    kc_bootstrap_deinit(&b);
}

static void addresses_that_are_none(void **state)
{
    static const char *const bad[] = {"a:",   "a:0",    "a:65536", "a:9x",  ":9092",
                                      "[::1", "[::1]9", "a b:1",   "::1:2", "a,b:x",
                                      "",     " , ",    "a:123456"};
    struct kc_bootstrap b;
    struct kb_error err;
    (void)state;
    for (size_t i = 0; i < KB_ARRAY_SIZE(bad); i++) {
        assert_int_equal(kc_bootstrap_parse(&b, bad[i], &err), KB_E_BAD_CONFIG);
        assert_non_null(strstr(err.text, "bootstrap.servers"));
        assert_int_equal(b.count, 0);
    }
    assert_int_equal(kc_bootstrap_parse(&b, NULL, &err), KB_E_BAD_CONFIG);
}

/* ---- Backoff --------------------------------------------------------------------*/

static void waits_double_up_to_a_bound(void **state)
{
    struct kb_random random;
    struct kc_backoff b;
    (void)state;
    kb_random_seed(&random, 1);
    kc_backoff_init(&b, 100, 1000);
    int64_t expected_ms = 100;
    for (int i = 0; i < 200; i++) {
        int64_t wait_ms = kc_backoff_next_ms(&b, &random);
        assert_in_range(wait_ms, expected_ms * 8 / 10, expected_ms * 12 / 10);
        expected_ms = KB_MIN(expected_ms * 2, 1000);
    }
    kc_backoff_reset(&b);
    assert_in_range(kc_backoff_next_ms(&b, &random), 80, 120);
    kc_backoff_init(&b, 0, 0);
    assert_int_equal(kc_backoff_next_ms(&b, &random), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_are_those_of_the_design, setup, teardown),
        cmocka_unit_test_setup_teardown(aliases_set_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_given_is_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_stands_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_of_others_bring_advice, setup, teardown),
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(no_foreign_key_is_ours),
        cmocka_unit_test(no_memory_is_survived),
        cmocka_unit_test(addresses_in_every_form),
        cmocka_unit_test(addresses_that_are_none),
        cmocka_unit_test(waits_double_up_to_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
