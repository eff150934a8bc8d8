/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/reader.h"

#include "base/arena.h"

void kw_reader_fail(struct kw_reader *r, const char *fault)
{
    if (!r->fault)
        r->fault = fault;
    r->next = r->end;
}

bool kw_reader_end(struct kw_reader *r)
{
    if (r->next != r->end)
        kw_reader_fail(r, "bytes left over");
    return kw_reader_ok(r);
}

/* A length as written, -1 for null; what the compact form cannot say in 31
 * bits comes out negative, and below -1 is refused by the callers. */
static int32_t read_compact_length(struct kw_reader *r)
{
    return (int32_t)(kw_read_uvarint(r) - 1);
}

static struct kb_slice read_span(struct kw_reader *r, bool nullable, int32_t length)
{
    if (length == -1 && nullable && kw_reader_ok(r))
        return kb_slice_null();
    if (length < 0) {
        kw_reader_fail(r, length == -1 ? "null where none may be" : "negative length");
        length = 0;
    }
    const uint8_t *at = kw_read_raw(r, (size_t)length);
    return at ? kb_slice_of(at, (size_t)length) : kb_slice_of("", 0);
}

struct kb_slice kw_read_str(struct kw_reader *r, bool flex, bool nullable)
{
    int32_t length = flex ? read_compact_length(r) : kw_read_i16(r);
    if (length > KW_STRING_MAX)
        kw_reader_fail(r, "string too long");
    return read_span(r, nullable, length);
}

struct kb_slice kw_read_bytes(struct kw_reader *r, bool flex, bool nullable)
{
    return read_span(r, nullable, flex ? read_compact_length(r) : kw_read_i32(r));
}

static void *read_room(struct kw_reader *r, struct kb_arena *arena, size_t count, size_t size)
{
    void *room = kb_arena_array(arena, count, size);
    if (!room)
        kw_reader_fail(r, "more than the arena may hold");
    return room;
}

void *kw_read_array(struct kw_reader *r, bool flex, bool nullable, size_t min_bytes,
                    struct kb_arena *arena, size_t size, int32_t *count)
{
    int32_t n = flex ? read_compact_length(r) : kw_read_i32(r);
    *count = 0;
    if (n == -1 && nullable && kw_reader_ok(r)) {
        *count = -1;
        return NULL;
    }
    if (n < 0 || (uint32_t)n > kw_reader_left(r) / min_bytes)
        kw_reader_fail(r, n == -1 ? "null where none may be" : "impossible array length");
    if (n <= 0 || !kw_reader_ok(r))
        return NULL;
    void *room = read_room(r, arena, (size_t)n, size);
    *count = room ? n : 0;
    return room;
}

void *kw_read_present(struct kw_reader *r, struct kb_arena *arena, size_t size)
{
    bool present = kw_read_i8(r) >= 0;
    return present && kw_reader_ok(r) ? read_room(r, arena, 1, size) : NULL;
}

void *kw_read_present_tagged(struct kw_reader *r, struct kb_arena *arena, size_t size)
{
    bool present = kw_read_uvarint(r) != 0;
    return present && kw_reader_ok(r) ? read_room(r, arena, 1, size) : NULL;
}

/* Leaves the current field, if there is one. */
static void leave_tag(const struct kw_tags *tags, struct kw_reader *r)
{
    if (r->next == tags->start)
        r->next = tags->end;
    else if (r->next != tags->end)
        kw_reader_fail(r, "tagged field of the wrong size");
}

bool kw_tags_step(struct kw_tags *tags, struct kw_reader *r)
{
    if (tags->end && kw_reader_ok(r))
        leave_tag(tags, r);
    tags->end = NULL;
    if (!tags->left || !kw_reader_ok(r))
        return false;
    tags->left--;
    int64_t tag = kw_read_uvarint(r);
    uint32_t size = kw_read_uvarint(r);
    if (tag <= tags->tag)
        kw_reader_fail(r, "tags out of order");
    if (size > kw_reader_left(r))
        kw_reader_fail(r, "cut off");
    tags->tag = tag;
    tags->start = r->next;
    tags->end = r->next + (kw_reader_ok(r) ? size : 0);
    return kw_reader_ok(r);
}
