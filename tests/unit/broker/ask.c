/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/ask.h"
#include "tests/unit/unit.h"
#include "base/check.h"
#include "wire/batch.h"
#include "wire/gen/create_topics.h"
#include "wire/gen/init_producer_id.h"

struct kb_uuid ask_create(struct client *c, const char *name, int32_t partitions, const char *key,
                          const char *value, int16_t want)
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

void ask_produce_send(struct client *c, int16_t acks, const char *topic, int32_t partition,
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

struct kw_produce_response_partition ask_produce_hear(struct client *c)
{
    struct kw_produce_response out;
    assert_true(client_hear(c, KW_API_PRODUCE, 9));
    assert_true(kw_produce_response_decode(&c->body, 9, &c->arena, &out));
    return out.responses[0].partition_responses[0];
}

/* Answers the base offset, or minus the error. */
int64_t ask_produce(struct client *c, const char *topic, int32_t partition,
                    const struct batch_spec *spec)
{
    ask_produce_send(c, -1, topic, partition, spec);
    struct kw_produce_response_partition out = ask_produce_hear(c);
    return out.error_code ? -out.error_code : out.base_offset;
}

const struct batch_spec ten_records = {.producer_id = -1, .count = 10};

void ask_fetch_send(struct client *c, const struct fetch_spec *ask)
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

struct kw_fetch_response ask_fetch_hear(struct client *c)
{
    struct kw_fetch_response out;
    assert_true(client_hear(c, KW_API_FETCH, 11));
    assert_true(kw_fetch_response_decode(&c->body, 11, &c->arena, &out));
    return out;
}

struct kw_fetch_response_partition ask_fetch(struct client *c, const struct fetch_spec *ask)
{
    ask_fetch_send(c, ask);
    struct kw_fetch_response out = ask_fetch_hear(c);
    assert_int_equal(out.error_code, 0);
    assert_int_equal(out.responses_count, 1);
    return out.responses[0].partitions[0];
}

int count_batches(struct kb_slice records)
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

struct kw_list_offsets_response_partition ask_offset(struct client *c, const char *topic,
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

int64_t ask_producer_id(struct client *c)
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
