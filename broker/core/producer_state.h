/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_PRODUCER_STATE_H
#define KD_PRODUCER_STATE_H
/*
 * What one partition knows of the producers that wrote to it: epoch, and the
 * sequences and offsets of each one's last five batches. Enough to refuse a
 * gap, and to answer a batch that was sent again with the offset it already
 * has. Pure; owned by the partition; rebuilt from the log by replay.
 *
 * A snapshot is Kafka's file of version 1, which holds the last batch of each
 * producer; behind what Kafka reads there, ours has the four before it, so that
 * a retry across a restart is still known.
 */
#include "base/heap.h"
#include "base/map.h"
#include "base/slice.h"
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
    int64_t last_seen_ms;                               /* wall time */
};

struct kd_producers {
    struct kb_map by_id;
};

void kd_producers_init(struct kd_producers *producers, uint64_t seed);
void kd_producers_deinit(struct kd_producers *producers);

/*
 * May this batch be appended? KB_OK, or
 *   DUPLICATE_SEQUENCE_NUMBER     it is there already, *base_offset says where
 *   OUT_OF_ORDER_SEQUENCE_NUMBER  something before it is missing
 *   INVALID_PRODUCER_EPOCH        a newer epoch of this producer has written
 * A batch without producer id is always fine, and so is any first sequence of
 * an id that is not known.
 */
int kd_producers_check(const struct kd_producers *producers, const struct kw_batch_header *batch,
                       int64_t *base_offset);
/* The batch is in the log, at header->base_offset. NO_MEMORY leaves all as it was. */
int kd_producers_update(struct kd_producers *producers, const struct kw_batch_header *batch,
                        int64_t now_ms);
/* This one was fine and was refused for another reason. Where it is the first of
 * an id, or of its epoch, nothing may come before it: those that were sent behind
 * it are out of order until it is there. */
void kd_producers_expect(struct kd_producers *producers, const struct kw_batch_header *batch,
                         int64_t now_ms);
/* Writes were lost, and `producers` is made anew from what is left. Who stands in
 * `before` alone, or with a newer epoch, has lost its first batch. */
void kd_producers_expect_lost(struct kd_producers *producers, const struct kd_producers *before,
                              int64_t now_ms);
/* What a control batch of a transaction's end does on top of update. */
void kd_producers_end_txn(struct kd_producers *producers, int64_t producer_id,
                          int32_t coordinator_epoch);
/* Forgets who was not seen since; open transactions stay. Answers how many went. */
size_t kd_producers_expire(struct kd_producers *producers, int64_t seen_before_ms);
/* First offset of the oldest open transaction, or INT64_MAX. */
int64_t kd_producers_first_unstable(const struct kd_producers *producers);
size_t kd_producers_count(const struct kd_producers *producers);
/* One after the other, in no order; NULL: the first, and behind the last. */
const struct kd_producer *kd_producers_next(const struct kd_producers *producers,
                                            const struct kd_producer *at);

/* For the snapshot: the producer, made if it is new (NULL: no memory), and one
 * more batch of its epoch. */
struct kd_producer *kd_producers_obtain(struct kd_producers *producers, int64_t id, int64_t now_ms);
void kd_producer_push(struct kd_producer *producer, const struct kd_producer_batch *batch);

/* The snapshot file's bytes; kb_free it. NULL: no memory. */
uint8_t *kd_producers_encode(const struct kd_producers *producers, size_t *size);
/* Into an empty state. CORRUPT leaves it empty. */
int kd_producers_decode(struct kd_producers *producers, struct kb_slice file, int64_t now_ms);

#endif
