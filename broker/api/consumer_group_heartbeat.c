/* SPDX-License-Identifier: Apache-2.0 */
/* ConsumerGroupHeartbeat: all that a member of the consumer protocol asks. */
#include "broker/api/group.h"
#include "broker/core/group/consumer.h"
#include "broker/server/link.h"

struct heartbeat {
    struct kd_reply reply;
    struct kd_beat beat;
    struct kw_consumer_group_heartbeat_request in;
};

static void answer(struct kd_request *request,
                   const struct kw_consumer_group_heartbeat_response *out)
{
    struct kw_writer w;
    kd_answer_begin(request, &w);
    kw_consumer_group_heartbeat_response_encode(&w, request->header.version, out);
    kd_answer_end(request, &w);
}

static void refuse(struct kd_request *request, int code)
{
    struct kw_consumer_group_heartbeat_response out;
    kw_consumer_group_heartbeat_response_init(&out);
    out.error_code = (int16_t)code;
    answer(request, &out);
}

static void on_committed(struct kd_reply *reply, int code)
{
    const struct heartbeat *heartbeat = KB_CONTAINER(reply, struct heartbeat, reply);
    if (code)
        refuse(reply->request, code);
    else
        answer(reply->request, &heartbeat->beat.out);
}

void kd_handle_consumer_group_heartbeat(struct kd_request *request)
{
    int16_t version = request->header.version;
    struct heartbeat *heartbeat = kb_arena_alloc(&request->arena, sizeof *heartbeat);
    int code;
    if (!heartbeat || !kw_consumer_group_heartbeat_request_decode(
                          &request->body, version, &request->arena, &heartbeat->in)) {
        kd_request_refuse(request);
        return;
    }
    struct kd_step *step = kd_group_begin(request, heartbeat->in.group_id, &code);
    if (!step) {
        refuse(request, code);
        return;
    }
    heartbeat->beat = (struct kd_beat){.in = &heartbeat->in,
                                       .version = version,
                                       .client_id = request->header.client_id,
                                       .client_host = kd_group_host(request),
                                       .arena = &request->arena};
    heartbeat->reply.answer = on_committed;
    kd_groups_beat(kd_groups_of(step->coordinator), &heartbeat->beat, kd_request_now(request),
                   &step->outcome);
    kd_step_finish(step, request, &heartbeat->reply);
}
