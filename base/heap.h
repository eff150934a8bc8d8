/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_HEAP_H
#define KB_HEAP_H
/* Intrusive binary min-heap by a 64-bit key: deadlines, retention, retries.
 * Equal keys leave in the order of their insertion, so that runs repeat. */
#include "base/check.h"
#include <stdbool.h>
#include <stdint.h>

struct kb_heap_node {
    int64_t key;
    uint64_t order;  /* insertion, breaks ties */
    size_t position; /* in the array + 1; 0: not in a heap */
};

struct kb_heap {
    struct kb_heap_node **nodes;
    size_t count, capacity;
    uint64_t inserted;
};

void kb_heap_init(struct kb_heap *heap);
void kb_heap_deinit(struct kb_heap *heap);
/* False: no memory. */
bool kb_heap_put(struct kb_heap *heap, struct kb_heap_node *node, int64_t key);
void kb_heap_move(struct kb_heap *heap, struct kb_heap_node *node, int64_t key);
void kb_heap_remove(struct kb_heap *heap, struct kb_heap_node *node); /* not in: nothing */
struct kb_heap_node *kb_heap_first(const struct kb_heap *heap);       /* NULL: empty */

#endif
