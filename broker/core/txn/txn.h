/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TXN_H
#define KD_TXN_H
/* What the files of this folder share: a transactional id. It owns its strings. */
#include "base/codes.h"
#include "base/mem.h"
#include "broker/core/txn/txns.h"

enum { KD_NO_PRODUCER = -1, KD_NO_EPOCH = -1, KD_LAST_EPOCH = INT16_MAX - 1 };

/* A partition of the transaction. */
struct kd_txn_part {
    struct kb_map_entry by_key;
    struct kb_slice topic; /* of the key behind */
    int32_t partition;
    bool marked;
    uint8_t key[];
};

struct kd_txn {
    struct kb_map_entry by_id;
    struct kd_txns *txns;
    struct kb_slice id;
    enum kd_txn_state state;
    int64_t producer, previous, next; /* ids; KD_NO_PRODUCER */
    int16_t epoch;
    int16_t last_epoch; /* before it was bumped at the producer's own wish; not in the log */
    int16_t version;    /* transaction.version of its client */
    int32_t timeout_ms;
    int64_t started_ms, updated_ms; /* wall; started -1: no transaction */
    struct kb_map parts;
    size_t unmarked; /* of those */
    struct kb_heap_node timeout;
    struct kb_list prepared; /* of those that are */
};

/* What an id is to become: a copy of the numbers, changed, and emitted. */
struct kd_txn_change {
    enum kd_txn_state state;
    int64_t producer, previous, next;
    int16_t epoch, version;
    int32_t timeout_ms;
    int64_t started_ms;
    const struct kd_txn_place *more; /* partitions beside those it has */
    size_t more_count;
    bool alone; /* without those it has */
};

/* ---- Ids (txns.c) ---- */

struct kd_txn *kd_txn_find(const struct kd_txns *txns, struct kb_slice id);
struct kd_txn *kd_txn_obtain(struct kd_txns *txns, struct kb_slice id); /* NULL: no memory */
void kd_txn_free(struct kd_txn *txn);
struct kd_txn_part *kd_txn_part(const struct kd_txn *txn, struct kb_slice topic, int32_t partition);
bool kd_txn_part_add(struct kd_txn *txn, struct kb_slice topic, int32_t partition);
void kd_txn_parts_clear(struct kd_txn *txn);
/* There is one; it speaks for it: INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED. */
int kd_txn_identify(const struct kd_txns *txns, const struct kd_txn_producer *who,
                    struct kd_txn **txn);
int kd_txn_find_producer(const struct kd_txns *txns, const struct kd_txn_producer *who,
                         struct kd_txn **txn); /* whatever its epoch */
bool kd_txn_is_prepared(const struct kd_txn *txn);
static inline bool kd_txn_is_exhausted(const struct kd_txn *txn)
{
    return txn->epoch >= KD_LAST_EPOCH;
}
/* Only a marker may have that epoch: no producer goes on with it. */
static inline bool kd_txn_is_spent(const struct kd_txn *txn)
{
    return txn->epoch > KD_LAST_EPOCH;
}
/* Since that wall time; 0 where it is ahead, whatever a log said. */
static inline int64_t kd_txn_age_ms(int64_t since_ms, struct kb_time now)
{
    return since_ms < now.wall_ms ? now.wall_ms - KB_MAX(since_ms, 0) : 0;
}

/* All that it has, sorted, into an array of parts.count. */
void kd_txn_places(const struct kd_txn *txn, struct kd_txn_place *out);
/* By topic, then by partition; answers how many are left, each once. */
size_t kd_txn_sort_places(struct kd_txn_place *places, size_t count);
/* Of sorted ones: is it the first of its topic? */
static inline bool kd_txn_is_next_topic(const struct kd_txn_place *places, size_t i)
{
    return !i || !kb_slice_equal(places[i].topic, places[i - 1].topic);
}

/* ---- Records (records.c) ---- */

struct kd_txn_change kd_txn_change_of(const struct kd_txn *txn);
/* Held against the table of what may follow; the record is emitted and replayed. */
void kd_txn_turn(struct kd_txn *txn, const struct kd_txn_change *change, struct kb_time now,
                 struct kd_outcome *out);
void kd_txn_emit_none(struct kd_txn *txn, struct kd_outcome *out); /* frees it */

/* ---- Deciding (end.c) ---- */

/* To PREPARE with that epoch, or where no partition takes part, to COMPLETE at once. */
void kd_txn_decide(struct kd_txn *txn, bool commit, struct kd_txn_change *change,
                   struct kb_time now, struct kd_outcome *out);
/* All its markers lie in their logs. */
void kd_txn_complete(struct kd_txn *txn, struct kb_time now, struct kd_outcome *out);
/* Nobody who is about goes on with the transaction: it is aborted. */
void kd_txn_fence(struct kd_txn *txn, struct kb_time now, struct kd_outcome *out);
/* Its time is over. */
void kd_txn_give_up(struct kd_txn *txn, struct kb_time now, struct kd_outcome *out);

#endif
