/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration that changes while a broker runs: what is asked, refused, in
 * force at once, and there after a power loss. */
#include "tests/unit/unit.h"
#include "tests/unit/broker/ask.h"
#include "base/check.h"
#include "base/time.h"
#include "wire/batch.h"
#include "wire/compress.h"
#include "wire/gen/alter_configs.h"
#include "wire/gen/create_partitions.h"
#include "wire/gen/create_topics.h"
#include "wire/gen/describe_configs.h"
#include "wire/gen/incremental_alter_configs.h"
#include "wire/gen/list_config_resources.h"
#include "wire/gen/metadata.h"
#include <stdio.h>
#include <string.h>

enum { TOPIC = 2, BROKER = 4, LOGGER = 8, METRICS = 16, GROUP = 32 };
enum { SET, DELETE, APPEND, SUBTRACT };
enum { OF_TOPIC = 1, OF_BROKER, OF_CLUSTER, OF_FILE, BY_DEFAULT };

struct rig {
    struct kb_fs *fs;
    struct kd_broker *broker;
    struct client client;
};

static int setup_over(void **state, struct kb_fs *fs, const char *auto_create)
{
    struct rig *rig = kb_calloc(1, sizeof *rig);
    rig->fs = fs;
    rig->broker = rig_broker(fs);
    rig_set(rig->broker, "log.retention.hours", "2");
    rig_set(rig->broker, "num.partitions", "3");
    rig_set(rig->broker, "auto.create.topics.enable", auto_create);
    rig_start(rig->broker);
    client_dial(&rig->client, rig->broker);
    *state = rig;
    return 0;
}

static int setup(void **state)
{
    return setup_over(state, kb_fs_mem_new(), "true");
}

static int setup_strict(void **state)
{
    return setup_over(state, kb_fs_mem_new(), "false");
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    client_hang_up(&rig->client);
    rig_end(rig->broker);
    rig->fs->ops->free(rig->fs);
    kb_free(rig);
    return 0;
}

static struct client *client_of(void **state)
{
    return &((struct rig *)*state)->client;
}

/* ---- Asking ------------------------------------------------------------- */

static struct kw_incremental_alter_configs_response ask_alter_all(
    struct client *c, int16_t version,
    struct kw_incremental_alter_configs_request_resource *resources, int32_t count,
    bool validate_only)
{
    struct kw_incremental_alter_configs_request in = {resources, count, validate_only};
    struct kw_incremental_alter_configs_response out;
    struct kw_writer w;
    client_begin(c, &w, KW_API_INCREMENTAL_ALTER_CONFIGS, version);
    kw_incremental_alter_configs_request_encode(&w, version, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_INCREMENTAL_ALTER_CONFIGS, version));
    assert_true(kw_incremental_alter_configs_response_decode(&c->body, version, &c->arena, &out));
    assert_int_equal(out.responses_count, count);
    return out;
}

struct alteration {
    int8_t type;
    const char *name;
    int8_t kind;
    const char *key, *value;
    bool validate_only;
};

/* One key of one resource. A failure has words. */
static struct kw_incremental_alter_configs_response_resource ask_alter(struct client *c,
                                                                       int16_t version,
                                                                       const struct alteration *a)
{
    struct kw_incremental_alter_configs_request_config config = {kb_slice_str(a->key), a->kind,
                                                                 kb_slice_str(a->value)};
    struct kw_incremental_alter_configs_request_resource resource = {a->type, kb_slice_str(a->name),
                                                                     &config, 1};
    struct kw_incremental_alter_configs_response out =
        ask_alter_all(c, version, &resource, 1, a->validate_only);
    assert_int_equal(out.responses[0].resource_type, a->type);
    assert_true(kb_slice_is(out.responses[0].resource_name, a->name));
    assert_true(!out.responses[0].error_code == kb_slice_is_null(out.responses[0].error_message));
    return out.responses[0];
}

static int alter(struct client *c, int8_t type, const char *name, int8_t kind, const char *key,
                 const char *value)
{
    return ask_alter(c, 1, &(struct alteration){type, name, kind, key, value, false}).error_code;
}

static void set(struct client *c, int8_t type, const char *name, const char *key, const char *value)
{
    assert_int_equal(alter(c, type, name, SET, key, value), 0);
}

static struct kw_describe_configs_response_resource ask_describe(struct client *c, int16_t version,
                                                                 int8_t type, struct kb_slice name,
                                                                 const char *key)
{
    struct kb_slice keys[] = {kb_slice_str(key)};
    struct kw_describe_configs_request_resource resource = {type, name, keys, key ? 1 : -1};
    struct kw_describe_configs_request in = {&resource, 1, true, version >= 3};
    struct kw_describe_configs_response out;
    struct kw_writer w;
    client_begin(c, &w, KW_API_DESCRIBE_CONFIGS, version);
    kw_describe_configs_request_encode(&w, version, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_DESCRIBE_CONFIGS, version));
    assert_true(kw_describe_configs_response_decode(&c->body, version, &c->arena, &out));
    assert_int_equal(out.results_count, 1);
    return out.results[0];
}

static struct kw_describe_configs_response_config describe(struct client *c, int8_t type,
                                                           const char *name, const char *key)
{
    struct kw_describe_configs_response_resource out =
        ask_describe(c, 4, type, kb_slice_str(name), key);
    assert_int_equal(out.error_code, 0);
    assert_int_equal(out.configs_count, 1);
    return out.configs[0];
}

static void expect(struct client *c, int8_t type, const char *name, const char *key,
                   const char *value, int8_t source)
{
    struct kw_describe_configs_response_config config = describe(c, type, name, key);
    if (!kb_slice_is(config.value, value))
        fail_msg("%s is %.*s, not %s", key, (int)config.value.size, (const char *)config.value.data,
                 value);
    assert_int_equal(config.config_source, source);
}

static void expect_synonyms(const struct kw_describe_configs_response_config *config,
                            const char *wanted)
{
    char text[512] = "";
    for (int32_t i = 0; i < config->synonyms_count; i++) {
        const struct kw_describe_configs_response_synonym *s = &config->synonyms[i];
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%d %.*s=%.*s; ", s->source, (int)s->name.size,
                 (const char *)s->name.data, (int)s->value.size, (const char *)s->value.data);
    }
    assert_string_equal(text, wanted);
}

/* ---- What is told ------------------------------------------------------- */

static void values_come_from_where_kafka_says(void **state)
{
    struct client *c = client_of(state);
    ask_create(c, "t", 1, "retention.ms", "1000", 0);
    set(c, BROKER, "", "log.retention.ms", "3000");
    set(c, BROKER, "1", "log.retention.ms", "2000");
    struct kw_describe_configs_response_config config = describe(c, TOPIC, "t", "retention.ms");
    expect_synonyms(&config,
                    "1 retention.ms=1000; 2 log.retention.ms=2000; 3 log.retention.ms=3000; "
                    "4 log.retention.hours=2; 5 log.retention.ms=604800000; ");
    assert_int_equal(config.config_type, 5);
    assert_false(config.read_only);
    assert_true(config.documentation.size > 0);
    expect(c, BROKER, "1", "log.retention.ms", "2000", OF_BROKER);
    expect(c, BROKER, "", "log.retention.ms", "3000", OF_CLUSTER);
    assert_int_equal(alter(c, TOPIC, "t", DELETE, "retention.ms", NULL), 0);
    expect(c, TOPIC, "t", "retention.ms", "2000", OF_BROKER);
    assert_int_equal(alter(c, BROKER, "1", DELETE, "log.retention.ms", NULL), 0);
    expect(c, TOPIC, "t", "retention.ms", "3000", OF_CLUSTER);
    assert_int_equal(alter(c, BROKER, "", DELETE, "log.retention.ms", NULL), 0);
    expect(c, TOPIC, "t", "retention.ms", "7200000", OF_FILE);
    expect(c, TOPIC, "t", "segment.ms", "604800000", BY_DEFAULT);
}

static void what_all_brokers_share_is_what_was_set(void **state)
{
    struct client *c = client_of(state);
    assert_int_equal(ask_describe(c, 4, BROKER, kb_slice_str(""), NULL).configs_count, 0);
    set(c, BROKER, "", "message.max.bytes", "5000");
    struct kw_describe_configs_response_resource out =
        ask_describe(c, 4, BROKER, kb_slice_str(""), NULL);
    assert_int_equal(out.configs_count, 1);
    expect_synonyms(&out.configs[0], "3 message.max.bytes=5000; ");
}

static void every_version_describes_every_row(void **state)
{
    struct client *c = client_of(state);
    ask_create(c, "t", 1, NULL, NULL, 0);
    for (int16_t version = 1; version <= 4; version++) {
        struct kw_describe_configs_response_resource out =
            ask_describe(c, version, BROKER, kb_slice_str("1"), NULL);
        assert_true(out.configs_count > 40);
        out = ask_describe(c, version, TOPIC, kb_slice_str("t"), NULL);
        assert_int_equal(out.configs_count, 26);
        for (int32_t i = 0; i < out.configs_count; i++) {
            assert_false(out.configs[i].read_only);
            assert_true(version < 3 || out.configs[i].documentation.size > 0);
        }
    }
    struct kw_describe_configs_response_config fixed = describe(c, BROKER, "1", "node.id");
    assert_true(fixed.read_only);
    assert_int_equal(ask_describe(c, 4, TOPIC, kb_slice_str("t"), "nonsense").configs_count, 0);
}

static void what_has_no_configuration_is_refused(void **state)
{
    static const struct {
        int8_t type;
        const char *name;
        int code;
    } cases[] = {
        {TOPIC, "missing", KB_E_UNKNOWN_TOPIC_OR_PARTITION},
        {TOPIC, "", KB_E_INVALID_TOPIC_EXCEPTION},
        {TOPIC, "b?d \x01\xff", KB_E_INVALID_TOPIC_EXCEPTION},
        {BROKER, "2", KB_E_INVALID_REQUEST},
        {BROKER, "one", KB_E_INVALID_REQUEST},
        {BROKER, "1 ", KB_E_INVALID_REQUEST},
        {LOGGER, "1", KB_E_INVALID_REQUEST},
        {METRICS, "m", KB_E_INVALID_REQUEST},
        {GROUP, "", KB_E_INVALID_REQUEST},
        {0, "", KB_E_INVALID_REQUEST},
        {3, "t", KB_E_INVALID_REQUEST},
        {-1, "t", KB_E_INVALID_REQUEST},
    };
    struct client *c = client_of(state);
    for (size_t i = 0; i < KB_ARRAY_SIZE(cases); i++) {
        struct kw_describe_configs_response_resource out =
            ask_describe(c, 4, cases[i].type, kb_slice_str(cases[i].name), NULL);
        assert_int_equal(out.error_code, cases[i].code);
        assert_true(out.error_message.size > 0);
        assert_int_equal(alter(c, cases[i].type, cases[i].name, SET, "retention.ms", "1"),
                         cases[i].code);
    }
}

static int list(struct client *c, int16_t version, int8_t type, char *out, size_t size)
{
    struct kw_list_config_resources_request in = {&type, type >= 0 ? 1 : 0};
    struct kw_list_config_resources_response answer;
    struct kw_writer w;
    client_begin(c, &w, KW_API_LIST_CONFIG_RESOURCES, version);
    kw_list_config_resources_request_encode(&w, version, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_LIST_CONFIG_RESOURCES, version));
    assert_true(kw_list_config_resources_response_decode(&c->body, version, &c->arena, &answer));
    *out = 0;
    for (int32_t i = 0; i < answer.config_resources_count; i++)
        snprintf(out + strlen(out), size - strlen(out), "%d %.*s; ",
                 answer.config_resources[i].resource_type,
                 (int)answer.config_resources[i].resource_name.size,
                 (const char *)answer.config_resources[i].resource_name.data);
    return answer.error_code;
}

static void resources_are_listed_by_type(void **state)
{
    static const struct {
        int16_t version;
        int8_t type;
        int code;
        const char *wanted;
    } cases[] = {
        {0, -1, 0, ""},          {1, -1, 0, "2 t; 4 1; "}, {1, TOPIC, 0, "2 t; "},
        {1, BROKER, 0, "4 1; "}, {1, GROUP, 0, ""},        {1, 3, KB_E_UNSUPPORTED_VERSION, ""},
    };
    struct client *c = client_of(state);
    char text[200];
    ask_create(c, "t", 1, NULL, NULL, 0);
    for (size_t i = 0; i < KB_ARRAY_SIZE(cases); i++) {
        assert_int_equal(list(c, cases[i].version, cases[i].type, text, sizeof text),
                         cases[i].code);
        assert_string_equal(text, cases[i].wanted);
    }
}

/* ---- Groups ------------------------------------------------------------- */

static void a_group_has_settings_of_its_own(void **state)
{
    struct client *c = client_of(state);
    const char *name = "my/group %1.\xff", *key = "consumer.session.timeout.ms";
    char text[100];
    struct kw_describe_configs_response_config session = describe(c, GROUP, name, key);
    assert_true(kb_slice_is(session.value, "45000"));
    assert_int_equal(session.config_source, 5);
    assert_int_equal(alter(c, GROUP, name, SET, key, "44999"), KB_E_INVALID_CONFIG);
    assert_int_equal(alter(c, GROUP, name, SET, key, "60001"), KB_E_INVALID_CONFIG);
    assert_int_equal(alter(c, GROUP, name, SET, "retention.ms", "1"), KB_E_INVALID_CONFIG);
    set(c, GROUP, name, key, "50000");
    session = describe(c, GROUP, name, key);
    assert_true(kb_slice_is(session.value, "50000"));
    assert_int_equal(session.config_source, 8);
    assert_true(kb_slice_is(describe(c, GROUP, "another", key).value, "45000"));
    assert_int_equal(list(c, 1, GROUP, text, sizeof text), KB_OK);
    assert_string_equal(text, "32 my/group %1.\xff; ");
    set(c, GROUP, name, "consumer.heartbeat.interval.ms", "6000");
    assert_int_equal(alter(c, GROUP, name, DELETE, key, NULL), KB_OK);
    assert_true(kb_slice_is(describe(c, GROUP, name, key).value, "45000"));
    assert_int_equal(alter(c, GROUP, name, DELETE, "consumer.heartbeat.interval.ms", NULL), KB_OK);
    assert_int_equal(list(c, 1, GROUP, text, sizeof text), KB_OK);
    assert_string_equal(text, "");
}

/* ---- What is altered ---------------------------------------------------- */

static void each_resource_stands_for_itself(void **state)
{
    struct client *c = client_of(state);
    struct kw_incremental_alter_configs_request_config good = {kb_slice_str("flush.messages"), SET,
                                                               kb_slice_str("7")},
                                                       bad = {kb_slice_str("flush.messages"), SET,
                                                              kb_slice_str("0")};
    struct kw_incremental_alter_configs_request_resource resources[] = {
        {TOPIC, kb_slice_str("a"), &good, 1},   {TOPIC, kb_slice_str("b"), &bad, 1},
        {TOPIC, kb_slice_str("c"), &good, 1},   {TOPIC, kb_slice_str("twice"), &good, 1},
        {BROKER, kb_slice_str("a"), &good, 1},  {TOPIC, kb_slice_str("twice"), &good, 1},
        {TOPIC, kb_slice_str("idle"), NULL, 0},
    };
    const int16_t wanted[] = {0,
                              KB_E_INVALID_CONFIG,
                              KB_E_UNKNOWN_TOPIC_OR_PARTITION,
                              KB_E_INVALID_REQUEST,
                              KB_E_INVALID_REQUEST,
                              KB_E_INVALID_REQUEST,
                              0};
    const char *const topics[] = {"a", "b", "twice", "idle"};
    for (size_t i = 0; i < KB_ARRAY_SIZE(topics); i++)
        ask_create(c, topics[i], 1, NULL, NULL, 0);
    struct kw_incremental_alter_configs_response out =
        ask_alter_all(c, 1, resources, KB_ARRAY_SIZE(resources), false);
    for (size_t i = 0; i < KB_ARRAY_SIZE(resources); i++)
        assert_int_equal(out.responses[i].error_code, wanted[i]);
    expect(c, TOPIC, "a", "flush.messages", "7", OF_TOPIC);
    expect(c, TOPIC, "b", "flush.messages", "1", BY_DEFAULT);
    expect(c, TOPIC, "twice", "flush.messages", "1", BY_DEFAULT);
    assert_int_equal(ask_alter_all(c, 1, resources, 0, false).responses_count, 0);
}

static void a_refusal_says_what_is_wrong(void **state)
{
    static const struct {
        struct alteration a;
        int code;
        const char *words;
    } cases[] = {
        {{TOPIC, "t", SET, "retention.m", "1", false}, KB_E_INVALID_CONFIG, "'retention.ms'"},
        {{TOPIC, "t", SET, "", "1", false}, KB_E_INVALID_CONFIG, "unknown"},
        {{TOPIC, "t", SET, "\xff\xfe", "1", false}, KB_E_INVALID_CONFIG, "unknown"},
        {{TOPIC, "t", SET, "segment.bytes", "1", false}, KB_E_INVALID_CONFIG, "1048576"},
        {{TOPIC, "t", SET, "segment.bytes", "\xff", false}, KB_E_INVALID_CONFIG, "number"},
        {{TOPIC, "t", SET, "segment.bytes", NULL, false}, KB_E_INVALID_REQUEST, "null"},
        {{TOPIC, "t", APPEND, "segment.bytes", "1", false}, KB_E_INVALID_CONFIG, "no list"},
        {{TOPIC, "t", APPEND, "cleanup.policy", "burn", false}, KB_E_INVALID_CONFIG, "compact"},
        {{TOPIC, "t", 9, "segment.bytes", "1", false}, KB_E_INVALID_REQUEST, "operation 9"},
        {{BROKER, "1", SET, "num.partitions", "3", false}, KB_E_INVALID_REQUEST, "at start"},
        {{BROKER, "", SET, "listeners", "PLAINTEXT://:1", false},
         KB_E_INVALID_REQUEST,
         "listeners"},
        {{BROKER, "1", SET, "log.retention.mss", "3", false}, KB_E_INVALID_REQUEST, "unknown"},
        {{BROKER, "1", SET, "message.max.bytes", "-4", false}, KB_E_INVALID_REQUEST, "0"},
    };
    struct client *c = client_of(state);
    ask_create(c, "t", 1, NULL, NULL, 0);
    for (size_t i = 0; i < 2 * KB_ARRAY_SIZE(cases); i++) {
        struct alteration a = cases[i / 2].a;
        a.validate_only = i % 2;
        struct kw_incremental_alter_configs_response_resource out = ask_alter(c, i % 2, &a);
        assert_int_equal(out.error_code, cases[i / 2].code);
        if (!memmem(out.error_message.data, out.error_message.size, cases[i / 2].words,
                    strlen(cases[i / 2].words)))
            fail_msg("%s: %.*s", a.key, (int)out.error_message.size,
                     (const char *)out.error_message.data);
    }
}

static void validating_changes_nothing(void **state)
{
    struct client *c = client_of(state);
    ask_create(c, "t", 1, NULL, NULL, 0);
    struct alteration a = {TOPIC, "t", SET, "retention.ms", "5", true};
    assert_int_equal(ask_alter(c, 0, &a).error_code, 0);
    expect(c, TOPIC, "t", "retention.ms", "7200000", OF_FILE);
    a = (struct alteration){BROKER, "", SET, "log.retention.ms", "5", true};
    assert_int_equal(ask_alter(c, 1, &a).error_code, 0);
    expect(c, TOPIC, "t", "retention.ms", "7200000", OF_FILE);
}

static int replace(struct client *c, int16_t version, const char *key, const char *value,
                   bool validate_only)
{
    struct kw_alter_configs_request_config config = {kb_slice_str(key), kb_slice_str(value)};
    struct kw_alter_configs_request_resource resource = {TOPIC, kb_slice_str("t"), &config,
                                                         key ? 1 : 0};
    struct kw_alter_configs_request in = {&resource, 1, validate_only};
    struct kw_alter_configs_response out;
    struct kw_writer w;
    client_begin(c, &w, KW_API_ALTER_CONFIGS, version);
    kw_alter_configs_request_encode(&w, version, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_ALTER_CONFIGS, version));
    assert_true(kw_alter_configs_response_decode(&c->body, version, &c->arena, &out));
    return out.responses[0].error_code;
}

static void the_old_request_replaces_everything(void **state)
{
    struct client *c = client_of(state);
    ask_create(c, "t", 1, "segment.ms", "5000", 0);
    for (int16_t version = 0; version <= 2; version++) {
        assert_int_equal(replace(c, version, "flush.messages", "7", false), 0);
        expect(c, TOPIC, "t", "flush.messages", "7", OF_TOPIC);
        expect(c, TOPIC, "t", "segment.ms", "604800000", BY_DEFAULT);
        assert_int_equal(replace(c, version, "segment.ms", "x", false), KB_E_INVALID_CONFIG);
        assert_int_equal(replace(c, version, "segment.ms", NULL, false), KB_E_INVALID_REQUEST);
        assert_int_equal(replace(c, version, NULL, NULL, true), 0);
        expect(c, TOPIC, "t", "flush.messages", "7", OF_TOPIC);
        assert_int_equal(replace(c, version, NULL, NULL, false), 0);
        expect(c, TOPIC, "t", "flush.messages", "1", BY_DEFAULT);
    }
}

/* Both are on their way at once: neither forgets what the other set. */
static void changes_side_by_side_are_all_there(void **state)
{
    enum { ROUNDS = 20 };
    struct rig *rig = *state;
    struct client *c = &rig->client, other;
    struct client *clients[] = {c, &other};
    const char *const keys[] = {"retention.ms", "segment.ms"};
    client_dial(&other, rig->broker);
    ask_create(c, "t", 1, NULL, NULL, 0);
    for (int i = 1; i <= ROUNDS; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        for (int k = 0; k < 2; k++) {
            struct kw_incremental_alter_configs_request_config config = {kb_slice_str(keys[k]), SET,
                                                                         kb_slice_str(value)};
            struct kw_incremental_alter_configs_request_resource resource = {
                TOPIC, kb_slice_str("t"), &config, 1};
            struct kw_incremental_alter_configs_request in = {&resource, 1, false};
            struct kw_writer w;
            client_begin(clients[k], &w, KW_API_INCREMENTAL_ALTER_CONFIGS, 1);
            kw_incremental_alter_configs_request_encode(&w, 1, &in);
            client_send(clients[k], &w);
        }
        for (int k = 0; k < 2; k++) {
            struct kw_incremental_alter_configs_response out;
            assert_true(client_hear(clients[k], KW_API_INCREMENTAL_ALTER_CONFIGS, 1));
            assert_true(kw_incremental_alter_configs_response_decode(&clients[k]->body, 1,
                                                                     &clients[k]->arena, &out));
            assert_int_equal(out.responses[0].error_code, 0);
        }
        expect(c, TOPIC, "t", keys[0], value, OF_TOPIC);
        expect(c, TOPIC, "t", keys[1], value, OF_TOPIC);
    }
    client_hang_up(&other);
}

static void a_long_list_is_answered_whole(void **state)
{
    enum { COUNT = 20000 };
    struct client *c = client_of(state);
    struct kw_incremental_alter_configs_request_config config = {kb_slice_str("retention.ms"), SET,
                                                                 kb_slice_str("5")};
    struct kw_incremental_alter_configs_request_resource *resources =
        kb_calloc(COUNT, sizeof *resources);
    char(*names)[16] = kb_calloc(COUNT, sizeof *names);
    ask_create(c, "t", 1, NULL, NULL, 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        resources[i] = (struct kw_incremental_alter_configs_request_resource){
            TOPIC, kb_slice_str(i ? names[i] : "t"), &config, 1};
    }
    struct kw_incremental_alter_configs_response out = ask_alter_all(c, 1, resources, COUNT, false);
    assert_int_equal(out.responses[0].error_code, 0);
    for (int i = 1; i < COUNT; i++)
        assert_int_equal(out.responses[i].error_code, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    kb_free(resources);
    kb_free(names);
}

/* ---- Creating ----------------------------------------------------------- */

static int create_null(struct client *c, const char *key, const char *value)
{
    struct kw_create_topics_request_config config = {kb_slice_str(key), kb_slice_str(value)};
    struct kw_create_topics_request_topic topic = {.name = kb_slice_str("n"),
                                                   .num_partitions = 1,
                                                   .replication_factor = 1,
                                                   .configs = &config,
                                                   .configs_count = 1};
    struct kw_create_topics_request in = {
        .topics = &topic, .topics_count = 1, .timeout_ms = 1000, .validate_only = true};
    struct kw_create_topics_response out;
    struct kw_writer w;
    client_begin(c, &w, KW_API_CREATE_TOPICS, 7);
    kw_create_topics_request_encode(&w, 7, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_CREATE_TOPICS, 7));
    assert_true(kw_create_topics_response_decode(&c->body, 7, &c->arena, &out));
    return out.topics[0].error_code;
}

static void topics_are_made_with_what_is_right(void **state)
{
    struct client *c = client_of(state);
    assert_int_equal(create_null(c, "retention.ms", "5"), 0);
    assert_int_equal(create_null(c, "retention.ms", NULL), KB_E_INVALID_REQUEST);
    assert_int_equal(create_null(c, "retention.ms", "x"), KB_E_INVALID_CONFIG);
    assert_int_equal(create_null(c, "retention", "5"), KB_E_INVALID_CONFIG);
    assert_int_equal(create_null(c, "remote.storage.enable", "false"), 0);
    assert_int_equal(ask_describe(c, 4, TOPIC, kb_slice_str("n"), NULL).error_code,
                     KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    set(c, BROKER, "", "compression.type", "zstd");
    ask_create(c, "t", 1, "retention.ms", "5", 0);
    expect(c, TOPIC, "t", "compression.type", "zstd", OF_CLUSTER);
}

static struct kw_metadata_response_topic ask_topic(struct client *c, const char *name, bool make)
{
    struct kw_metadata_request_topic topic = {.name = kb_slice_str(name)};
    struct kw_metadata_request in = {
        .topics = &topic, .topics_count = 1, .allow_auto_topic_creation = make};
    struct kw_metadata_response out;
    struct kw_writer w;
    client_begin(c, &w, KW_API_METADATA, 12);
    kw_metadata_request_encode(&w, 12, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_METADATA, 12));
    assert_true(kw_metadata_response_decode(&c->body, 12, &c->arena, &out));
    return out.topics[0];
}

/* Where the client asks for it, the broker allows it, and the name can be one. */
static void topics_are_made_by_asking_for_them(void **state)
{
    struct client *c = client_of(state);
    set(c, BROKER, "", "compression.type", "zstd");
    assert_int_equal(ask_topic(c, "t", false).error_code, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(ask_topic(c, "t", true).error_code, 0);
    assert_int_equal(ask_topic(c, "t", false).partitions_count, 3);
    expect(c, TOPIC, "t", "compression.type", "zstd", OF_CLUSTER);
    assert_int_equal(ask_topic(c, "no such name", true).error_code, KB_E_INVALID_TOPIC_EXCEPTION);
}

static void unless_the_broker_says_no(void **state)
{
    struct client *c = client_of(state);
    assert_int_equal(ask_topic(c, "t", true).error_code, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
}

static void growing_can_be_tried(void **state)
{
    struct client *c = client_of(state);
    struct kw_create_partitions_request_topic topic = {
        .name = kb_slice_str("t"), .count = 3, .assignments_count = -1};
    struct kw_create_partitions_request in = {
        .topics = &topic, .topics_count = 1, .timeout_ms = 1000, .validate_only = true};
    struct kw_create_partitions_response out;
    struct kw_writer w;
    ask_create(c, "t", 1, NULL, NULL, 0);
    client_begin(c, &w, KW_API_CREATE_PARTITIONS, 3);
    kw_create_partitions_request_encode(&w, 3, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_CREATE_PARTITIONS, 3));
    assert_true(kw_create_partitions_response_decode(&c->body, 3, &c->arena, &out));
    assert_int_equal(out.results[0].error_code, 0);
    assert_int_equal(ask_topic(c, "t", false).partitions_count, 1);
}

/* ---- What is in force --------------------------------------------------- */

static void a_size_limit_holds_at_once(void **state)
{
    struct client *c = client_of(state);
    struct batch_spec large = {.producer_id = -1, .count = 1, .value_bytes = 5000};
    ask_create(c, "t", 1, NULL, NULL, 0);
    assert_int_equal(ask_produce(c, "t", 0, &large), 0);
    set(c, TOPIC, "t", "max.message.bytes", "1000");
    assert_int_equal(ask_produce(c, "t", 0, &large), -KB_E_MESSAGE_TOO_LARGE);
    assert_int_equal(alter(c, TOPIC, "t", DELETE, "max.message.bytes", NULL), 0);
    assert_int_equal(ask_produce(c, "t", 0, &large), 1);
    set(c, BROKER, "", "message.max.bytes", "2000");
    assert_int_equal(ask_produce(c, "t", 0, &large), -KB_E_MESSAGE_TOO_LARGE);
    set(c, BROKER, "1", "message.max.bytes", "9000");
    assert_int_equal(ask_produce(c, "t", 0, &large), 2);
}

static void times_are_checked_and_given_at_once(void **state)
{
    struct client *c = client_of(state);
    struct batch_spec old = {.producer_id = -1, .count = 1, .timestamp_ms = 1000};
    ask_create(c, "t", 1, NULL, NULL, 0);
    assert_int_equal(ask_produce(c, "t", 0, &old), 0);
    set(c, TOPIC, "t", "message.timestamp.before.max.ms", "60000");
    assert_int_equal(ask_produce(c, "t", 0, &old), -KB_E_INVALID_TIMESTAMP);
    set(c, TOPIC, "t", "message.timestamp.type", "LogAppendTime");
    ask_produce_send(c, -1, "t", 0, &old);
    struct kw_produce_response_partition out = ask_produce_hear(c);
    assert_int_equal(out.error_code, 0);
    assert_true(out.log_append_time_ms > 1000);
    old.timestamp_ms = INT64_C(4102444800000); /* in the year 2100 */
    set(c, TOPIC, "t", "message.timestamp.type", "CreateTime");
    assert_int_equal(ask_produce(c, "t", 0, &old), -KB_E_INVALID_TIMESTAMP);
    set(c, TOPIC, "t", "message.timestamp.after.max.ms", "9223372036854775807");
    assert_int_equal(ask_produce(c, "t", 0, &old), 2);
}

static unsigned last_codec(struct client *c, int64_t offset)
{
    struct kw_fetch_response_partition out =
        ask_fetch(c, &(struct fetch_spec){.topic = "t", .session_epoch = -1, .offset = offset});
    struct kw_batch_header header;
    assert_int_equal(count_batches(out.records), 1);
    kw_batch_peek(out.records.data, &header);
    return kw_batch_header_codec(&header);
}

static void batches_are_packed_anew_at_once(void **state)
{
    static const struct {
        const char *type;
        unsigned codec;
    } cases[] = {{"gzip", KW_CODEC_GZIP},         {"snappy", KW_CODEC_SNAPPY},
                 {"lz4", KW_CODEC_LZ4},           {"zstd", KW_CODEC_ZSTD},
                 {"uncompressed", KW_CODEC_NONE}, {"producer", KW_CODEC_NONE}};
    struct client *c = client_of(state);
    ask_create(c, "t", 1, NULL, NULL, 0);
    for (size_t i = 0; i < KB_ARRAY_SIZE(cases); i++) {
        set(c, TOPIC, "t", "compression.type", cases[i].type);
        int64_t offset = ask_produce(c, "t", 0, &ten_records);
        assert_int_equal(offset, 10 * (int64_t)i);
        assert_int_equal(last_codec(c, offset), cases[i].codec);
    }
}

/* What the log takes for the same records, packed at this level. */
static size_t packed_bytes(struct client *c, const char *key, const char *level)
{
    struct batch_spec spec = {.producer_id = -1, .count = 500, .value_bytes = 40};
    set(c, TOPIC, "t", key, level);
    int64_t offset = ask_produce(c, "t", 0, &spec);
    return ask_fetch(c, &(struct fetch_spec){.topic = "t", .session_epoch = -1, .offset = offset})
        .records.size;
}

static void levels_count(void **state)
{
    struct client *c = client_of(state);
    ask_create(c, "t", 1, "compression.type", "gzip", 0);
    size_t fast = packed_bytes(c, "compression.gzip.level", "1");
    assert_true(packed_bytes(c, "compression.gzip.level", "9") < fast);
    set(c, TOPIC, "t", "compression.type", "zstd");
    fast = packed_bytes(c, "compression.zstd.level", "-50");
    assert_true(packed_bytes(c, "compression.zstd.level", "19") < fast);
}

static void too_few_replicas_refuse_acks_all(void **state)
{
    struct client *c = client_of(state);
    ask_create(c, "t", 1, NULL, NULL, 0);
    set(c, TOPIC, "t", "min.insync.replicas", "2");
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), -KB_E_NOT_ENOUGH_REPLICAS);
    ask_produce_send(c, 1, "t", 0, &ten_records);
    assert_int_equal(ask_produce_hear(c).error_code, 0);
    assert_int_equal(alter(c, TOPIC, "t", DELETE, "min.insync.replicas", NULL), 0);
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), 10);
}

/* A relaxed log, a strict one, and back: every answer comes, every record stays. */
static void flushing_changes_in_midstream(void **state)
{
    struct rig *rig = *state;
    struct client *c = &rig->client;
    const char *const values[] = {"1000", "1", "2", "1"};
    int64_t offset = 0;
    ask_create(c, "t", 1, NULL, NULL, 0);
    for (int i = 0; i < 40; i++, offset += 10) {
        assert_int_equal(ask_produce(c, "t", 0, &ten_records), offset);
        set(c, TOPIC, "t", "flush.messages", values[i % 4]);
        if (i % 4 == 1)
            set(c, TOPIC, "t", "flush.ms", i % 8 == 1 ? "0" : "9223372036854775807");
    }
    assert_int_equal(ask_offset(c, "t", -1).offset, offset);
}

static void connections_are_limited_at_once(void **state)
{
    struct rig *rig = *state;
    struct client other;
    set(&rig->client, BROKER, "1", "max.connections", "1");
    client_dial(&other, rig->broker);
    assert_false(client_hear(&other, KW_API_METADATA, 9));
    client_hang_up(&other);
    set(&rig->client, BROKER, "1", "max.connections", "2");
    client_dial(&other, rig->broker);
    expect(&other, BROKER, "1", "max.connections", "2", OF_BROKER);
    client_hang_up(&other);
}

/* ---- What stays --------------------------------------------------------- */

/* Another broker on what would be on the disk if power went now. */
static void after_a_power_loss(void **state, void (*look)(struct client *c))
{
    struct rig *rig = *state;
    struct kb_random random;
    void *later;
    struct kb_fs *fs = kb_fs_mem_clone(rig->fs);
    kb_random_seed(&random, 7);
    kb_fs_mem_crash(fs, KB_CRASH_POWER, &random);
    setup_over(&later, fs, "true");
    look(client_of(&later));
    teardown(&later);
}

static void look_for_everything(struct client *c)
{
    expect(c, TOPIC, "t", "retention.ms", "5", OF_TOPIC);
    expect(c, TOPIC, "t", "segment.ms", "77", OF_TOPIC);
    expect(c, TOPIC, "t", "max.message.bytes", "1234", OF_BROKER);
    expect(c, TOPIC, "t", "flush.messages", "9", OF_CLUSTER);
    expect(c, BROKER, "", "log.flush.interval.messages", "9", OF_CLUSTER);
    assert_int_equal(alter(c, TOPIC, "t", DELETE, "segment.ms", NULL), 0);
    assert_int_equal(alter(c, BROKER, "", DELETE, "log.flush.interval.messages", NULL), 0);
    set(c, BROKER, "1", "message.max.bytes", "4321");
    expect(c, TOPIC, "t", "max.message.bytes", "4321", OF_BROKER);
    expect(c, TOPIC, "t", "flush.messages", "1", BY_DEFAULT);
}

static void what_was_answered_outlives_a_power_loss(void **state)
{
    struct client *c = client_of(state);
    ask_create(c, "t", 1, "retention.ms", "5", 0);
    set(c, TOPIC, "t", "segment.ms", "77");
    set(c, BROKER, "1", "message.max.bytes", "1234");
    set(c, BROKER, "", "log.flush.interval.messages", "9");
    after_a_power_loss(state, look_for_everything);
}

static void look_for_the_last(struct client *c)
{
    expect(c, TOPIC, "t", "retention.ms", "300", OF_TOPIC);
    set(c, TOPIC, "t", "retention.ms", "301");
}

/* Notices of changes do not pile up, nor do they get in the way. */
static void many_changes_are_like_one(void **state)
{
    struct client *c = client_of(state);
    char value[16];
    ask_create(c, "t", 1, NULL, NULL, 0);
    for (int i = 1; i <= 300; i++) {
        snprintf(value, sizeof value, "%d", i);
        set(c, TOPIC, "t", "retention.ms", value);
    }
    after_a_power_loss(state, look_for_the_last);
}

#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(values_come_from_where_kafka_says),
        CASE(what_all_brokers_share_is_what_was_set),
        CASE(every_version_describes_every_row),
        CASE(what_has_no_configuration_is_refused),
        CASE(resources_are_listed_by_type),
        CASE(a_group_has_settings_of_its_own),
        CASE(each_resource_stands_for_itself),
        CASE(a_refusal_says_what_is_wrong),
        CASE(validating_changes_nothing),
        CASE(the_old_request_replaces_everything),
        CASE(changes_side_by_side_are_all_there),
        CASE(a_long_list_is_answered_whole),
        CASE(topics_are_made_with_what_is_right),
        CASE(topics_are_made_by_asking_for_them),
        cmocka_unit_test_setup_teardown(unless_the_broker_says_no, setup_strict, teardown),
        CASE(growing_can_be_tried),
        CASE(a_size_limit_holds_at_once),
        CASE(times_are_checked_and_given_at_once),
        CASE(batches_are_packed_anew_at_once),
        CASE(levels_count),
        CASE(too_few_replicas_refuse_acks_all),
        CASE(flushing_changes_in_midstream),
        CASE(connections_are_limited_at_once),
        CASE(what_was_answered_outlives_a_power_loss),
        CASE(many_changes_are_like_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
