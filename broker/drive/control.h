/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CONTROL_H
#define KD_CONTROL_H
/* A transaction's marker on its way into a log. */
#include "broker/core/txn_mark.h"
#include "broker/drive/replica.h"

/* Fills frame (the caller's reference), batch, header and txn of an append that is
 * otherwise ready. version: transaction.version of the producer. False: no memory. */
bool kd_control_append(const struct kd_txn_mark *mark, int16_t version, int64_t wall_ms,
                       struct kd_append *append);
/* What an append says of its batch if that is this marker. */
struct kd_txn_terms kd_control_terms(const struct kd_txn_mark *mark, int16_t version);

#endif
