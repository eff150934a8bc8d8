/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/writer.h"

#include "base/check.h"
#include "wire/reader.h"

enum { FIRST_BYTES = 256 };

void kw_writer_init(struct kw_writer *w, size_t max_bytes)
{
    *w = (struct kw_writer){.max_bytes = max_bytes};
}

void kw_writer_init_fixed(struct kw_writer *w, void *to, size_t size)
{
    *w = (struct kw_writer){.start = to, .next = to, .end = (uint8_t *)to + size};
}

void kw_writer_deinit(struct kw_writer *w)
{
    kb_buf_unref(w->buf);
    kw_writer_init(w, 0);
}

void kw_writer_splice(struct kw_writer *w, struct kw_splice *splices, size_t max)
{
    w->splices = splices;
    w->splice_max = max;
    w->splice_count = 0;
}

struct kb_buf *kw_writer_take(struct kw_writer *w)
{
    KB_CHECK(w->buf || !w->start); /* fixed memory has no reference to give */
    if (!w->buf)
        kw_writer_grow(w, 0);
    struct kb_buf *buf = kw_writer_ok(w) ? w->buf : NULL;
    if (buf) {
        buf->size = kw_writer_size(w);
        w->buf = NULL;
    }
    kw_writer_deinit(w);
    return buf;
}

/* Also closes the room that is left, so that the fast paths come by here. */
void kw_writer_fail(struct kw_writer *w, const char *fault)
{
    if (!w->fault)
        w->fault = fault;
    w->end = w->next;
}

bool kw_writer_grow(struct kw_writer *w, size_t size)
{
    size_t used = kw_writer_size(w);
    if (w->fault)
        return false;
    if (w->max_bytes < used || w->max_bytes - used < size) {
        kw_writer_fail(w, "message too large");
        return false;
    }
    size_t capacity = KB_MAX(KB_MAX(used * 2, used + size), FIRST_BYTES);
    struct kb_buf *larger = kb_buf_new(KB_MIN(capacity, w->max_bytes));
    if (!larger) {
        kw_writer_fail(w, "out of memory");
        return false;
    }
    if (used)
        memcpy(larger->data, w->start, used);
    kb_buf_unref(w->buf);
    w->buf = larger;
    w->start = larger->data;
    w->next = w->start + used;
    w->end = w->start + larger->capacity;
    return true;
}

static void write_bytes(struct kw_writer *w, struct kb_slice bytes)
{
    uint8_t *at = kw_write_raw(w, bytes.size);
    if (at && bytes.size)
        memcpy(at, bytes.data, bytes.size);
}

/* The length in front, whose width is `wide` or that of a string. False where
 * nothing follows. */
static bool write_length(struct kw_writer *w, bool flex, bool nullable, bool wide,
                         struct kb_slice v)
{
    bool null = kb_slice_is_null(v);
    if (null && !nullable)
        kw_writer_fail(w, "null where none may be");
    if (v.size > (size_t)(wide ? INT32_MAX : KW_STRING_MAX))
        kw_writer_fail(w, "longer than the protocol can say");
    if (flex)
        kw_write_uvarint(w, null ? 0 : (uint32_t)v.size + 1);
    else if (wide)
        kw_write_i32(w, null ? -1 : (int32_t)v.size);
    else
        kw_write_i16(w, null ? -1 : (int16_t)v.size);
    return !null && kw_writer_ok(w);
}

void kw_write_str(struct kw_writer *w, bool flex, bool nullable, struct kb_slice text)
{
    if (write_length(w, flex, nullable, false, text))
        write_bytes(w, text);
}

void kw_write_bytes(struct kw_writer *w, bool flex, bool nullable, struct kb_slice bytes)
{
    if (write_length(w, flex, nullable, true, bytes))
        write_bytes(w, bytes);
}

static void splice(struct kw_writer *w, struct kb_slice bytes)
{
    if (w->splice_count == w->splice_max) {
        kw_writer_fail(w, "more splices than there is room for");
        return;
    }
    w->splices[w->splice_count++] = (struct kw_splice){kw_writer_size(w), bytes};
    w->spliced_bytes += bytes.size;
}

void kw_write_records(struct kw_writer *w, bool flex, bool nullable, struct kb_slice records)
{
    if (!write_length(w, flex, nullable, true, records) || !records.size)
        return;
    if (w->splices)
        splice(w, records);
    else
        write_bytes(w, records);
}

int32_t kw_write_array(struct kw_writer *w, bool flex, bool nullable, int32_t count)
{
    if (count < 0 && !nullable)
        kw_writer_fail(w, "null where none may be");
    if (flex)
        kw_write_uvarint(w, count < 0 ? 0 : (uint32_t)count + 1);
    else
        kw_write_i32(w, count < 0 ? -1 : count);
    return kw_writer_ok(w) ? KB_MAX(count, 0) : 0;
}

size_t kw_tag_open(struct kw_writer *w, uint32_t tag)
{
    kw_write_uvarint(w, tag);
    kw_write_u8(w, 0);
    return kw_writer_size(w);
}

/* One byte was kept for the size, which is enough for nearly every field; a
 * longer one moves up. */
void kw_tag_close(struct kw_writer *w, size_t mark)
{
    if (!kw_writer_ok(w))
        return;
    size_t size = kw_writer_size(w) - mark;
    size_t more = kw_varint_size(size) - 1;
    if (more && !kw_write_raw(w, more))
        return;
    uint8_t *value = w->start + mark;
    memmove(value + more, value, size);
    kw_varint_put(value - 1, size);
}
