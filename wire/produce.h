/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_PRODUCE_H
#define KW_PRODUCE_H
/*
 * What a broker asks of a batch before it takes it, and the batch made anew
 * where it cannot be stored as it came.
 */
#include "wire/batch.h"
#include "wire/compress.h"

struct kw_produce_rules {
    size_t max_plain_bytes; /* of the records, decompressed */
    bool keys_required;     /* compacted topic: a null key is INVALID_RECORD */
    bool control_allowed;   /* the broker's own markers */
    int16_t produce_version; /* zstd needs 7; INT16_MAX: any */
};

struct kw_produce_facts {
    int64_t max_timestamp_ms;  /* over the records, -1: none has one */
    int32_t max_timestamp_delta; /* offset delta of the first record that has it */
    struct kb_slice plain;     /* the records, decompressed: a view of ctx or of the batch */
};

/*
 * A batch that kw_batch_parse took: crc, flags that only a broker may set, a
 * producer id with its epoch and sequence, offset deltas 0..n-1, every record
 * whole, keys where they are required, max timestamp as the header says.
 * Errors: CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP,
 * UNSUPPORTED_COMPRESSION_TYPE, MESSAGE_TOO_LARGE, NO_MEMORY.
 */
int kw_produce_check(struct kw_codec_ctx *ctx, const struct kw_batch *batch,
                     const struct kw_produce_rules *rules, struct kw_produce_facts *out,
                     struct kb_error *err);

/* The batch with another codec and, where append_time_ms >= 0, the log's time in
 * place of the records' own. `facts` as kw_produce_check answered it from the
 * same ctx. One reference to the caller. */
int kw_produce_rewrite(struct kw_codec_ctx *ctx, const struct kw_batch *batch,
                       const struct kw_produce_facts *facts, enum kw_codec codec, int level,
                       int64_t append_time_ms, struct kb_buf **out, struct kb_error *err);

/* The log's time in place of the records' own: header only, new crc, nothing
 * unpacked. `batch` is whole and its crc was checked. */
void kw_produce_set_append_time(uint8_t *batch, int64_t append_time_ms);

#endif
