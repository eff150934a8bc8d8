/* SPDX-License-Identifier: Apache-2.0 */
/* DeleteGroups: groups without members, and what they committed. */
#include "wire/gen/delete_groups.h"
#include "broker/api/group.h"
#include "broker/core/group/offsets.h"

struct delete;

struct share {
    struct kd_reply reply;
    struct delete *delete;
    struct kw_delete_groups_response_result *out;
};

struct delete
{
    struct kd_request *request;
    struct kw_delete_groups_request in;
    struct kw_delete_groups_response out;
    struct share *shares;
    size_t count, pending;
};

static void settle(struct delete *delete)
{
    struct kd_request *request = delete->request;
    struct kw_writer w;
    if (--delete->pending)
        return;
    kd_answer_begin(request, &w);
    kw_delete_groups_response_encode(&w, request->header.version, &delete->out);
    kd_answer_end(request, &w);
}

static void on_committed(struct kd_reply *reply, int code)
{
    struct share *share = KB_CONTAINER(reply, struct share, reply);
    if (code)
        share->out->error_code = (int16_t)code;
    settle(share->delete);
}

static void on_cancel(struct kd_request *request)
{
    struct delete *delete = request->op;
    for (size_t i = 0; i < delete->count; i++)
        kd_reply_forget(&delete->shares[i].reply);
    kd_answer_nothing(request);
}

static void delete_one(struct share *share, struct kb_slice group)
{
    struct delete *delete = share->delete;
    int code;
    kw_delete_groups_response_result_init(share->out);
    share->out->group_id = group;
    struct kd_step *step = kd_group_begin(delete->request, group, &code);
    if (!step) {
        share->out->error_code = (int16_t)code;
        return;
    }
    share->out->error_code =
        (int16_t)kd_groups_delete(kd_groups_of(step->coordinator), group, &step->outcome);
    delete->pending++;
    share->reply.answer = on_committed;
    kd_step_hold(step, &share->reply);
    kd_step_end(step);
}

void kd_handle_delete_groups(struct kd_request *request)
{
    struct kb_arena *arena = &request->arena;
    struct delete *delete = kb_arena_alloc(arena, sizeof *delete);
    if (!delete || !kw_delete_groups_request_decode(&request->body, request->header.version, arena,
                                                    &delete->in)) {
        kd_request_refuse(request);
        return;
    }
    delete->request = request;
    delete->pending = 1;
    kw_delete_groups_response_init(&delete->out);
    size_t count = (size_t)KB_MAX(delete->in.groups_names_count, 0);
    delete->shares = kb_arena_array(arena, count, sizeof *delete->shares);
    delete->out.results = kb_arena_array(arena, count, sizeof *delete->out.results);
    if (arena->failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    request->op = delete;
    request->cancel = on_cancel;
    for (; delete->count < count; delete->count++)
        kb_list_init(&delete->shares[delete->count].reply.link);
    for (size_t i = 0; i < count; i++) {
        delete->shares[i].delete = delete;
        delete->shares[i].out = &delete->out.results[delete->out.results_count++];
        delete_one(&delete->shares[i], delete->in.groups_names[i]);
    }
    settle(delete);
}
