/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/send_batch.h"
#include "base/check.h"
#include "base/mem.h"
#include "wire/crc32c.h"

struct kc_send_batch *kc_send_batch_new(uint32_t chunk_max)
{
    struct kc_send_batch *batch =
        kb_calloc(1, sizeof *batch + chunk_max * sizeof batch->chunks[0]);
    if (!batch)
        return NULL;
    batch->chunk_max = chunk_max;
    atomic_init(&batch->writers, 1);
    return batch;
}

void kc_send_batch_reset(struct kc_send_batch *batch)
{
    uint32_t chunk_max = batch->chunk_max;
    KB_CHECK(batch->chunk_count == 0 && !batch->notes);
    memset(batch, 0, sizeof *batch);
    batch->chunk_max = chunk_max;
    atomic_init(&batch->writers, 1);
}

void kc_send_batch_drop_chunks(struct kc_send_batch *batch)
{
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        kb_buf_unref(batch->chunks[i]);
    batch->chunk_count = 0;
}

void kc_send_batch_drop_notes(struct kc_send_batch *batch)
{
    struct kc_notes *notes = batch->notes;
    while (notes) {
        struct kc_notes *next = notes->next;
        kb_buf_unref(notes->buf);
        notes = next;
    }
    batch->notes = batch->last_notes = NULL;
}

void kc_send_batch_free(struct kc_send_batch *batch)
{
    if (!batch)
        return;
    kc_send_batch_drop_chunks(batch);
    kc_send_batch_drop_notes(batch);
    kb_free(batch);
}

void kc_send_batch_add_chunk(struct kc_send_batch *batch, struct kb_buf *chunk)
{
    KB_CHECK(batch->chunk_count < batch->chunk_max);
    chunk->size = batch->chunk_count == 0 ? KW_BATCH_HEADER_BYTES : 0;
    KB_CHECK(chunk->size < chunk->capacity);
    batch->chunks[batch->chunk_count++] = chunk;
}

struct kc_notes *kc_notes_in(struct kb_buf *buf)
{
    if (!buf)
        return NULL;
    struct kc_notes *notes = (struct kc_notes *)(void *)buf->data;
    notes->buf = buf;
    notes->next = NULL;
    notes->count = 0;
    notes->capacity = (uint32_t)((buf->capacity - sizeof *notes) / sizeof notes->words[0]);
    return notes;
}

void kc_send_batch_add_notes(struct kc_send_batch *batch, struct kc_notes *notes)
{
    if (!batch->notes) {
        batch->notes = notes;
        batch->first_noted = batch->record_count;
    } else {
        batch->last_notes->next = notes;
    }
    batch->last_notes = notes;
}

struct kb_slice kc_send_batch_piece(const struct kc_send_batch *batch, uint32_t i)
{
    const struct kb_buf *chunk = batch->chunks[i];
    size_t skip = i == 0 ? KW_BATCH_HEADER_BYTES : 0;
    return kb_slice_of(chunk->data + skip, chunk->size - skip);
}

void kc_send_batch_sum(struct kc_send_batch *batch)
{
    uint32_t crc = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i < batch->chunk_count; i++) {
        struct kb_slice piece = kc_send_batch_piece(batch, i);
        crc = kw_crc32c(crc, piece.data, piece.size);
        bytes += piece.size;
    }
    batch->records_crc = crc;
    batch->records_bytes = bytes;
}
