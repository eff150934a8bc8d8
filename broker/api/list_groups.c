/* SPDX-License-Identifier: Apache-2.0 */
/* ListGroups: all that this broker coordinates, by state and type if asked. */
#include "broker/core/group/describe.h"
#include "broker/api/group.h"

static size_t count_all(struct kd_coordinator_topic *topic, bool *loading)
{
    struct kd_coordinator *c;
    size_t count = 0;
    for (int32_t at = 0; (c = kd_coordinator_next(topic, &at, loading));)
        count += kd_groups_count(kd_groups_of(c));
    return count;
}

void kd_handle_list_groups(struct kd_request *request)
{
    struct kw_list_groups_request in;
    struct kw_list_groups_response out;
    struct kw_writer w;
    struct kd_coordinator_topic *topic = &request->shard->groups->topic;
    struct kd_coordinator *c;
    bool loading = false;
    int16_t version = request->header.version;
    if (!kw_list_groups_request_decode(&request->body, version, &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_list_groups_response_init(&out);
    out.groups = kb_arena_array(&request->arena, count_all(topic, &loading), sizeof *out.groups);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    for (int32_t at = 0; (c = kd_coordinator_next(topic, &at, &loading));)
        kd_groups_list(kd_groups_of(c), &in, out.groups, &out.groups_count);
    out.error_code = loading ? KB_E_COORDINATOR_LOAD_IN_PROGRESS : KB_OK;
    kd_answer_begin(request, &w);
    kw_list_groups_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}
