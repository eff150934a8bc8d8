/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"
#include "broker/core/alter.h"
#include "broker/core/live_config.h"
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
    assert_int_equal(config->topic.flush_messages, 1);
    assert_int_equal(config->num_partitions, 1);
    assert_int_equal(config->topic.retention_ms, INT64_C(168) * 3600 * 1000);
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
    assert_int_equal(
        kd_config_set(config, "unclean.leader.election.enable", "true", &lines.log, NULL), 0);
    assert_int_equal(lines.warnings, 1);
    assert_non_null(strstr(lines.last, "key=unclean.leader.election.enable"));
    assert_true(config->topic.unclean_leader_election);
    assert_int_equal(kd_config_set(config, "log.segment.bytes", "2000000", &lines.log, NULL), 0);
    assert_int_equal(lines.warnings, 1);
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
    assert_int_equal(config->topic.retention_ms, 2 * 3600 * 1000);
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
    assert_int_equal(config->topic.retention_ms, 5000);
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
    struct kd_overrides own = {0};
    kd_config_set(*state, "log.segment.bytes", "2000000", NULL, NULL);
    kd_config_set(*state, "log.cleanup.policy", "compact, delete", NULL, NULL);
    kd_config_set(*state, "compression.type", "zstd", NULL, NULL);
    kd_topic_config_make(*state, &own, NULL, &topic);
    assert_int_equal(topic.segment_bytes, 2000000);
    assert_int_equal(topic.cleanup, KD_CLEANUP_DELETE | KD_CLEANUP_COMPACT);
    assert_int_equal(topic.compression_type, 5);
    assert_true(kd_overrides_set(&own, "segment.bytes", "3000000"));
    kd_topic_config_make(*state, &own, NULL, &topic);
    assert_int_equal(topic.segment_bytes, 3000000);
    kd_overrides_deinit(&own);
}

/* Each default that a topic takes from the broker is a row that exists. */
static void every_default_has_its_row(void **state)
{
    const struct kb_options *table = kd_topic_config_table();
    (void)state;
    for (size_t i = 0; i < table->count; i++) {
        const struct kb_option *row = &table->rows[i];
        assert_true(row->flags & KB_OPT_DYNAMIC);
        if (row->type == KB_OPT_IGNORED)
            continue;
        const struct kb_option *from = kb_options_find(kd_config_table(), row->synonym);
        assert_non_null(from);
        assert_int_equal(from->type, row->type);
        assert_true(from->flags & KB_OPT_DYNAMIC);
    }
}

/* The values in force are a copy that shares the file's texts. */
static void what_changes_while_running_is_no_free_text(void **state)
{
    const struct kb_options *table = kd_config_table();
    (void)state;
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].flags & KB_OPT_DYNAMIC) {
            assert_int_not_equal(table->rows[i].type, KB_OPT_STRING);
            assert_int_not_equal(table->rows[i].type, KB_OPT_LIST);
        }
}

/* ---- While it runs ------------------------------------------------------ */

static void this_brokers_own_value_lies_over_the_clusters(void **state)
{
    struct kd_live_config live;
    struct kd_overrides cluster = {0}, own = {0}, none = {0};
    kd_config_set(*state, "log.retention.ms", "1000", NULL, NULL);
    kd_live_config_init(&live, *state);
    assert_int_equal(live.now.topic.retention_ms, 1000);
    kd_overrides_set(&cluster, "log.retention.ms", "2000");
    kd_overrides_set(&own, "log.retention.ms", "3000");
    kd_live_config_set(&live, KD_LAYER_CLUSTER, &cluster, NULL);
    assert_int_equal(live.now.topic.retention_ms, 2000);
    kd_live_config_set(&live, KD_LAYER_BROKER, &own, NULL);
    assert_int_equal(live.now.topic.retention_ms, 3000);
    kd_live_config_set(&live, KD_LAYER_BROKER, &none, NULL);
    kd_live_config_set(&live, KD_LAYER_CLUSTER, &none, NULL);
    assert_int_equal(live.now.topic.retention_ms, 1000);
    kd_live_config_deinit(&live);
}

static void what_a_newer_broker_stored_is_left_out(void **state)
{
    struct kd_live_config live;
    struct kd_overrides own = {0};
    struct kb_error err;
    kd_live_config_init(&live, *state);
    kd_overrides_set(&own, "message.max.bytes", "77");
    kd_overrides_set(&own, "log.of.tomorrow", "1");
    kd_overrides_set(&own, "log.retention.ms", "tomorrow");
    kd_overrides_set(&own, "num.partitions", "7");
    kd_live_config_set(&live, KD_LAYER_BROKER, &own, &err);
    assert_non_null(strstr(err.text, "num.partitions"));
    assert_int_equal(live.now.num_partitions, 1);
    assert_int_equal(live.now.topic.max_message_bytes, 77);
    assert_int_equal(live.now.topic.retention_ms, 604800000);
    kd_live_config_deinit(&live);
}

struct altering {
    struct kd_topic_config values;
    struct kd_overrides own, next;
    struct kb_error err;
};

/* Alters a topic that has `own`; the next overrides become its own. */
static int alter(struct altering *a, const struct kd_config *broker, int kind, const char *key,
                 const char *value)
{
    struct kd_alteration one = {kind, kb_slice_str(key), kb_slice_str(value)};
    struct kd_alter_target target = {kd_topic_config_table(), &a->own, &a->values,
                                     KB_E_INVALID_CONFIG};
    kd_topic_config_make(broker, &a->own, NULL, &a->values);
    kb_error_clear(&a->err);
    int code = kd_alter_plan(&target, &one, 1, false, &a->next, &a->err);
    if (!code)
        kd_overrides_move(&a->own, &a->next);
    return code;
}

static void lists_are_added_to_and_taken_from(void **state)
{
    struct altering a = {0};
    assert_int_equal(alter(&a, *state, KD_ALTER_APPEND, "cleanup.policy", "compact"), 0);
    assert_string_equal(kd_overrides_get(&a.own, "cleanup.policy"), "delete,compact");
    assert_int_equal(alter(&a, *state, KD_ALTER_APPEND, "cleanup.policy", "compact"), 0);
    assert_string_equal(kd_overrides_get(&a.own, "cleanup.policy"), "delete,compact");
    assert_int_equal(alter(&a, *state, KD_ALTER_SUBTRACT, "cleanup.policy", "delete"), 0);
    assert_string_equal(kd_overrides_get(&a.own, "cleanup.policy"), "compact");
    assert_int_equal(alter(&a, *state, KD_ALTER_SUBTRACT, "cleanup.policy", "compact"), 0);
    assert_string_equal(kd_overrides_get(&a.own, "cleanup.policy"), "");
    assert_int_equal(alter(&a, *state, KD_ALTER_DELETE, "cleanup.policy", NULL), 0);
    assert_null(kd_overrides_get(&a.own, "cleanup.policy"));
    assert_int_equal(alter(&a, *state, KD_ALTER_APPEND, "retention.ms", "5"), KB_E_INVALID_CONFIG);
    assert_int_equal(alter(&a, *state, KD_ALTER_APPEND, "cleanup.policy", "burn"),
                     KB_E_INVALID_CONFIG);
    assert_non_null(strstr(a.err.text, "delete|compact"));
    kd_overrides_deinit(&a.own);
}

static void what_cannot_be_is_refused_with_words(void **state)
{
    static const struct {
        int kind;
        const char *key, *value;
        int code;
        const char *words;
    } cases[] = {
        {KD_ALTER_SET, "retention", "1", KB_E_INVALID_CONFIG, "unknown"},
        {KD_ALTER_SET, "retention.m", "1", KB_E_INVALID_CONFIG, "did you mean 'retention.ms'"},
        {KD_ALTER_SET, "", "1", KB_E_INVALID_CONFIG, "unknown"},
        {KD_ALTER_SET, "retention.ms", "soon", KB_E_INVALID_CONFIG, "retention.ms=soon"},
        {KD_ALTER_SET, "retention.ms", "-2", KB_E_INVALID_CONFIG, "-1"},
        {KD_ALTER_SET, "retention.ms", "", KB_E_INVALID_CONFIG, "number"},
        {KD_ALTER_SET, "compression.type", "bz2", KB_E_INVALID_CONFIG, "lz4"},
        {KD_ALTER_SET, "preallocate", "yes", KB_E_INVALID_CONFIG, "true or false"},
        {KD_ALTER_SET, "retention.ms", NULL, KB_E_INVALID_REQUEST, "null"},
        {9, "retention.ms", "1", KB_E_INVALID_REQUEST, "operation 9"},
        {-1, "retention.ms", "1", KB_E_INVALID_REQUEST, "operation -1"},
    };
    struct altering a = {0};
    for (size_t i = 0; i < KB_ARRAY_SIZE(cases); i++) {
        assert_int_equal(alter(&a, *state, cases[i].kind, cases[i].key, cases[i].value),
                         cases[i].code);
        assert_int_equal(a.err.code, cases[i].code);
        assert_non_null(strstr(a.err.text, cases[i].words));
    }
    assert_int_equal(a.own.count, 0);
    assert_int_equal(alter(&a, *state, KD_ALTER_SET, "retention.ms", " 77 "), 0);
    assert_string_equal(kd_overrides_get(&a.own, "retention.ms"), "77");
    assert_true(kd_overrides_set(&a.own, "of.tomorrow", "1"));
    assert_int_equal(alter(&a, *state, KD_ALTER_SET, "remote.storage.enable", "true"), 0);
    assert_int_equal(alter(&a, *state, KD_ALTER_DELETE, "of.tomorrow", NULL), 0);
    assert_int_equal(a.own.count, 1);
    kd_overrides_deinit(&a.own);
}

static void a_broker_keeps_what_is_fixed_while_it_runs(void **state)
{
    struct kd_config values = *(const struct kd_config *)*state;
    struct kd_overrides none = {0}, next;
    struct kd_alter_target target = {kd_config_table(), &none, &values, KB_E_INVALID_REQUEST};
    struct kd_alteration one = {KD_ALTER_SET, kb_slice_str("num.partitions"), kb_slice_str("3")};
    struct kb_error err;
    assert_int_equal(kd_alter_plan(&target, &one, 1, false, &next, &err), KB_E_INVALID_REQUEST);
    assert_non_null(strstr(err.text, "at start"));
}

static void odd_bytes_in_names_and_values_are_no_match(void **state)
{
    struct kd_config values = *(const struct kd_config *)*state;
    struct kd_overrides none = {0}, next;
    struct kd_alter_target target = {kd_config_table(), &none, &values, KB_E_INVALID_REQUEST};
    struct kd_alteration one = {KD_ALTER_SET, kb_slice_of("log.retention.ms\0x", 18),
                                kb_slice_str("3")};
    struct kb_error err;
    assert_int_equal(kd_alter_plan(&target, &one, 1, false, &next, &err), KB_E_INVALID_REQUEST);
    one = (struct kd_alteration){KD_ALTER_SET, kb_slice_str("log.retention.ms"),
                                 kb_slice_of("3\0 4", 4)};
    assert_int_equal(kd_alter_plan(&target, &one, 1, false, &next, &err), KB_E_INVALID_REQUEST);
    char *long_text = calloc(1, 100001);
    memset(long_text, '7', 100000);
    one.value = kb_slice_str(long_text);
    assert_int_equal(kd_alter_plan(&target, &one, 1, false, &next, &err), KB_E_INVALID_REQUEST);
    one = (struct kd_alteration){KD_ALTER_SET, kb_slice_str(long_text), kb_slice_str("3")};
    assert_int_equal(kd_alter_plan(&target, &one, 1, false, &next, &err), KB_E_INVALID_REQUEST);
    free(long_text);
}

/* ---- Memory ------------------------------------------------------------- */

/* Loaded, laid over and altered: each step is whole or did not happen. */
static void configure_short_of_memory(void *ctx)
{
    char text[] = "broker.id=7\nlog.dirs=/tmp/kafka-logs\nlog.retention.hours=2\n";
    struct kd_config config;
    struct kd_live_config live;
    struct kd_overrides own = {0};
    struct altering a = {0};
    struct kb_error err;
    (void)ctx;
    if (!kd_config_init(&config))
        return;
    int code = kd_config_load(&config, text, strlen(text), NULL, &err);
    if (!code)
        code = kd_config_settle(&config, &err);
    assert_true(!code || code == KB_E_NO_MEMORY);
    kd_live_config_init(&live, &config);
    bool set = kd_overrides_set(&own, "log.retention.ms", "3000");
    assert_int_equal(own.count, set);
    kd_live_config_set(&live, KD_LAYER_BROKER, &own, NULL);
    if (set)
        assert_int_equal(live.now.topic.retention_ms, 3000);
    for (int i = 0; i < 2; i++) {
        size_t before = a.own.count;
        const char *key = i ? "retention.ms" : "cleanup.policy";
        code = alter(&a, &config, i ? KD_ALTER_SET : KD_ALTER_APPEND, key, i ? "7" : "compact");
        assert_true(!code || code == KB_E_UNKNOWN_SERVER_ERROR); /* as the wire says it */
        assert_int_equal(a.own.count, before + !code);
    }
    kd_overrides_deinit(&a.own);
    kd_live_config_deinit(&live);
    kd_config_deinit(&config);
}

static void out_of_memory_is_an_error(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(configure_short_of_memory, NULL), 15, 1000);
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
        cmocka_unit_test_setup_teardown(every_default_has_its_row, setup, teardown),
        cmocka_unit_test(out_of_memory_is_an_error),
        cmocka_unit_test_setup_teardown(what_changes_while_running_is_no_free_text, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(this_brokers_own_value_lies_over_the_clusters, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_a_newer_broker_stored_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_are_added_to_and_taken_from, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused_with_words, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broker_keeps_what_is_fixed_while_it_runs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(odd_bytes_in_names_and_values_are_no_match, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
