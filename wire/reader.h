/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_READER_H
#define KW_READER_H
/*
 * Reads the protocol's types from bytes that somebody else owns. It never
 * reads past their end, and its error is sticky: after the first fault every
 * read answers zero, null or empty, so that a decoder needs one check at its
 * end. Strings and bytes come back as views into what is read.
 *
 * `flex` chooses the compact forms of flexible versions (KIP-482).
 */
#include "base/slice.h"
#include "base/uuid.h"
#include "wire/be.h"
#include "wire/varint.h"

struct kb_arena;

struct kw_reader {
    const uint8_t *next, *end;
    const char *fault; /* what was wrong first; NULL: nothing yet */
};

enum { KW_STRING_MAX = INT16_MAX };

static inline struct kw_reader kw_reader_of(struct kb_slice bytes)
{
    return (struct kw_reader){bytes.data, bytes.data + bytes.size, NULL};
}

/* Keeps the first fault and lets nothing more be read. */
void kw_reader_fail(struct kw_reader *r, const char *fault);
/* True if all went well and nothing is left; bytes left over are a fault. */
bool kw_reader_end(struct kw_reader *r);

static inline bool kw_reader_ok(const struct kw_reader *r)
{
    return r->fault == NULL;
}

static inline size_t kw_reader_left(const struct kw_reader *r)
{
    return (size_t)(r->end - r->next);
}

/* The next `size` bytes, or NULL with a fault. */
static inline const uint8_t *kw_read_raw(struct kw_reader *r, size_t size)
{
    if (__builtin_expect(kw_reader_left(r) < size, 0)) {
        kw_reader_fail(r, "cut off");
        return NULL;
    }
    const uint8_t *at = r->next;
    r->next += size;
    return at;
}

static inline uint8_t kw_read_u8(struct kw_reader *r)
{
    const uint8_t *at = kw_read_raw(r, 1);
    return at ? *at : 0;
}

static inline uint16_t kw_read_u16(struct kw_reader *r)
{
    const uint8_t *at = kw_read_raw(r, 2);
    return at ? kw_get_be16(at) : 0;
}

static inline uint32_t kw_read_u32(struct kw_reader *r)
{
    const uint8_t *at = kw_read_raw(r, 4);
    return at ? kw_get_be32(at) : 0;
}

static inline uint64_t kw_read_u64(struct kw_reader *r)
{
    const uint8_t *at = kw_read_raw(r, 8);
    return at ? kw_get_be64(at) : 0;
}

static inline bool kw_read_bool(struct kw_reader *r)
{
    return kw_read_u8(r) != 0;
}

static inline int8_t kw_read_i8(struct kw_reader *r)
{
    return (int8_t)kw_read_u8(r);
}

static inline int16_t kw_read_i16(struct kw_reader *r)
{
    return (int16_t)kw_read_u16(r);
}

static inline int32_t kw_read_i32(struct kw_reader *r)
{
    return (int32_t)kw_read_u32(r);
}

static inline int64_t kw_read_i64(struct kw_reader *r)
{
    return (int64_t)kw_read_u64(r);
}

static inline double kw_read_f64(struct kw_reader *r)
{
    uint64_t bits = kw_read_u64(r);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline struct kb_uuid kw_read_uuid(struct kw_reader *r)
{
    struct kb_uuid id = {{0}};
    const uint8_t *at = kw_read_raw(r, sizeof id);
    if (at)
        memcpy(&id, at, sizeof id);
    return id;
}

static inline uint32_t kw_read_uvarint(struct kw_reader *r)
{
    uint32_t v = 0;
    const uint8_t *at = kw_varint32_get(r->next, r->end, &v);
    if (__builtin_expect(!at, 0)) {
        kw_reader_fail(r, "bad varint");
        return 0;
    }
    r->next = at;
    return v;
}

/* Zigzag form. */
static inline int32_t kw_read_varint(struct kw_reader *r)
{
    return kw_unzigzag32(kw_read_uvarint(r));
}

/* Null is a fault unless `nullable`. */
struct kb_slice kw_read_str(struct kw_reader *r, bool flex, bool nullable);
struct kb_slice kw_read_bytes(struct kw_reader *r, bool flex, bool nullable);

/*
 * Opens an array: its length and room for its elements, each of `size` bytes.
 * *count is -1 for null. A length that what is left cannot hold, at `min_bytes`
 * an element, and an arena without room are faults; then *count is 0.
 */
void *kw_read_array(struct kw_reader *r, bool flex, bool nullable, size_t min_bytes,
                    struct kb_arena *arena, size_t size, int32_t *count);
/* A nullable struct: room for it if it is there, else NULL. */
void *kw_read_present(struct kw_reader *r, struct kb_arena *arena, size_t size);
/* The same as the value of a tag. */
void *kw_read_present_tagged(struct kw_reader *r, struct kb_arena *arena, size_t size);

/*
 * The tag section that ends every struct of a flexible version:
 *
 *   struct kw_tags tags = kw_tags_open(r);
 *   while (kw_tags_next(&tags, r))
 *       if (tags.tag == 0) ... read its value ...
 *
 * A value that was not read is skipped: that is how unknown tags go. A value
 * read in part, and a tag that comes twice or out of order, are faults.
 */
struct kw_tags {
    uint32_t left;              /* fields not yet begun */
    int64_t tag;                /* of the current one; -1 before the first */
    const uint8_t *start, *end; /* its value; NULL before the first */
};

static inline struct kw_tags kw_tags_open(struct kw_reader *r)
{
    return (struct kw_tags){.left = kw_read_uvarint(r), .tag = -1};
}

bool kw_tags_step(struct kw_tags *tags, struct kw_reader *r);

/* Most sections are empty: that costs no call. */
static inline bool kw_tags_next(struct kw_tags *tags, struct kw_reader *r)
{
    return (tags->left || tags->end) && kw_tags_step(tags, r);
}

#endif
