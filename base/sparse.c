/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sparse.h"

#include "base/check.h"
#include "base/mem.h"

enum { BLOCK = KB_SPARSE_BLOCK };

static size_t blocks_of(int64_t size)
{
    return (size_t)((size + BLOCK - 1) / BLOCK);
}

static void drop_from(struct kb_sparse *bytes, size_t first)
{
    while (bytes->count > first)
        kb_buf_unref(bytes->blocks[--bytes->count]);
}

void kb_sparse_deinit(struct kb_sparse *bytes)
{
    drop_from(bytes, 0);
    kb_free(bytes->blocks);
    *bytes = (struct kb_sparse){0};
}

static bool reserve(struct kb_sparse *bytes, size_t count)
{
    if (count > bytes->capacity) {
        size_t capacity = KB_MAX(count, bytes->capacity * 2);
        struct kb_buf **blocks = kb_realloc(bytes->blocks, capacity * sizeof *blocks);
        if (!blocks)
            return false;
        bytes->blocks = blocks;
        bytes->capacity = capacity;
    }
    while (bytes->count < count)
        bytes->blocks[bytes->count++] = NULL;
    return true;
}

/* The block, there and nobody else's. */
static struct kb_buf *own_block(struct kb_sparse *bytes, size_t index)
{
    struct kb_buf *old = bytes->blocks[index];
    if (old && atomic_load_explicit(&old->refs, memory_order_acquire) == 1)
        return old;
    struct kb_buf *fresh = kb_buf_new(BLOCK);
    if (!fresh)
        return NULL;
    if (old)
        memcpy(fresh->data, old->data, BLOCK);
    else
        memset(fresh->data, 0, BLOCK);
    kb_buf_unref(old);
    return bytes->blocks[index] = fresh;
}

static bool own_range(struct kb_sparse *bytes, int64_t at, int64_t end)
{
    if (!reserve(bytes, KB_MAX(bytes->count, blocks_of(end))))
        return false;
    for (size_t i = (size_t)(at / BLOCK); i < blocks_of(end); i++)
        if (!own_block(bytes, i))
            return false;
    return true;
}

bool kb_sparse_write(struct kb_sparse *bytes, int64_t at, const uint8_t *data, size_t size)
{
    int64_t end = at + (int64_t)size;
    if (size == 0)
        return true;
    if (!own_range(bytes, at, end))
        return false;
    while (at < end) {
        size_t offset = (size_t)(at % BLOCK), n = KB_MIN(BLOCK - offset, (size_t)(end - at));
        memcpy(bytes->blocks[at / BLOCK]->data + offset, data, n);
        data += n;
        at += (int64_t)n;
    }
    bytes->size = KB_MAX(bytes->size, end);
    return true;
}

bool kb_sparse_resize(struct kb_sparse *bytes, int64_t size)
{
    size_t keep = blocks_of(size), used = (size_t)(size % BLOCK);
    if (size < bytes->size && used && keep <= bytes->count && bytes->blocks[keep - 1]) {
        struct kb_buf *last = own_block(bytes, keep - 1);
        if (!last)
            return false;
        memset(last->data + used, 0, BLOCK - used);
    }
    drop_from(bytes, KB_MIN(keep, bytes->count));
    bytes->size = size;
    return true;
}

bool kb_sparse_share(struct kb_sparse *to, const struct kb_sparse *from, int64_t at, int64_t end)
{
    size_t last = KB_MIN(blocks_of(end), KB_MAX(from->count, to->count));
    if (!reserve(to, KB_MAX(to->count, last)))
        return false;
    for (size_t i = (size_t)(at / BLOCK); i < last; i++) {
        struct kb_buf *block = i < from->count ? from->blocks[i] : NULL;
        if (block)
            kb_buf_ref(block);
        kb_buf_unref(to->blocks[i]);
        to->blocks[i] = block;
    }
    return true;
}

bool kb_sparse_copy(struct kb_sparse *to, const struct kb_sparse *from)
{
    *to = (struct kb_sparse){0};
    if (!kb_sparse_share(to, from, 0, (int64_t)from->count * BLOCK))
        return false;
    to->size = from->size;
    return true;
}

size_t kb_sparse_read(const struct kb_sparse *bytes, int64_t at, uint8_t *out, size_t size)
{
    if (at >= bytes->size)
        return 0;
    size = KB_MIN(size, (size_t)(bytes->size - at));
    for (size_t done = 0; done < size;) {
        size_t offset = (size_t)(at % BLOCK), index = (size_t)(at / BLOCK);
        size_t n = KB_MIN(BLOCK - offset, size - done);
        if (index < bytes->count && bytes->blocks[index])
            memcpy(out + done, bytes->blocks[index]->data + offset, n);
        else
            memset(out + done, 0, n);
        done += n;
        at += (int64_t)n;
    }
    return size;
}
