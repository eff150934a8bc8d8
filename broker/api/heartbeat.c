/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeat: a member of a classic group lives. */
#include "broker/core/group/classic.h"
#include "broker/api/group.h"

struct heartbeat {
    struct kd_reply reply;
    int code;
};

static void answer(struct kd_request *request, int code)
{
    struct kw_heartbeat_response out;
    struct kw_writer w;
    kw_heartbeat_response_init(&out);
    out.error_code = (int16_t)code;
    kd_answer_begin(request, &w);
    kw_heartbeat_response_encode(&w, request->header.version, &out);
    kd_answer_end(request, &w);
}

static void on_committed(struct kd_reply *reply, int code)
{
    const struct heartbeat *heartbeat = KB_CONTAINER(reply, struct heartbeat, reply);
    answer(reply->request, code ? code : heartbeat->code);
}

void kd_handle_heartbeat(struct kd_request *request)
{
    struct kw_heartbeat_request in;
    struct heartbeat *heartbeat = kb_arena_alloc(&request->arena, sizeof *heartbeat);
    int code;
    if (!heartbeat || !kw_heartbeat_request_decode(&request->body, request->header.version,
                                                   &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    struct kd_step *step = kd_group_begin(request, in.group_id, &code);
    if (!step) { /* it is told nothing bad while its coordinator loads */
        answer(request, code == KB_E_COORDINATOR_LOAD_IN_PROGRESS ? KB_OK : code);
        return;
    }
    heartbeat->reply.answer = on_committed;
    heartbeat->code = kd_groups_heartbeat(kd_groups_of(step->coordinator), &in,
                                          kd_request_now(request), &step->outcome);
    kd_step_finish(step, request, &heartbeat->reply);
}
