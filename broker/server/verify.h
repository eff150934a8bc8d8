/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_VERIFY_H
#define KD_VERIFY_H
/*
 * Transactional batches that may not be appended yet, since the coordinator of their
 * transaction is being asked whether the partition takes part (txn/join.h). Those
 * that come behind one, of the same producer, epoch and partition, wait with it and
 * hear the same answer, so that all are appended in the order they came in.
 *
 *     batch 0 ── asks ──────────────> done, appended
 *     batch 1 ────── queues ────────> done, appended behind it
 *
 * State loop.
 */
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "base/uuid.h"
#include "broker/core/producer_state.h"
#include "broker/core/txn/txns.h"

struct kd_shard;

/* A batch that waits; lies in its owner's struct. */
struct kd_ticket {
    struct kb_list link;
    /* Called once, perhaps before kd_question_ask returns: the batch may be appended now,
     * or is refused with that code. */
    void (*done)(struct kd_ticket *ticket, int code);
};

/* Whose batches, and where. */
struct kd_verify_key {
    struct kb_uuid topic_id;
    int64_t producer;
    int32_t partition;
    int16_t epoch;
};

struct kd_txn_join;
struct kd_verifications {
    struct kb_map by_key;
    void (*join)(struct kd_shard *shard, struct kd_txn_join *join);
};
/* join: kd_txn_join, of which the tests have one of their own. */
void kd_verifications_init(struct kd_verifications *v, struct kb_random *random,
                           void (*join)(struct kd_shard *shard, struct kd_txn_join *join));
void kd_verifications_deinit(struct kd_verifications *v); /* none is under way */

/* False: nobody is being asked for this one. */
bool kd_verify_queue(struct kd_verifications *v, const struct kd_verify_key *key,
                     struct kd_ticket *ticket);

/* One question about several partitions, of one producer and epoch: begin, add each,
 * then ask, which ends it also where nothing was added. What the slices view is copied. */
struct kd_question;
/* NULL: no memory. max: so many are added at most. */
struct kd_question *kd_question_new(struct kd_shard *shard, const struct kd_txn_producer *who,
                                    bool add, size_t max);
/* The key is not queued yet, from here on it is. False: no memory, the ticket does not
 * wait. */
bool kd_question_add(struct kd_question *q, const struct kd_verify_key *key, struct kb_slice topic,
                     struct kd_ticket *ticket);
bool kd_question_is_of(const struct kd_question *q, int64_t producer, int16_t epoch);
void kd_question_ask(struct kd_question *q, struct kd_shard *shard);

/* Its owner no longer waits: done is not called any more. */
void kd_ticket_drop(struct kd_ticket *ticket);

#endif
