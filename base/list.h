/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_LIST_H
#define KB_LIST_H
/*
 * Intrusive doubly linked ring. The head is a node of its own:
 *
 *     head <-> a <-> b <-> head
 */
#include "base/check.h"
#include <stdbool.h>

struct kb_list {
    struct kb_list *next, *prev;
};

static inline void kb_list_init(struct kb_list *head)
{
    head->next = head->prev = head;
}

static inline bool kb_list_empty(const struct kb_list *head)
{
    return head->next == head;
}

static inline void kb_list_insert(struct kb_list *before, struct kb_list *node)
{
    node->prev = before->prev;
    node->next = before;
    before->prev->next = node;
    before->prev = node;
}

static inline void kb_list_push_back(struct kb_list *head, struct kb_list *node)
{
    kb_list_insert(head, node);
}

static inline void kb_list_push_front(struct kb_list *head, struct kb_list *node)
{
    kb_list_insert(head->next, node);
}

/* The node is then a ring of itself: removing it twice is harmless. */
static inline void kb_list_remove(struct kb_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = node;
}

/* NULL when empty. */
static inline struct kb_list *kb_list_pop_front(struct kb_list *head)
{
    struct kb_list *node = head->next;
    if (node == head)
        return NULL;
    kb_list_remove(node);
    return node;
}

#define KB_LIST_FIRST(head, type, member)                                                          \
    (kb_list_empty(head) ? NULL : KB_CONTAINER((head)->next, type, member))
#define KB_LIST_EACH(it, head) for (struct kb_list *it = (head)->next; it != (head); it = it->next)
/* The current node may be removed and freed. */
#define KB_LIST_EACH_SAFE(it, head)                                                                \
    for (struct kb_list *it = (head)->next, *it##_next = it->next; it != (head);                   \
         it = it##_next, it##_next = it->next)

#endif
