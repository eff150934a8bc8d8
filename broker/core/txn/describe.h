/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TXN_DESCRIBE_H
#define KD_TXN_DESCRIBE_H
/* What people and tools ask of transactions. Views are valid until the next step. */
#include "base/regex.h"
#include "broker/core/txn/txns.h"
#include "wire/gen/describe_transactions.h"
#include "wire/gen/list_transactions.h"

/* INVALID_REQUEST, TRANSACTIONAL_ID_NOT_FOUND in its error_code. */
void kd_txns_describe(const struct kd_txns *txns, struct kb_slice id, struct kb_arena *arena,
                      struct kw_describe_transactions_response_transaction_state *out);

bool kd_txn_state_is_known(struct kb_slice name);
size_t kd_txns_count(const struct kd_txns *txns);

/* What a request wants to see, made ready to be held against many. */
struct kd_txn_filter {
    unsigned states;          /* a bit each; 0: none of those asked for is known */
    const int64_t *producers; /* sorted; count 0: any */
    size_t producer_count;
    int64_t longer_than_ms;   /* -1: any */
    struct kb_regex *pattern; /* NULL: any id */
};
/* Sorts the request's producer ids. The pattern is the caller's. */
struct kd_txn_filter kd_txn_filter_of(struct kw_list_transactions_request *in,
                                      struct kb_regex *pattern);
/* Adds those that pass at *count on; room for kd_txns_count more. */
void kd_txns_list(const struct kd_txns *txns, const struct kd_txn_filter *filter,
                  struct kb_time now, struct kw_list_transactions_response_transaction_state *list,
                  int32_t *count);

#endif
