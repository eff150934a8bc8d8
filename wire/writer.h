/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_WRITER_H
#define KW_WRITER_H
/*
 * Appends the protocol's types to a buffer: one that grows up to a declared
 * maximum, or fixed memory of the caller's. Its error is sticky: after the
 * first fault nothing is written, so that an encoder needs one check at its
 * end.
 *
 * `flex` chooses the compact forms of flexible versions (KIP-482).
 */
#include "base/buf.h"
#include "base/uuid.h"
#include "wire/be.h"
#include "wire/varint.h"

/* Records that were not copied: they belong between the bytes before and from
 * `at` on. */
struct kw_splice {
    size_t at;
    struct kb_slice bytes;
};

struct kw_writer {
    uint8_t *start, *next, *end;
    struct kb_buf *buf; /* NULL: fixed memory, or nothing written yet */
    size_t max_bytes;
    const char *fault; /* what was wrong first; NULL: nothing yet */
    struct kw_splice *splices;
    size_t splice_count, splice_max;
    size_t spliced_bytes;
};

/* Grows on the heap; past max_bytes is a fault. Ends with _take or _deinit. */
void kw_writer_init(struct kw_writer *w, size_t max_bytes);
/* Writes into memory of the caller's; needs no deinit. */
void kw_writer_init_fixed(struct kw_writer *w, void *to, size_t size);
void kw_writer_deinit(struct kw_writer *w);
/*
 * From here on `records` fields are not copied: each that is not empty takes
 * the next of `max` entries, in the order of encoding. Their bytes are never
 * touched, so data may be any address but NULL. Needing more than `max` is a
 * fault.
 */
void kw_writer_splice(struct kw_writer *w, struct kw_splice *splices, size_t max);
/* What was written, one reference to the caller; NULL after a fault. */
struct kb_buf *kw_writer_take(struct kw_writer *w);

void kw_writer_fail(struct kw_writer *w, const char *fault);
bool kw_writer_grow(struct kw_writer *w, size_t size);

static inline bool kw_writer_ok(const struct kw_writer *w)
{
    return w->fault == NULL;
}

/* Bytes in the buffer; spliced ones come on top. */
static inline size_t kw_writer_size(const struct kw_writer *w)
{
    return (size_t)(w->next - w->start);
}

/* Room for `size` more bytes, counted as written; NULL after a fault. */
static inline uint8_t *kw_write_raw(struct kw_writer *w, size_t size)
{
    if (__builtin_expect((size_t)(w->end - w->next) < size, 0) && !kw_writer_grow(w, size))
        return NULL;
    uint8_t *at = w->next;
    w->next += size;
    return at;
}

static inline void kw_write_u8(struct kw_writer *w, uint8_t v)
{
    uint8_t *at = kw_write_raw(w, 1);
    if (at)
        *at = v;
}

static inline void kw_write_u16(struct kw_writer *w, uint16_t v)
{
    uint8_t *at = kw_write_raw(w, 2);
    if (at)
        kw_put_be16(at, v);
}

static inline void kw_write_u32(struct kw_writer *w, uint32_t v)
{
    uint8_t *at = kw_write_raw(w, 4);
    if (at)
        kw_put_be32(at, v);
}

static inline void kw_write_u64(struct kw_writer *w, uint64_t v)
{
    uint8_t *at = kw_write_raw(w, 8);
    if (at)
        kw_put_be64(at, v);
}

static inline void kw_write_bool(struct kw_writer *w, bool v)
{
    kw_write_u8(w, v);
}

static inline void kw_write_i8(struct kw_writer *w, int8_t v)
{
    kw_write_u8(w, (uint8_t)v);
}

static inline void kw_write_i16(struct kw_writer *w, int16_t v)
{
    kw_write_u16(w, (uint16_t)v);
}

static inline void kw_write_i32(struct kw_writer *w, int32_t v)
{
    kw_write_u32(w, (uint32_t)v);
}

static inline void kw_write_i64(struct kw_writer *w, int64_t v)
{
    kw_write_u64(w, (uint64_t)v);
}

static inline void kw_write_f64(struct kw_writer *w, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    kw_write_u64(w, bits);
}

static inline void kw_write_uuid(struct kw_writer *w, struct kb_uuid id)
{
    uint8_t *at = kw_write_raw(w, sizeof id);
    if (at)
        memcpy(at, &id, sizeof id);
}

static inline void kw_write_uvarint(struct kw_writer *w, uint32_t v)
{
    uint8_t *at = kw_write_raw(w, kw_varint_size(v));
    if (at)
        kw_varint_put(at, v);
}

/* Zigzag form. */
static inline void kw_write_varint(struct kw_writer *w, int32_t v)
{
    kw_write_uvarint(w, kw_zigzag32(v));
}

/* Null is a fault unless `nullable`. */
void kw_write_str(struct kw_writer *w, bool flex, bool nullable, struct kb_slice text);
void kw_write_bytes(struct kw_writer *w, bool flex, bool nullable, struct kb_slice bytes);
void kw_write_records(struct kw_writer *w, bool flex, bool nullable, struct kb_slice records);

/* Opens an array (count -1: null); answers how many elements follow. */
int32_t kw_write_array(struct kw_writer *w, bool flex, bool nullable, int32_t count);

/* One tagged field: its number, then what is written until _close, with its
 * size in front. Answers the mark to close it with. */
size_t kw_tag_open(struct kw_writer *w, uint32_t tag);
void kw_tag_close(struct kw_writer *w, size_t mark);

#endif
