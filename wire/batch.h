/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_BATCH_H
#define KW_BATCH_H
/*
 * Record batches, format 2: the unit of sending, storing and checksumming.
 *
 *   0            8       12      16 17   21                              61
 *   | base offset | length | epoch |2| crc | attributes .. record count | records
 *                           <------------- length bytes ------------------------>
 *                                         <-------- covered by the crc -------->
 *
 * Base offset and partition leader epoch lie outside the checksum, so that a
 * broker places a batch by patching 12 bytes. Records may be compressed, all
 * of them together; record.h reads and writes them, compress.h (un)packs.
 *
 * Everything here works on bytes of the caller's, allocates nothing and keeps
 * views only. Functions that judge bytes from outside answer a kb_code and
 * say more in `err` (NULL is fine).
 */
#include "base/error.h"
#include "base/slice.h"

enum {
    KW_BATCH_HEADER_BYTES = 61,
    KW_BATCH_LENGTH_AT = 8,
    KW_BATCH_PREFIX_BYTES = 12, /* base offset and length: not counted by length */
    KW_BATCH_EPOCH_AT = 12,
    KW_BATCH_MAGIC_AT = 16,
    KW_BATCH_CRC_AT = 17,
    KW_BATCH_SUMMED_AT = 21, /* what the crc covers */
    KW_BATCH_MAGIC = 2,
};

/* Attributes. */
enum {
    KW_BATCH_CODEC_MASK = 7, /* enum kw_codec, compress.h */
    KW_BATCH_LOG_APPEND_TIME = 1 << 3,
    KW_BATCH_TRANSACTIONAL = 1 << 4,
    KW_BATCH_CONTROL = 1 << 5,
    KW_BATCH_DELETE_HORIZON = 1 << 6, /* base_timestamp_ms is the horizon */
};

struct kw_batch_header {
    int64_t base_offset;
    int32_t length; /* of the batch after this field; see kw_batch_header_size */
    int32_t leader_epoch;
    uint32_t crc;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    int64_t producer_id; /* -1: none */
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
};

/* No producer, no epoch, no timestamps: the protocol's "none" everywhere. */
void kw_batch_header_init(struct kw_batch_header *header);

static inline size_t kw_batch_header_size(const struct kw_batch_header *header)
{
    return (size_t)KW_BATCH_PREFIX_BYTES + (uint32_t)header->length; /* header included */
}

static inline int64_t kw_batch_header_last_offset(const struct kw_batch_header *header)
{
    return header->base_offset + header->last_offset_delta;
}

/* The sequence of its last record: wraps from INT32_MAX to 0. -1 without a producer. */
int32_t kw_batch_header_last_sequence(const struct kw_batch_header *header);
/* The sequence `count` records after `sequence`, with that wrap. */
int32_t kw_sequence_add(int32_t sequence, int32_t count);

/* Writes the 61 bytes in front of records whose size and checksum are known;
 * sets header->length and header->crc. */
void kw_batch_stamp(uint8_t *to, struct kw_batch_header *header, uint32_t records_crc,
                    size_t records_bytes);
/* Reads 61 bytes without judging them. */
void kw_batch_peek(const uint8_t *from, struct kw_batch_header *header);
/* Changes the header of a batch whose checksum is right; the new one follows from
 * the old, the records are not read. Length stays; sets header->crc. */
void kw_batch_restamp(uint8_t *batch, struct kw_batch_header *header);
/* Places a batch in a log; the checksum stays valid. */
void kw_batch_place(uint8_t *batch, int64_t base_offset, int32_t leader_epoch);

static inline unsigned kw_batch_header_codec(const struct kw_batch_header *header)
{
    return (uint16_t)header->attributes & KW_BATCH_CODEC_MASK; /* enum kw_codec */
}

/* One batch among bytes. */
struct kw_batch {
    struct kw_batch_header header;
    struct kb_slice bytes;   /* all of it, header included */
    struct kb_slice records; /* behind the header; compressed if attributes say so */
};

/* Is it what it says? A whole header, length and magic right, known codec,
 * counts within reason; `bytes` ends where the batch ends. Not the crc. */
int kw_batch_parse(struct kb_slice bytes, struct kw_batch *out, struct kb_error *err);
/* CORRUPT_MESSAGE where the checksum does not hold. */
int kw_batch_check_crc(const struct kw_batch *batch, struct kb_error *err);

/*
 * Walks the batches of a Fetch answer or of a piece of a log segment.
 *
 *   kw_batch_iter_init(&it, records, max);
 *   while (kw_batch_iter_next(&it, &batch)) { ... }
 *   if (it.code) ...                corrupt at it.rest
 *   else if (it.rest.size) ...      the tail is cut off: ask again from there
 *
 * A first batch may begin before the offset that was asked for: skip its
 * records below. Batches without records are legal, and offsets may have
 * gaps, once a log was compacted.
 */
struct kw_batch_iter {
    struct kb_slice rest; /* not walked yet */
    size_t max_bytes;     /* a larger batch is corrupt; SIZE_MAX: any size */
    size_t needed_bytes;  /* size of the batch that was cut off; 0: not known */
    int code;             /* sticky; 0 while all is well */
    const char *why;      /* of code; static */
};

void kw_batch_iter_init(struct kw_batch_iter *it, struct kb_slice bytes, size_t max_bytes);
bool kw_batch_iter_next(struct kw_batch_iter *it, struct kw_batch *out);

#endif
