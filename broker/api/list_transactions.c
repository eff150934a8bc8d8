/* SPDX-License-Identifier: Apache-2.0 */
/* ListTransactions: all that this broker coordinates and the filters let pass. */
#include "broker/core/txn/describe.h"
#include "broker/api/txn.h"

enum { PATTERN_STEPS_MAX = 1000 }; /* of its program, for each byte of each id */

static void answer(struct kd_request *request, const struct kw_list_transactions_response *out)
{
    struct kw_writer w;
    kd_answer_begin(request, &w);
    kw_list_transactions_response_encode(&w, request->header.version, out);
    kd_answer_end(request, &w);
}

static void refuse(struct kd_request *request, int code)
{
    struct kw_list_transactions_response out;
    kw_list_transactions_response_init(&out);
    out.error_code = kd_answer_code(code);
    answer(request, &out);
}

static size_t count_all(const struct kd_coordinator_topic *topic, bool *loading)
{
    struct kd_coordinator *c;
    size_t count = 0;
    for (int32_t at = 0; (c = kd_coordinator_next(topic, &at, loading));)
        count += kd_txns_count(kd_txns_of(c));
    return count;
}

static void tell_unknown_states(const struct kw_list_transactions_request *in,
                                struct kb_arena *arena, struct kw_list_transactions_response *out)
{
    size_t most = (size_t)KB_MAX(in->state_filters_count, 0);
    out->unknown_state_filters = kb_arena_array(arena, most, sizeof *out->unknown_state_filters);
    for (int32_t i = 0; out->unknown_state_filters && i < in->state_filters_count; i++)
        if (!kd_txn_state_is_known(in->state_filters[i]))
            out->unknown_state_filters[out->unknown_state_filters_count++] = in->state_filters[i];
}

static void list(struct kd_request *request, struct kw_list_transactions_request *in,
                 struct kb_regex *pattern)
{
    const struct kd_coordinator_topic *topic = &request->shard->txns->topic;
    struct kw_list_transactions_response out;
    struct kd_coordinator *c;
    bool loading = false;
    kw_list_transactions_response_init(&out);
    tell_unknown_states(in, &request->arena, &out);
    out.transaction_states =
        kb_arena_array(&request->arena, count_all(topic, &loading), sizeof *out.transaction_states);
    if (loading) {
        refuse(request, KB_E_COORDINATOR_LOAD_IN_PROGRESS);
        return;
    }
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    const struct kd_txn_filter filter = kd_txn_filter_of(in, pattern);
    for (int32_t at = 0; (c = kd_coordinator_next(topic, &at, &loading));)
        kd_txns_list(kd_txns_of(c), &filter, kd_request_now(request), out.transaction_states,
                     &out.transaction_states_count);
    answer(request, &out);
}

void kd_handle_list_transactions(struct kd_request *request)
{
    struct kw_list_transactions_request in;
    struct kb_regex *pattern = NULL;
    struct kb_error err;
    if (!kw_list_transactions_request_decode(&request->body, request->header.version,
                                             &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    int code = in.transactional_id_pattern.size
                   ? kb_regex_new(in.transactional_id_pattern, &pattern, &err)
                   : KB_OK;
    if (pattern && kb_regex_steps(pattern) > PATTERN_STEPS_MAX)
        code = KB_E_INVALID_REGULAR_EXPRESSION;
    if (code)
        refuse(request, code);
    else
        list(request, &in, pattern);
    kb_regex_free(pattern);
}
