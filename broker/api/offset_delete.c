/* SPDX-License-Identifier: Apache-2.0 */
/* OffsetDelete: a group forgets its positions in partitions that it does not read. */
#include "wire/gen/offset_delete.h"
#include "broker/api/group.h"
#include "broker/core/group/offsets.h"

struct delete
{
    struct kd_reply reply;
    struct kw_offset_delete_request in;
    struct kw_offset_delete_response out;
    struct kd_commit *which;
    size_t count;
};

static void answer(struct kd_request *request, const struct kw_offset_delete_response *out)
{
    struct kw_writer w;
    kd_answer_begin(request, &w);
    kw_offset_delete_response_encode(&w, request->header.version, out);
    kd_answer_end(request, &w);
}

static void refuse(struct kd_request *request, int code)
{
    struct kw_offset_delete_response out;
    kw_offset_delete_response_init(&out);
    out.error_code = (int16_t)code;
    answer(request, &out);
}

static void on_committed(struct kd_reply *reply, int code)
{
    const struct delete *delete = KB_CONTAINER(reply, struct delete, reply);
    if (code)
        refuse(reply->request, code);
    else
        answer(reply->request, &delete->out);
}

static bool collect(struct delete *delete, struct kb_arena *arena)
{
    size_t topics = (size_t)KB_MAX(delete->in.topics_count, 0), count = 0;
    for (size_t i = 0; i < topics; i++)
        count += (size_t)KB_MAX(delete->in.topics[i].partitions_count, 0);
    delete->which = kb_arena_array(arena, count, sizeof *delete->which);
    for (size_t i = 0; delete->which && i < topics; i++)
        for (int32_t j = 0; j < delete->in.topics[i].partitions_count; j++) {
            struct kd_commit *which = &delete->which[delete->count++];
            which->topic = delete->in.topics[i].name;
            which->partition = delete->in.topics[i].partitions[j].partition_index;
        }
    return delete->which;
}

static void tell(struct delete *delete, struct kb_arena *arena)
{
    struct kw_offset_delete_response *out = &delete->out;
    size_t topics = (size_t)KB_MAX(delete->in.topics_count, 0), at = 0;
    out->topics = kb_arena_array(arena, topics, sizeof *out->topics);
    for (size_t i = 0; out->topics && i < topics; i++) {
        const struct kw_offset_delete_request_topic *in = &delete->in.topics[i];
        struct kw_offset_delete_response_topic *topic = &out->topics[out->topics_count++];
        size_t count = (size_t)KB_MAX(in->partitions_count, 0);
        kw_offset_delete_response_topic_init(topic);
        topic->name = in->name;
        topic->partitions = kb_arena_array(arena, count, sizeof *topic->partitions);
        for (size_t j = 0; topic->partitions && j < count; j++) {
            struct kw_offset_delete_response_partition *part =
                &topic->partitions[topic->partitions_count++];
            kw_offset_delete_response_partition_init(part);
            part->partition_index = delete->which[at].partition;
            part->error_code = (int16_t) delete->which[at++].code;
        }
    }
}

void kd_handle_offset_delete(struct kd_request *request)
{
    struct kb_arena *arena = &request->arena;
    struct delete *delete = kb_arena_alloc(arena, sizeof *delete);
    int code;
    if (!delete || !kw_offset_delete_request_decode(&request->body, request->header.version, arena,
                                                    &delete->in)) {
        kd_request_refuse(request);
        return;
    }
    struct kd_step *step =
        collect(delete, arena) ? kd_group_begin(request, delete->in.group_id, &code) : NULL;
    if (!step) {
        refuse(request, delete->which ? code : KB_E_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    kw_offset_delete_response_init(&delete->out);
    delete->out.error_code =
        (int16_t)kd_groups_delete_offsets(kd_groups_of(step->coordinator), delete->in.group_id,
                                          delete->which, delete->count, &step->outcome);
    if (!delete->out.error_code)
        tell(delete, arena);
    delete->reply.answer = on_committed;
    kd_step_finish(step, request, &delete->reply);
}
