/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_PARTS_H
#define TESTS_FUZZ_PARTS_H
/*
 * Cuts an input into parts. Never fails: what is asked for beyond the end is
 * zero, or short, so that every input means something.
 */
#include "base/slice.h"
#include "wire/be.h"

static inline struct kb_slice parts_bytes(struct kb_slice *rest, size_t size)
{
    size_t n = size < rest->size ? size : rest->size;
    struct kb_slice part = kb_slice_of(rest->data, n);
    *rest = kb_slice_of(rest->data + n, rest->size - n);
    return part;
}

static inline uint8_t parts_u8(struct kb_slice *rest)
{
    struct kb_slice part = parts_bytes(rest, 1);
    return part.size ? part.data[0] : 0;
}

static inline uint16_t parts_u16(struct kb_slice *rest)
{
    struct kb_slice part = parts_bytes(rest, 2);
    return part.size == 2 ? kw_get_be16(part.data) : 0;
}

/* | size 2 | that many bytes | */
static inline struct kb_slice parts_sized(struct kb_slice *rest)
{
    size_t size = parts_u16(rest);
    return parts_bytes(rest, size);
}

#endif
