/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and their answers, over real sockets. */
#include "tests/unit/unit.h"
#include "tests/unit/broker/ask.h"
#include "base/check.h"
#include "base/time.h"
#include "wire/batch.h"
#include "wire/gen/create_partitions.h"
#include "wire/gen/delete_topics.h"
#include "wire/gen/describe_configs.h"
#include "wire/gen/metadata.h"
#include "wire/gen/offset_for_leader_epoch.h"
#include <errno.h>
#include <string.h>

struct rig {
    struct kb_fs *fs;
    struct kd_broker *broker;
    struct client client;
};

static int setup_with(void **state, const char *key, const char *value)
{
    struct rig *rig = kb_calloc(1, sizeof *rig);
    rig->fs = kb_fs_mem_new();
    rig->broker = rig_broker(rig->fs);
    if (key)
        rig_set(rig->broker, key, value);
    rig_start(rig->broker);
    client_dial(&rig->client, rig->broker);
    *state = rig;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, NULL, NULL);
}

static int setup_impatient(void **state)
{
    return setup_with(state, "connections.max.idle.ms", "30");
}

static int setup_tight(void **state)
{
    return setup_with(state, "queued.max.request.bytes", "300000");
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    client_hang_up(&rig->client);
    if (rig->broker)
        rig_end(rig->broker);
    rig->fs->ops->free(rig->fs);
    kb_free(rig);
    return 0;
}

/* ---- Produce and fetch -------------------------------------------------- */

static void what_is_produced_is_fetched(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 2, NULL, NULL, 0);
    assert_int_equal(ask_produce(c, "t", 1, &ten_records), 0);
    assert_int_equal(ask_produce(c, "t", 1, &ten_records), 10);
    struct kw_fetch_response_partition out =
        ask_fetch(c, &(struct fetch_spec){.topic = "t", .partition = 1, .session_epoch = -1});
    assert_int_equal(out.high_watermark, 20);
    assert_int_equal(count_batches(out.records), 2);
    out = ask_fetch(
        c, &(struct fetch_spec){.topic = "t", .partition = 1, .session_epoch = -1, .offset = 15});
    assert_int_equal(count_batches(out.records), 1);
}

static void byte_limits_hold_but_for_the_first_batch(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct batch_spec large = {.producer_id = -1, .count = 1, .value_bytes = 5000};
    ask_create(c, "t", 1, NULL, NULL, 0);
    for (int i = 0; i < 5; i++)
        ask_produce(c, "t", 0, &large);
    struct kw_fetch_response_partition out =
        ask_fetch(c, &(struct fetch_spec){
                         .topic = "t", .session_epoch = -1, .max_bytes = 100, .part_bytes = 100});
    assert_int_equal(count_batches(out.records), 1);
    out =
        ask_fetch(c, &(struct fetch_spec){.topic = "t", .session_epoch = -1, .part_bytes = 11000});
    assert_int_equal(count_batches(out.records), 2);
    out = ask_fetch(c, &(struct fetch_spec){.topic = "t", .session_epoch = -1, .max_bytes = 16000});
    assert_int_equal(count_batches(out.records), 3);
}

static void a_fetch_waits_for_what_comes(void **state)
{
    struct rig *rig = *state;
    struct client *c = &rig->client, other;
    client_dial(&other, rig->broker);
    ask_create(c, "t", 1, NULL, NULL, 0);
    ask_fetch_send(c, &(struct fetch_spec){
                          .topic = "t", .session_epoch = -1, .max_wait_ms = 15000, .min_bytes = 1});
    assert_int_equal(ask_produce(&other, "t", 0, &ten_records), 0);
    struct kw_fetch_response out = ask_fetch_hear(c);
    assert_int_equal(count_batches(out.responses[0].partitions[0].records), 1);
    client_hang_up(&other);
}

static void a_fetch_waits_for_min_bytes_at_most_its_time(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    ask_produce(c, "t", 0, &ten_records);
    int64_t before = kb_mono_ns();
    struct kw_fetch_response_partition out = ask_fetch(
        c, &(struct fetch_spec){
               .topic = "t", .session_epoch = -1, .max_wait_ms = 50, .min_bytes = 100000});
    assert_true(kb_mono_ns() - before >= 45000000);
    assert_int_equal(count_batches(out.records), 1);
}

static void sessions_tell_only_what_is_new(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    ask_produce(c, "t", 0, &ten_records);
    ask_fetch_send(c, &(struct fetch_spec){.topic = "t"});
    struct kw_fetch_response out = ask_fetch_hear(c);
    int32_t id = out.session_id;
    assert_true(id > 0);
    ask_fetch_send(
        c, &(struct fetch_spec){.topic = "t", .session_id = id, .session_epoch = 1, .offset = 10});
    out = ask_fetch_hear(c);
    assert_int_equal(out.session_id, id);
    assert_int_equal(out.responses_count, 0);
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), 10);
    ask_fetch_send(c, &(struct fetch_spec){.session_id = id, .session_epoch = 2, .empty = true});
    out = ask_fetch_hear(c);
    assert_int_equal(out.responses_count, 1);
    assert_int_equal(count_batches(out.responses[0].partitions[0].records), 1);
    ask_fetch_send(c, &(struct fetch_spec){.session_id = id, .session_epoch = 2, .empty = true});
    assert_int_equal(ask_fetch_hear(c).error_code, KB_E_INVALID_FETCH_SESSION_EPOCH);
    ask_fetch_send(c,
                   &(struct fetch_spec){.session_id = id + 1, .session_epoch = 1, .empty = true});
    assert_int_equal(ask_fetch_hear(c).error_code, KB_E_FETCH_SESSION_ID_NOT_FOUND);
}

static void errors_of_partitions_are_theirs(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    ask_produce(c, "t", 0, &ten_records);
    struct fetch_spec ask = {
        .topic = "t", .session_epoch = -1, .max_wait_ms = 10000, .min_bytes = 1, .offset = 11};
    assert_int_equal(ask_fetch(c, &ask).error_code, KB_E_OFFSET_OUT_OF_RANGE);
    ask.offset = 0;
    ask.epoch = 99;
    assert_int_equal(ask_fetch(c, &ask).error_code, KB_E_UNKNOWN_LEADER_EPOCH);
    ask.epoch = 0;
    ask.partition = 1;
    assert_int_equal(ask_fetch(c, &ask).error_code, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(ask_produce(c, "t", 7, &ten_records), -KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(ask_produce(c, "none", 0, &ten_records), -KB_E_UNKNOWN_TOPIC_OR_PARTITION);
}

static void a_retry_is_not_written_twice(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    struct batch_spec spec = {.producer_id = ask_producer_id(c), .count = 10};
    assert_int_equal(ask_produce(c, "t", 0, &spec), 0);
    assert_int_equal(ask_produce(c, "t", 0, &spec), 0);
    spec.sequence = 10;
    assert_int_equal(ask_produce(c, "t", 0, &spec), 10);
    spec.sequence = 30;
    assert_int_equal(ask_produce(c, "t", 0, &spec), -KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(ask_offset(c, "t", -1).offset, 20);
}

static void five_in_flight_are_answered_in_order(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 4, NULL, NULL, 0);
    for (int i = 0; i < 40; i++)
        ask_produce_send(c, -1, "t", i % 4, &ten_records);
    for (int i = 0; i < 40; i++) {
        struct kw_produce_response_partition out = ask_produce_hear(c);
        assert_int_equal(out.error_code, 0);
        assert_int_equal(out.index, i % 4);
        assert_int_equal(out.base_offset, i / 4 * 10);
    }
}

static void acks_0_has_no_answer_and_a_failure_ends_the_connection(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    ask_produce_send(c, 0, "t", 0, &ten_records);
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), 10);
    ask_produce_send(c, 0, "none", 0, &ten_records);
    assert_false(client_hear(c, KW_API_PRODUCE, 9));
}

static void odd_acks_are_refused(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    ask_produce_send(c, 2, "t", 0, &ten_records);
    assert_int_equal(ask_produce_hear(c).error_code, KB_E_INVALID_REQUIRED_ACKS);
}

static void topics_limit_what_they_take(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "small", 1, "max.message.bytes", "200", 0);
    assert_int_equal(ask_produce(c, "small", 0, &ten_records), -KB_E_MESSAGE_TOO_LARGE);
    ask_create(c, "two", 1, "min.insync.replicas", "2", 0);
    assert_int_equal(ask_produce(c, "two", 0, &ten_records), -KB_E_NOT_ENOUGH_REPLICAS);
    ask_create(c, "timely", 1, "message.timestamp.before.max.ms", "1000", 0);
    struct batch_spec old = {.producer_id = -1, .count = 1, .timestamp_ms = 5};
    assert_int_equal(ask_produce(c, "timely", 0, &old), -KB_E_INVALID_TIMESTAMP);
}

static void the_log_s_time_replaces_the_producer_s(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct batch_spec old = {.producer_id = -1, .count = 3, .timestamp_ms = 5};
    struct kw_batch_header header;
    ask_create(c, "t", 1, "message.timestamp.type", "LogAppendTime", 0);
    ask_produce_send(c, -1, "t", 0, &old);
    struct kw_produce_response_partition made = ask_produce_hear(c);
    assert_true(made.log_append_time_ms > 1000000);
    struct kw_fetch_response_partition out =
        ask_fetch(c, &(struct fetch_spec){.topic = "t", .session_epoch = -1});
    assert_int_equal(count_batches(out.records), 1);
    kw_batch_peek(out.records.data, &header);
    assert_int_equal(header.max_timestamp_ms, made.log_append_time_ms);
    assert_true(header.attributes & KW_BATCH_LOG_APPEND_TIME);
}

static void topics_store_in_their_codec(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct kw_batch_header header;
    ask_create(c, "t", 1, "compression.type", "gzip", 0);
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), 0);
    struct kw_fetch_response_partition out =
        ask_fetch(c, &(struct fetch_spec){.topic = "t", .session_epoch = -1});
    assert_int_equal(count_batches(out.records), 1);
    kw_batch_peek(out.records.data, &header);
    assert_int_equal(kw_batch_header_codec(&header), 1);
    assert_int_equal(header.record_count, 10);
}

/* ---- Offsets ------------------------------------------------------------ */

static void offsets_are_found_by_time(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    const int64_t times[] = {1000, 3000, 2000};
    for (int i = 0; i < 3; i++)
        ask_produce(c, "t", 0,
                    &(struct batch_spec){.producer_id = -1, .count = 2, .timestamp_ms = times[i]});
    assert_int_equal(ask_offset(c, "t", -1).offset, 6);
    assert_int_equal(ask_offset(c, "t", -2).offset, 0);
    assert_int_equal(ask_offset(c, "t", -4).offset, 0);
    struct kw_list_offsets_response_partition out = ask_offset(c, "t", 1001);
    assert_int_equal(out.offset, 2);
    assert_int_equal(out.timestamp, 3000);
    out = ask_offset(c, "t", -3);
    assert_int_equal(out.offset, 2);
    assert_int_equal(out.timestamp, 3000);
    assert_int_equal(ask_offset(c, "t", 3001).offset, -1);
    assert_int_equal(ask_offset(c, "t", -5).error_code, KB_E_UNSUPPORTED_VERSION);
}

static void epochs_have_ends(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct kw_offset_for_leader_epoch_request in;
    struct kw_offset_for_leader_epoch_request_topic t;
    struct kw_offset_for_leader_epoch_request_partition p;
    struct kw_offset_for_leader_epoch_response out;
    struct kw_writer w;
    ask_create(c, "t", 1, NULL, NULL, 0);
    ask_produce(c, "t", 0, &ten_records);
    kw_offset_for_leader_epoch_request_init(&in);
    kw_offset_for_leader_epoch_request_topic_init(&t);
    kw_offset_for_leader_epoch_request_partition_init(&p);
    in.topics = &t;
    in.topics_count = 1;
    t.topic = kb_slice_str("t");
    t.partitions = &p;
    t.partitions_count = 1;
    client_begin(c, &w, KW_API_OFFSET_FOR_LEADER_EPOCH, 4);
    kw_offset_for_leader_epoch_request_encode(&w, 4, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_OFFSET_FOR_LEADER_EPOCH, 4));
    assert_true(kw_offset_for_leader_epoch_response_decode(&c->body, 4, &c->arena, &out));
    assert_int_equal(out.topics[0].partitions[0].end_offset, 10);
    assert_int_equal(out.topics[0].partitions[0].leader_epoch, 0);
}

/* ---- Producer ids ------------------------------------------------------- */

static void ids_are_given_once_also_after_a_restart(void **state)
{
    struct rig *rig = *state;
    int64_t last = -1;
    for (int i = 0; i < 1500; i++) { /* more than one block */
        int64_t id = ask_producer_id(&rig->client);
        assert_true(id > last);
        last = id;
    }
    client_hang_up(&rig->client);
    rig_end(rig->broker);
    rig->broker = rig_broker(rig->fs);
    rig_start(rig->broker);
    client_dial(&rig->client, rig->broker);
    assert_true(ask_producer_id(&rig->client) > last);
}

/* ---- Topics ------------------------------------------------------------- */

static void topics_that_cannot_be_are_refused(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "a.b", 1, NULL, NULL, 0);
    ask_create(c, "a.b", 1, NULL, NULL, KB_E_TOPIC_ALREADY_EXISTS);
    ask_create(c, "a_b", 1, NULL, NULL, KB_E_INVALID_TOPIC_EXCEPTION);
    ask_create(c, "a b", 1, NULL, NULL, KB_E_INVALID_TOPIC_EXCEPTION);
    ask_create(c, "n", 0, NULL, NULL, KB_E_INVALID_PARTITIONS);
    ask_create(c, "n", 1, "retention.ms", "soon", KB_E_INVALID_CONFIG);
    ask_create(c, "n", 1, "retention", "1", KB_E_INVALID_CONFIG);
}

static int16_t delete_id(struct client *c, struct kb_uuid id)
{
    struct kw_delete_topics_request in;
    struct kw_delete_topics_request_topic t;
    struct kw_delete_topics_response out;
    struct kw_writer w;
    kw_delete_topics_request_init(&in);
    kw_delete_topics_request_topic_init(&t);
    t.topic_id = id;
    in.topics = &t;
    in.topics_count = 1;
    client_begin(c, &w, KW_API_DELETE_TOPICS, 6);
    kw_delete_topics_request_encode(&w, 6, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_DELETE_TOPICS, 6));
    assert_true(kw_delete_topics_response_decode(&c->body, 6, &c->arena, &out));
    return out.responses[0].error_code;
}

static void a_topic_made_anew_is_empty(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct kb_uuid first = ask_create(c, "t", 3, NULL, NULL, 0);
    ask_produce(c, "t", 0, &ten_records);
    assert_int_equal(delete_id(c, first), 0);
    assert_int_equal(delete_id(c, first), KB_E_UNKNOWN_TOPIC_ID);
    struct kb_uuid second = ask_create(c, "t", 3, NULL, NULL, 0);
    assert_false(kb_uuid_equal(first, second));
    assert_int_equal(ask_offset(c, "t", -1).offset, 0);
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), 0);
}

static void a_deleted_topic_ends_the_wait(void **state)
{
    struct rig *rig = *state;
    struct client other;
    struct kb_uuid id = ask_create(&rig->client, "t", 1, NULL, NULL, 0);
    client_dial(&other, rig->broker);
    ask_fetch_send(&other,
                   &(struct fetch_spec){
                       .topic = "t", .session_epoch = -1, .max_wait_ms = 15000, .min_bytes = 1});
    assert_int_equal(delete_id(&rig->client, id), 0);
    assert_int_equal(ask_fetch_hear(&other).responses[0].partitions[0].error_code,
                     KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    client_hang_up(&other);
}

static int16_t grow(struct client *c, const char *name, int32_t count)
{
    struct kw_create_partitions_request in;
    struct kw_create_partitions_request_topic t;
    struct kw_create_partitions_response out;
    struct kw_writer w;
    kw_create_partitions_request_init(&in);
    kw_create_partitions_request_topic_init(&t);
    t.name = kb_slice_str(name);
    t.count = count;
    t.assignments_count = -1;
    in.topics = &t;
    in.topics_count = 1;
    client_begin(c, &w, KW_API_CREATE_PARTITIONS, 3);
    kw_create_partitions_request_encode(&w, 3, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_CREATE_PARTITIONS, 3));
    assert_true(kw_create_partitions_response_decode(&c->body, 3, &c->arena, &out));
    return out.results[0].error_code;
}

static void topics_grow_and_never_shrink(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 2, NULL, NULL, 0);
    assert_int_equal(grow(c, "t", 5), 0);
    assert_int_equal(ask_produce(c, "t", 4, &ten_records), 0);
    assert_int_equal(grow(c, "t", 5), KB_E_INVALID_PARTITIONS);
    assert_int_equal(grow(c, "t", 1), KB_E_INVALID_PARTITIONS);
    assert_int_equal(grow(c, "none", 9), KB_E_UNKNOWN_TOPIC_OR_PARTITION);
}

static void configs_say_where_they_come_from(void **state)
{
    enum { TOPIC = 2, OF_TOPIC = 1, BY_DEFAULT = 5 };
    struct client *c = &((struct rig *)*state)->client;
    struct kb_slice keys[] = {kb_slice_str("segment.bytes"), kb_slice_str("flush.messages")};
    struct kw_describe_configs_request in;
    struct kw_describe_configs_request_resource r;
    struct kw_describe_configs_response out;
    struct kw_writer w;
    ask_create(c, "t", 1, "segment.bytes", "2000000", 0);
    kw_describe_configs_request_init(&in);
    kw_describe_configs_request_resource_init(&r);
    r.resource_type = TOPIC;
    r.resource_name = kb_slice_str("t");
    r.configuration_keys = keys;
    r.configuration_keys_count = 2;
    in.resources = &r;
    in.resources_count = 1;
    client_begin(c, &w, KW_API_DESCRIBE_CONFIGS, 4);
    kw_describe_configs_request_encode(&w, 4, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_DESCRIBE_CONFIGS, 4));
    assert_true(kw_describe_configs_response_decode(&c->body, 4, &c->arena, &out));
    assert_int_equal(out.results[0].configs_count, 2);
    for (int i = 0; i < 2; i++) {
        bool own = kb_slice_is(out.results[0].configs[i].name, "segment.bytes");
        assert_true(kb_slice_is(out.results[0].configs[i].value, own ? "2000000" : "1"));
        assert_int_equal(out.results[0].configs[i].config_source, own ? OF_TOPIC : BY_DEFAULT);
    }
}

/* ---- Connections -------------------------------------------------------- */

static void an_idle_connection_is_closed(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    assert_false(client_hear(c, KW_API_METADATA, 9));
}

static void many_large_requests_wait_for_memory(void **state)
{
    struct rig *rig = *state;
    struct client others[8];
    struct batch_spec large = {.producer_id = -1, .count = 1, .value_bytes = 200000};
    ask_create(&rig->client, "t", 1, NULL, NULL, 0);
    for (int i = 0; i < 8; i++) {
        client_dial(&others[i], rig->broker);
        ask_produce_send(&others[i], -1, "t", 0, &large);
        ask_produce_send(&others[i], -1, "t", 0, &large);
    }
    for (int i = 0; i < 16; i++)
        assert_int_equal(ask_produce_hear(&others[i / 2]).error_code, 0);
    assert_int_equal(ask_offset(&rig->client, "t", -1).offset, 16);
    for (int i = 0; i < 8; i++)
        client_hang_up(&others[i]);
}

static int fail_syncs(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    (void)ctx;
    (void)path;
    (void)nth;
    return op == KB_FS_SYNC ? -EIO : 0;
}

static void a_failed_sync_acknowledges_nothing(void **state)
{
    struct rig *rig = *state;
    struct client *c = &rig->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), 0);
    kb_fs_mem_set_fault(rig->fs, fail_syncs, NULL);
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), -KB_E_KAFKA_STORAGE_ERROR);
    kb_fs_mem_set_fault(rig->fs, NULL, NULL);
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), -KB_E_KAFKA_STORAGE_ERROR);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_produced_is_fetched),
        CASE(byte_limits_hold_but_for_the_first_batch),
        CASE(a_fetch_waits_for_what_comes),
        CASE(a_fetch_waits_for_min_bytes_at_most_its_time),
        CASE(a_deleted_topic_ends_the_wait),
        CASE(sessions_tell_only_what_is_new),
        CASE(errors_of_partitions_are_theirs),
        CASE(a_retry_is_not_written_twice),
        CASE(five_in_flight_are_answered_in_order),
        CASE(acks_0_has_no_answer_and_a_failure_ends_the_connection),
        CASE(odd_acks_are_refused),
        CASE(topics_limit_what_they_take),
        CASE(the_log_s_time_replaces_the_producer_s),
        CASE(topics_store_in_their_codec),
        CASE(offsets_are_found_by_time),
        CASE(epochs_have_ends),
        CASE(ids_are_given_once_also_after_a_restart),
        CASE(topics_that_cannot_be_are_refused),
        CASE(a_topic_made_anew_is_empty),
        CASE(topics_grow_and_never_shrink),
        CASE(configs_say_where_they_come_from),
        cmocka_unit_test_setup_teardown(an_idle_connection_is_closed, setup_impatient, teardown),
        cmocka_unit_test_setup_teardown(many_large_requests_wait_for_memory, setup_tight, teardown),
        CASE(a_failed_sync_acknowledges_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
