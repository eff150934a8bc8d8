/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TXN_SIEVE_H
#define KD_TXN_SIEVE_H
/*
 * What a compaction has to know of transactions while it goes through a log: which
 * batches were aborted, and of which transactions it has left something. Pure.
 */
#include "base/map.h"
#include "broker/core/aborted.h"
#include "wire/batch.h"

struct kd_txn_sieve {
    struct kd_aborted *aborted; /* by producer and offset */
    size_t count;
    struct kb_map left; /* producers with something left whose marker is not met yet */
};

void kd_txn_sieve_init(struct kd_txn_sieve *sieve, uint64_t seed);
void kd_txn_sieve_deinit(struct kd_txn_sieve *sieve);
/* Those that overlap what comes next, in place of what it knew; takes `aborted`. */
void kd_txn_sieve_learn(struct kd_txn_sieve *sieve, struct kd_aborted *aborted, size_t count);
/* The transaction that this batch belongs to, or that this marker ends; NULL: it was
 * not aborted. */
const struct kd_aborted *kd_txn_sieve_find(const struct kd_txn_sieve *sieve,
                                           const struct kw_batch_header *header);
/* A batch of this producer's transaction is left. False: no memory. */
bool kd_txn_sieve_leave(struct kd_txn_sieve *sieve, int64_t producer_id);
/* Its marker is met: was anything left? */
bool kd_txn_sieve_end(struct kd_txn_sieve *sieve, int64_t producer_id);

#endif
