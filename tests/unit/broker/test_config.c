/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"
#include "broker/core/topic_config.h"
#include "base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lines {
    struct kb_log log;
    int warnings;
    char last[256];
};

static void count_line(struct kb_log *log, enum kb_level level, const char *component,
                       const char *text)
{
    struct lines *lines = (struct lines *)log;
    (void)component;
    lines->warnings += level == KB_LOG_WARN;
    snprintf(lines->last, sizeof lines->last, "%s", text);
}

static int setup(void **state)
{
    struct kd_config *config = malloc(sizeof *config);
    *state = config;
    return kd_config_init(config) ? 0 : -1;
}

static int teardown(void **state)
{
    kd_config_deinit(*state);
    free(*state);
    return 0;
}

static void defaults_flush_every_record(void **state)
{
    struct kd_config *config = *state;
    assert_int_equal(kd_config_settle(config, NULL), 0);
    assert_int_equal(config->flush_messages, 1);
    assert_int_equal(config->num_partitions, 1);
    assert_int_equal(config->retention_ms, INT64_C(168) * 3600 * 1000);
    assert_string_equal(config->listeners, "PLAINTEXT://127.0.0.1:9092");
    assert_string_equal(config->log_dirs, "kurier-data");
}

static void an_unknown_key_names_the_nearest(void **state)
{
    struct kb_error err;
    assert_int_equal(kd_config_set(*state, "num.partition", "3", NULL, &err), KB_E_BAD_CONFIG);
    assert_non_null(strstr(err.text, "num.partitions"));
}

static void a_bad_value_names_key_and_value(void **state)
{
    struct kb_error err;
    assert_int_equal(kd_config_set(*state, "num.partitions", "many", NULL, &err), KB_E_BAD_CONFIG);
    assert_non_null(strstr(err.text, "num.partitions"));
    assert_non_null(strstr(err.text, "many"));
    assert_int_not_equal(kd_config_set(*state, "num.partitions", "0", NULL, &err), 0);
}

static void what_only_kafka_knows_is_taken_with_a_warning(void **state)
{
    struct lines lines = {{KB_LOG_INFO, count_line}, 0, ""};
    const char *keys[] = {"num.network.threads", "zookeeper.connect", "process.roles",
                          "listener.name.internal.ssl.keystore.location"};
    for (size_t i = 0; i < KB_ARRAY_SIZE(keys); i++)
        assert_int_equal(kd_config_set(*state, keys[i], "x", &lines.log, NULL), 0);
    assert_int_equal(lines.warnings, 4);
}

static void what_nothing_acts_on_yet_is_kept_with_a_warning(void **state)
{
    struct lines lines = {{KB_LOG_INFO, count_line}, 0, ""};
    struct kd_config *config = *state;
    assert_int_equal(kd_config_set(config, "log.retention.ms", "60000", &lines.log, NULL), 0);
    assert_int_equal(kd_config_set(config, "log.cleanup.policy", "compact", &lines.log, NULL), 0);
    assert_int_equal(lines.warnings, 2);
    assert_non_null(strstr(lines.last, "key=log.cleanup.policy"));
    assert_int_equal(config->retention_ms, 60000);
    assert_int_equal(kd_config_set(config, "log.segment.bytes", "2000000", &lines.log, NULL), 0);
    assert_int_equal(lines.warnings, 2);
}

static void a_stock_file_is_understood(void **state)
{
    char text[] = "# The id\nbroker.id=7\nlisteners = PLAINTEXT://:9092\nnum.io.threads=8\n"
                  "log.dirs=/tmp/kafka-logs\nlog.retention.hours=2\n"
                  "offsets.topic.replication.factor=1\nlog.segment.bytes=1073741824\n";
    struct kd_config *config = *state;
    assert_int_equal(kd_config_load(config, text, strlen(text), NULL, NULL), 0);
    assert_int_equal(kd_config_settle(config, NULL), 0);
    assert_int_equal(config->node_id, 7);
    assert_int_equal(config->retention_ms, 2 * 3600 * 1000);
}

static void a_fault_in_a_file_names_its_line(void **state)
{
    char text[] = "broker.id=7\n\nnum.partitons=3\n";
    struct kb_error err;
    assert_int_not_equal(kd_config_load(*state, text, strlen(text), NULL, &err), 0);
    assert_non_null(strstr(err.text, "line 3"));
}

static void the_finer_key_wins(void **state)
{
    struct kd_config *config = *state;
    kd_config_set(config, "log.retention.hours", "2", NULL, NULL);
    kd_config_set(config, "log.retention.ms", "5000", NULL, NULL);
    kd_config_set(config, "log.retention.minutes", "7", NULL, NULL);
    kd_config_settle(config, NULL);
    assert_int_equal(config->retention_ms, 5000);
}

static void there_is_one_directory(void **state)
{
    struct kb_error err;
    kd_config_set(*state, "log.dirs", "/a,/b", NULL, NULL);
    assert_int_not_equal(kd_config_settle(*state, &err), 0);
    assert_non_null(strstr(err.text, "/a,/b"));
}

static void a_topic_takes_its_defaults_from_the_broker(void **state)
{
    struct kd_topic_config topic;
    kd_config_set(*state, "log.segment.bytes", "2000000", NULL, NULL);
    kd_config_set(*state, "log.cleanup.policy", "compact,delete", NULL, NULL);
    kd_config_set(*state, "compression.type", "zstd", NULL, NULL);
    assert_true(kd_topic_config_init(&topic, *state));
    assert_int_equal(topic.segment_bytes, 2000000);
    assert_int_equal(topic.cleanup, KD_CLEANUP_DELETE | KD_CLEANUP_COMPACT);
    assert_int_equal(topic.compression_type, 5);
    const struct kb_option *row = kb_options_find(kd_topic_config_table(), "segment.bytes");
    assert_false(kd_topic_config_is_given(&topic, row));
    assert_int_equal(kd_topic_config_set(&topic, "segment.bytes", "3000000", NULL), 0);
    assert_true(kd_topic_config_is_given(&topic, row));
    kd_topic_config_deinit(&topic);
}

static void a_topic_refuses_with_kafkas_code(void **state)
{
    struct kd_topic_config topic;
    struct kb_error err;
    assert_true(kd_topic_config_init(&topic, *state));
    assert_int_equal(kd_topic_config_set(&topic, "retention", "1", &err), KB_E_INVALID_CONFIG);
    assert_int_equal(kd_topic_config_set(&topic, "retention.ms", "soon", &err),
                     KB_E_INVALID_CONFIG);
    assert_int_equal(err.code, KB_E_INVALID_CONFIG);
    assert_int_equal(kd_topic_config_set(&topic, "cleanup.policy", "burn", &err),
                     KB_E_INVALID_CONFIG);
    assert_int_equal(topic.cleanup, KD_CLEANUP_DELETE);
    kd_topic_config_deinit(&topic);
}

/* Each default that a topic takes from the broker is a row that exists. */
static void every_default_has_its_row(void **state)
{
    const struct kb_options *table = kd_topic_config_table();
    (void)state;
    for (size_t i = 0; i < table->count; i++) {
        const struct kb_option *from = kd_topic_config_default_row(&table->rows[i]);
        if (from)
            assert_int_equal(from->type, table->rows[i].type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_flush_every_record, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_key_names_the_nearest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_value_names_key_and_value, setup, teardown),
        cmocka_unit_test_setup_teardown(what_only_kafka_knows_is_taken_with_a_warning, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_nothing_acts_on_yet_is_kept_with_a_warning, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_stock_file_is_understood, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fault_in_a_file_names_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(the_finer_key_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(there_is_one_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(a_topic_takes_its_defaults_from_the_broker, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_topic_refuses_with_kafkas_code, setup, teardown),
        cmocka_unit_test_setup_teardown(every_default_has_its_row, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
