/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_SPARSE_H
#define KB_SPARSE_H
/*
 * The content of a file in memory: blocks that may be missing (zeros) and that
 * several contents may share until one of them writes. Bytes of the last block
 * that lie behind the size are zero.
 */
#include "base/buf.h"

#include <stdbool.h>

enum { KB_SPARSE_BLOCK = 4096 };

struct kb_sparse {
    struct kb_buf **blocks; /* NULL: a hole */
    size_t count, capacity;
    int64_t size;
};

void kb_sparse_deinit(struct kb_sparse *bytes);
/* Those below answer false when memory ran out; nothing has changed then. */
bool kb_sparse_write(struct kb_sparse *bytes, int64_t at, const uint8_t *data, size_t size);
bool kb_sparse_resize(struct kb_sparse *bytes, int64_t size);
bool kb_sparse_copy(struct kb_sparse *to, const struct kb_sparse *from); /* shares all blocks */
/* Makes the blocks that [at, end) touches those of `from`; sizes stay. */
bool kb_sparse_share(struct kb_sparse *to, const struct kb_sparse *from, int64_t at, int64_t end);
/* Answers how much there was up to the size. */
size_t kb_sparse_read(const struct kb_sparse *bytes, int64_t at, uint8_t *out, size_t size);

#endif
