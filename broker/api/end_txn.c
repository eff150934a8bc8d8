/* SPDX-License-Identifier: Apache-2.0 */
/* EndTxn: answered once the decision is in the log; its markers follow. From version 5
 * on the producer goes on with a new epoch (KIP-890). */
#include "wire/gen/end_txn.h"
#include "broker/api/txn.h"

enum { FENCED_SINCE = 2, BUMPS_SINCE = 5 };

struct end {
    struct kd_txn_id_wait wait;
    struct kw_end_txn_request in;
    struct kd_txn_producer who;
    int code;
};

static void answer(struct end *end, int code)
{
    struct kd_request *request = end->wait.reply.request;
    struct kw_end_txn_response out;
    struct kw_writer w;
    int16_t version = request->header.version;
    kw_end_txn_response_init(&out);
    out.error_code = kd_txn_code(code, version, FENCED_SINCE);
    if (!code) {
        out.producer_id = end->who.producer;
        out.producer_epoch = end->who.epoch;
    }
    kd_answer_begin(request, &w);
    kw_end_txn_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}

static void on_committed(struct kd_reply *reply, int code)
{
    struct end *end = KB_CONTAINER(reply, struct end, wait.reply);
    answer(end, code ? code : end->code);
}

static void decide(struct kd_txn_id_wait *wait, int code, int64_t fresh)
{
    struct end *end = KB_CONTAINER(wait, struct end, wait);
    struct kd_request *request = wait->reply.request;
    int version = request->header.version >= BUMPS_SINCE ? 2 : 0;
    struct kd_step *step = code ? NULL : kd_txn_begin(request, end->who.id, &code);
    if (!step) {
        answer(end, code);
        return;
    }
    end->code = kd_txns_end(kd_txns_of(step->coordinator), &end->who, version, end->in.committed,
                            fresh, kd_request_now(request), &step->outcome);
    wait->reply.answer = on_committed;
    kd_step_finish(step, request, &wait->reply);
}

void kd_handle_end_txn(struct kd_request *request)
{
    int16_t version = request->header.version;
    struct end *end = kb_arena_alloc(&request->arena, sizeof *end);
    if (!end || !kw_end_txn_request_decode(&request->body, version, &request->arena, &end->in)) {
        kd_request_refuse(request);
        return;
    }
    end->who = (struct kd_txn_producer){end->in.transactional_id, end->in.producer_id,
                                        end->in.producer_epoch};
    end->wait.reply.request = request;
    end->wait.then = decide;
    if (version >= BUMPS_SINCE)
        kd_txn_take_id(request, end->who.id, &end->wait);
    else
        decide(&end->wait, KB_OK, -1);
}
