/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_RECORD_H
#define KW_RECORD_H
/*
 * The records inside a batch: the hot path of both directions, hence inline.
 *
 *   length | attributes | timestamp delta | offset delta
 *          | key length | key | value length | value | header count | headers
 *
 * every number a zigzag varint, -1 as a length for null. Writing goes straight
 * into the caller's span; reading gives views and allocates nothing.
 */
#include "base/codes.h"
#include "wire/batch.h"
#include "wire/varint.h"

struct kw_header {
    struct kb_slice name; /* never null */
    struct kb_slice value;
};

/* ---- Writing ---------------------------------------------------------------
 *
 *   size_t body = kw_record_body_size(&record);
 *   if (kw_record_size(body) > room) ...
 *   at = kw_record_write(at, &record, body);
 */
struct kw_record_in {
    int64_t timestamp_delta_ms; /* to the batch's base timestamp */
    int32_t offset_delta;       /* to the batch's base offset */
    uint32_t header_count;
    struct kb_slice key, value;
    const struct kw_header *headers;
    struct kb_slice raw_headers; /* as kw_record gives them; used if header_count is 0 */
};

size_t kw_headers_size(const struct kw_header *headers, uint32_t count);
uint8_t *kw_headers_write(uint8_t *to, const struct kw_header *headers, uint32_t count);

static inline size_t kw_field_size(struct kb_slice s)
{
    return s.data ? kw_zigzag_size((int64_t)s.size) + s.size : 1;
}

static inline uint8_t *kw_field_write(uint8_t *to, struct kb_slice s)
{
    if (!s.data)
        return kw_zigzag_put(to, -1);
    to = kw_zigzag_put(to, (int64_t)s.size);
    memcpy(to, s.data, s.size);
    return to + s.size;
}

/* Bytes behind the length field. Sum the sizes of key, value and headers
 * before: above INT32_MAX a record cannot be expressed. */
static inline size_t kw_record_body_size(const struct kw_record_in *record)
{
    size_t size = 1 + kw_zigzag_size(record->timestamp_delta_ms) +
                  kw_zigzag_size(record->offset_delta) + kw_field_size(record->key) +
                  kw_field_size(record->value);
    if (record->header_count)
        return size + kw_headers_size(record->headers, record->header_count);
    return size + (record->raw_headers.size ? record->raw_headers.size : 1);
}

/* Bytes of the whole record. */
static inline size_t kw_record_size(size_t body_bytes)
{
    return kw_zigzag_size((int64_t)body_bytes) + body_bytes;
}

/* Writes kw_record_size(body_bytes) bytes at `to`; answers their end. */
static inline uint8_t *kw_record_write(uint8_t *to, const struct kw_record_in *record,
                                       size_t body_bytes)
{
    to = kw_zigzag_put(to, (int64_t)body_bytes);
    *to++ = 0; /* attributes: none exist */
    to = kw_zigzag_put(to, record->timestamp_delta_ms);
    to = kw_zigzag_put(to, record->offset_delta);
    to = kw_field_write(to, record->key);
    to = kw_field_write(to, record->value);
    if (record->header_count)
        return kw_headers_write(to, record->headers, record->header_count);
    if (!record->raw_headers.size) {
        *to++ = 0;
        return to;
    }
    memcpy(to, record->raw_headers.data, record->raw_headers.size);
    return to + record->raw_headers.size;
}

/* ---- Reading ---------------------------------------------------------------
 *
 *   kw_record_iter_init(&it, &batch.header, records);
 *   while (kw_record_iter_next(&it, &record)) { ... }
 *   if (it.code) ...
 */
struct kw_record {
    int64_t offset;
    int64_t timestamp_ms;
    struct kb_slice key, value;
    struct kb_slice raw_headers; /* count and headers, checked; null: none */
};

struct kw_record_iter {
    const uint8_t *at, *end;
    int64_t base_offset;
    int64_t base_timestamp_ms;
    int64_t delta_mask; /* 0 where the log's time replaces each record's */
    int32_t left;       /* records to come */
    int32_t last_delta; /* offsets must rise and stay at or below the batch's last */
    int32_t max_delta;
    int code;        /* sticky; 0 while all is well */
    const char *why; /* of code; static */
};

/* `records`: decompressed where the batch is compressed. */
void kw_record_iter_init(struct kw_record_iter *it, const struct kw_batch_header *header,
                         struct kb_slice records);

/* False at the end, or at a fault: then code is set. Faults are lengths that do
 * not fit, offsets that do not rise, fewer or more records than the header says. */
static inline bool kw_record_iter_next(struct kw_record_iter *it, struct kw_record *out)
    __attribute__((always_inline));

/* Passes over `count` records by their lengths alone, which are checked; what is
 * in them is not. Fewer than that are left: a fault. */
bool kw_record_iter_skip(struct kw_record_iter *it, int32_t count);

/* Walks raw_headers of a record that was read. */
struct kw_header_iter {
    const uint8_t *at, *end;
    int32_t left; /* headers to come */
};

void kw_header_iter_init(struct kw_header_iter *it, struct kb_slice raw_headers);
bool kw_header_iter_next(struct kw_header_iter *it, struct kw_header *out);

/* ---- Control records: the markers that end transactions -------------------- */
enum { KW_CONTROL_ABORT = 0, KW_CONTROL_COMMIT = 1 };

struct kw_control {
    int16_t version;
    int16_t type;              /* unknown types are skipped, their offsets count */
    int32_t coordinator_epoch; /* -1 where the value is missing */
};

/* A record of a batch with KW_BATCH_CONTROL. False: too short to be one. */
bool kw_control_parse(const struct kw_record *record, struct kw_control *out);

/* ---- How a record is read -------------------------------------------------- */
enum { KW_RECORD_MIN_BYTES = 7 }; /* null key and value, no headers */

void kw_record_iter_fault(struct kw_record_iter *it, const char *why);
void kw_record_iter_end(struct kw_record_iter *it);
bool kw_headers_fill(const uint8_t *at, const uint8_t *end); /* exactly at..end? */

/* A length and its bytes; NULL where they do not lie in front of `end`. */
static inline const uint8_t *kw_field_get(const uint8_t *at, const uint8_t *end,
                                          struct kb_slice *out)
{
    int32_t size = -1;
    at = kw_zigzag32_get(at, end, &size);
    if (!at || size > end - at)
        return NULL;
    if (size < 0) {
        *out = kb_slice_null();
        return size == -1 ? at : NULL;
    }
    *out = kb_slice_of(at, (size_t)size);
    return at + size;
}

/* NULL: fine. */
static inline const char *kw_record_get(struct kw_record_iter *it, struct kw_record *out)
{
    int32_t body = 0, offset_delta = 0;
    int64_t timestamp_delta = 0;
    const uint8_t *at = kw_zigzag32_get(it->at, it->end, &body);
    if (!at || body < KW_RECORD_MIN_BYTES - 1 || body > it->end - at)
        return "a record's length does not fit its batch";
    const uint8_t *end = at + body;
    at = kw_zigzag64_get(at + 1, end, &timestamp_delta);
    if (at)
        at = kw_zigzag32_get(at, end, &offset_delta);
    if (at)
        at = kw_field_get(at, end, &out->key);
    if (at)
        at = kw_field_get(at, end, &out->value);
    if (!at || at == end)
        return "a record's fields do not fit its length";
    if (offset_delta <= it->last_delta || offset_delta > it->max_delta)
        return "a record's offset is out of order";

    out->raw_headers = kb_slice_null();
    if (__builtin_expect(*at != 0 || at + 1 != end, 0)) {
        if (!kw_headers_fill(at, end))
            return "a record's headers do not fit its length";
        out->raw_headers = kb_slice_of(at, (size_t)(end - at));
    }
    out->offset = (int64_t)((uint64_t)it->base_offset + (uint64_t)offset_delta);
    out->timestamp_ms =
        (int64_t)((uint64_t)it->base_timestamp_ms + (uint64_t)(timestamp_delta & it->delta_mask));
    it->last_delta = offset_delta;
    it->left--;
    it->at = end;
    return NULL;
}

static inline bool kw_record_iter_next(struct kw_record_iter *it, struct kw_record *out)
{
    if (__builtin_expect(it->left == 0, 0)) {
        kw_record_iter_end(it);
        return false;
    }
    const char *why = kw_record_get(it, out);
    if (__builtin_expect(why == NULL, 1))
        return true;
    kw_record_iter_fault(it, why);
    return false;
}

#endif
