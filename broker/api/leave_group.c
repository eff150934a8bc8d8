/* SPDX-License-Identifier: Apache-2.0 */
/* LeaveGroup: members go, and the others share what they had. */
#include "broker/core/group/classic.h"
#include "broker/api/group.h"

struct leave {
    struct kd_reply reply;
    struct kw_leave_group_request in;
    struct kw_leave_group_response out;
};

static void answer(struct kd_request *request, const struct kw_leave_group_response *out)
{
    struct kw_writer w;
    kd_answer_begin(request, &w);
    kw_leave_group_response_encode(&w, request->header.version, out);
    kd_answer_end(request, &w);
}

static void refuse(struct kd_request *request, int code)
{
    struct kw_leave_group_response out;
    kw_leave_group_response_init(&out);
    out.error_code = (int16_t)code;
    answer(request, &out);
}

static void on_committed(struct kd_reply *reply, int code)
{
    const struct leave *leave = KB_CONTAINER(reply, struct leave, reply);
    if (code)
        refuse(reply->request, code);
    else
        answer(reply->request, &leave->out);
}

void kd_handle_leave_group(struct kd_request *request)
{
    int16_t version = request->header.version;
    struct leave *leave = kb_arena_alloc(&request->arena, sizeof *leave);
    int code;
    if (!leave ||
        !kw_leave_group_request_decode(&request->body, version, &request->arena, &leave->in)) {
        kd_request_refuse(request);
        return;
    }
    struct kd_step *step = kd_group_begin(request, leave->in.group_id, &code);
    if (!step) {
        refuse(request, code);
        return;
    }
    leave->reply.answer = on_committed;
    kd_groups_leave(kd_groups_of(step->coordinator), &leave->in, version, &request->arena,
                    kd_request_now(request), &leave->out, &step->outcome);
    kd_step_finish(step, request, &leave->reply);
}
