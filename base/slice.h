/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_SLICE_H
#define KB_SLICE_H
/*
 * Bytes that somebody else owns. data == NULL is null, data != NULL with
 * size 0 is empty: the protocol tells them apart, so we do everywhere.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct kb_slice {
    const uint8_t *data;
    size_t size;
};

static inline struct kb_slice kb_slice_of(const void *data, size_t size)
{
    return (struct kb_slice){(const uint8_t *)data, size};
}

static inline struct kb_slice kb_slice_null(void)
{
    return (struct kb_slice){NULL, 0};
}

/* A view of a C string without its 0 byte; NULL is null. */
static inline struct kb_slice kb_slice_str(const char *text)
{
    return (struct kb_slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline bool kb_slice_is_null(struct kb_slice s)
{
    return s.data == NULL;
}

/* Null equals only null. */
static inline bool kb_slice_equal(struct kb_slice a, struct kb_slice b)
{
    if (!a.data || !b.data)
        return a.data == b.data;
    return a.size == b.size && (a.size == 0 || !memcmp(a.data, b.data, a.size));
}

/* Bytes in order, the shorter first, as strcmp has it. */
static inline int kb_slice_compare(struct kb_slice a, struct kb_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool kb_slice_is(struct kb_slice s, const char *text)
{
    return kb_slice_equal(s, kb_slice_str(text));
}

#endif
