/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TXNS_H
#define KD_TXNS_H
/*
 * The coordinator of the transactional ids that one partition of
 * __transaction_state holds. Pure, and of the kind that broker/core/group is: a
 * step takes a request, or the time, and leaves an outcome; every state is a
 * record, and changes only by replaying one.
 *
 *     EMPTY ──> ONGOING ──> PREPARE_COMMIT ──> COMPLETE_COMMIT ──┐
 *       ^          │                                             │
 *       │          └──────> PREPARE_ABORT ───> COMPLETE_ABORT ───┤
 *       └── a producer begins anew <─────────────────────────────┴──> ONGOING
 *
 * A transaction in PREPARE has been decided: once its record is committed, its
 * markers are to be written to every partition it names, and told here one by
 * one. The driver takes such transactions by kd_txns_take_prepared, after a step
 * and after loading; until then the producer hears CONCURRENT_TRANSACTIONS.
 *
 * Every change of the producer's epoch fences whoever has an older one. A
 * producer that says version 2 of `transaction.version` (KIP-890) gets a new
 * epoch with each transaction, so that what is late of one cannot be taken for
 * part of the next.
 */
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "base/time.h"
#include "broker/core/outcome.h"
#include "wire/gen/init_producer_id.h"

struct kd_txn;

enum kd_txn_state {
    KD_TXN_EMPTY,
    KD_TXN_ONGOING,
    KD_TXN_PREPARE_COMMIT,
    KD_TXN_PREPARE_ABORT,
    KD_TXN_COMPLETE_COMMIT,
    KD_TXN_COMPLETE_ABORT
};
enum { KD_TXN_STATES = KD_TXN_COMPLETE_ABORT + 1 };

struct kd_txn_limits {
    int64_t max_timeout_ms;   /* transaction.max.timeout.ms */
    int64_t id_expiration_ms; /* transactional.id.expiration.ms */
};

struct kd_txns {
    const struct kd_txn_limits *limits; /* may change between steps */
    struct kb_random *random;
    struct kb_map by_id;
    struct kb_heap timeouts;
    struct kb_list prepared; /* decided, not taken yet */
    bool loading;            /* until kd_txns_loaded; nothing but replay until then */
};

/* Who speaks: a producer, by what it was given. */
struct kd_txn_producer {
    struct kb_slice id; /* the transactional one */
    int64_t producer;
    int16_t epoch;
};

struct kd_txn_place {
    struct kb_slice topic;
    int32_t partition;
    int code; /* the answer, where it is asked for each */
};

void kd_txns_init(struct kd_txns *txns, const struct kd_txn_limits *limits,
                  struct kb_random *random);
void kd_txns_drop(struct kd_txns *txns); /* forgets everything */
void kd_txns_deinit(struct kd_txns *txns);

/* As kd_groups_replay and kd_groups_loaded. A transaction that was open goes on with
 * what is left of its time. */
int kd_txns_replay(struct kd_txns *txns, const struct kd_record *record, struct kb_time now);
void kd_txns_loaded(struct kd_txns *txns, struct kb_time now, struct kd_outcome *out);

/* ---- Requests: one code for all, Kafka's of the newest version ---------------- */

/* Might the next step for this id need a producer id that nobody has yet? Then the
 * driver takes one for it before. */
bool kd_txns_wants_producer_id(const struct kd_txns *txns, struct kb_slice id);

/* fresh: as said above; -1: none was taken. Fills producer id and epoch. */
int kd_txns_begin_producer(struct kd_txns *txns, const struct kw_init_producer_id_request *in,
                           int64_t fresh, struct kb_time now,
                           struct kw_init_producer_id_response *answer, struct kd_outcome *out);
/* Partitions that the transaction will write to; the first ones begin it. version: what
 * transaction.version its client goes by. */
int kd_txns_add(struct kd_txns *txns, const struct kd_txn_producer *who, int version,
                const struct kd_txn_place *places, size_t count, struct kb_time now,
                struct kd_outcome *out);
/* Only asks: TRANSACTION_ABORTABLE in each place that is not of the transaction. */
int kd_txns_verify(const struct kd_txns *txns, const struct kd_txn_producer *who,
                   struct kd_txn_place *places, size_t count);
/* Decides. With version 2 `who` becomes what the producer goes on as, also where it is
 * told only again. */
int kd_txns_end(struct kd_txns *txns, struct kd_txn_producer *who, int version, bool commit,
                int64_t fresh, struct kb_time now, struct kd_outcome *out);

/* ---- Time ------------------------------------------------------------------ */

/* When a transaction's time is over; mono_ms, KB_NEVER. */
int64_t kd_txns_deadline(const struct kd_txns *txns);
/* Fences and aborts those; if they are too many for a step, the deadline stays over. */
void kd_txns_tick(struct kd_txns *txns, struct kb_time now, struct kd_outcome *out);
/* Forgets ids that have done nothing for transactional.id.expiration.ms. Where that fills
 * the outcome there may be more. */
void kd_txns_expire(struct kd_txns *txns, struct kb_time now, struct kd_outcome *out);

/* ---- Markers --------------------------------------------------------------- */

/* One that is decided and has partitions without a marker; each is given once, after a
 * load again. NULL: none is left. Valid until the next step. */
const struct kd_txn *kd_txns_take_prepared(struct kd_txns *txns);
/* What a marker says. */
struct kd_txn_marker {
    struct kb_slice id;
    int64_t producer;
    int16_t epoch;
    int16_t version; /* transaction.version of its client */
    bool commit;
};
void kd_txn_marker_of(const struct kd_txn *txn, struct kd_txn_marker *out);
/* Fills at most max of those without a marker, answers how many there are. */
size_t kd_txn_unmarked(const struct kd_txn *txn, struct kd_txn_place *out, size_t max);
/* The marker lies in that partition's log (or the partition is no more); the last one
 * completes the transaction. A marker of another decision counts for nothing. */
void kd_txns_marked(struct kd_txns *txns, const struct kd_txn_marker *marker,
                    const struct kd_txn_place *place, struct kb_time now, struct kd_outcome *out);

#endif
