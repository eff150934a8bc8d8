/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/txn_mark.h"
#include "wire/crc32c.h"
#include "wire/record.h"

enum { KEY_BYTES = 4, VALUE_BYTES = 6 };

static void put16(uint8_t *to, int16_t value)
{
    to[0] = (uint8_t)((uint16_t)value >> 8);
    to[1] = (uint8_t)value;
}

struct kb_buf *kd_txn_mark_batch(const struct kd_txn_mark *mark, int64_t now_ms,
                                 struct kw_batch_header *header)
{
    uint8_t key[KEY_BYTES] = {0}, value[VALUE_BYTES] = {0};
    put16(key + 2, mark->commit ? KW_CONTROL_COMMIT : KW_CONTROL_ABORT);
    put16(value + 2, (int16_t)(mark->coordinator_epoch >> 16));
    put16(value + 4, (int16_t)mark->coordinator_epoch);
    struct kw_record_in in = {.key = kb_slice_of(key, sizeof key),
                              .value = kb_slice_of(value, sizeof value)};
    size_t body = kw_record_body_size(&in), size = kw_record_size(body);
    struct kb_buf *buf = kb_buf_new(KW_BATCH_HEADER_BYTES + size);
    if (!buf)
        return NULL;
    uint8_t *records = buf->data + KW_BATCH_HEADER_BYTES;
    kw_record_write(records, &in, body);
    kw_batch_header_init(header);
    header->attributes = KW_BATCH_TRANSACTIONAL | KW_BATCH_CONTROL;
    header->base_timestamp_ms = header->max_timestamp_ms = now_ms;
    header->producer_id = mark->producer;
    header->producer_epoch = mark->epoch;
    header->record_count = 1;
    header->last_offset_delta = 0;
    kw_batch_stamp(buf->data, header, kw_crc32c(0, records, size), size);
    buf->size = KW_BATCH_HEADER_BYTES + size;
    return buf;
}

bool kd_txn_mark_parse(const struct kw_batch_header *header, const struct kw_record *record,
                       struct kd_txn_mark *out)
{
    struct kw_control control;
    if (!kw_control_parse(record, &control) ||
        (control.type != KW_CONTROL_ABORT && control.type != KW_CONTROL_COMMIT))
        return false;
    *out = (struct kd_txn_mark){header->producer_id, header->producer_epoch,
                                control.coordinator_epoch, control.type == KW_CONTROL_COMMIT};
    return true;
}
