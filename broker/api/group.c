/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/group.h"
#include "broker/server/link.h"
#include "net/conn.h"

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
