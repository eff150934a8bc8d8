/* SPDX-License-Identifier: Apache-2.0 */
/* CreatePartitions: a topic grows; it never shrinks. */
#include "wire/gen/create_partitions.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/server/changes.h"

struct grow {
    struct kd_request *request;
    struct kw_create_partitions_request in;
    struct kw_create_partitions_response out;
    size_t pending;
};

struct one {
    struct grow *grow;
    struct kw_create_partitions_response_result *out;
};

static void settle(struct grow *grow)
{
    struct kw_writer w;
    if (--grow->pending > 0)
        return;
    kd_answer_begin(grow->request, &w);
    kw_create_partitions_response_encode(&w, grow->request->header.version, &grow->out);
    kd_answer_end(grow->request, &w);
}

static void on_grown(void *ctx, int code)
{
    struct one *one = ctx;
    one->out->error_code = (int16_t)code;
    if (code)
        one->out->error_message = kb_slice_str(kb_code_text(code));
    settle(one->grow);
}

static bool is_here_alone(const struct grow *grow,
                          const struct kw_create_partitions_request_topic *in)
{
    for (int32_t i = 0; i < in->assignments_count; i++)
        if (in->assignments[i].broker_ids_count != 1 ||
            in->assignments[i].broker_ids[0] != grow->request->shard->config->node_id)
            return false;
    return true;
}

static int check(const struct grow *grow, const struct kd_topic *topic,
                 const struct kw_create_partitions_request_topic *in, struct kb_error *err)
{
    if (!topic)
        return kb_error_set(err, KB_E_UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic");
    if (kd_topic_name_is_internal(topic->by_name.key))
        return kb_error_set(err, KB_E_INVALID_REQUEST,
                            "the broker finds its own state by the number of partitions");
    if (in->count <= topic->count)
        return kb_error_set(err, KB_E_INVALID_PARTITIONS,
                            "the topic has %d partitions already; it can only grow", topic->count);
    if (in->count > KD_PARTITIONS_MAX)
        return kb_error_set(err, KB_E_INVALID_PARTITIONS, "a topic has at most %d partitions",
                            KD_PARTITIONS_MAX);
    if (in->assignments_count >= 0 && in->assignments_count != in->count - topic->count)
        return kb_error_set(err, KB_E_INVALID_REPLICA_ASSIGNMENT,
                            "%d assignments for %d new partitions", in->assignments_count,
                            in->count - topic->count);
    if (!is_here_alone(grow, in))
        return kb_error_set(err, KB_E_INVALID_REPLICA_ASSIGNMENT,
                            "the one broker there is has id %d",
                            grow->request->shard->config->node_id);
    return 0;
}

static void start(struct grow *grow, const struct kw_create_partitions_request_topic *in,
                  struct kw_create_partitions_response_result *out)
{
    struct kd_shard *shard = grow->request->shard;
    struct kd_topic *topic = kd_topics_find(&shard->topics, in->name);
    struct kb_error err;
    kb_error_clear(&err);
    kw_create_partitions_response_result_init(out);
    out->name = in->name;
    struct one *one = kb_arena_alloc(&grow->request->arena, sizeof *one);
    if (!one || check(grow, topic, in, &err)) {
        out->error_code = err.code ? (int16_t)err.code : KB_E_UNKNOWN_SERVER_ERROR;
        out->error_message = kd_keep(grow->request, kb_slice_str(err.text));
        return;
    }
    if (grow->in.validate_only)
        return;
    *one = (struct one){grow, out};
    grow->pending++;
    kd_change_grow(shard, topic, in->count, on_grown, one);
}

void kd_handle_create_partitions(struct kd_request *request)
{
    struct grow *grow = kb_arena_alloc(&request->arena, sizeof *grow);
    if (!grow || !kw_create_partitions_request_decode(&request->body, request->header.version,
                                                      &request->arena, &grow->in)) {
        kd_request_refuse(request);
        return;
    }
    size_t count = (size_t)grow->in.topics_count;
    grow->request = request;
    grow->pending = 1;
    kw_create_partitions_response_init(&grow->out);
    grow->out.results = kb_arena_array(&request->arena, count, sizeof *grow->out.results);
    for (size_t i = 0; grow->out.results && i < count; i++)
        start(grow, &grow->in.topics[i], &grow->out.results[grow->out.results_count++]);
    settle(grow);
}
