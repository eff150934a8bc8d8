/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdalign.h>

enum { FIRST_CHUNK = 1024, LARGEST_CHUNK = 64 * 1024 };

struct kb_arena_chunk {
    struct kb_arena_chunk *next;
    size_t size; /* of what follows */
    alignas(max_align_t) uint8_t bytes[];
};

void kb_arena_init(struct kb_arena *arena, size_t budget_bytes)
{
    *arena = (struct kb_arena){.budget = budget_bytes, .granted = budget_bytes};
}

static void *fail(struct kb_arena *arena)
{
    arena->failed = true;
    return NULL;
}

/* Chunks double from one to the next, so that a large message needs few. */
static size_t chunk_size(const struct kb_arena *arena, size_t size)
{
    size_t usual = arena->chunks ? KB_MIN(arena->chunks->size * 2, LARGEST_CHUNK) : FIRST_CHUNK;
    return KB_MAX(size, KB_MIN(usual, arena->budget));
}

static bool add_chunk(struct kb_arena *arena, size_t size)
{
    if (size > arena->budget)
        return false;
    size = chunk_size(arena, size);
    struct kb_arena_chunk *chunk = kb_malloc(sizeof *chunk + size);
    if (!chunk)
        return false;
    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->budget -= size;
    arena->next = chunk->bytes;
    arena->end = chunk->bytes + size;
    return true;
}

void *kb_arena_alloc(struct kb_arena *arena, size_t size)
{
    enum { ALIGN = alignof(max_align_t) };
    if (arena->failed || size > SIZE_MAX / 2)
        return fail(arena);
    size = size ? (size + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if (size > (size_t)(arena->end - arena->next) && !add_chunk(arena, size))
        return fail(arena);
    void *block = arena->next;
    arena->next += size;
    return memset(block, 0, size);
}

void *kb_arena_array(struct kb_arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return fail(arena);
    return kb_arena_alloc(arena, count * size);
}

char *kb_arena_strdup(struct kb_arena *arena, struct kb_slice text)
{
    char *copy = text.size < SIZE_MAX ? kb_arena_alloc(arena, text.size + 1) : fail(arena);
    if (copy && text.size)
        memcpy(copy, text.data, text.size);
    return copy;
}

static void free_chunks(struct kb_arena_chunk *chunk)
{
    while (chunk) {
        struct kb_arena_chunk *next = chunk->next;
        kb_free(chunk);
        chunk = next;
    }
}

void kb_arena_reset(struct kb_arena *arena)
{
    struct kb_arena_chunk *kept = arena->chunks;
    arena->budget = arena->granted;
    arena->failed = false;
    if (!kept)
        return;
    free_chunks(kept->next);
    kept->next = NULL;
    arena->budget -= kept->size;
    arena->next = kept->bytes;
    arena->end = kept->bytes + kept->size;
}

void kb_arena_deinit(struct kb_arena *arena)
{
    free_chunks(arena->chunks);
    kb_arena_init(arena, 0);
}
