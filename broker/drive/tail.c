/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/drive/tail.h"
#include "base/mem.h"
#include "wire/batch.h"

enum { CHUNK_BYTES = 64 * 1024, BATCH_MAX_BYTES = CHUNK_BYTES / 2 };

struct chunk {
    struct kb_list link, age;
    struct kb_buf *buf;
    int64_t base_offset, end_offset;
};

void kd_tails_init(struct kd_tails *tails, size_t max_bytes)
{
    kb_list_init(&tails->ages);
    tails->used_bytes = 0;
    tails->max_bytes = max_bytes;
}

void kd_tail_init(struct kd_tail *tail)
{
    kb_list_init(&tail->chunks);
}

static void drop(struct kd_tails *tails, struct chunk *chunk)
{
    kb_list_remove(&chunk->link);
    kb_list_remove(&chunk->age);
    tails->used_bytes -= CHUNK_BYTES;
    kb_buf_unref(chunk->buf);
    kb_free(chunk);
}

void kd_tail_clear(struct kd_tails *tails, struct kd_tail *tail)
{
    while (!kb_list_empty(&tail->chunks))
        drop(tails, KB_CONTAINER(tail->chunks.next, struct chunk, link));
}

static struct chunk *begin(struct kd_tails *tails, struct kd_tail *tail, int64_t base_offset)
{
    while (tails->used_bytes + CHUNK_BYTES > tails->max_bytes && !kb_list_empty(&tails->ages))
        drop(tails, KB_CONTAINER(tails->ages.next, struct chunk, age));
    if (tails->used_bytes + CHUNK_BYTES > tails->max_bytes)
        return NULL;
    struct chunk *chunk = KB_NEW(struct chunk);
    if (!chunk || !(chunk->buf = kb_buf_new(CHUNK_BYTES))) {
        kb_free(chunk);
        return NULL;
    }
    chunk->base_offset = chunk->end_offset = base_offset;
    kb_list_push_back(&tail->chunks, &chunk->link);
    kb_list_push_back(&tails->ages, &chunk->age);
    tails->used_bytes += CHUNK_BYTES;
    return chunk;
}

static struct chunk *newest(const struct kd_tail *tail)
{
    return kb_list_empty(&tail->chunks) ? NULL
                                        : KB_CONTAINER(tail->chunks.prev, struct chunk, link);
}

void kd_tail_add(struct kd_tails *tails, struct kd_tail *tail, struct kb_slice batch,
                 int64_t base_offset, int64_t last_offset)
{
    struct chunk *chunk = newest(tail);
    if (batch.size > BATCH_MAX_BYTES || (chunk && chunk->end_offset != base_offset))
        kd_tail_clear(tails, tail);
    if (batch.size > BATCH_MAX_BYTES)
        return;
    chunk = newest(tail);
    if (!chunk || chunk->buf->capacity - chunk->buf->size < batch.size)
        chunk = begin(tails, tail, base_offset);
    if (!chunk) {
        kd_tail_clear(tails, tail);
        return;
    }
    memcpy(chunk->buf->data + chunk->buf->size, batch.data, batch.size);
    chunk->buf->size += batch.size;
    chunk->end_offset = last_offset + 1;
}

/* ---- Reading ------------------------------------------------------------ */

struct walk {
    struct kd_tail_read ask;
    size_t bytes;
    bool done;
};

/* The batches of one chunk that the reader is to get. */
static struct kb_slice take(const struct chunk *chunk, struct walk *walk)
{
    struct kw_batch_header header;
    size_t at = 0, from = 0, to = 0;
    while (!walk->done && at < chunk->buf->size) {
        kw_batch_peek(chunk->buf->data + at, &header);
        size_t size = kw_batch_header_size(&header);
        int64_t last = kw_batch_header_last_offset(&header);
        bool first = !walk->bytes && walk->ask.whole_first;
        if (last < walk->ask.offset) {
            from = to = at + size;
        } else if (last >= walk->ask.bound ||
                   (walk->bytes + size > walk->ask.max_bytes && !first)) {
            walk->done = true;
        } else {
            to = at + size;
            walk->bytes += size;
        }
        at += size;
    }
    return kb_slice_of(chunk->buf->data + from, to - from);
}

bool kd_tail_find(const struct kd_tail *tail, const struct kd_tail_read *ask,
                  struct kb_piece **pieces, size_t *count, size_t *bytes)
{
    struct walk walk = {.ask = *ask};
    size_t chunks = 0;
    if (kb_list_empty(&tail->chunks) ||
        KB_CONTAINER(tail->chunks.next, struct chunk, link)->base_offset > ask->offset)
        return false;
    KB_LIST_EACH(it, &tail->chunks)
        chunks++;
    *pieces = KB_NEW_ARRAY(struct kb_piece, chunks);
    *count = *bytes = 0;
    if (!*pieces)
        return false;
    KB_LIST_EACH(it, &tail->chunks) {
        const struct chunk *chunk = KB_CONTAINER(it, struct chunk, link);
        if (walk.done || chunk->end_offset <= ask->offset)
            continue;
        struct kb_slice part = take(chunk, &walk);
        if (part.size)
            (*pieces)[(*count)++] = (struct kb_piece){kb_buf_ref(chunk->buf), part};
    }
    *bytes = walk.bytes;
    return true;
}
