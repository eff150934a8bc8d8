/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_VARINT_H
#define KW_VARINT_H
/*
 * Base-128 varints, least significant group first. Messages carry them plain,
 * records in zigzag form (0, -1, 1, -2 ... become 0, 1, 2, 3 ...).
 *
 * put: writes at `to`, where KW_VARINT32_MAX or KW_VARINT64_MAX bytes must be
 *      free, or as many as `size` says; answers the end.
 * get: reads below `end`; answers the end of the number, or NULL where it is
 *      cut off or longer than the type can be. Unused bits of the last byte
 *      are ignored, as Java does.
 */
#include <stddef.h>
#include <stdint.h>

enum { KW_VARINT32_MAX = 5, KW_VARINT64_MAX = 10 };

static inline uint32_t kw_zigzag32(int32_t v)
{
    return ((uint32_t)v << 1) ^ (uint32_t)(v >> 31);
}

static inline uint64_t kw_zigzag64(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int32_t kw_unzigzag32(uint32_t v)
{
    return (int32_t)((v >> 1) ^ (0 - (v & 1)));
}

static inline int64_t kw_unzigzag64(uint64_t v)
{
    return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

/* Bytes that v takes: one per 7 significant bits, without a branch. */
static inline size_t kw_varint_size(uint64_t v)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
    return (bits * 9 + 64) / 64;
}

static inline size_t kw_zigzag_size(int64_t v)
{
    return kw_varint_size(kw_zigzag64(v));
}

static inline uint8_t *kw_varint_put(uint8_t *to, uint64_t v)
{
    while (v >= 0x80) {
        *to++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *to++ = (uint8_t)v;
    return to;
}

static inline uint8_t *kw_zigzag_put(uint8_t *to, int64_t v)
{
    return kw_varint_put(to, kw_zigzag64(v));
}

static inline const uint8_t *kw_varint_get_slow(const uint8_t *at, const uint8_t *end,
                                                size_t max_bytes, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < max_bytes && at < end; i++) {
        uint8_t byte = *at++;
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out = v;
            return at;
        }
    }
    return NULL;
}

static inline const uint8_t *kw_varint32_get(const uint8_t *at, const uint8_t *end, uint32_t *out)
{
    if (__builtin_expect(at < end && *at < 0x80, 1)) {
        *out = *at;
        return at + 1;
    }
    uint64_t v = 0;
    at = kw_varint_get_slow(at, end, KW_VARINT32_MAX, &v);
    *out = (uint32_t)v;
    return at;
}

static inline const uint8_t *kw_varint64_get(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
    if (__builtin_expect(at < end && *at < 0x80, 1)) {
        *out = *at;
        return at + 1;
    }
    *out = 0;
    return kw_varint_get_slow(at, end, KW_VARINT64_MAX, out);
}

static inline const uint8_t *kw_zigzag32_get(const uint8_t *at, const uint8_t *end, int32_t *out)
{
    uint32_t v;
    at = kw_varint32_get(at, end, &v);
    *out = kw_unzigzag32(v);
    return at;
}

static inline const uint8_t *kw_zigzag64_get(const uint8_t *at, const uint8_t *end, int64_t *out)
{
    uint64_t v;
    at = kw_varint64_get(at, end, &v);
    *out = kw_unzigzag64(v);
    return at;
}

#endif
