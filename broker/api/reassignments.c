/* SPDX-License-Identifier: Apache-2.0 */
/* AlterPartitionReassignments and ListPartitionReassignments. One broker is
 * where every replica is already: nothing moves, and nothing is ever moving. */
#include "wire/gen/alter_partition_reassignments.h"
#include "wire/gen/list_partition_reassignments.h"
#include "broker/api/api.h"

static int judge(const struct kd_request *request, const struct kd_topic *topic,
                 const struct kw_alter_partition_reassignments_request_partition *in)
{
    int32_t self = request->shard->config->node_id;
    if (!topic || !kd_topic_place(topic, in->partition_index))
        return KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    if (in->replicas_count < 0) /* a move that is to be given up */
        return KB_E_NO_REASSIGNMENT_IN_PROGRESS;
    return in->replicas_count == 1 && in->replicas[0] == self ? KB_OK
                                                              : KB_E_INVALID_REPLICA_ASSIGNMENT;
}

static void alter_topic(struct kd_request *request,
                        const struct kw_alter_partition_reassignments_request_topic *in,
                        struct kw_alter_partition_reassignments_response_topic *out)
{
    const struct kd_topic *topic = kd_topics_find(&request->shard->topics, in->name);
    kw_alter_partition_reassignments_response_topic_init(out);
    out->name = in->name;
    out->partitions =
        kb_arena_array(&request->arena, (size_t)in->partitions_count, sizeof *out->partitions);
    for (int32_t i = 0; out->partitions && i < in->partitions_count; i++) {
        int code = judge(request, topic, &in->partitions[i]);
        out->partitions[out->partitions_count++] =
            (struct kw_alter_partition_reassignments_response_partition){
                in->partitions[i].partition_index, (int16_t)code,
                code ? kb_slice_str(kb_code_text(code)) : kb_slice_null()};
    }
}

void kd_handle_alter_partition_reassignments(struct kd_request *request)
{
    struct kw_alter_partition_reassignments_request in;
    struct kw_alter_partition_reassignments_response out;
    int16_t version = request->header.version;
    struct kw_writer w;
    if (!kw_alter_partition_reassignments_request_decode(&request->body, version, &request->arena,
                                                         &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_alter_partition_reassignments_response_init(&out);
    out.allow_replication_factor_change = in.allow_replication_factor_change;
    out.responses = kb_arena_array(&request->arena, (size_t)in.topics_count, sizeof *out.responses);
    for (int32_t i = 0; out.responses && i < in.topics_count; i++)
        alter_topic(request, &in.topics[i], &out.responses[out.responses_count++]);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_alter_partition_reassignments_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}

void kd_handle_list_partition_reassignments(struct kd_request *request)
{
    struct kw_list_partition_reassignments_request in;
    struct kw_list_partition_reassignments_response out;
    int16_t version = request->header.version;
    struct kw_writer w;
    if (!kw_list_partition_reassignments_request_decode(&request->body, version, &request->arena,
                                                        &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_list_partition_reassignments_response_init(&out);
    kd_answer_begin(request, &w);
    kw_list_partition_reassignments_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}
