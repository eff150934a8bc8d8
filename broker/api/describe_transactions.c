/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeTransactions: each id by its coordinator (KIP-664). */
#include "broker/core/txn/describe.h"
#include "broker/api/txn.h"

static void describe(struct kd_request *request, struct kb_slice id,
                     struct kw_describe_transactions_response_transaction_state *out)
{
    struct kd_coordinator *c;
    int code =
        id.size ? kd_coordinator_find(&request->shard->txns->topic, id, &c) : KB_E_INVALID_REQUEST;
    if (!code) {
        kd_txns_describe(kd_txns_of(c), id, &request->arena, out);
        return;
    }
    kw_describe_transactions_response_transaction_state_init(out);
    out->error_code = kd_answer_code(code);
    out->transactional_id = id;
    out->transaction_state = kb_slice_str("");
}

void kd_handle_describe_transactions(struct kd_request *request)
{
    struct kw_describe_transactions_request in;
    struct kw_describe_transactions_response out;
    struct kw_writer w;
    int16_t version = request->header.version;
    if (!kw_describe_transactions_request_decode(&request->body, version, &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    kw_describe_transactions_response_init(&out);
    out.transaction_states =
        kb_arena_array(&request->arena, (size_t)KB_MAX(in.transactional_ids_count, 0),
                       sizeof *out.transaction_states);
    for (int32_t i = 0; !request->arena.failed && i < in.transactional_ids_count; i++)
        describe(request, in.transactional_ids[i],
                 &out.transaction_states[out.transaction_states_count++]);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_describe_transactions_response_encode(&w, version, &out);
    kd_answer_end(request, &w);
}
