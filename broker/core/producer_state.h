/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_PRODUCER_STATE_H
#define KD_PRODUCER_STATE_H
/*
 * What one partition knows of the producers that wrote to it: epoch, and the
 * sequences and offsets of each one's last five batches. Enough to refuse a
 * gap, and to answer a batch that was sent again with the offset it already
 * has. Pure; owned by the partition; rebuilt from the log by replay.
 *
 * And of their transactions: the first transactional batch opens one, a marker
 * ends it. What an open one wrote is not stable, nor what one wrote whose marker
 * is not committed yet:
 *
 *     open ── kd_producers_end ──> ended ── kd_producers_committed ──> forgotten
 *
 * A snapshot is Kafka's file of version 1, which holds the last batch of each
 * producer; behind what Kafka reads there, ours has the four before it, so that
 * a retry across a restart is still known.
 */
#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"
#include "broker/core/aborted.h"
#include "wire/batch.h"

enum { KD_PRODUCER_BATCHES = 5 };

struct kd_producer_batch {
    int32_t first_sequence, last_sequence;
    int64_t last_offset;
    int32_t offset_delta; /* last offset - first offset */
    int64_t timestamp_ms; /* the batch's max */
};

struct kd_producer {
    struct kb_map_entry by_id;
    int64_t id;
    int16_t epoch;
    uint8_t count;                                      /* batches known of this epoch */
    struct kd_producer_batch last[KD_PRODUCER_BATCHES]; /* oldest first */
    int32_t coordinator_epoch;                          /* of the last marker; -1: none */
    int64_t txn_first_offset;                           /* of the open transaction; -1: none */
    struct kb_list open;                                /* among those with one */
    uint64_t mark;                                      /* number of its last marker; 0: none */
    int16_t refused_epoch;    /* whose first batch was refused and will come again; -1: none */
    int32_t refused_sequence; /* of that */
    int64_t last_seen_ms;     /* wall time */
};

struct kd_producers {
    struct kb_map by_id;
    struct kb_list open;  /* producers with a transaction, by its first offset */
    struct kb_list ended; /* transactions whose marker is not committed, by its offset */
    uint64_t marks;       /* markers so far; also over a reload */
    bool strict;          /* one was refused that could not be noted for want of memory:
                             who is not known begins at sequence 0 from now on */
};

/* Why a transactional batch may open a transaction: its coordinator was asked, at a
 * time when kd_producers_guard said this. Zero: it was not asked. */
struct kd_txn_claim {
    bool joined;
    uint64_t guard;
};

/* What a marker says besides its batch's header. */
struct kd_txn_end {
    bool commit;
    int16_t version; /* transaction.version: of 2 its epoch has been bumped */
    int32_t coordinator_epoch;
};

void kd_producers_init(struct kd_producers *producers, uint64_t seed);
void kd_producers_deinit(struct kd_producers *producers);
/* What `to` held is forgotten, but it counts its markers on. `from` is left empty. */
void kd_producers_move(struct kd_producers *to, struct kd_producers *from);

/*
 * May this batch be appended? KB_OK, or
 *   DUPLICATE_SEQUENCE_NUMBER     it is there already, *base_offset says where
 *   OUT_OF_ORDER_SEQUENCE_NUMBER  something before it is missing
 *   INVALID_PRODUCER_EPOCH        a newer epoch of this producer has written
 * A batch without producer id is always fine, and so is any first sequence of
 * an id that is not known, and a producer without sequences (a coordinator).
 */
int kd_producers_check(const struct kd_producers *producers, const struct kw_batch_header *batch,
                       int64_t *base_offset);
/* The same of what it is to its producer's transaction: KB_OK, or
 *   INVALID_TXN_STATE    it would open one that nobody vouches for, or is not of the
 *                        one that is open
 *   NOT_ENOUGH_REPLICAS  a marker came after its coordinator was asked: ask again */
int kd_producers_check_txn(const struct kd_producers *producers,
                           const struct kw_batch_header *batch, const struct kd_txn_claim *claim);
/* And of a marker: INVALID_PRODUCER_EPOCH (a newer epoch has written; of version 2
 * also one as new whose transaction is open: the marker is of one before),
 * TRANSACTION_COORDINATOR_FENCED. */
int kd_producers_check_end(const struct kd_producers *producers,
                           const struct kw_batch_header *batch, const struct kd_txn_end *end);
/* Is a transaction of this producer and epoch open here? Then nobody is asked. */
bool kd_producers_in_txn(const struct kd_producers *producers, int64_t id, int16_t epoch);
/* Changes with each marker of this producer. */
uint64_t kd_producers_guard(const struct kd_producers *producers, int64_t id);
/* The batch is in the log, at header->base_offset. NO_MEMORY leaves all as it was. */
int kd_producers_update(struct kd_producers *producers, const struct kw_batch_header *batch,
                        int64_t now_ms);
/* This one was fine and was refused for another reason. Where it is the first of
 * an id, or of its epoch, nothing may come before it: those that were sent behind
 * it are out of order until it is there. */
void kd_producers_expect(struct kd_producers *producers, const struct kw_batch_header *batch,
                         int64_t now_ms);
/* The same of one whose coordinator could not be asked: it may not even be of a
 * producer that there is. Only an id that is not known is held to begin with it. */
void kd_producers_expect_again(struct kd_producers *producers, const struct kw_batch_header *batch,
                               int64_t now_ms);
/* Writes were lost, and `producers` is made anew from what is left. Who stands in
 * `before` alone, or with a newer epoch, has lost its first batch. */
void kd_producers_expect_lost(struct kd_producers *producers, const struct kd_producers *before,
                              int64_t now_ms);
/* The marker is in the log, at header->base_offset; in place of update. *ended: the
 * transaction that it closes, first_offset -1 where none was open. NO_MEMORY leaves all
 * as it was. */
int kd_producers_end(struct kd_producers *producers, const struct kw_batch_header *batch,
                     const struct kd_txn_end *end, int64_t now_ms, struct kd_aborted *ended);
/* Markers below are committed: what they ended is stable. */
void kd_producers_committed(struct kd_producers *producers, int64_t high_watermark);
/* Forgets who was not seen since; open transactions stay. Answers how many went. */
size_t kd_producers_expire(struct kd_producers *producers, int64_t seen_before_ms);
/* First offset of the oldest transaction that is open, or ended and not committed;
 * INT64_MAX: there is none. */
int64_t kd_producers_first_unstable(const struct kd_producers *producers);
/* Those whose epoch is known: not the ones that are only awaited. */
size_t kd_producers_count(const struct kd_producers *producers);
/* One after the other of these, in no order; NULL: the first, and behind the last. */
const struct kd_producer *kd_producers_next(const struct kd_producers *producers,
                                            const struct kd_producer *at);

/* For the snapshot: the producer, made if it is new (NULL: no memory), and one
 * more batch of its epoch. */
struct kd_producer *kd_producers_obtain(struct kd_producers *producers, int64_t id, int64_t now_ms);
void kd_producer_push(struct kd_producer *producer, const struct kd_producer_batch *batch);
void kd_producer_open(struct kd_producers *producers, struct kd_producer *producer,
                      int64_t first_offset);

/* The snapshot file's bytes; kb_free it. NULL: no memory. */
uint8_t *kd_producers_encode(const struct kd_producers *producers, size_t *size);
/* Into an empty state. CORRUPT leaves it empty. */
int kd_producers_decode(struct kd_producers *producers, struct kb_slice file, int64_t now_ms);

#endif
