/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_PRODUCE_H
#define KW_PRODUCE_H
/*
 * What a broker asks of a batch before it takes it, and the batch made anew
 * where its topic wants another codec. Pure but for the codec context's memory.
 *
 * What a broker changes by itself needs neither: kw_batch_place gives the offset,
 * kw_batch_restamp the log's time or a max timestamp that was wrong.
 */
#include "wire/batch.h"
#include "wire/compress.h"

struct kw_produce_rules {
    size_t max_plain_bytes;       /* of the records, decompressed */
    int64_t oldest_ms, newest_ms; /* for records that have a timestamp at all */
    bool keys_required;           /* the topic is compacted */
    bool control_allowed;         /* the broker's own markers */
    bool zstd_allowed;            /* Produce 7 and up */
};

/* Everything allowed that a producer may send, of any size. */
void kw_produce_rules_init(struct kw_produce_rules *rules);

struct kw_produce_facts {
    int64_t max_timestamp_ms;    /* -1: no record has one; the header may be wrong */
    int32_t max_timestamp_delta; /* offset delta of the first record that has it */
    struct kb_slice plain;       /* the records, decompressed: in the batch or ctx's scratch */
};

/*
 * Judges a batch that kw_batch_parse took: checksum, flags that only a broker
 * may set, producer with epoch and sequence, offset deltas 0 .. n-1, every record
 * whole and within the rules. Errors: CORRUPT_MESSAGE for a wrong checksum,
 * which a retry may heal; INVALID_RECORD, INVALID_TIMESTAMP,
 * UNSUPPORTED_COMPRESSION_TYPE, MESSAGE_TOO_LARGE, NO_MEMORY.
 */
int kw_produce_check(struct kw_codec_ctx *ctx, const struct kw_batch *batch,
                     const struct kw_produce_rules *rules, struct kw_produce_facts *out,
                     struct kb_error *err);

/* The batch with its records in another codec. `plain` as the check answered it
 * from the same ctx, which was not used since. One reference to the caller. */
int kw_produce_repack(struct kw_codec_ctx *ctx, const struct kw_batch *batch, struct kb_slice plain,
                      enum kw_codec codec, int level, struct kb_buf **out, struct kb_error *err);

#endif
