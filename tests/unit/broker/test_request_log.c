/* SPDX-License-Identifier: Apache-2.0 */
/* What log.requests writes. */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/broker/rig.h"
#include "wire/gen/fetch.h"
#include "wire/gen/incremental_alter_configs.h"
#include "wire/gen/metadata.h"
#include "wire/gen/produce.h"

#include <stdio.h>

enum { KEPT_BYTES = 32768, METADATA_VERSION = 9, PRODUCE_VERSION = 9, FETCH_VERSION = 12 };

/* The broker's log: lines of the component "request". */
struct kept {
    struct kb_log log;
    size_t size;
    int lines;
    char text[KEPT_BYTES];
};

static void keep(struct kb_log *log, enum kb_level level, const char *component, const char *text)
{
    struct kept *kept = KB_CONTAINER(log, struct kept, log);
    if (strcmp(component, "request"))
        return;
    assert_int_equal(level, KB_LOG_INFO);
    size_t left = sizeof kept->text - kept->size;
    kept->size += (size_t)snprintf(kept->text + kept->size, left, "%s\n", text);
    kept->lines++;
    assert_true(kept->size < sizeof kept->text);
}

static void ask_metadata(struct client *c)
{
    struct kw_metadata_request in;
    struct kw_metadata_request_topic topic;
    struct kw_writer w;
    kw_metadata_request_init(&in);
    kw_metadata_request_topic_init(&topic);
    topic.name = kb_slice_str("told");
    in.topics = &topic;
    in.topics_count = 1;
    client_begin(c, &w, KW_API_METADATA, METADATA_VERSION);
    kw_metadata_request_encode(&w, METADATA_VERSION, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_METADATA, METADATA_VERSION));
}

static void produce(struct client *c, int16_t acks)
{
    const struct batch_spec spec = {.producer_id = -1, .sequence = -1, .count = 2};
    struct kb_buf *batch = make_batch(&spec);
    struct kw_produce_request_partition partition = {.records = kb_buf_view(batch)};
    struct kw_produce_request_topic topic = {.partition_data = &partition,
                                             .partition_data_count = 1};
    struct kw_produce_request in;
    struct kw_writer w;
    topic.name = kb_slice_str("told");
    kw_produce_request_init(&in);
    in.acks = acks;
    in.timeout_ms = 10000;
    in.topic_data = &topic;
    in.topic_data_count = 1;
    client_begin(c, &w, KW_API_PRODUCE, PRODUCE_VERSION);
    kw_produce_request_encode(&w, PRODUCE_VERSION, &in);
    client_send(c, &w);
    if (acks)
        assert_true(client_hear(c, KW_API_PRODUCE, PRODUCE_VERSION));
    kb_buf_unref(batch);
}

static void fetch(struct client *c)
{
    struct kw_fetch_request_partition partition;
    struct kw_fetch_request_topic topic;
    struct kw_fetch_request in;
    struct kw_writer w;
    kw_fetch_request_init(&in);
    kw_fetch_request_topic_init(&topic);
    kw_fetch_request_partition_init(&partition);
    partition.partition_max_bytes = 1 << 20;
    topic.topic = kb_slice_str("told");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    in.topics = &topic;
    in.topics_count = 1;
    client_begin(c, &w, KW_API_FETCH, FETCH_VERSION);
    kw_fetch_request_encode(&w, FETCH_VERSION, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_FETCH, FETCH_VERSION));
}

/* log.requests of the broker that runs. */
static void ask_for(struct client *c, const char *wanted)
{
    enum { VERSION = 1, BROKER = 4, SET = 0 };
    struct kw_incremental_alter_configs_request_config config = {.name =
                                                                     kb_slice_str("log.requests"),
                                                                 .config_operation = SET,
                                                                 .value = kb_slice_str(wanted)};
    struct kw_incremental_alter_configs_request_resource resource = {BROKER, kb_slice_str("1"),
                                                                     &config, 1};
    struct kw_incremental_alter_configs_request in = {&resource, 1, false};
    struct kw_incremental_alter_configs_response out;
    struct kw_writer w;
    client_begin(c, &w, KW_API_INCREMENTAL_ALTER_CONFIGS, VERSION);
    kw_incremental_alter_configs_request_encode(&w, VERSION, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_INCREMENTAL_ALTER_CONFIGS, VERSION));
    assert_true(kw_incremental_alter_configs_response_decode(&c->body, VERSION, &c->arena, &out));
    assert_int_equal(out.responses[0].error_code, 0);
}

static void ask_everything(struct client *c)
{
    ask_metadata(c);
    produce(c, -1);
    fetch(c);
    produce(c, 0);
    ask_metadata(c); /* the one before it is through by then */
}

static void turn_on_and_off(struct client *c)
{
    ask_metadata(c);
    ask_for(c, "headers");
    ask_metadata(c);
    ask_for(c, "none");
    ask_metadata(c);
}

/* Of an API that nobody has: it closes the connection. */
static void ask_nonsense(struct client *c)
{
    struct kw_writer w;
    kw_writer_init(&w, 64);
    kw_write_i16(&w, 999);
    kw_write_i16(&w, 1);
    kw_write_i32(&w, 7);
    client_send(c, &w);
    assert_false(client_hear(c, KW_API_METADATA, METADATA_VERSION));
}

/* A broker's whole life; its log is quiet afterwards. */
static struct kept *run(const char *wanted, void (*ask)(struct client *c))
{
    struct kept *kept = kb_calloc(1, sizeof *kept);
    struct kb_fs *fs = kb_fs_mem_new();
    struct kd_broker_options options = {.fs = fs, .log = &kept->log};
    struct kd_broker *broker = kd_broker_new(&options, NULL);
    struct client client;
    assert_non_null(broker);
    kept->log.write = keep;
    rig_set(broker, "listeners", "PLAINTEXT://127.0.0.1:0");
    rig_set(broker, "log.level", "warn");
    rig_set(broker, "log.requests", wanted);
    rig_start(broker);
    client_dial(&client, broker);
    ask(&client);
    client_hang_up(&client);
    rig_end(broker);
    fs->ops->free(fs);
    return kept;
}

static void has(const struct kept *kept, const char *part)
{
    if (!strstr(kept->text, part))
        fail_msg("no %s in\n%s", part, kept->text);
}

static void each_request_and_its_answer_is_a_line(void **state)
{
    (void)state;
    struct kept *kept = run("messages", ask_everything);
    assert_int_equal(kept->lines, 5);
    has(kept, "peer=127.0.0.1:");
    has(kept, " request={\"api\":\"Metadata\",\"key\":3,\"version\":9,\"correlation_id\":1,"
              "\"client_id\":\"test\",\"request\":{\"topics\":[{\"name\":\"told\"}]");
    has(kept, " response={\"throttle_time_ms\":0,\"brokers\":[{\"node_id\":1,");
    has(kept, "\"records\":{\"bytes\":");
    has(kept, "\"batches\":1,\"base_offset\":0,\"records\":2,\"codec\":\"none\"}");
    has(kept, "\"partition_responses\":[{\"index\":0,\"error_code\":0,\"base_offset\":0,");
    assert_null(strstr(kept->text, "value-0"));
    kb_free(kept);
}

/* Its records are read from the log only while they are sent. */
static void a_fetch_tells_what_it_found(void **state)
{
    (void)state;
    struct kept *kept = run("messages", ask_everything);
    has(kept, "\"high_watermark\":2,");
    const char *answer = strstr(kept->text, "\"high_watermark\":2,");
    assert_non_null(strstr(answer, "\"records\":{\"bytes\":"));
    kb_free(kept);
}

static void a_request_without_an_answer_has_its_line(void **state)
{
    (void)state;
    struct kept *kept = run("messages", ask_everything);
    const char *line = strstr(kept->text, "\"correlation_id\":4,");
    assert_non_null(line);
    assert_non_null(strstr(kept->text, " response_bytes=0 "));
    assert_true(strstr(line, " response={") > strchr(line, '\n'));
    kb_free(kept);
}

static void headers_alone(void **state)
{
    (void)state;
    struct kept *kept = run("headers", ask_everything);
    assert_int_equal(kept->lines, 5);
    has(kept, "\"correlation_id\":1,\"client_id\":\"test\"}\n");
    assert_null(strstr(kept->text, "told"));
    kb_free(kept);
}

static void nothing_by_default(void **state)
{
    (void)state;
    struct kept *kept = run(NULL, ask_everything);
    assert_int_equal(kept->lines, 0);
    kb_free(kept);
}

static void it_changes_while_the_broker_runs(void **state)
{
    (void)state;
    struct kept *kept = run(NULL, turn_on_and_off);
    assert_int_equal(kept->lines, 2); /* Metadata, and what turned it off */
    has(kept, "\"api\":\"Metadata\",\"key\":3,\"version\":9,\"correlation_id\":3,");
    has(kept, "\"api\":\"IncrementalAlterConfigs\",\"key\":44,\"version\":1,\"correlation_id\":4,");
    kb_free(kept);
}

static void a_refused_request_has_its_line(void **state)
{
    (void)state;
    struct kept *kept = run("messages", ask_nonsense);
    assert_int_equal(kept->lines, 1);
    has(kept, " request={\"api\":\"Unknown\",\"key\":999,\"version\":1,\"correlation_id\":7,");
    kb_free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_and_its_answer_is_a_line),
        cmocka_unit_test(a_fetch_tells_what_it_found),
        cmocka_unit_test(a_request_without_an_answer_has_its_line),
        cmocka_unit_test(headers_alone),
        cmocka_unit_test(nothing_by_default),
        cmocka_unit_test(a_refused_request_has_its_line),
        cmocka_unit_test(it_changes_while_the_broker_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
