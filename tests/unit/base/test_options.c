/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "base/options.h"

#include <string.h>

struct config {
    bool idempotence;
    int32_t acks, codec;
    int64_t memory_bytes;
    double ratio;
    char *servers, *password, *debug;
};

static const struct kb_option rows[] = {
    {.key = "enable.idempotence",
     .type = KB_OPT_BOOL,
     .value = "true",
     .field = offsetof(struct config, idempotence)},
    {.key = "acks",
     .type = KB_OPT_INT,
     .value = "-1",
     .min = -1,
     .max = 1,
     .aliases = "request.required.acks",
     .field = offsetof(struct config, acks)},
    {.key = "compression.type",
     .type = KB_OPT_ENUM,
     .value = "none",
     .choices = "none|gzip|snappy|lz4|zstd",
     .aliases = "compression.codec,codec",
     .field = offsetof(struct config, codec)},
    {.key = "buffer.memory",
     .type = KB_OPT_LONG,
     .value = "33554432",
     .field = offsetof(struct config, memory_bytes)},
    {.key = "min.cleanable.dirty.ratio",
     .type = KB_OPT_DOUBLE,
     .value = "0.5",
     .max = 1,
     .field = offsetof(struct config, ratio)},
    {.key = "bootstrap.servers",
     .type = KB_OPT_LIST,
     .value = "127.0.0.1:9092",
     .field = offsetof(struct config, servers)},
    {.key = "debug",
     .type = KB_OPT_LIST,
     .choices = "broker|topic|all",
     .field = offsetof(struct config, debug)},
    {.key = "sasl.password",
     .type = KB_OPT_STRING,
     .flags = KB_OPT_SECRET,
     .field = offsetof(struct config, password)},
    {.key = "zookeeper.connect", .type = KB_OPT_IGNORED},
};
static const struct kb_options table = {rows, KB_ARRAY_SIZE(rows)};

static void expect(struct config *config, const char *key, const char *wanted)
{
    char text[100];
    const struct kb_option *row = kb_options_find(&table, key);
    assert_non_null(row);
    assert_int_equal(kb_options_get(row, config, text, sizeof text), strlen(wanted));
    assert_string_equal(text, wanted);
}

static void a_struct_starts_with_the_defaults(void **state)
{
    (void)state;
    struct config config;
    assert_true(kb_options_default(&table, &config));
    assert_true(config.idempotence);
    assert_int_equal(config.acks, -1);
    assert_int_equal(config.memory_bytes, 33554432);
    assert_string_equal(config.servers, "127.0.0.1:9092");
    assert_null(config.password);
    expect(&config, "min.cleanable.dirty.ratio", "0.5");
    expect(&config, "compression.type", "none");
    expect(&config, "sasl.password", "");
    kb_options_free(&table, &config);
}

static void values_are_set_by_key_or_alias(void **state)
{
    (void)state;
    struct config config;
    static const char *const good[][2] = {
        {"enable.idempotence", "false"},
        {"request.required.acks", "1"},
        {"codec", "zstd"},
        {"buffer.memory", "9000000000"},
        {"bootstrap.servers", "a:1,b:2"},
        {"sasl.password", "geheim"},
        {"debug", "broker,all"},
        {"debug", ""},
        {"min.cleanable.dirty.ratio", "0.25"},
    };
    kb_options_default(&table, &config);
    for (size_t i = 0; i < KB_ARRAY_SIZE(good); i++) {
        assert_int_equal(kb_options_set(&table, &config, good[i][0], good[i][1], NULL), KB_OK);
        expect(&config, good[i][0], good[i][1]);
    }
    assert_int_equal(kb_options_set(&table, &config, "zookeeper.connect", "x", NULL), KB_OK);
    assert_int_equal(kb_options_set(&table, &config, "acks", NULL, NULL), KB_OK);
    expect(&config, "acks", "-1");
    assert_int_equal(kb_options_set(&table, &config, "sasl.password", NULL, NULL), KB_OK);
    assert_null(config.password);
    kb_options_free(&table, &config);
}

static void wrong_values_are_refused_in_words(void **state)
{
    (void)state;
    struct config config;
    struct kb_error err;
    static const char *const bad[][3] = {
        {"acks", "2", "acks=2: must be a number from -1 to 1"},
        {"acks", "all", "acks=all: must be a number from -1 to 1"},
        {"acks", "", "acks=: must be a number from -1 to 1"},
        {"buffer.memory", "1e9", "buffer.memory=1e9: must be a number"},
        {"buffer.memory", "99999999999999999999",
         "buffer.memory=99999999999999999999: must be a number"},
        {"enable.idempotence", "yes", "enable.idempotence=yes: must be true or false"},
        {"compression.type", "brotli",
         "compression.type=brotli: must be one of none|gzip|snappy|lz4|zstd"},
        {"debug", "broker,everything",
         "debug=broker,everything: must be of broker|topic|all, comma-separated"},
        {"debug", "broker,", "debug=broker,: must be of broker|topic|all, comma-separated"},
        {"min.cleanable.dirty.ratio", "2",
         "min.cleanable.dirty.ratio=2: must be a number from 0 to 1"},
        {"min.cleanable.dirty.ratio", "nan",
         "min.cleanable.dirty.ratio=nan: must be a number from 0 to 1"},
    };
    kb_options_default(&table, &config);
    for (size_t i = 0; i < KB_ARRAY_SIZE(bad); i++) {
        assert_int_equal(kb_options_set(&table, &config, bad[i][0], bad[i][1], &err),
                         KB_E_BAD_CONFIG);
        assert_string_equal(err.text, bad[i][2]);
    }
    expect(&config, "acks", "-1");
    kb_options_free(&table, &config);
}

static void an_unknown_key_names_the_nearest(void **state)
{
    (void)state;
    struct config config;
    struct kb_error err;
    kb_options_default(&table, &config);
    assert_int_equal(kb_options_set(&table, &config, "bufer.memroy", "1", &err), KB_E_BAD_CONFIG);
    assert_string_equal(err.text, "unknown option bufer.memroy; did you mean buffer.memory?");
    kb_options_set(&table, &config, "completely.else", "1", &err);
    assert_string_equal(err.text, "unknown option completely.else");
    assert_string_equal(kb_options_nearest(&table, "ackks"), "acks");
    assert_null(kb_options_nearest(&table, ""));
    assert_null(kb_options_find(&table, "codec,x"));
    kb_options_free(&table, &config);
}

static void use_table(void *ctx)
{
    (void)ctx;
    struct config config;
    if (!kb_options_default(&table, &config))
        return;
    int code = kb_options_set(&table, &config, "bootstrap.servers", "c:3", NULL);
    assert_string_equal(config.servers, code == KB_OK ? "c:3" : "127.0.0.1:9092");
    kb_options_free(&table, &config);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(unit_each_failure(use_table, NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_struct_starts_with_the_defaults),
        cmocka_unit_test(values_are_set_by_key_or_alias),
        cmocka_unit_test(wrong_values_are_refused_in_words),
        cmocka_unit_test(an_unknown_key_names_the_nearest),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
