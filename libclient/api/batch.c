/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/batch.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/consumer.h"

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

void kc_batch_walk(struct kurier_batch *batch, const struct kw_batch_header *header,
                   struct kb_slice records)
{
    kw_record_iter_init(&batch->it, header, records);
    batch->flags = header->attributes & KW_BATCH_LOG_APPEND_TIME ? KURIER_LOG_APPEND_TIME : 0;
}

/* The next of the batches behind; control batches are cut out before. */
static bool walk_on(struct kurier_batch *batch)
{
    struct kw_batch_iter it;
    struct kw_batch next;
    kw_batch_iter_init(&it, batch->run, SIZE_MAX);
    if (!batch->run.size || !kw_batch_iter_next(&it, &next))
        return false;
    batch->run = it.rest;
    kc_batch_walk(batch, &next.header, next.records);
    return true;
}

/* The checksum held, but what it covers is no record: the producer's fault. It
 * is told by the next poll; what follows in this batch is not handed out. */
static void tell_fault(struct kurier_batch *batch)
{
    struct kc_chunk *chunk = kc_chunk_new(KC_CHUNK_ERROR, batch->share, batch->version, NULL);
    batch->left = 0;
    if (!chunk)
        return;
    kb_error_set(&chunk->err, KB_E_CORRUPT_MESSAGE, "%s[%d]: behind offset %lld %s: seek to go on",
                 batch->info.topic, batch->info.partition,
                 (long long)(batch->it.base_offset + batch->it.last_delta), batch->it.why);
    kc_feed_push(batch->share->feed, chunk);
}

bool kurier_batch_next(kurier_batch *batch, kurier_record *out)
{
    struct kw_record r;
    while (batch->left) {
        if (!kw_record_iter_next(&batch->it, &r)) {
            if (batch->it.code)
                tell_fault(batch);
            else if (!walk_on(batch))
                batch->left = 0;
            continue;
        }
        if (r.offset < batch->from)
            continue;
        batch->left--;
        *out = (kurier_record){.key = {r.key.data, r.key.size},
                               .value = {r.value.data, r.value.size},
                               .raw_headers = {r.raw_headers.data, r.raw_headers.size},
                               .flags = batch->flags,
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
    return atomic_load(&batch->share->version) != batch->version;
}

void kurier_batch_release(kurier_batch *batch)
{
    if (!batch || atomic_fetch_sub(&batch->refs, 1) != 1)
        return;
    kb_buf_unref(batch->buf);
    kc_share_unref(batch->share);
    kb_free(batch);
}

void kurier_batch_done(kurier_batch *batch)
{
    kurier_batch_release(batch);
}

void kurier_batch_retry(kurier_batch *batch)
{
    if (batch)
        kc_share_rewind(batch->share, batch->version, batch->info.first_offset, false,
                        kc_consumer_rewind);
    kurier_batch_release(batch);
}

void kurier_batch_retain(kurier_batch *batch)
{
    atomic_fetch_add(&batch->refs, 1);
}
