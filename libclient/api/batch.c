/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/batch.h"
#include "base/check.h"
#include "base/mem.h"

/* Bindings and arrays depend on these sizes. */
_Static_assert(sizeof(kurier_batch_info) == 64 || sizeof(void *) != 8, "kurier_batch_info is ABI");

struct kurier_batch *kc_batch_new(const struct kc_chunk *chunk, struct kb_buf *buf)
{
    struct kurier_batch *batch = KB_NEW(struct kurier_batch);
    if (!batch)
        return NULL;
    atomic_init(&batch->refs, 1);
    batch->share = kc_share_ref(chunk->share);
    batch->version = chunk->version;
    batch->buf = buf ? kb_buf_ref(buf) : NULL;
    batch->from = chunk->from;
    batch->end = chunk->end;
    batch->info = (kurier_batch_info){.topic = chunk->share->topic,
                                      .partition = chunk->share->partition,
                                      .leader_epoch = -1,
                                      .first_offset = chunk->from,
                                      .next_offset = chunk->from,
                                      .high_watermark = chunk->high_watermark,
                                      .stable_offset = chunk->stable_offset,
                                      .log_start = chunk->log_start};
    return batch;
}

bool kc_batch_hand(struct kurier_batch *batch)
{
    struct kc_share *share = batch->share;
    batch->info.records = batch->walk.left;
    batch->info.at_end = batch->info.next_offset >= batch->end;
    batch->tracked = share->feed->tracks;
    if (!batch->tracked)
        return true;
    batch->mark = batch->walk;
    return kc_share_hand(share, &batch->ticket, batch->version, batch->info.first_offset,
                         batch->info.next_offset, batch->info.leader_epoch);
}

/* ---- Walking -------------------------------------------------------------------*/

void kc_walk_begin(struct kc_walk *walk, const struct kw_batch_header *header,
                   struct kb_slice records)
{
    kw_record_iter_init(&walk->it, header, records);
    walk->flags = header->attributes & KW_BATCH_LOG_APPEND_TIME ? KURIER_LOG_APPEND_TIME : 0;
}

bool kc_walk_on(struct kc_walk *walk)
{
    struct kw_batch_iter it;
    struct kw_batch next;
    do {
        kw_batch_iter_init(&it, walk->run, SIZE_MAX);
        if (!walk->run.size || !kw_batch_iter_next(&it, &next))
            return false;
        walk->run = it.rest;
    } while (next.header.attributes & KW_BATCH_CONTROL);
    kc_walk_begin(walk, &next.header, next.records);
    return true;
}

/* The checksum held, but what it covers is no record: the producer's fault. It
 * is told by the next poll; what follows in this batch is not handed out. */
static void tell_fault(struct kurier_batch *batch)
{
    struct kc_chunk *chunk = kc_chunk_new(KC_CHUNK_ERROR, batch->share, batch->version, NULL);
    batch->walk.left = 0;
    if (!chunk)
        return;
    kb_error_set(&chunk->err, KB_E_CORRUPT_MESSAGE, "%s[%d]: behind offset %lld %s: seek to go on",
                 batch->info.topic, batch->info.partition,
                 (long long)(batch->walk.it.base_offset + batch->walk.it.last_delta),
                 batch->walk.it.why);
    kc_feed_push(batch->share->feed, chunk);
}

bool kurier_batch_next(kurier_batch *batch, kurier_record *out)
{
    struct kc_walk *walk = &batch->walk;
    struct kw_record r;
    while (walk->left) {
        if (!kw_record_iter_next(&walk->it, &r)) {
            if (walk->it.code)
                tell_fault(batch);
            else if (!kc_walk_on(walk))
                walk->left = 0;
            continue;
        }
        if (r.offset < batch->from)
            continue;
        walk->left--;
        *out = (kurier_record){.key = {r.key.data, r.key.size},
                               .value = {r.value.data, r.value.size},
                               .raw_headers = {r.raw_headers.data, r.raw_headers.size},
                               .flags = walk->flags,
                               .timestamp_ms = r.timestamp_ms,
                               .topic = batch->info.topic,
                               .offset = r.offset,
                               .partition = batch->info.partition,
                               .delivery_count = 1};
        return true;
    }
    return false;
}

size_t kurier_batch_read(kurier_batch *batch, kurier_record *out, size_t max)
{
    size_t n = 0;
    while (n < max && kurier_batch_next(batch, &out[n]))
        n++;
    return n;
}

const kurier_batch_info *kurier_batch_view(const kurier_batch *batch)
{
    return &batch->info;
}

bool kurier_batch_stale(const kurier_batch *batch)
{
    return kc_batch_is_stale(batch);
}
