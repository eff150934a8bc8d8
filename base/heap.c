/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include "base/mem.h"

void kb_heap_init(struct kb_heap *heap)
{
    *heap = (struct kb_heap){0};
}

void kb_heap_deinit(struct kb_heap *heap)
{
    kb_free(heap->nodes);
    kb_heap_init(heap);
}

static bool before(const struct kb_heap_node *a, const struct kb_heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void place(struct kb_heap *heap, struct kb_heap_node *node, size_t index)
{
    heap->nodes[index] = node;
    node->position = index + 1;
}

static void sift_up(struct kb_heap *heap, struct kb_heap_node *node, size_t index)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!before(node, heap->nodes[parent]))
            break;
        place(heap, heap->nodes[parent], index);
        index = parent;
    }
    place(heap, node, index);
}

static void sift_down(struct kb_heap *heap, struct kb_heap_node *node, size_t index)
{
    for (;;) {
        size_t child = index * 2 + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!before(heap->nodes[child], node))
            break;
        place(heap, heap->nodes[child], index);
        index = child;
    }
    place(heap, node, index);
}

static void settle(struct kb_heap *heap, struct kb_heap_node *node, size_t index)
{
    if (index > 0 && before(node, heap->nodes[(index - 1) / 2]))
        sift_up(heap, node, index);
    else
        sift_down(heap, node, index);
}

static bool reserve(struct kb_heap *heap)
{
    if (heap->count < heap->capacity)
        return true;
    size_t capacity = heap->capacity ? heap->capacity * 2 : 16;
    struct kb_heap_node **nodes = kb_realloc(heap->nodes, capacity * sizeof *nodes);
    if (!nodes)
        return false;
    heap->nodes = nodes;
    heap->capacity = capacity;
    return true;
}

bool kb_heap_put(struct kb_heap *heap, struct kb_heap_node *node, int64_t key)
{
    KB_CHECK(node->position == 0);
    if (!reserve(heap))
        return false;
    node->key = key;
    node->order = heap->inserted++;
    sift_up(heap, node, heap->count++);
    return true;
}

static void check_member(const struct kb_heap *heap, const struct kb_heap_node *node)
{
    KB_CHECK(node->position > 0 && node->position <= heap->count);
    KB_CHECK(heap->nodes[node->position - 1] == node);
}

void kb_heap_move(struct kb_heap *heap, struct kb_heap_node *node, int64_t key)
{
    check_member(heap, node);
    node->key = key;
    node->order = heap->inserted++;
    settle(heap, node, node->position - 1);
}

void kb_heap_remove(struct kb_heap *heap, struct kb_heap_node *node)
{
    if (node->position == 0)
        return;
    check_member(heap, node);
    size_t index = node->position - 1;
    struct kb_heap_node *last = heap->nodes[--heap->count];
    node->position = 0;
    if (last != node)
        settle(heap, last, index);
}

struct kb_heap_node *kb_heap_first(const struct kb_heap *heap)
{
    return heap->count ? heap->nodes[0] : NULL;
}
