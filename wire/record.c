/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/record.h"

#include "base/check.h"
#include "wire/be.h"

size_t kw_headers_size(const struct kw_header *headers, uint32_t count)
{
    size_t size = kw_zigzag_size(count);
    for (uint32_t i = 0; i < count; i++) {
        KB_CHECK(headers[i].name.data);
        size += kw_field_size(headers[i].name) + kw_field_size(headers[i].value);
    }
    return size;
}

uint8_t *kw_headers_write(uint8_t *to, const struct kw_header *headers, uint32_t count)
{
    to = kw_zigzag_put(to, count);
    for (uint32_t i = 0; i < count; i++) {
        to = kw_field_write(to, headers[i].name);
        to = kw_field_write(to, headers[i].value);
    }
    return to;
}

void kw_record_iter_init(struct kw_record_iter *it, const struct kw_batch_header *header,
                         struct kb_slice records)
{
    bool append_time = header->attributes & KW_BATCH_LOG_APPEND_TIME;
    *it = (struct kw_record_iter){
        .at = records.data,
        .end = records.size ? records.data + records.size : records.data,
        .base_offset = header->base_offset,
        .base_timestamp_ms = append_time ? header->max_timestamp_ms : header->base_timestamp_ms,
        .delta_mask = append_time ? 0 : -1,
        .left = header->record_count,
        .last_delta = -1,
        .max_delta = header->last_offset_delta,
    };
}

void kw_record_iter_fault(struct kw_record_iter *it, const char *why)
{
    it->code = KB_E_CORRUPT_MESSAGE;
    it->why = it->at == it->end ? "a batch has fewer records than its header says" : why;
    it->left = 0;
    it->end = it->at;
}

void kw_record_iter_end(struct kw_record_iter *it)
{
    if (it->at != it->end)
        kw_record_iter_fault(it, "a batch has more records than its header says");
}

/* A header's name and value. */
static const uint8_t *get_header(const uint8_t *at, const uint8_t *end, struct kw_header *out)
{
    at = kw_field_get(at, end, &out->name);
    if (!at || !out->name.data)
        return NULL;
    return kw_field_get(at, end, &out->value);
}

bool kw_headers_fill(const uint8_t *at, const uint8_t *end)
{
    int32_t count = 0;
    at = kw_zigzag32_get(at, end, &count);
    struct kw_header header;
    for (; at && count > 0; count--)
        at = get_header(at, end, &header);
    return at == end && count == 0;
}

bool kw_record_iter_skip(struct kw_record_iter *it, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        int32_t body = 0;
        const uint8_t *at = it->left ? kw_zigzag32_get(it->at, it->end, &body) : NULL;
        if (!at || body < KW_RECORD_MIN_BYTES - 1 || body > it->end - at) {
            kw_record_iter_fault(it, "a record's length does not fit its batch");
            return false;
        }
        it->at = at + body;
        it->left--;
    }
    return true;
}

void kw_header_iter_init(struct kw_header_iter *it, struct kb_slice raw_headers)
{
    *it = (struct kw_header_iter){.at = raw_headers.data};
    if (!raw_headers.size)
        return;
    it->end = raw_headers.data + raw_headers.size;
    it->at = kw_zigzag32_get(it->at, it->end, &it->left);
    KB_CHECK(it->at && it->left >= 0);
}

bool kw_header_iter_next(struct kw_header_iter *it, struct kw_header *out)
{
    if (it->left == 0)
        return false;
    it->left--;
    it->at = get_header(it->at, it->end, out);
    KB_CHECK(it->at); /* checked when the record was read */
    return true;
}

bool kw_control_parse(const struct kw_record *record, struct kw_control *out)
{
    enum { KEY_BYTES = 4, VALUE_BYTES = 6 };
    if (record->key.size < KEY_BYTES)
        return false;
    out->version = (int16_t)kw_get_be16(record->key.data);
    out->type = (int16_t)kw_get_be16(record->key.data + 2);
    out->coordinator_epoch = -1;
    if (record->value.size >= VALUE_BYTES)
        out->coordinator_epoch = (int32_t)kw_get_be32(record->value.data + 2);
    return true;
}
