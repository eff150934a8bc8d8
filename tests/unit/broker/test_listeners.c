/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"
#include "broker/server/listeners.h"
#include <string.h>

static int parse(struct kd_listeners *out, const char *listeners, const char *advertised,
                 const char *map, struct kb_error *err)
{
    struct kd_config config;
    assert_true(kd_config_init(&config));
    kd_config_set(&config, "listeners", listeners, NULL, NULL);
    if (advertised)
        kd_config_set(&config, "advertised.listeners", advertised, NULL, NULL);
    if (map)
        kd_config_set(&config, "listener.security.protocol.map", map, NULL, NULL);
    int code = kd_listeners_parse(out, &config, err);
    kd_config_deinit(&config);
    return code;
}

static void port_0_is_told_as_bound(void **state)
{
    struct kd_listeners l;
    char text[256];
    (void)state;
    assert_int_equal(parse(&l, "PLAINTEXT://127.0.0.1:0", NULL, NULL, NULL), 0);
    kd_listeners_bound(&l.specs[0], 4321);
    kd_listeners_format(&l, text, sizeof text);
    assert_string_equal(text, "PLAINTEXT://127.0.0.1:4321");
}

static void what_is_advertised_is_told(void **state)
{
    struct kd_listeners l;
    char text[256];
    (void)state;
    assert_int_equal(parse(&l, "IN://[::1]:9092, OUT://0.0.0.0:9093", "OUT://kafka.example:19093",
                           "IN:PLAINTEXT,OUT:PLAINTEXT", NULL),
                     0);
    kd_listeners_format(&l, text, sizeof text);
    assert_string_equal(text, "IN://[::1]:9092,OUT://kafka.example:19093");
    assert_string_equal(l.specs[0].bind.host, "::1");
    assert_string_equal(l.specs[1].bind.host, "0.0.0.0");
}

static void a_wildcard_is_told_as_a_name(void **state)
{
    struct kd_listeners l;
    (void)state;
    assert_int_equal(parse(&l, "PLAINTEXT://:9092", NULL, NULL, NULL), 0);
    assert_string_equal(l.specs[0].bind.host, "");
    assert_true(strlen(l.specs[0].told.host) > 0);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *listeners, *advertised, *word;
    } cases[] = {
        {"127.0.0.1:9092", NULL, "NAME://HOST:PORT"},
        {"PLAINTEXT://127.0.0.1", NULL, "NAME://HOST:PORT"},
        {"PLAINTEXT://127.0.0.1:99999", NULL, "99999"},
        {"SSL://127.0.0.1:9092", NULL, "SSL"},
        {"PLAINTEXT://:1,PLAINTEXT://:2", NULL, "twice"},
        {" ", NULL, "empty"},
        {"PLAINTEXT://:1", "OTHER://h:1", "OTHER"},
        {"PLAINTEXT://:1", "PLAINTEXT://0.0.0.0:1", "0.0.0.0"},
    };
    struct kd_listeners l;
    struct kb_error err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(&l, cases[i].listeners, cases[i].advertised, NULL, &err),
                         KB_E_BAD_CONFIG);
        if (!strstr(err.text, cases[i].word))
            fail_msg("%s: %s", cases[i].listeners, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_0_is_told_as_bound),
        cmocka_unit_test(what_is_advertised_is_told),
        cmocka_unit_test(a_wildcard_is_told_as_a_name),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
