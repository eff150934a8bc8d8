/* SPDX-License-Identifier: Apache-2.0 */
/* InitProducerId, for idempotent producers: each call gives an id that nobody
 * else ever gets. Of a producer without transactions nothing is kept, so that
 * one that wants a new epoch (KIP-360) is served by a new id as well. */
#include "wire/gen/init_producer_id.h"
#include "broker/api/api.h"

struct init {
    struct kd_request *request;
    struct kd_id_wait wait;
};

static void answer(struct kd_request *request, int code, int64_t id, int16_t epoch)
{
    struct kw_init_producer_id_response out;
    struct kw_writer w;
    kw_init_producer_id_response_init(&out);
    out.error_code = (int16_t)code;
    out.producer_id = code ? -1 : id;
    out.producer_epoch = code ? -1 : epoch;
    kd_answer_begin(request, &w);
    kw_init_producer_id_response_encode(&w, request->header.version, &out);
    kd_answer_end(request, &w);
}

static void on_id(struct kd_id_wait *wait, int code, int64_t id)
{
    struct init *init = KB_CONTAINER(wait, struct init, wait);
    answer(init->request, code, id, 0);
}

static void on_cancel(struct kd_request *request)
{
    struct init *init = request->op;
    kd_ids_forget(&init->wait);
    kd_answer_nothing(request);
}

void kd_handle_init_producer_id(struct kd_request *request)
{
    struct kw_init_producer_id_request in;
    struct init *init = kb_arena_alloc(&request->arena, sizeof *init);
    if (!init || !kw_init_producer_id_request_decode(&request->body, request->header.version,
                                                     &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    if (in.transactional_id.data) {
        answer(request, in.transactional_id.size ? KB_E_UNSUPPORTED_VERSION : KB_E_INVALID_REQUEST,
               -1, -1);
        return;
    }
    init->request = request;
    init->wait.done = on_id;
    request->op = init;
    request->cancel = on_cancel;
    kd_ids_take(&request->shard->ids, &init->wait);
}
