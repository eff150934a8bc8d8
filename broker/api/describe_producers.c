/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeProducers: who wrote to a partition with a producer id, and how far. */
#include "wire/gen/describe_producers.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/drive/replica.h"

static void add(const struct kd_producer *producer,
                struct kw_describe_producers_response_partition *out)
{
    struct kw_describe_producers_response_active_producer *active =
        &out->active_producers[out->active_producers_count++];
    kw_describe_producers_response_active_producer_init(active);
    active->producer_id = producer->id;
    active->producer_epoch = producer->epoch;
    active->coordinator_epoch = producer->coordinator_epoch;
    active->current_txn_start_offset = producer->txn_first_offset;
    if (producer->count) {
        active->last_sequence = producer->last[producer->count - 1].last_sequence;
        active->last_timestamp = producer->last[producer->count - 1].timestamp_ms;
    }
}

static void fill(struct kd_request *request, struct kb_slice topic, int32_t partition,
                 struct kw_describe_producers_response_partition *out)
{
    static const struct kb_uuid no_id;
    kw_describe_producers_response_partition_init(out);
    out->partition_index = partition;
    const struct kd_place *place =
        kd_find_place(request->shard, topic, no_id, partition, &out->error_code);
    if (!place) {
        out->error_message = kb_slice_str(kb_code_text(out->error_code));
        return;
    }
    const struct kd_producers *producers = &kd_replica_state(place->replica)->producers;
    const struct kd_producer *producer = NULL;
    out->active_producers = kb_arena_array(&request->arena, kd_producers_count(producers),
                                           sizeof *out->active_producers);
    while (out->active_producers && (producer = kd_producers_next(producers, producer)))
        add(producer, out);
}

static void build(struct kd_request *request, const struct kw_describe_producers_request *in,
                  struct kw_describe_producers_response *out)
{
    struct kb_arena *arena = &request->arena;
    out->topics = kb_arena_array(arena, (size_t)in->topics_count, sizeof *out->topics);
    for (int32_t i = 0; out->topics && i < in->topics_count; i++) {
        const struct kw_describe_producers_request_topic *from = &in->topics[i];
        struct kw_describe_producers_response_topic *to = &out->topics[out->topics_count++];
        kw_describe_producers_response_topic_init(to);
        to->name = from->name;
        to->partitions =
            kb_arena_array(arena, (size_t)from->partition_indexes_count, sizeof *to->partitions);
        for (int32_t j = 0; to->partitions && j < from->partition_indexes_count; j++)
            fill(request, from->name, from->partition_indexes[j],
                 &to->partitions[to->partitions_count++]);
    }
}

void kd_handle_describe_producers(struct kd_request *request)
{
    struct kw_describe_producers_request in;
    struct kw_describe_producers_response out;
    int16_t version = request->header.version;
    struct kw_writer w;
    if (!kw_describe_producers_request_decode(&request->body, version, &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_describe_producers_response_init(&out);
    build(request, &in, &out);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_describe_producers_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}
