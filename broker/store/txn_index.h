/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TXN_INDEX_H
#define KD_TXN_INDEX_H
/*
 * The aborted transactions of a log. Each segment that holds an abort marker has a
 * file of them beside it, Kafka's .txnindex:
 *
 *   | version i16 = 0 | producer id i64 | first offset i64 | last offset i64 |
 *   | last stable offset i64 |
 *
 * An entry is written by kd_log_write together with its marker (kd_log_batch.aborts),
 * before anybody sees the marker; so a reader who stays below a last stable offset, which
 * passes a transaction only once its marker is below the high watermark, finds all that
 * concerns him. The file is on the disk wherever the recovery point has passed
 * the marker. Behind that, and where the file is damaged, it is built again from the
 * batches when the log is loaded.
 *
 * A reader asks with kd_log_locate (kd_locate.aborted_max), which answers batches and
 * aborted transactions that belong together, also while a compaction takes both away.
 */
#include "broker/core/aborted.h"
#include "broker/store/index.h"
#include <stdbool.h>
#include <stddef.h>

struct kd_log;

/* False: nothing that is aborted has its marker at or behind `from`, so a reader of
 * what is there needs no list. Never blocks: for the state loop. */
bool kd_log_has_aborted(struct kd_log *log, int64_t from);

struct kd_aborted_ask {
    int64_t from, to; /* those that have batches in [from, to) */
    size_t max;
};
/* *until: the list tells all there is below it; `to`, unless there are more than max.
 * 0, -ENOMEM or another -errno. Blocks. */
int kd_log_aborted(struct kd_log *log, const struct kd_aborted_ask *ask,
                   struct kd_aborted_list *out, int64_t *until);

/* ---- Within the store --------------------------------------------------- */

/* As kd_log_aborted, with the log's shape held. */
int kd_log_collect_aborted(struct kd_log *log, const struct kd_aborted_ask *ask,
                           struct kd_aborted_list *out, int64_t *until);

struct kd_log_batch;
/* Work is held: the entries of batches that are in the file and not published yet. On an
 * error the file is as it was. */
int kd_log_write_aborted(struct kd_log *log, const struct kd_log_batch *batches);
void kd_log_publish_aborted(struct kd_log *log, const struct kd_log_batch *batch); /* and lock */
int kd_log_settle_aborted(struct kd_log *log, enum kd_sync sync);
/* The log was cut there: so is the active segment's file. */
int kd_log_cut_aborted(struct kd_log *log, int64_t end_offset);
void kd_log_recount_aborted(struct kd_log *log); /* lock held: segments came or went */

#endif
