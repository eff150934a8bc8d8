/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_MEM_H
#define KB_MEM_H
/*
 * The only door to the heap. Every caller handles NULL: out of memory is an
 * error, never an abort. Tests count allocations and make the nth one fail
 * through the hook.
 */
#include <stddef.h>

void *kb_malloc(size_t size);
void *kb_calloc(size_t count, size_t size); /* zeroed; overflow is NULL */
void *kb_realloc(void *ptr, size_t size);
void *kb_aligned(size_t align, size_t size); /* size a multiple of align */
void kb_free(void *ptr);
char *kb_strdup(const char *text);
char *kb_strndup(const char *text, size_t size);

#define KB_NEW(type) ((type *)kb_calloc(1, sizeof(type)))
#define KB_NEW_ARRAY(type, n) ((type *)kb_calloc((n), sizeof(type)))

/* Tests: called before each allocation; false makes it fail. NULL: no hook.
 * Set while no other thread allocates. */
typedef int kb_mem_hook(void *ctx, size_t size);
void kb_mem_set_hook(kb_mem_hook *hook, void *ctx);
/* The hook is not asked between a call with 1 and one with -1, which nest: a
 * simulated world, and the other side of a test, have all the memory there is. */
void kb_mem_spare(int by);

#endif
