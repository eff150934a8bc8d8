/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Process-wide on purpose: allocations have no handle to hang a hook on. */
static kb_mem_hook *mem_hook;
static void *mem_hook_ctx;
static int mem_spared;

void kb_mem_set_hook(kb_mem_hook *hook, void *ctx)
{
    mem_hook = hook;
    mem_hook_ctx = ctx;
}

void kb_mem_spare(int by)
{
    mem_spared += by;
}

static int allowed(size_t size)
{
    return !mem_hook || mem_spared || mem_hook(mem_hook_ctx, size);
}

void *kb_malloc(size_t size)
{
    return allowed(size) ? malloc(size ? size : 1) : NULL;
}

void *kb_calloc(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    return allowed(count * size) ? calloc(count ? count : 1, size ? size : 1) : NULL;
}

void *kb_realloc(void *ptr, size_t size)
{
    return allowed(size) ? realloc(ptr, size ? size : 1) : NULL;
}

void *kb_aligned(size_t align, size_t size)
{
    return allowed(size) ? aligned_alloc(align, size) : NULL;
}

void kb_free(void *ptr)
{
    free(ptr);
}

char *kb_strdup(const char *text)
{
    return kb_strndup(text, strlen(text));
}

char *kb_strndup(const char *text, size_t size)
{
    char *copy = kb_malloc(size + 1);
    if (copy) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}
