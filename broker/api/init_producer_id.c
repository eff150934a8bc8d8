/* SPDX-License-Identifier: Apache-2.0 */
/* InitProducerId. For idempotent producers each call gives an id that nobody else ever
 * gets: of a producer without transactions nothing is kept, so that one that wants a
 * new epoch (KIP-360) is served by a new id as well. That of a transactional id is its
 * coordinator's, and every call fences who had it before. */
#include "wire/gen/init_producer_id.h"
#include "broker/api/txn.h"

enum { FENCED_SINCE = 4 };

struct init {
    struct kd_txn_id_wait wait;
    struct kw_init_producer_id_request in;
    struct kw_init_producer_id_response out;
};

static void answer(struct kd_request *request, int code, int64_t id, int16_t epoch)
{
    struct kw_init_producer_id_response out;
    struct kw_writer w;
    int16_t version = request->header.version;
    kw_init_producer_id_response_init(&out);
    out.error_code = kd_txn_code(code, version, FENCED_SINCE);
    out.producer_id = code ? -1 : id;
    out.producer_epoch = code ? -1 : epoch;
    kd_answer_begin(request, &w);
    kw_init_producer_id_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}

/* ---- Without transactions --------------------------------------------------- */

static void on_idempotent(struct kd_id_wait *link, int code, int64_t id)
{
    struct init *init = KB_CONTAINER(link, struct init, wait.wait);
    answer(init->wait.reply.request, code, id, 0);
}

static void on_cancel(struct kd_request *request)
{
    struct init *init = request->op;
    kd_ids_forget(&init->wait.wait);
    kd_answer_nothing(request);
}

static void begin_idempotent(struct kd_request *request, struct init *init)
{
    init->wait.reply.request = request;
    init->wait.wait.done = on_idempotent;
    request->op = init;
    request->cancel = on_cancel;
    kd_ids_take(&request->shard->ids, &init->wait.wait);
}

/* ---- Of a transactional id --------------------------------------------------- */

static void on_committed(struct kd_reply *reply, int code)
{
    struct init *init = KB_CONTAINER(reply, struct init, wait.reply);
    const struct kw_init_producer_id_response *out = &init->out;
    answer(reply->request, code ? code : out->error_code, out->producer_id, out->producer_epoch);
}

static void begin_transactional(struct kd_txn_id_wait *wait, int code, int64_t fresh)
{
    struct init *init = KB_CONTAINER(wait, struct init, wait);
    struct kd_request *request = wait->reply.request;
    struct kd_step *step = code ? NULL : kd_txn_begin(request, init->in.transactional_id, &code);
    if (!step) {
        answer(request, code, -1, -1);
        return;
    }
    kw_init_producer_id_response_init(&init->out);
    init->out.error_code =
        (int16_t)kd_txns_begin_producer(kd_txns_of(step->coordinator), &init->in, fresh,
                                        kd_request_now(request), &init->out, &step->outcome);
    wait->reply.answer = on_committed;
    kd_step_finish(step, request, &wait->reply);
}

void kd_handle_init_producer_id(struct kd_request *request)
{
    struct init *init = kb_arena_alloc(&request->arena, sizeof *init);
    if (!init || !kw_init_producer_id_request_decode(&request->body, request->header.version,
                                                     &request->arena, &init->in)) {
        kd_request_refuse(request);
        return;
    }
    if (!init->in.transactional_id.data) {
        begin_idempotent(request, init);
    } else if (!init->in.transactional_id.size) {
        answer(request, KB_E_INVALID_REQUEST, -1, -1);
    } else {
        init->wait.then = begin_transactional;
        kd_txn_take_id(request, init->in.transactional_id, &init->wait);
    }
}
