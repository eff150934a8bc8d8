/* SPDX-License-Identifier: Apache-2.0 */
/* ConsumerGroupDescribe: what there is at the moment, also what is not committed yet. */
#include "broker/api/group.h"
#include "broker/core/group/consumer.h"

static void describe(struct kd_request *request, struct kb_slice id,
                     struct kw_consumer_group_describe_response_group *out)
{
    struct kd_coordinator *c = NULL;
    int code = kd_coordinator_find(&request->shard->groups->topic, id, &c);
    if (!code) {
        kd_groups_describe_consumer(kd_groups_of(c), id, &request->arena, out);
        return;
    }
    kw_consumer_group_describe_response_group_init(out);
    out->group_id = id;
    out->error_code = (int16_t)code;
}

void kd_handle_consumer_group_describe(struct kd_request *request)
{
    struct kw_consumer_group_describe_request in;
    struct kw_consumer_group_describe_response out;
    struct kw_writer w;
    int16_t version = request->header.version;
    if (!kw_consumer_group_describe_request_decode(&request->body, version, &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    size_t count = (size_t)KB_MAX(in.group_ids_count, 0);
    kw_consumer_group_describe_response_init(&out);
    out.groups = kb_arena_array(&request->arena, count, sizeof *out.groups);
    for (size_t i = 0; out.groups && i < count; i++)
        describe(request, in.group_ids[i], &out.groups[out.groups_count++]);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_consumer_group_describe_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}
