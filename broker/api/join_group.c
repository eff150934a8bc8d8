/* SPDX-License-Identifier: Apache-2.0 */
/* JoinGroup: parked in its group until the round is complete. */
#include "broker/core/group/classic.h"
#include "broker/api/group.h"
#include "broker/server/link.h"

struct join {
    struct kd_reply reply;
    struct kd_join join;
    struct kw_join_group_request in;
};

static void answer(struct kd_request *request, const struct kw_join_group_response *out)
{
    struct kw_writer w;
    kd_answer_begin(request, &w);
    kw_join_group_response_encode(&w, request->header.version, out);
    kd_answer_end(request, &w);
}

static void refuse(struct join *join, struct kd_request *request, int code)
{
    kw_join_group_response_init(&join->join.out);
    join->join.out.error_code = (int16_t)code;
    join->join.out.protocol_name =
        request->header.version >= 7 ? kb_slice_null() : kb_slice_str("");
    join->join.out.leader = kb_slice_str("");
    join->join.out.member_id = join->in.member_id;
    answer(request, &join->join.out);
}

static void on_committed(struct kd_reply *reply, int code)
{
    struct join *join = KB_CONTAINER(reply, struct join, reply);
    if (code)
        refuse(join, reply->request, code);
    else
        answer(reply->request, &join->join.out);
}

static void on_cancel(struct kd_request *request)
{
    struct join *join = request->op;
    kd_group_unpark(&join->reply, &join->join.wait);
    kd_answer_nothing(request);
}

void kd_handle_join_group(struct kd_request *request)
{
    int16_t version = request->header.version;
    struct join *join = kb_arena_alloc(&request->arena, sizeof *join);
    int code;
    if (!join ||
        !kw_join_group_request_decode(&request->body, version, &request->arena, &join->in)) {
        kd_request_refuse(request);
        return;
    }
    struct kd_step *step = kd_group_begin(request, join->in.group_id, &code);
    if (!step) {
        refuse(join, request, code);
        return;
    }
    kd_group_park(request, &join->reply, &join->join.wait, KD_PARKED_JOIN, step->coordinator);
    join->reply.answer = on_committed;
    request->cancel = on_cancel;
    join->join.in = &join->in;
    join->join.version = version;
    join->join.client_id = request->header.client_id;
    join->join.client_host = kd_group_host(request);
    kd_groups_join(kd_groups_of(step->coordinator), &join->join, kd_request_now(request),
                   &step->outcome);
    kd_step_end(step);
}
