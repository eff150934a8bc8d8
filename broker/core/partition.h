/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_PARTITION_H
#define KD_PARTITION_H
/*
 * What the state loop knows of one partition's log: its offsets, its
 * producers, its leader epochs, and how far its replicas have come. Pure; the
 * files are the store's, and what is in them is told here.
 *
 *   log start       high watermark     flushed       written        log end
 *      |------------------|---------------|-------------|---------------|
 *        may be consumed     on our disk     page cache    given offsets
 *
 * The high watermark is the minimum over the in-sync replicas of their flushed
 * ends: an acknowledged record is on every one of these disks. For a relaxed
 * partition (flush.messages, flush.ms) it is that of their written ends.
 */
#include "broker/core/epochs.h"
#include "broker/core/producer_state.h"
#include "broker/core/retention.h"
#include "wire/batch.h"

enum { KD_ISR_MAX = 32 };

struct kd_follower {
    int32_t node;
    int64_t end; /* flushed, or written if relaxed */
};

/* The active segment, as far as rolling and retention depend on it. */
struct kd_active {
    int64_t base_offset;
    int64_t bytes;         /* with what is still being written */
    int64_t first_time_ms; /* max timestamp of its first batch; -1: empty */
    int64_t latest_ms;     /* of all its batches; ours where they have no time */
    int64_t created_ms;
    int64_t jitter_ms; /* off segment_ms */
    int64_t index_entries;
    int64_t unindexed_bytes; /* behind the last entry */
};

struct kd_roll_limits {
    int64_t segment_bytes, segment_ms;
    int64_t index_bytes, index_interval_bytes;
};

/* The larger of an index's entries, of 8 and 12 bytes. */
enum { KD_INDEX_ENTRY_BYTES = 12 };

struct kd_partition {
    int64_t log_start, log_end;
    int64_t written_end, flushed_end;
    int64_t high_watermark;
    int32_t leader_epoch; /* stamped into batches */
    bool relaxed;
    struct kd_follower isr[KD_ISR_MAX]; /* the others in sync; we are always */
    size_t isr_count;
    struct kd_active active;
    struct kd_epochs epochs;
    struct kd_producers producers;
};

void kd_partition_init(struct kd_partition *p, uint64_t seed);
void kd_partition_deinit(struct kd_partition *p);
/* As found on disk: everything up to log_end is there and flushed. */
void kd_partition_found(struct kd_partition *p, int64_t log_start, int64_t log_end);

/* We lead from here on. *changed: the epochs have to be on disk before the
 * partition serves. NO_MEMORY. */
int kd_partition_lead(struct kd_partition *p, int32_t leader_epoch, bool *changed);
/* The other replicas in sync. Ends not known yet count as log_start. */
void kd_partition_set_isr(struct kd_partition *p, const int32_t *nodes, size_t count);

/* See kd_producers_check. */
int kd_partition_check(const struct kd_partition *p, const struct kw_batch_header *batch,
                       int64_t *base_offset);
/* What a batch comes with besides its bytes. */
struct kd_txn_terms {
    struct kd_txn_claim claim;
    bool ends; /* a marker: */
    struct kd_txn_end end;
};
/* See kd_producers_check_txn and _end. */
int kd_partition_check_txn(const struct kd_partition *p, const struct kw_batch_header *batch,
                           const struct kd_txn_terms *terms);
/* Must a new segment begin before this batch? */
bool kd_partition_roll_due(const struct kd_partition *p, const struct kd_roll_limits *limits,
                           const struct kw_batch_header *batch, int64_t now_ms);
void kd_partition_rolled(struct kd_partition *p, int64_t now_ms, int64_t jitter_ms);
/* Gives the batch its offsets: patches base offset and epoch into `bytes`,
 * moves log_end, remembers the producer. NO_MEMORY changes nothing. */
int kd_partition_place(struct kd_partition *p, uint8_t *bytes, struct kw_batch_header *batch,
                       int64_t index_interval_bytes, int64_t now_ms);
/* The same of a marker, see kd_producers_end. */
int kd_partition_place_end(struct kd_partition *p, uint8_t *bytes, struct kw_batch_header *batch,
                           const struct kd_txn_end *end, int64_t index_interval_bytes,
                           int64_t now_ms, struct kd_aborted *ended);

/* May all that the active segment holds go as well? Then a new one has to
 * begin before. */
bool kd_partition_retires(const struct kd_partition *p, struct kd_retention *retention);

/* Each answers whether the high watermark moved. */
bool kd_partition_written(struct kd_partition *p, int64_t end);
bool kd_partition_flushed(struct kd_partition *p, int64_t end);
bool kd_partition_follower(struct kd_partition *p, int32_t node, int64_t end);
/* Last stable offset: the high watermark, or below it the first transaction that is
 * open or whose marker is not committed. */
int64_t kd_partition_stable_end(const struct kd_partition *p);

#endif
