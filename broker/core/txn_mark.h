/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TXN_MARK_H
#define KD_TXN_MARK_H
/* The end of a transaction, as a partition's log has it: a batch of its own, of one
 * control record. Pure. */
#include "base/buf.h"
#include "wire/batch.h"

struct kd_txn_mark {
    int64_t producer;
    int16_t epoch;
    int32_t coordinator_epoch;
    bool commit;
};

/* The batch and its header, to be placed; the caller's. NULL: no memory. */
struct kb_buf *kd_txn_mark_batch(const struct kd_txn_mark *mark, int64_t now_ms,
                                 struct kw_batch_header *header);
/* Out of a batch with KW_BATCH_CONTROL, of which the record is the first. False: it is
 * not the end of a transaction. */
struct kw_record;
bool kd_txn_mark_parse(const struct kw_batch_header *header, const struct kw_record *record,
                       struct kd_txn_mark *out);

#endif
