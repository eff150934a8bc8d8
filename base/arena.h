/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_ARENA_H
#define KB_ARENA_H
/*
 * Memory that is given back all at once: what a decoded message needs beside
 * its frame. A budget bounds it, since a frame can ask for 27 times its own
 * size. Not thread-safe.
 */
#include "base/slice.h"

struct kb_arena_chunk;

struct kb_arena {
    struct kb_arena_chunk *chunks; /* newest first */
    size_t budget;                 /* bytes it may still take from the heap */
    bool failed;                   /* sticky: budget or heap ran out */
    uint8_t *next, *end;           /* free part of the newest chunk */
    size_t granted;                /* the budget it was made with */
};

void kb_arena_init(struct kb_arena *arena, size_t budget_bytes);
/* Zeroed, aligned for any type. NULL (and failed set) past the budget. */
void *kb_arena_alloc(struct kb_arena *arena, size_t size);
void *kb_arena_array(struct kb_arena *arena, size_t count, size_t size);
char *kb_arena_strdup(struct kb_arena *arena, struct kb_slice text); /* with a 0 byte */
/* Forgets everything but keeps one chunk, so that a loop does not malloc. */
void kb_arena_reset(struct kb_arena *arena);
void kb_arena_deinit(struct kb_arena *arena);

#endif
