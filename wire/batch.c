/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/batch.h"

#include "base/check.h"
#include "wire/be.h"
#include "wire/compress.h"
#include "wire/crc32c.h"
#include "wire/record.h"

/* Where the fields lie that the header file does not name. */
enum {
    LAST_DELTA_AT = 23,
    BASE_TIMESTAMP_AT = 27,
    MAX_TIMESTAMP_AT = 35,
    PRODUCER_ID_AT = 43,
    PRODUCER_EPOCH_AT = 51,
    SEQUENCE_AT = 53,
    COUNT_AT = 57,
    MIN_LENGTH = KW_BATCH_HEADER_BYTES - KW_BATCH_PREFIX_BYTES,
};

void kw_batch_header_init(struct kw_batch_header *header)
{
    *header = (struct kw_batch_header){
        .leader_epoch = -1,
        .base_timestamp_ms = -1,
        .max_timestamp_ms = -1,
        .producer_id = -1,
        .producer_epoch = -1,
        .base_sequence = -1,
    };
}

int32_t kw_sequence_add(int32_t sequence, int32_t count)
{
    return (int32_t)(((uint32_t)sequence + (uint32_t)count) & INT32_MAX);
}

int32_t kw_batch_header_last_sequence(const struct kw_batch_header *header)
{
    if (header->base_sequence < 0)
        return -1;
    return kw_sequence_add(header->base_sequence, header->last_offset_delta);
}

void kw_batch_peek(const uint8_t *from, struct kw_batch_header *header)
{
    header->base_offset = (int64_t)kw_get_be64(from);
    header->length = (int32_t)kw_get_be32(from + KW_BATCH_LENGTH_AT);
    header->leader_epoch = (int32_t)kw_get_be32(from + KW_BATCH_EPOCH_AT);
    header->crc = kw_get_be32(from + KW_BATCH_CRC_AT);
    header->attributes = (int16_t)kw_get_be16(from + KW_BATCH_SUMMED_AT);
    header->last_offset_delta = (int32_t)kw_get_be32(from + LAST_DELTA_AT);
    header->base_timestamp_ms = (int64_t)kw_get_be64(from + BASE_TIMESTAMP_AT);
    header->max_timestamp_ms = (int64_t)kw_get_be64(from + MAX_TIMESTAMP_AT);
    header->producer_id = (int64_t)kw_get_be64(from + PRODUCER_ID_AT);
    header->producer_epoch = (int16_t)kw_get_be16(from + PRODUCER_EPOCH_AT);
    header->base_sequence = (int32_t)kw_get_be32(from + SEQUENCE_AT);
    header->record_count = (int32_t)kw_get_be32(from + COUNT_AT);
}

static void put_header(uint8_t *to, const struct kw_batch_header *header)
{
    kw_put_be64(to, (uint64_t)header->base_offset);
    kw_put_be32(to + KW_BATCH_LENGTH_AT, (uint32_t)header->length);
    kw_put_be32(to + KW_BATCH_EPOCH_AT, (uint32_t)header->leader_epoch);
    to[KW_BATCH_MAGIC_AT] = KW_BATCH_MAGIC;
    kw_put_be16(to + KW_BATCH_SUMMED_AT, (uint16_t)header->attributes);
    kw_put_be32(to + LAST_DELTA_AT, (uint32_t)header->last_offset_delta);
    kw_put_be64(to + BASE_TIMESTAMP_AT, (uint64_t)header->base_timestamp_ms);
    kw_put_be64(to + MAX_TIMESTAMP_AT, (uint64_t)header->max_timestamp_ms);
    kw_put_be64(to + PRODUCER_ID_AT, (uint64_t)header->producer_id);
    kw_put_be16(to + PRODUCER_EPOCH_AT, (uint16_t)header->producer_epoch);
    kw_put_be32(to + SEQUENCE_AT, (uint32_t)header->base_sequence);
    kw_put_be32(to + COUNT_AT, (uint32_t)header->record_count);
}

static uint32_t header_crc(const uint8_t *batch)
{
    return kw_crc32c(0, batch + KW_BATCH_SUMMED_AT, KW_BATCH_HEADER_BYTES - KW_BATCH_SUMMED_AT);
}

void kw_batch_stamp(uint8_t *to, struct kw_batch_header *header, uint32_t records_crc,
                    size_t records_bytes)
{
    KB_CHECK(records_bytes <= INT32_MAX - MIN_LENGTH);
    header->length = (int32_t)records_bytes + MIN_LENGTH;
    put_header(to, header);
    header->crc = kw_crc32c_combine(header_crc(to), records_crc, records_bytes);
    kw_put_be32(to + KW_BATCH_CRC_AT, header->crc);
}

/* Checksums are linear: what changed in the header, moved in front of the
 * records, is what changes in the whole. */
void kw_batch_restamp(uint8_t *batch, struct kw_batch_header *header)
{
    uint32_t before = header_crc(batch);
    header->length = (int32_t)kw_get_be32(batch + KW_BATCH_LENGTH_AT);
    put_header(batch, header);
    header->crc =
        kw_crc32c_combine(before ^ header_crc(batch), kw_get_be32(batch + KW_BATCH_CRC_AT),
                          (size_t)(header->length - MIN_LENGTH));
    kw_put_be32(batch + KW_BATCH_CRC_AT, header->crc);
}

void kw_batch_place(uint8_t *batch, int64_t base_offset, int32_t leader_epoch)
{
    kw_put_be64(batch, (uint64_t)base_offset);
    kw_put_be32(batch + KW_BATCH_EPOCH_AT, (uint32_t)leader_epoch);
}

/* NULL: fine. What the counts may be, given the records' bytes. */
static const char *counts_fault(const struct kw_batch_header *header, size_t records_bytes)
{
    if (header->last_offset_delta < 0 || header->base_offset < 0)
        return "a batch's offsets are negative";
    if (header->base_offset > INT64_MAX - header->last_offset_delta)
        return "a batch's offsets overflow";
    if (header->record_count < 0 || header->record_count - 1 > header->last_offset_delta)
        return "a batch has more records than offsets";
    if (!kw_batch_header_codec(header) &&
        (size_t)header->record_count > records_bytes / KW_RECORD_MIN_BYTES)
        return "a batch has more records than bytes for them";
    return NULL;
}

static int magic_fault(uint8_t magic, const char **why)
{
    *why = magic < KW_BATCH_MAGIC ? "a message format older than 2, which ended with Kafka 0.11"
                                  : "a batch's magic byte is none that exists";
    return magic < KW_BATCH_MAGIC ? KB_E_UNSUPPORTED_FOR_MESSAGE_FORMAT : KB_E_CORRUPT_MESSAGE;
}

/* `bytes` has at least a header, and the length field fits it exactly. */
static int parse_whole(struct kb_slice bytes, struct kw_batch *out, const char **why)
{
    if (bytes.data[KW_BATCH_MAGIC_AT] != KW_BATCH_MAGIC)
        return magic_fault(bytes.data[KW_BATCH_MAGIC_AT], why);
    kw_batch_peek(bytes.data, &out->header);
    out->bytes = bytes;
    out->records =
        kb_slice_of(bytes.data + KW_BATCH_HEADER_BYTES, bytes.size - KW_BATCH_HEADER_BYTES);
    if (kw_batch_header_codec(&out->header) >= KW_CODECS) {
        *why = "a batch's compression is none that exists";
        return KB_E_UNSUPPORTED_COMPRESSION_TYPE;
    }
    *why = counts_fault(&out->header, out->records.size);
    return *why ? KB_E_CORRUPT_MESSAGE : KB_OK;
}

int kw_batch_parse(struct kb_slice bytes, struct kw_batch *out, struct kb_error *err)
{
    if (bytes.size < KW_BATCH_HEADER_BYTES)
        return kb_error_set(err, KB_E_CORRUPT_MESSAGE, "%zu bytes are less than a batch's header",
                            bytes.size);
    int32_t length = (int32_t)kw_get_be32(bytes.data + KW_BATCH_LENGTH_AT);
    if (length < 0 || (size_t)length != bytes.size - KW_BATCH_PREFIX_BYTES)
        return kb_error_set(err, KB_E_CORRUPT_MESSAGE,
                            "a batch of %zu bytes gives its length as %d", bytes.size, length);
    const char *why = NULL;
    int code = parse_whole(bytes, out, &why);
    return code ? kb_error_set(err, code, "%s", why) : KB_OK;
}

int kw_batch_check_crc(const struct kw_batch *batch, struct kb_error *err)
{
    uint32_t crc = kw_crc32c(0, batch->bytes.data + KW_BATCH_SUMMED_AT,
                             batch->bytes.size - KW_BATCH_SUMMED_AT);
    if (crc == batch->header.crc)
        return KB_OK;
    return kb_error_set(err, KB_E_CORRUPT_MESSAGE,
                        "the batch at offset %lld sums to %08x, its header says %08x",
                        (long long)batch->header.base_offset, crc, batch->header.crc);
}

void kw_batch_iter_init(struct kw_batch_iter *it, struct kb_slice bytes, size_t max_bytes)
{
    *it = (struct kw_batch_iter){.rest = bytes, .max_bytes = max_bytes};
}

static bool iter_fault(struct kw_batch_iter *it, int code, const char *why)
{
    it->code = code;
    it->why = why;
    return false;
}

/* The magic is judged before the length: an older format counts otherwise. */
bool kw_batch_iter_next(struct kw_batch_iter *it, struct kw_batch *out)
{
    if (it->code || it->rest.size <= KW_BATCH_MAGIC_AT)
        return false;
    const char *why = NULL;
    uint8_t magic = it->rest.data[KW_BATCH_MAGIC_AT];
    int32_t length = (int32_t)kw_get_be32(it->rest.data + KW_BATCH_LENGTH_AT);
    if (magic != KW_BATCH_MAGIC && length > 0) {
        int code = magic_fault(magic, &why);
        return iter_fault(it, code, why);
    }
    if (length < MIN_LENGTH)
        return iter_fault(it, KB_E_CORRUPT_MESSAGE, "a batch is shorter than its header");
    size_t size = (size_t)KW_BATCH_PREFIX_BYTES + (size_t)length;
    if (size > it->max_bytes)
        return iter_fault(it, KB_E_CORRUPT_MESSAGE, "a batch is longer than any may be");
    if (size > it->rest.size) {
        it->needed_bytes = size;
        return false;
    }
    int code = parse_whole(kb_slice_of(it->rest.data, size), out, &why);
    if (code)
        return iter_fault(it, code, why);
    it->rest = kb_slice_of(it->rest.data + size, it->rest.size - size);
    return true;
}
