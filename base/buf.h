/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_BUF_H
#define KB_BUF_H
/*
 * A reference-counted block of bytes: a received frame, a sealed batch, a
 * decompressed one. It is written by one owner, then shared read-only; the
 * count alone is atomic. The last unref calls `release`, which gives the
 * block back to whatever it came from (a pool, a budget, the heap).
 */
#include "base/slice.h"
#include <stdatomic.h>

struct kb_buf {
    atomic_uint refs;
    uint8_t *data;
    size_t size;                         /* bytes in use */
    size_t capacity;                     /* bytes there */
    void (*release)(struct kb_buf *buf); /* frees the struct as well */
    void *owner;                         /* release's own */
};

/* One reference, size 0, data right behind the struct. NULL: no memory. */
struct kb_buf *kb_buf_new(size_t capacity);
struct kb_buf *kb_buf_ref(struct kb_buf *buf); /* answers buf */
void kb_buf_unref(struct kb_buf *buf);         /* NULL is fine */

static inline struct kb_slice kb_buf_view(const struct kb_buf *buf)
{
    return kb_slice_of(buf->data, buf->size);
}

/* A run of bytes kept alive by `owner`; owner NULL: by somebody else. */
struct kb_piece {
    struct kb_buf *owner;
    struct kb_slice bytes;
};

/*
 * A pool of equal blocks. Thread-safe: a block is often taken on one thread
 * and given back on another. Keeps at most `keep` idle blocks; blocks may
 * outlive kb_pool_unref, the pool then goes with the last of them.
 */
struct kb_pool;
struct kb_pool *kb_pool_new(size_t block_size, size_t keep);
struct kb_buf *kb_pool_take(struct kb_pool *pool); /* NULL: no memory */
void kb_pool_unref(struct kb_pool *pool);

#endif
