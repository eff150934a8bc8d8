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
 * Nothing is compacted but what is stable, so that each batch of a transaction is
 * known to be committed or aborted. What is aborted goes, and hides nothing before it.
 * A marker stays while its transaction has a batch left, and then as long as a
 * tombstone would. Pure.
 */
#include "broker/core/key_map.h"
#include "broker/core/txn_sieve.h"
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

/* The last that is known of a producer: its last batch, or, where it has none, the marker
 * of its epoch. */
struct kd_kept {
    int64_t producer_id;
    int64_t last_offset; /* -1: the marker */
    int16_t epoch;
};

struct kd_compactor {
    const struct kd_key_map *latest;
    struct kd_txn_sieve *txns;
    int64_t end;    /* the map knows the log up to here; what lies behind stays */
    int64_t now_ms; /* to be believed: wall.h */
    int64_t delete_retention_ms;
    const struct kd_kept *kept; /* by producer */
    size_t kept_count;
    struct kw_codec_ctx *codec;
    /* Its own: zero to begin with. */
    struct kd_scratch records, batch;
    bool is_marker;
};

void kd_compactor_deinit(struct kd_compactor *compactor); /* its buffers */

/* Its checksum, and its keys, unless it is a marker or aborted. LIMIT: the map has no room
 * for all of them, and got none; CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE, NO_MEMORY. */
int kd_compact_note(struct kd_key_map *map, const struct kd_txn_sieve *txns,
                    struct kw_codec_ctx *codec, const struct kw_batch *batch);

struct kd_compacted {
    struct kb_slice bytes; /* of the batch: as it was, or the compactor's until its next
                              call; empty: nothing is left */
    struct kw_batch_header header;
    bool changed;
    bool ends; /* a marker, and batches of its transaction are left, or may be */
};
/* Batch by batch, from the log's start on. keep: its bounds are needed. The errors of kd_compact_note, but LIMIT. */
int kd_compact_batch(struct kd_compactor *compactor, const struct kw_batch *batch, bool keep,
                     struct kd_compacted *out);

#endif
