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
/* Adds those that pass the filters at *count on; room for kd_txns_count more. pattern:
 * of transactional_id_pattern; NULL: any. */
void kd_txns_list(const struct kd_txns *txns, const struct kw_list_transactions_request *filters,
                  struct kb_regex *pattern, struct kb_time now,
                  struct kw_list_transactions_response_transaction_state *list, int32_t *count);

#endif
