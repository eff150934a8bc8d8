/* SPDX-License-Identifier: Apache-2.0 */
/* How a batch comes back: finished in whole or in part, to be had again, or not. */
#include "base/mem.h"
#include "libclient/drive/batch.h"
#include "libclient/drive/consumer.h"

void kurier_batch_release(kurier_batch *batch)
{
    if (!batch || atomic_fetch_sub(&batch->refs, 1) != 1)
        return;
    if (batch->tracked)
        kc_share_release(batch->share, &batch->ticket);
    kb_buf_unref(batch->buf);
    kc_share_unref(batch->share);
    kb_free(batch);
}

void kurier_batch_done(kurier_batch *batch)
{
    if (batch && batch->tracked) {
        kc_lease_touch(&batch->share->feed->lease);
        kc_share_done(batch->share, &batch->ticket);
    }
    kurier_batch_release(batch);
}

/* The next record behind the mark. False: there is none, or it cannot be read. */
static bool mark_next(kurier_batch *batch, struct kw_record *out)
{
    struct kc_walk *mark = &batch->mark;
    while (mark->left) {
        if (kw_record_iter_next(&mark->it, out)) {
            if (out->offset < batch->from)
                continue;
            mark->left--;
            return true;
        }
        if (mark->it.code || !kc_walk_on(mark))
            mark->left = 0;
    }
    return false;
}

/* At the end of the batch, what lies behind its last record counts as well. */
void kurier_batch_progress(kurier_batch *batch, uint32_t records)
{
    struct kw_record r;
    if (!batch->tracked)
        return;
    kc_lease_touch(&batch->share->feed->lease);
    while (batch->info.records - batch->mark.left < records && mark_next(batch, &r))
        kc_ticket_reach(&batch->ticket, r.offset + 1);
    if (!batch->mark.left && !batch->mark.it.code)
        kc_ticket_reach(&batch->ticket, batch->info.next_offset);
}

void kurier_batch_retry(kurier_batch *batch)
{
    if (batch && batch->tracked)
        kc_share_retry(batch->share, &batch->ticket, kc_consumer_rewind);
    else if (batch)
        kc_share_rewind(batch->share, batch->version, batch->info.first_offset, false,
                        kc_consumer_rewind);
    kurier_batch_release(batch);
}

void kurier_batch_retain(kurier_batch *batch)
{
    atomic_fetch_add(&batch->refs, 1);
}
