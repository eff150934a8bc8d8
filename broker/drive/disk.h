/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_DISK_H
#define KD_DISK_H
/*
 * The log directory as the state loop sees it. It finds and opens the logs,
 * carries appends to the disk threads in rounds, and commits them in groups:
 * one round is written and synced while the next collects. Everything here is
 * called on the state loop, and calls back on it, never from inside a call.
 *
 *     kd_disk_new -> kd_disk_open -> events.opened
 *         -> kd_disk_add / kd_disk_find, then drive/replica.h
 *     kd_disk_close -> events.closed -> kd_disk_free
 *
 * A sync that fails puts the disk into FAILED: it is never tried again, every
 * append that waits and every later one answers KAFKA_STORAGE_ERROR, and
 * events.failed tells the broker, which has to stop.
 */
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/uuid.h"
#include "net/exec.h"

struct kd_disk;
struct kd_replica;

/* An operation without a result of its own. Lies in its owner's struct. */
struct kd_op {
    void (*done)(struct kd_op *op, int code);
    int code;
    struct kb_list link;
};

struct kd_disk_events {
    /* err->code 0: all logs are there, kd_disk_each walks them. Otherwise
     * (locked by another, another cluster's, newer format, ...) nothing is open. */
    void (*opened)(void *ctx, const struct kb_error *err);
    void (*closed)(void *ctx);
    void (*failed)(void *ctx, const struct kb_error *err);
    /* The high watermark or the log end has moved: wake fetches that wait. */
    void (*advanced)(void *ctx, struct kd_replica *replica);
    /* An append or a read failed, or bad data below the recovery point. */
    void (*offline)(void *ctx, struct kd_replica *replica, const struct kb_error *err);
};

struct kd_disk_options {
    struct kb_fs *fs; /* rooted at the log directory; outlives the disk */
    struct kn_exec *exec;
    struct kn_loop *loop; /* the state loop */
    struct kb_log *log;
    uint64_t seed;
    const char *cluster_id; /* expected; NULL: any, kd_disk_cluster_id says which */
    int32_t node_id;        /* expected in meta.properties */
    size_t tail_bytes;      /* memory for the hot ends of all logs; 0: 8 MiB */
    size_t open_files;      /* segments kept open; 0: 512 */
    int64_t checkpoint_ms, checkpoint_bytes; /* recovery points; 0: 60 s, 1 GiB */
    int64_t retention_check_ms;              /* how often retention is looked at; 0: 5 min */
    struct kd_disk_events events;
    void *ctx;
};

/* NULL: no memory. */
struct kd_disk *kd_disk_new(const struct kd_disk_options *options);
/* Lock, meta.properties, clean marker, checkpoints; then every log is loaded,
 * and recovered if the last stop was not clean. */
void kd_disk_open(struct kd_disk *disk);
/* Everything flushed, snapshots and checkpoints written, the clean marker last. */
void kd_disk_close(struct kd_disk *disk);
/* As a crash would: from here on nothing is written, submitted or told; all
 * that waits for an append or an operation is answered KB_E_CLOSED before it
 * returns. Then free the executor, the loop (which still hears of jobs: reads
 * and lookups are answered CLOSED), and the disk. */
void kd_disk_halt(struct kd_disk *disk);
/* After closed, a failed opened, or halt and the end of its loop. */
void kd_disk_free(struct kd_disk *disk);

const char *kd_disk_cluster_id(const struct kd_disk *disk); /* "" before the first start */
/* Of a directory that had none; written before done(ctx, code). */
void kd_disk_set_cluster_id(struct kd_disk *disk, const char *cluster_id,
                            void (*done)(void *ctx, int code), void *ctx);
bool kd_disk_was_clean(const struct kd_disk *disk); /* the last stop */
bool kd_disk_has_failed(const struct kd_disk *disk);
/* Why the last operation that ended in KAFKA_STORAGE_ERROR did; 0: none did. */
int kd_disk_last_errno(const struct kd_disk *disk);

/* What its disk has room for. Lies in its owner's struct. */
struct kd_space_op {
    struct kd_op op;
    struct kb_space space; /* once done with KB_OK */
};
void kd_disk_space(struct kd_disk *disk, struct kd_space_op *op);

/* Compaction, which rests until it is told this; may be told anew at any time. */
struct kd_cleaner_config {
    bool enabled;
    int64_t backoff_ms; /* between two looks where nothing was to be done */
    int64_t map_bytes;  /* memory for the keys of one log, while it is compacted */
};
void kd_disk_set_cleaner(struct kd_disk *disk, const struct kd_cleaner_config *config);

/* ---- Its logs ----------------------------------------------------------- */

struct kd_log_config {
    int64_t segment_bytes, segment_ms;
    int64_t index_bytes, index_interval_bytes;
    int64_t segment_jitter_ms;             /* at most so much off segment_ms */
    int64_t flush_messages;                /* 1: acknowledged when flushed */
    int64_t flush_ms;                      /* KB_FOREVER: not set */
    bool delete_old;                       /* cleanup.policy holds delete: by the next two */
    int64_t retention_ms, retention_bytes; /* -1: without bound */
    bool compact;                          /* it holds compact: by the next four */
    double min_cleanable_ratio;
    int64_t min_compaction_lag_ms, max_compaction_lag_ms; /* INT64_MAX: without bound */
    int64_t delete_retention_ms;                          /* of tombstones */
    int64_t file_delete_delay_ms; /* from a file's deletion to its unlinking */
};

/* A log that is not on disk yet; its directory is made by the first append.
 * NULL: no memory. The name must be free (checked by kd_disk_find_name). */
struct kd_replica *kd_disk_add(struct kd_disk *disk, const char *topic, struct kb_uuid topic_id,
                               int32_t partition, const struct kd_log_config *config);
struct kd_replica *kd_disk_find(struct kd_disk *disk, struct kb_uuid topic_id, int32_t partition);
struct kd_replica *kd_disk_find_name(struct kd_disk *disk, const char *topic, int32_t partition);
/* Every log; each() may not add or remove. */
void kd_disk_each(struct kd_disk *disk, void (*each)(void *ctx, struct kd_replica *replica),
                  void *ctx);

struct kd_disk_stats {
    uint64_t rounds, syncs, appends, appended_bytes;
    uint64_t recovered_bytes, cut_bytes, cut_logs;
    uint64_t compactions, compacted_from_bytes, compacted_to_bytes;
};
void kd_disk_stats(const struct kd_disk *disk, struct kd_disk_stats *out);

#endif
