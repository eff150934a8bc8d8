/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_COMPACT_H
#define KD_COMPACT_H
/*
 * What compaction makes of one batch. Two passes over a log's batches:
 *
 *     kd_compact_note(map, ...)         from the first dirty offset on: which
 *                                       offset is the latest of each key
 *     kd_compact_batch(compactor, ...)  from the log's start on: what is left
 *
 * A record stays unless a later one of its key is known. A tombstone (no value)
 * stays for delete.retention.ms longer, so that who reads from the start sees
 * it: the first compaction that meets it writes into its batch until when, which
 * is Kafka's delete horizon. What is left of a batch keeps its place: base and
 * last offset, its producer, its codec. Nothing of it left, it stays as a batch
 * without records where somebody needs its bounds: as the last of a file, or of
 * its producer, whose sequence it tells.
 *
 * Batches of transactions are not compacted yet, nor is what lies behind them:
 * a record may be aborted, and must then hide none before it. Pure.
 */
#include "broker/core/key_map.h"
#include "wire/batch.h"
#include "wire/compress.h"

enum { KD_COMPACT_PLAIN_MAX = 256 << 20 }; /* of a batch's records, unpacked */

/* Memory that grows as it is needed, and is used again. */
struct kd_scratch {
    uint8_t *data;
    size_t capacity;
};
bool kd_scratch_reserve(struct kd_scratch *scratch, size_t bytes); /* false: no memory */
void kd_scratch_deinit(struct kd_scratch *scratch);

struct kd_compactor {
    const struct kd_key_map *latest;
    int64_t end;    /* the map knows the log up to here; what lies behind stays */
    int64_t now_ms; /* to be believed: wall.h */
    int64_t delete_retention_ms;
    const int64_t *kept; /* last offsets of batches that stay; ascending */
    size_t kept_count;
    struct kw_codec_ctx *codec;
    /* Its own: zero to begin with. */
    struct kd_scratch records, batch;
};

void kd_compactor_deinit(struct kd_compactor *compactor); /* its buffers */

/* Whether the first pass has to end before this batch. */
bool kd_compact_stops_at(const struct kw_batch_header *header);
/* Its checksum, and its keys. LIMIT: the map has no room for all of them,
 * and got none; CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE, NO_MEMORY. */
int kd_compact_note(struct kd_key_map *map, struct kw_codec_ctx *codec,
                    const struct kw_batch *batch);

struct kd_compacted {
    struct kb_slice bytes; /* of the batch: as it was, or the compactor's until its next
                              call; empty: nothing is left */
    struct kw_batch_header header;
    bool changed;
};
/* keep: its bounds are needed. The errors of kd_compact_note, but LIMIT. */
int kd_compact_batch(struct kd_compactor *compactor, const struct kw_batch *batch, bool keep,
                     struct kd_compacted *out);

#endif
