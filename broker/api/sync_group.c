/* SPDX-License-Identifier: Apache-2.0 */
/* SyncGroup: parked in its group until the leader has assigned. */
#include "broker/core/group/classic.h"
#include "broker/api/group.h"

struct sync {
    struct kd_reply reply;
    struct kd_sync sync;
    struct kw_sync_group_request in;
};

static void answer(struct kd_request *request, const struct kw_sync_group_response *out)
{
    struct kw_writer w;
    kd_answer_begin(request, &w);
    kw_sync_group_response_encode(&w, request->header.version, out);
    kd_answer_end(request, &w);
}

static void refuse(struct kd_request *request, int code)
{
    struct kw_sync_group_response out;
    kw_sync_group_response_init(&out);
    out.error_code = (int16_t)code;
    out.assignment = kb_slice_str("");
    answer(request, &out);
}

static void on_committed(struct kd_reply *reply, int code)
{
    const struct sync *sync = KB_CONTAINER(reply, struct sync, reply);
    if (code)
        refuse(reply->request, code);
    else
        answer(reply->request, &sync->sync.out);
}

static void on_cancel(struct kd_request *request)
{
    struct sync *sync = request->op;
    kd_group_unpark(&sync->reply, &sync->sync.wait);
    kd_answer_nothing(request);
}

void kd_handle_sync_group(struct kd_request *request)
{
    struct sync *sync = kb_arena_alloc(&request->arena, sizeof *sync);
    int code;
    if (!sync || !kw_sync_group_request_decode(&request->body, request->header.version,
                                               &request->arena, &sync->in)) {
        kd_request_refuse(request);
        return;
    }
    struct kd_step *step = kd_group_begin(request, sync->in.group_id, &code);
    if (!step) {
        refuse(request, code);
        return;
    }
    kd_group_park(request, &sync->reply, &sync->sync.wait, KD_PARKED_SYNC, step->coordinator);
    sync->reply.answer = on_committed;
    request->cancel = on_cancel;
    sync->sync.in = &sync->in;
    kd_groups_sync(kd_groups_of(step->coordinator), &sync->sync, kd_request_now(request),
                   &step->outcome);
    kd_step_end(step);
}
