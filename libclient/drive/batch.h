/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_BATCH_H
#define KC_BATCH_H
/*
 * What the application holds: some of one partition's records, as they lie in
 * the received frame or in a batch that was unpacked, and where walking them
 * stands. Independent of its consumer.
 */
#include "kurier/consumer.h"
#include "libclient/drive/share.h"
#include "wire/record.h"

/* Where walking the records stands. */
struct kc_walk {
    struct kw_record_iter it; /* the records at hand */
    struct kb_slice run;      /* further batches behind them, none packed */
    uint32_t left;            /* records to hand out at most */
    uint32_t flags;           /* of the records at hand */
};

struct kurier_batch {
    kurier_batch_info info;
    atomic_uint refs;
    struct kc_share *share;
    unsigned long long version;
    struct kb_buf *buf; /* what the views point into */
    int64_t from;       /* records below are not wanted */
    int64_t end;        /* of the partition, when it was fetched */
    struct kc_walk walk;
    bool tracked; /* it counts what is finished: */
    struct kc_ticket ticket;
    struct kc_walk mark; /* behind the records that kurier_batch_progress was told of */
};

/* Takes a reference of its own to share and buf; empty, nothing left. NULL: no memory. */
struct kurier_batch *kc_batch_new(const struct kc_chunk *chunk, struct kb_buf *buf);
/* Its records are those of `header`, at `records`. */
void kc_walk_begin(struct kc_walk *walk, const struct kw_batch_header *header,
                   struct kb_slice records);
/* To the next batch of data behind; of control batches nobody hears. */
bool kc_walk_on(struct kc_walk *walk);
/* Complete: goes to the application. False: it is stale, and must not. */
bool kc_batch_hand(struct kurier_batch *batch);
/* Finishing it changes nothing any more. */
static inline bool kc_batch_is_stale(const struct kurier_batch *batch)
{
    return batch->tracked ? !atomic_load(&batch->ticket.live)
                          : batch->version < atomic_load(&batch->share->begun);
}

/* Its records may still be handed out one by one: neither sought nor given up. */
static inline bool kc_batch_goes_on(const struct kurier_batch *batch)
{
    unsigned long long version = atomic_load(&batch->share->version);
    return version == batch->version || (version && !kc_batch_is_stale(batch));
}

#endif
