/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/txn.h"

/* ---- With a producer id --------------------------------------------------- */

static void on_id(struct kd_id_wait *link, int code, int64_t id)
{
    struct kd_txn_id_wait *wait = KB_CONTAINER(link, struct kd_txn_id_wait, wait);
    wait->then(wait, code, id);
}

static void on_cancel_wait(struct kd_request *request)
{
    struct kd_txn_id_wait *wait = request->op;
    kd_ids_forget(&wait->wait);
    kd_answer_nothing(request);
}

void kd_txn_take_id(struct kd_request *request, struct kb_slice id, struct kd_txn_id_wait *wait)
{
    struct kd_coordinator *c;
    int code = kd_coordinator_find(&request->shard->txns->topic, id, &c);
    wait->reply.request = request;
    kb_list_init(&wait->reply.link);
    if (code || !kd_txns_wants_producer_id(kd_txns_of(c), id)) {
        wait->then(wait, code, -1);
        return;
    }
    request->op = wait;
    request->cancel = on_cancel_wait;
    wait->wait.done = on_id;
    kd_ids_take(&request->shard->ids, &wait->wait);
}

int16_t kd_txn_code(int code, int16_t version, int16_t since)
{
    bool unknown = code == KB_E_PRODUCER_FENCED && version < since;
    return kd_answer_code(unknown ? KB_E_INVALID_PRODUCER_EPOCH : code);
}
