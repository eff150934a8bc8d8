/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TXN_JOIN_H
#define KD_TXN_JOIN_H
/*
 * Partitions and a transaction: before a transactional batch is appended, it is known
 * to the coordinator of its id that the partition takes part (KIP-890). A producer of
 * the first kind has said so before, and that is verified; one of the second has its
 * partitions added by writing to them.
 *
 * While the transaction before is still being ended, it waits a little for that: not
 * every client asks again, and none asks as soon as it could. Only so many wait at one
 * coordinator, and of one id; others are told at once.
 *
 * A marker may come between the answer and the append: whoever appends holds against
 * that by the producer's state in the partition, not by this.
 */
#include "broker/core/txn/txns.h"
#include "broker/server/coordinator/coordinator.h"

/* Lies in its owner's struct; the fields above the line are the owner's to fill. */
struct kd_txn_join {
    struct kd_txn_producer who;
    struct kd_txn_place *places; /* code: the answer for each */
    size_t count;
    bool add; /* by transaction.version 2; else it is only asked whether they take part */
    /* Called once, perhaps at once. Verified: KB_OK, and TRANSACTION_ABORTABLE in each
     * place that does not take part. Otherwise, in every place as well:
     *   INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED   it may not go on
     *   CONCURRENT_TRANSACTIONS    the last one is still being ended, for long: to be
     *                              tried again
     *   COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR
     *                              nobody can say: to be tried again */
    void (*done)(struct kd_txn_join *join, int code);
    void *owner;
    /* ---- The function's own ---- */
    struct kd_reply reply;
    int code, version;
    int64_t until_ms; /* it waits; 0: it has not yet */
};

void kd_txn_join(struct kd_shard *shard, struct kd_txn_join *join);
/* The same of a producer that goes by that transaction.version. */
void kd_txn_join_as(struct kd_shard *shard, struct kd_txn_join *join, int version);
/* One that is not done: done is not called any more, the struct may go. What was added
 * stays so. */
void kd_txn_join_forget(struct kd_txn_join *join);

/* Those of one coordinator that wait. */
struct kd_joins {
    struct kd_coordinator *coordinator;
    struct kb_list waiting; /* oldest first */
    struct kn_task again;
    struct kn_timer deadline;
};

void kd_joins_init(struct kd_joins *joins, struct kd_coordinator *c);
/* A transaction was ended, or the coordinator dropped: they are tried again, soon. */
void kd_joins_wake(struct kd_joins *joins);
/* The coordinator goes: they are answered. */
void kd_joins_deinit(struct kd_joins *joins);

/* The partition of __consumer_offsets that a transaction takes part in when it commits
 * offsets of that group; topic: KD_GROUP_TOPIC, code: NOT_COORDINATOR where there is
 * none. */
struct kd_txn_place kd_txn_place_of_group(const struct kd_shard *shard, struct kb_slice group);

#endif
