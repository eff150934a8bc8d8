/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/group.h"
#include "broker/server/link.h"
#include "net/conn.h"

struct kd_step *kd_group_begin(struct kd_request *request, struct kb_slice group, int *code)
{
    struct kd_coordinator *c = NULL;
    *code = kd_coordinator_find(&request->shard->groups->topic, group, &c);
    struct kd_step *step = *code ? NULL : kd_step_begin(c);
    if (!step && !*code)
        *code = KB_E_COORDINATOR_NOT_AVAILABLE;
    return step;
}

static void on_cancel(struct kd_request *request)
{
    struct kd_reply *reply = request->op;
    kd_reply_forget(reply);
    kd_answer_nothing(request);
}

void kd_group_finish(struct kd_step *step, struct kd_request *request, struct kd_reply *reply)
{
    reply->request = request;
    request->op = reply;
    request->cancel = on_cancel;
    kd_step_hold(step, reply);
    kd_step_end(step);
}

void kd_group_park(struct kd_request *request, struct kd_reply *reply, struct kd_parked *wait,
                   enum kd_parked_kind kind, struct kd_coordinator *c)
{
    kb_list_init(&reply->link);
    reply->request = request;
    reply->coordinator = c;
    request->op = reply;
    wait->kind = kind;
    wait->arena = &request->arena;
    wait->owner = reply;
}

void kd_group_unpark(struct kd_reply *reply, struct kd_parked *wait)
{
    kd_reply_forget(reply);
    if (wait->member)
        kd_group_forget(reply->coordinator, wait);
}

struct kb_slice kd_group_host(struct kd_request *request)
{
    char text[KN_ADDR_TEXT + 1] = "/";
    struct kn_addr peer;
    if (!request->peer || !kn_conn_peer(request->peer->conn, &peer))
        return kb_slice_str("");
    kn_addr_format(&peer, text + 1);
    char *port = strrchr(text, ':');
    if (port)
        *port = 0;
    return kb_slice_str(kb_arena_strdup(&request->arena, kb_slice_str(text)));
}
