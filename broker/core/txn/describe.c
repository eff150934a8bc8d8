/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/txn/describe.h"
#include "broker/core/txn/txn.h"
#include <stdlib.h>

static const char *const names[KD_TXN_STATES] = {
    [KD_TXN_EMPTY] = "Empty",
    [KD_TXN_ONGOING] = "Ongoing",
    [KD_TXN_PREPARE_COMMIT] = "PrepareCommit",
    [KD_TXN_PREPARE_ABORT] = "PrepareAbort",
    [KD_TXN_COMPLETE_COMMIT] = "CompleteCommit",
    [KD_TXN_COMPLETE_ABORT] = "CompleteAbort",
};

bool kd_txn_state_is_known(struct kb_slice name)
{
    for (int i = 0; i < KD_TXN_STATES; i++)
        if (kb_slice_equal(kb_slice_str(names[i]), name))
            return true;
    return false;
}

size_t kd_txns_count(const struct kd_txns *txns)
{
    return txns->by_id.count;
}

/* ---- Describe ---- */

static void describe_parts(const struct kd_txn *txn, struct kb_arena *arena,
                           struct kw_describe_transactions_response_transaction_state *out)
{
    size_t count = txn->parts.count, topics = 0;
    struct kd_txn_place *all = kb_arena_array(arena, count, sizeof *all);
    int32_t *partitions = kb_arena_array(arena, count, sizeof *partitions);
    if (!all || !partitions)
        return;
    kd_txn_places(txn, all);
    for (size_t i = 0; i < count; i++)
        topics += kd_txn_is_next_topic(all, i);
    out->topics = kb_arena_array(arena, topics, sizeof *out->topics);
    for (size_t i = 0; out->topics && i < count; i++) {
        if (kd_txn_is_next_topic(all, i))
            out->topics[out->topics_count++] =
                (struct kw_describe_transactions_response_topic){all[i].topic, partitions + i, 0};
        partitions[i] = all[i].partition;
        out->topics[out->topics_count - 1].partitions_count++;
    }
}

void kd_txns_describe(const struct kd_txns *txns, struct kb_slice id, struct kb_arena *arena,
                      struct kw_describe_transactions_response_transaction_state *out)
{
    const struct kd_txn *txn = kd_txn_find(txns, id);
    kw_describe_transactions_response_transaction_state_init(out);
    out->transactional_id = id;
    out->transaction_state = kb_slice_str("");
    if (!txn) {
        out->error_code = id.size ? KB_E_TRANSACTIONAL_ID_NOT_FOUND : KB_E_INVALID_REQUEST;
        return;
    }
    out->transaction_state = kb_slice_str(names[txn->state]);
    out->transaction_timeout_ms = txn->timeout_ms;
    out->transaction_start_time_ms = txn->started_ms;
    out->producer_id = txn->producer;
    out->producer_epoch = txn->epoch;
    describe_parts(txn, arena, out);
}

/* ---- List ---- */

static unsigned states_of(const struct kw_list_transactions_request *in)
{
    unsigned states = 0;
    if (in->state_filters_count <= 0)
        return ~0u;
    for (int32_t i = 0; i < in->state_filters_count; i++)
        for (int state = 0; state < KD_TXN_STATES; state++)
            if (kb_slice_is(in->state_filters[i], names[state]))
                states |= 1u << state;
    return states;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

struct kd_txn_filter kd_txn_filter_of(struct kw_list_transactions_request *in,
                                      struct kb_regex *pattern)
{
    size_t count = (size_t)KB_MAX(in->producer_id_filters_count, 0);
    if (count)
        qsort(in->producer_id_filters, count, sizeof in->producer_id_filters[0], by_number);
    return (struct kd_txn_filter){.states = states_of(in),
                                  .producers = in->producer_id_filters,
                                  .producer_count = count,
                                  .longer_than_ms = in->duration_filter,
                                  .pattern = pattern};
}

/* Where nothing is open, it takes no time at all. */
static bool runs_long(const struct kd_txn_filter *filter, const struct kd_txn *txn,
                      struct kb_time now)
{
    if (filter->longer_than_ms < 0)
        return true;
    return txn->started_ms >= 0 && kd_txn_age_ms(txn->started_ms, now) > filter->longer_than_ms;
}

static bool passes(const struct kd_txn_filter *filter, const struct kd_txn *txn, struct kb_time now)
{
    return filter->states & (1u << txn->state) && runs_long(filter, txn, now) &&
           (!filter->producer_count ||
            bsearch(&txn->producer, filter->producers, filter->producer_count,
                    sizeof filter->producers[0], by_number)) &&
           (!filter->pattern || kb_regex_match(filter->pattern, txn->id));
}

void kd_txns_list(const struct kd_txns *txns, const struct kd_txn_filter *filter,
                  struct kb_time now, struct kw_list_transactions_response_transaction_state *list,
                  int32_t *count)
{
    for (const struct kb_map_entry *at = NULL; (at = kb_map_next(&txns->by_id, at));) {
        const struct kd_txn *txn = KB_CONTAINER(at, struct kd_txn, by_id);
        if (passes(filter, txn, now))
            list[(*count)++] = (struct kw_list_transactions_response_transaction_state){
                txn->id, txn->producer, kb_slice_str(names[txn->state])};
    }
}
