/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/coordinator/batch.h"
#include "wire/crc32c.h"
#include "wire/record.h"

static struct kw_record_in record_at(const struct kd_outcome *out, size_t i)
{
    return (struct kw_record_in){
        .offset_delta = (int32_t)i, .key = out->records[i].key, .value = out->records[i].value};
}

static size_t records_size(const struct kd_outcome *out)
{
    size_t size = 0;
    for (size_t i = 0; i < out->record_count; i++) {
        struct kw_record_in in = record_at(out, i);
        size += kw_record_size(kw_record_body_size(&in));
    }
    return size;
}

static void write_records(uint8_t *to, const struct kd_outcome *out)
{
    for (size_t i = 0; i < out->record_count; i++) {
        struct kw_record_in in = record_at(out, i);
        to = kw_record_write(to, &in, kw_record_body_size(&in));
    }
}

static void fill_header(const struct kd_step *step, int64_t now_ms, struct kw_batch_header *header)
{
    kw_batch_header_init(header);
    header->base_timestamp_ms = header->max_timestamp_ms = now_ms;
    header->record_count = (int32_t)step->outcome.record_count;
    header->last_offset_delta = header->record_count - 1;
    if (step->producer < 0)
        return;
    header->attributes = KW_BATCH_TRANSACTIONAL;
    header->producer_id = step->producer;
    header->producer_epoch = step->epoch;
}

struct kb_buf *kd_step_batch(const struct kd_step *step, int64_t now_ms,
                             struct kw_batch_header *header)
{
    if (step->mark)
        return kd_txn_mark_batch(step->mark, now_ms, header);
    size_t size = records_size(&step->outcome);
    struct kb_buf *buf = kb_buf_new(KW_BATCH_HEADER_BYTES + size);
    if (!buf)
        return NULL;
    uint8_t *records = buf->data + KW_BATCH_HEADER_BYTES;
    write_records(records, &step->outcome);
    fill_header(step, now_ms, header);
    kw_batch_stamp(buf->data, header, kw_crc32c(0, records, size), size);
    buf->size = KW_BATCH_HEADER_BYTES + size;
    return buf;
}
