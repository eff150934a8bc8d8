/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_BATCH_H
#define KC_BATCH_H
/*
 * What the application holds: some of one partition's records, as they lie in
 * the received frame or in a batch that was unpacked, and where walking them
 * stands. Independent of its consumer.
 */
#include "kurier/consumer.h"
#include "libclient/drive/feed.h"
#include "wire/record.h"

struct kurier_batch {
    kurier_batch_info info;
    atomic_uint refs;
    struct kc_share *share;
    unsigned long long version;
    struct kb_buf *buf;       /* what the views point into */
    struct kw_record_iter it; /* the records at hand */
    struct kb_slice run;      /* further batches behind them, none packed */
    uint32_t left;            /* records to hand out at most */
    int64_t from;             /* records below are not wanted */
    uint32_t flags;           /* of the records at hand */
};

/* Takes a reference of its own to share and buf; empty, `left` 0. NULL: no memory. */
struct kurier_batch *kc_batch_new(const struct kc_chunk *chunk, struct kb_buf *buf);
/* Its records are those of `header`, at `records`. */
void kc_batch_walk(struct kurier_batch *batch, const struct kw_batch_header *header,
                   struct kb_slice records);

#endif
