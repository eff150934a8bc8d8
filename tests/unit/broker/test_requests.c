/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and their answers, over real sockets. */
#include "tests/unit/unit.h"
#include "tests/unit/broker/rig.h"
#include "base/check.h"
#include "base/time.h"
#include "wire/batch.h"
#include "wire/gen/create_partitions.h"
#include "wire/gen/create_topics.h"
#include "wire/gen/delete_topics.h"
#include "wire/gen/describe_configs.h"
#include "wire/gen/fetch.h"
#include "wire/gen/init_producer_id.h"
#include "wire/gen/list_offsets.h"
#include "wire/gen/metadata.h"
#include "wire/gen/offset_for_leader_epoch.h"
#include "wire/gen/produce.h"
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

/* ---- Asking ------------------------------------------------------------- */

static struct kb_uuid create(struct client *c, const char *name, int32_t partitions,
                             const char *key, const char *value, int16_t want)
{
    struct kw_create_topics_request in;
    struct kw_create_topics_request_topic topic;
    struct kw_create_topics_request_config config = {kb_slice_str(key), kb_slice_str(value)};
    struct kw_create_topics_response out;
    struct kw_writer w;
    kw_create_topics_request_init(&in);
    kw_create_topics_request_topic_init(&topic);
    topic.name = kb_slice_str(name);
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    topic.configs = &config;
    topic.configs_count = key ? 1 : 0;
    in.topics = &topic;
    in.topics_count = 1;
    client_begin(c, &w, KW_API_CREATE_TOPICS, 7);
    kw_create_topics_request_encode(&w, 7, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_CREATE_TOPICS, 7));
    assert_true(kw_create_topics_response_decode(&c->body, 7, &c->arena, &out));
    assert_int_equal(out.topics[0].error_code, want);
    return out.topics[0].topic_id;
}

static void send_produce(struct client *c, int16_t acks, const char *topic, int32_t partition,
                         const struct batch_spec *spec)
{
    struct kb_buf *batch = make_batch(spec);
    struct kw_produce_request in;
    struct kw_produce_request_topic t;
    struct kw_produce_request_partition p = {partition, kb_buf_view(batch)};
    struct kw_writer w;
    kw_produce_request_init(&in);
    kw_produce_request_topic_init(&t);
    in.acks = acks;
    in.timeout_ms = 10000;
    in.topic_data = &t;
    in.topic_data_count = 1;
    t.name = kb_slice_str(topic);
    t.partition_data = &p;
    t.partition_data_count = 1;
    client_begin(c, &w, KW_API_PRODUCE, 9);
    kw_produce_request_encode(&w, 9, &in);
    client_send(c, &w);
    kb_buf_unref(batch);
}

static struct kw_produce_response_partition hear_produce(struct client *c)
{
    struct kw_produce_response out;
    assert_true(client_hear(c, KW_API_PRODUCE, 9));
    assert_true(kw_produce_response_decode(&c->body, 9, &c->arena, &out));
    return out.responses[0].partition_responses[0];
}

/* Answers the base offset, or minus the error. */
static int64_t produce(struct client *c, const char *topic, int32_t partition,
                       const struct batch_spec *spec)
{
    send_produce(c, -1, topic, partition, spec);
    struct kw_produce_response_partition out = hear_produce(c);
    return out.error_code ? -out.error_code : out.base_offset;
}

static const struct batch_spec ten = {.producer_id = -1, .count = 10};

struct ask_fetch {
    const char *topic;
    int32_t partition, max_wait_ms, min_bytes, max_bytes, part_bytes, session_id, session_epoch,
        epoch;
    int64_t offset;
    bool empty; /* names no partition */
};

static void send_fetch(struct client *c, const struct ask_fetch *ask)
{
    struct kw_fetch_request in;
    struct kw_fetch_request_topic t;
    struct kw_fetch_request_partition p;
    struct kw_writer w;
    kw_fetch_request_init(&in);
    kw_fetch_request_topic_init(&t);
    kw_fetch_request_partition_init(&p);
    in.max_wait_ms = ask->max_wait_ms;
    in.min_bytes = ask->min_bytes;
    in.max_bytes = ask->max_bytes ? ask->max_bytes : 1 << 20;
    in.session_id = ask->session_id;
    in.session_epoch = ask->session_epoch;
    in.topics = &t;
    in.topics_count = ask->empty ? 0 : 1;
    t.topic = kb_slice_str(ask->topic);
    t.partitions = &p;
    t.partitions_count = 1;
    p.partition = ask->partition;
    p.fetch_offset = ask->offset;
    p.current_leader_epoch = ask->epoch ? ask->epoch : -1;
    p.partition_max_bytes = ask->part_bytes ? ask->part_bytes : 1 << 20;
    client_begin(c, &w, KW_API_FETCH, 11);
    kw_fetch_request_encode(&w, 11, &in);
    client_send(c, &w);
}

static struct kw_fetch_response hear_fetch(struct client *c)
{
    struct kw_fetch_response out;
    assert_true(client_hear(c, KW_API_FETCH, 11));
    assert_true(kw_fetch_response_decode(&c->body, 11, &c->arena, &out));
    return out;
}

static struct kw_fetch_response_partition fetch(struct client *c, const struct ask_fetch *ask)
{
    send_fetch(c, ask);
    struct kw_fetch_response out = hear_fetch(c);
    assert_int_equal(out.error_code, 0);
    assert_int_equal(out.responses_count, 1);
    return out.responses[0].partitions[0];
}

static int count_batches(struct kb_slice records)
{
    struct kw_batch_iter it;
    struct kw_batch batch;
    int count = 0;
    kw_batch_iter_init(&it, records, SIZE_MAX);
    while (kw_batch_iter_next(&it, &batch)) {
        assert_int_equal(kw_batch_check_crc(&batch, NULL), 0);
        count++;
    }
    assert_int_equal(it.code, 0);
    return count;
}

static struct kw_list_offsets_response_partition list(struct client *c, const char *topic,
                                                      int64_t time)
{
    struct kw_list_offsets_request in;
    struct kw_list_offsets_request_topic t;
    struct kw_list_offsets_request_partition p;
    struct kw_list_offsets_response out;
    struct kw_writer w;
    kw_list_offsets_request_init(&in);
    kw_list_offsets_request_topic_init(&t);
    kw_list_offsets_request_partition_init(&p);
    in.replica_id = -1;
    in.topics = &t;
    in.topics_count = 1;
    t.name = kb_slice_str(topic);
    t.partitions = &p;
    t.partitions_count = 1;
    p.timestamp = time;
    client_begin(c, &w, KW_API_LIST_OFFSETS, 8);
    kw_list_offsets_request_encode(&w, 8, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_LIST_OFFSETS, 8));
    assert_true(kw_list_offsets_response_decode(&c->body, 8, &c->arena, &out));
    return out.topics[0].partitions[0];
}

static int64_t new_producer_id(struct client *c)
{
    struct kw_init_producer_id_request in;
    struct kw_init_producer_id_response out;
    struct kw_writer w;
    kw_init_producer_id_request_init(&in);
    in.transactional_id = kb_slice_null();
    client_begin(c, &w, KW_API_INIT_PRODUCER_ID, 4);
    kw_init_producer_id_request_encode(&w, 4, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_INIT_PRODUCER_ID, 4));
    assert_true(kw_init_producer_id_response_decode(&c->body, 4, &c->arena, &out));
    assert_int_equal(out.error_code, 0);
    return out.producer_id;
}

/* ---- Produce and fetch -------------------------------------------------- */

static void what_is_produced_is_fetched(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "t", 2, NULL, NULL, 0);
    assert_int_equal(produce(c, "t", 1, &ten), 0);
    assert_int_equal(produce(c, "t", 1, &ten), 10);
    struct kw_fetch_response_partition out =
        fetch(c, &(struct ask_fetch){.topic = "t", .partition = 1, .session_epoch = -1});
    assert_int_equal(out.high_watermark, 20);
    assert_int_equal(count_batches(out.records), 2);
    out = fetch(
        c, &(struct ask_fetch){.topic = "t", .partition = 1, .session_epoch = -1, .offset = 15});
    assert_int_equal(count_batches(out.records), 1);
}

static void byte_limits_hold_but_for_the_first_batch(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct batch_spec large = {.producer_id = -1, .count = 1, .value_bytes = 5000};
    create(c, "t", 1, NULL, NULL, 0);
    for (int i = 0; i < 5; i++)
        produce(c, "t", 0, &large);
    struct kw_fetch_response_partition out =
        fetch(c, &(struct ask_fetch){
                     .topic = "t", .session_epoch = -1, .max_bytes = 100, .part_bytes = 100});
    assert_int_equal(count_batches(out.records), 1);
    out = fetch(c, &(struct ask_fetch){.topic = "t", .session_epoch = -1, .part_bytes = 11000});
    assert_int_equal(count_batches(out.records), 2);
    out = fetch(c, &(struct ask_fetch){.topic = "t", .session_epoch = -1, .max_bytes = 16000});
    assert_int_equal(count_batches(out.records), 3);
}

static void a_fetch_waits_for_what_comes(void **state)
{
    struct rig *rig = *state;
    struct client *c = &rig->client, other;
    client_dial(&other, rig->broker);
    create(c, "t", 1, NULL, NULL, 0);
    send_fetch(c, &(struct ask_fetch){
                      .topic = "t", .session_epoch = -1, .max_wait_ms = 15000, .min_bytes = 1});
    assert_int_equal(produce(&other, "t", 0, &ten), 0);
    struct kw_fetch_response out = hear_fetch(c);
    assert_int_equal(count_batches(out.responses[0].partitions[0].records), 1);
    client_hang_up(&other);
}

static void a_fetch_waits_for_min_bytes_at_most_its_time(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "t", 1, NULL, NULL, 0);
    produce(c, "t", 0, &ten);
    int64_t before = kb_mono_ns();
    struct kw_fetch_response_partition out =
        fetch(c, &(struct ask_fetch){
                     .topic = "t", .session_epoch = -1, .max_wait_ms = 50, .min_bytes = 100000});
    assert_true(kb_mono_ns() - before >= 45000000);
    assert_int_equal(count_batches(out.records), 1);
}

static void sessions_tell_only_what_is_new(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "t", 1, NULL, NULL, 0);
    produce(c, "t", 0, &ten);
    send_fetch(c, &(struct ask_fetch){.topic = "t"});
    struct kw_fetch_response out = hear_fetch(c);
    int32_t id = out.session_id;
    assert_true(id > 0);
    send_fetch(
        c, &(struct ask_fetch){.topic = "t", .session_id = id, .session_epoch = 1, .offset = 10});
    out = hear_fetch(c);
    assert_int_equal(out.session_id, id);
    assert_int_equal(out.responses_count, 0);
    assert_int_equal(produce(c, "t", 0, &ten), 10);
    send_fetch(c, &(struct ask_fetch){.session_id = id, .session_epoch = 2, .empty = true});
    out = hear_fetch(c);
    assert_int_equal(out.responses_count, 1);
    assert_int_equal(count_batches(out.responses[0].partitions[0].records), 1);
    send_fetch(c, &(struct ask_fetch){.session_id = id, .session_epoch = 2, .empty = true});
    assert_int_equal(hear_fetch(c).error_code, KB_E_INVALID_FETCH_SESSION_EPOCH);
    send_fetch(c, &(struct ask_fetch){.session_id = id + 1, .session_epoch = 1, .empty = true});
    assert_int_equal(hear_fetch(c).error_code, KB_E_FETCH_SESSION_ID_NOT_FOUND);
}

static void errors_of_partitions_are_theirs(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "t", 1, NULL, NULL, 0);
    produce(c, "t", 0, &ten);
    struct ask_fetch ask = {
        .topic = "t", .session_epoch = -1, .max_wait_ms = 10000, .min_bytes = 1, .offset = 11};
    assert_int_equal(fetch(c, &ask).error_code, KB_E_OFFSET_OUT_OF_RANGE);
    ask.offset = 0;
    ask.epoch = 99;
    assert_int_equal(fetch(c, &ask).error_code, KB_E_UNKNOWN_LEADER_EPOCH);
    ask.epoch = 0;
    ask.partition = 1;
    assert_int_equal(fetch(c, &ask).error_code, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(produce(c, "t", 7, &ten), -KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(produce(c, "none", 0, &ten), -KB_E_UNKNOWN_TOPIC_OR_PARTITION);
}

static void a_retry_is_not_written_twice(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "t", 1, NULL, NULL, 0);
    struct batch_spec spec = {.producer_id = new_producer_id(c), .count = 10};
    assert_int_equal(produce(c, "t", 0, &spec), 0);
    assert_int_equal(produce(c, "t", 0, &spec), 0);
    spec.sequence = 10;
    assert_int_equal(produce(c, "t", 0, &spec), 10);
    spec.sequence = 30;
    assert_int_equal(produce(c, "t", 0, &spec), -KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(list(c, "t", -1).offset, 20);
}

static void five_in_flight_are_answered_in_order(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "t", 4, NULL, NULL, 0);
    for (int i = 0; i < 40; i++)
        send_produce(c, -1, "t", i % 4, &ten);
    for (int i = 0; i < 40; i++) {
        struct kw_produce_response_partition out = hear_produce(c);
        assert_int_equal(out.error_code, 0);
        assert_int_equal(out.index, i % 4);
        assert_int_equal(out.base_offset, i / 4 * 10);
    }
}

static void acks_0_has_no_answer_and_a_failure_ends_the_connection(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "t", 1, NULL, NULL, 0);
    send_produce(c, 0, "t", 0, &ten);
    assert_int_equal(produce(c, "t", 0, &ten), 10);
    send_produce(c, 0, "none", 0, &ten);
    assert_false(client_hear(c, KW_API_PRODUCE, 9));
}

static void odd_acks_are_refused(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "t", 1, NULL, NULL, 0);
    send_produce(c, 2, "t", 0, &ten);
    assert_int_equal(hear_produce(c).error_code, KB_E_INVALID_REQUIRED_ACKS);
}

static void topics_limit_what_they_take(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "small", 1, "max.message.bytes", "200", 0);
    assert_int_equal(produce(c, "small", 0, &ten), -KB_E_MESSAGE_TOO_LARGE);
    create(c, "two", 1, "min.insync.replicas", "2", 0);
    assert_int_equal(produce(c, "two", 0, &ten), -KB_E_NOT_ENOUGH_REPLICAS);
    create(c, "timely", 1, "message.timestamp.before.max.ms", "1000", 0);
    struct batch_spec old = {.producer_id = -1, .count = 1, .timestamp_ms = 5};
    assert_int_equal(produce(c, "timely", 0, &old), -KB_E_INVALID_TIMESTAMP);
}

static void the_log_s_time_replaces_the_producer_s(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct batch_spec old = {.producer_id = -1, .count = 3, .timestamp_ms = 5};
    struct kw_batch_header header;
    create(c, "t", 1, "message.timestamp.type", "LogAppendTime", 0);
    send_produce(c, -1, "t", 0, &old);
    struct kw_produce_response_partition made = hear_produce(c);
    assert_true(made.log_append_time_ms > 1000000);
    struct kw_fetch_response_partition out =
        fetch(c, &(struct ask_fetch){.topic = "t", .session_epoch = -1});
    assert_int_equal(count_batches(out.records), 1);
    kw_batch_peek(out.records.data, &header);
    assert_int_equal(header.max_timestamp_ms, made.log_append_time_ms);
    assert_true(header.attributes & KW_BATCH_LOG_APPEND_TIME);
}

static void topics_store_in_their_codec(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct kw_batch_header header;
    create(c, "t", 1, "compression.type", "gzip", 0);
    assert_int_equal(produce(c, "t", 0, &ten), 0);
    struct kw_fetch_response_partition out =
        fetch(c, &(struct ask_fetch){.topic = "t", .session_epoch = -1});
    assert_int_equal(count_batches(out.records), 1);
    kw_batch_peek(out.records.data, &header);
    assert_int_equal(kw_batch_header_codec(&header), 1);
    assert_int_equal(header.record_count, 10);
}

/* ---- Offsets ------------------------------------------------------------ */

static void offsets_are_found_by_time(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "t", 1, NULL, NULL, 0);
    const int64_t times[] = {1000, 3000, 2000};
    for (int i = 0; i < 3; i++)
        produce(c, "t", 0,
                &(struct batch_spec){.producer_id = -1, .count = 2, .timestamp_ms = times[i]});
    assert_int_equal(list(c, "t", -1).offset, 6);
    assert_int_equal(list(c, "t", -2).offset, 0);
    assert_int_equal(list(c, "t", -4).offset, 0);
    struct kw_list_offsets_response_partition out = list(c, "t", 1001);
    assert_int_equal(out.offset, 2);
    assert_int_equal(out.timestamp, 3000);
    out = list(c, "t", -3);
    assert_int_equal(out.offset, 2);
    assert_int_equal(out.timestamp, 3000);
    assert_int_equal(list(c, "t", 3001).offset, -1);
    assert_int_equal(list(c, "t", -5).error_code, KB_E_UNSUPPORTED_VERSION);
}

static void epochs_have_ends(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct kw_offset_for_leader_epoch_request in;
    struct kw_offset_for_leader_epoch_request_topic t;
    struct kw_offset_for_leader_epoch_request_partition p;
    struct kw_offset_for_leader_epoch_response out;
    struct kw_writer w;
    create(c, "t", 1, NULL, NULL, 0);
    produce(c, "t", 0, &ten);
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
        int64_t id = new_producer_id(&rig->client);
        assert_true(id > last);
        last = id;
    }
    client_hang_up(&rig->client);
    rig_end(rig->broker);
    rig->broker = rig_broker(rig->fs);
    rig_start(rig->broker);
    client_dial(&rig->client, rig->broker);
    assert_true(new_producer_id(&rig->client) > last);
}

/* ---- Topics ------------------------------------------------------------- */

static void topics_that_cannot_be_are_refused(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    create(c, "a.b", 1, NULL, NULL, 0);
    create(c, "a.b", 1, NULL, NULL, KB_E_TOPIC_ALREADY_EXISTS);
    create(c, "a_b", 1, NULL, NULL, KB_E_INVALID_TOPIC_EXCEPTION);
    create(c, "a b", 1, NULL, NULL, KB_E_INVALID_TOPIC_EXCEPTION);
    create(c, "n", 0, NULL, NULL, KB_E_INVALID_PARTITIONS);
    create(c, "n", 1, "retention.ms", "soon", KB_E_INVALID_CONFIG);
    create(c, "n", 1, "retention", "1", KB_E_INVALID_CONFIG);
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
    struct kb_uuid first = create(c, "t", 3, NULL, NULL, 0);
    produce(c, "t", 0, &ten);
    assert_int_equal(delete_id(c, first), 0);
    assert_int_equal(delete_id(c, first), KB_E_UNKNOWN_TOPIC_ID);
    struct kb_uuid second = create(c, "t", 3, NULL, NULL, 0);
    assert_false(kb_uuid_equal(first, second));
    assert_int_equal(list(c, "t", -1).offset, 0);
    assert_int_equal(produce(c, "t", 0, &ten), 0);
}

static void a_deleted_topic_ends_the_wait(void **state)
{
    struct rig *rig = *state;
    struct client other;
    struct kb_uuid id = create(&rig->client, "t", 1, NULL, NULL, 0);
    client_dial(&other, rig->broker);
    send_fetch(&other,
               &(struct ask_fetch){
                   .topic = "t", .session_epoch = -1, .max_wait_ms = 15000, .min_bytes = 1});
    assert_int_equal(delete_id(&rig->client, id), 0);
    assert_int_equal(hear_fetch(&other).responses[0].partitions[0].error_code,
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
    create(c, "t", 2, NULL, NULL, 0);
    assert_int_equal(grow(c, "t", 5), 0);
    assert_int_equal(produce(c, "t", 4, &ten), 0);
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
    create(c, "t", 1, "segment.bytes", "2000000", 0);
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
    create(&rig->client, "t", 1, NULL, NULL, 0);
    for (int i = 0; i < 8; i++) {
        client_dial(&others[i], rig->broker);
        send_produce(&others[i], -1, "t", 0, &large);
        send_produce(&others[i], -1, "t", 0, &large);
    }
    for (int i = 0; i < 16; i++)
        assert_int_equal(hear_produce(&others[i / 2]).error_code, 0);
    assert_int_equal(list(&rig->client, "t", -1).offset, 16);
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
    create(c, "t", 1, NULL, NULL, 0);
    assert_int_equal(produce(c, "t", 0, &ten), 0);
    kb_fs_mem_set_fault(rig->fs, fail_syncs, NULL);
    assert_int_equal(produce(c, "t", 0, &ten), -KB_E_KAFKA_STORAGE_ERROR);
    kb_fs_mem_set_fault(rig->fs, NULL, NULL);
    assert_int_equal(produce(c, "t", 0, &ten), -KB_E_KAFKA_STORAGE_ERROR);
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
