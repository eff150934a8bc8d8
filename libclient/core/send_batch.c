/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/send_batch.h"
#include "base/check.h"
#include "base/mem.h"
#include "wire/compress.h"
#include "wire/crc32c.h"

struct kc_send_batch *kc_send_batch_new(uint32_t chunk_max)
{
    struct kc_send_batch *batch = kb_calloc(1, sizeof *batch + chunk_max * sizeof batch->chunks[0]);
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

size_t kc_entry_max_bytes(const struct kw_record_in *record)
{
    enum { NUMBERS_MAX_BYTES = 32 }; /* lengths, deltas, count */
    size_t headers = record->header_count ? kw_headers_size(record->headers, record->header_count)
                                          : record->raw_headers.size;
    return NUMBERS_MAX_BYTES + record->key.size + record->value.size + headers;
}

struct kc_record_place kc_send_batch_reserve(struct kc_send_batch *batch, struct kc_entry *entry,
                                             uint32_t words)
{
    struct kb_buf *chunk = batch->chunks[batch->chunk_count - 1];
    entry->record.timestamp_delta_ms = entry->timestamp_ms - batch->base_timestamp_ms;
    entry->record.offset_delta = batch->record_count;
    struct kc_record_place place = {chunk->data + chunk->size, kw_record_body_size(&entry->record)};
    size_t bytes = kw_record_size(place.body_bytes);
    chunk->size += bytes;
    batch->plain_bytes += bytes;
    if (batch->notes) {
        kc_send_batch_note(batch, entry->opaque);
        if (words > 1)
            kc_send_batch_note(batch, (uint64_t)(int64_t)entry->target);
    }
    if (entry->timestamp_ms > batch->max_timestamp_ms)
        batch->max_timestamp_ms = entry->timestamp_ms;
    batch->record_count++;
    return place;
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

void kc_send_batch_stamp(struct kc_send_batch *batch)
{
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.attributes =
        (int16_t)(batch->codec | (batch->transactional ? KW_BATCH_TRANSACTIONAL : 0));
    header.last_offset_delta = batch->record_count - 1;
    header.record_count = batch->record_count;
    header.base_timestamp_ms = batch->base_timestamp_ms;
    header.max_timestamp_ms = batch->max_timestamp_ms;
    if (batch->stamped) {
        header.producer_id = batch->producer_id;
        header.producer_epoch = batch->producer_epoch;
        header.base_sequence = batch->base_sequence;
    }
    kw_batch_stamp(batch->chunks[0]->data, &header, batch->records_crc, batch->records_bytes);
}

/* ---- Reading ---------------------------------------------------------------- */

static struct kb_buf *unpack(const struct kc_send_batch *batch)
{
    struct kb_buf *packed = kb_buf_new(batch->records_bytes), *plain = NULL;
    struct kw_codec_ctx *ctx = kw_codec_ctx_new();
    for (uint32_t i = 0; packed && i < batch->chunk_count; i++) {
        struct kb_slice piece = kc_send_batch_piece(batch, i);
        memcpy(packed->data + packed->size, piece.data, piece.size);
        packed->size += piece.size;
    }
    if (packed && ctx)
        kw_decompress(ctx, (enum kw_codec)batch->codec, kb_buf_view(packed), batch->plain_bytes,
                      &plain, NULL);
    kw_codec_ctx_free(ctx);
    kb_buf_unref(packed);
    return plain;
}

static void read_span(struct kc_send_reader *reader, struct kb_slice span)
{
    const struct kc_send_batch *batch = reader->batch;
    reader->it = (struct kw_record_iter){.at = span.data,
                                         .end = span.data + span.size,
                                         .base_timestamp_ms = batch->base_timestamp_ms,
                                         .delta_mask = -1,
                                         .left = batch->record_count - reader->at,
                                         .last_delta = reader->at - 1,
                                         .max_delta = batch->record_count - 1};
}

bool kc_send_reader_init(struct kc_send_reader *reader, const struct kc_send_batch *batch,
                         uint32_t words)
{
    *reader = (struct kc_send_reader){.batch = batch, .words = words};
    kc_notes_iter_init(&reader->notes, batch);
    if (batch->codec != KW_CODEC_NONE) {
        reader->plain = unpack(batch);
        if (!reader->plain)
            return false;
        read_span(reader, kb_buf_view(reader->plain));
    }
    return true;
}

bool kc_send_reader_next(struct kc_send_reader *reader)
{
    const struct kc_send_batch *batch = reader->batch;
    if (reader->at == batch->record_count)
        return false;
    while (reader->it.at == reader->it.end)
        read_span(reader, kc_send_batch_piece(batch, reader->chunk++));
    bool noted = batch->notes && reader->at >= batch->first_noted;
    KB_CHECK(kw_record_iter_next(&reader->it, &reader->record));
    reader->opaque = noted ? kc_notes_iter_next(&reader->notes) : 0;
    reader->target = noted && reader->words > 1 ? (int32_t)kc_notes_iter_next(&reader->notes) : -1;
    reader->at++;
    return true;
}

void kc_send_reader_deinit(struct kc_send_reader *reader)
{
    kb_buf_unref(reader->plain);
    reader->plain = NULL;
}
