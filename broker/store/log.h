/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LOG_H
#define KD_LOG_H
/*
 * The files of one partition. Segments in the order of their offsets; only the
 * last, the active one, is written, and its index is in memory. Blocking
 * straight-line code over base/fs.h, for disk threads:
 *
 *     reserve ─ (roll) ─> write ─> write ─> sync        load (recover.h)
 *                  locate, find_time (any time, beside all of these)
 *
 * Functions that change files take `work` for as long as they last, so that
 * they follow each other; what readers see is published under `lock`, which is
 * never held over I/O. Whoever takes sealed segments away, or puts others in their
 * place, takes `shape` first; so that appends do not wait for a compaction.
 */
#include "base/slice.h"
#include "broker/core/retention.h"
#include "broker/store/index.h"
#include "broker/store/segment.h"
#include "broker/store/txn_index.h"

enum { KD_SNAPSHOTS_KEPT = 2 };

struct kd_log {
    struct kd_files *files;
    char *dir;
    atomic_int_least64_t index_interval_bytes;
    pthread_mutex_t shape, work, lock;
    /* Guarded by lock; changed only with work held as well. */
    struct kd_segment **segments; /* none: nothing is on disk yet */
    size_t count, capacity;
    int64_t end_offset;
    struct kd_index index; /* of the active segment */
    int64_t aborted_last;  /* no abort marker behind it; -1: none at all */
    /* Guarded by work. */
    int64_t allocated;       /* bytes that the disk holds for the active segment */
    bool aborts_unsynced;    /* its .txnindex was written since the last sync, */
    bool aborts_unnamed;     /* and made */
    bool dirty;              /* written since the last sync began; keeps it pinned */
    unsigned syncing;        /* syncs that have begun elsewhere and not ended */
    bool broken;             /* a failed write could not be taken back */
    atomic_bool sync_failed; /* nobody knows what is on the disk: no second try; read by any */
    int64_t snapshots[KD_SNAPSHOTS_KEPT + 1];
    size_t snapshot_count; /* oldest first */
};

/* One that has no files yet. NULL: no memory. */
struct kd_log *kd_log_new(struct kd_files *files, const char *dir, int64_t index_interval_bytes,
                          int64_t end_offset);
/* Closes; readers keep their segments. Nothing is written. */
void kd_log_free(struct kd_log *log);

/* ---- Writing: append.c. 0 or -errno ------------------------------------- */

struct kd_reserve {
    int64_t bytes;            /* that the next batches will take */
    bool roll;                /* begin a new segment first */
    struct kb_slice snapshot; /* with roll: the producers as of the log's end; null: none */
    /* What a new directory begins with. */
    struct kb_slice partition_file, epochs_file;
};
/* Makes directory and segment where there is none, and sees that the disk
 * has room: -ENOSPC comes from here. Durable names before it returns. */
int kd_log_reserve(struct kd_log *log, const struct kd_reserve *reserve);
int64_t kd_log_room(struct kd_log *log); /* bytes that can be written without asking */

/* A batch on its way into the file. */
struct kd_log_batch {
    struct kd_log_batch *next;
    struct kb_slice bytes;
    int64_t last_offset, max_timestamp_ms;
    bool aborts; /* an abort marker that ends a transaction: */
    struct kd_aborted aborted;
};
/* All of them or none: a write that fails is cut off again. */
int kd_log_write(struct kd_log *log, const struct kd_log_batch *batches);

/* What a sync has to cover: the active segment, referenced and pinned, and
 * the offset that will be flushed then. False: nothing is unsynced (end is set
 * all the same). kd_log_synced gives the segment back once that is done, and
 * says how it went: until then nobody takes it for synced, nor ever if it failed. */
bool kd_log_take_dirty(struct kd_log *log, struct kd_segment **segment, int64_t *end_offset);
void kd_log_synced(struct kd_log *log, struct kd_segment *segment, int status);

/* Many logs are synced in one go (kb_fs syncfs) where that can be had: then
 * nothing counts as done before the caller did it. */
/* Log and index on disk up to *recovery_point. */
int kd_log_checkpoint(struct kd_log *log, enum kd_sync sync, int64_t *recovery_point);
/* The last act of a clean stop: checkpoint, snapshot, spare space returned. */
int kd_log_finish(struct kd_log *log, struct kb_slice snapshot, enum kd_sync sync);
/* Whole segments below leave the log, but never the active one. Their files get
 * a ".deleted" behind their names; what waits for kd_log_unlink_dropped is in
 * `out`, which is the caller's to deinit. The first error, after all are tried:
 * what could not be renamed goes when the log is loaded. */
struct kd_dropped {
    int64_t *bases;
    size_t count;
    int64_t bytes;
};
int kd_log_drop_below(struct kd_log *log, int64_t log_start, struct kd_dropped *out);
void kd_log_unlink_dropped(struct kb_fs *fs, const char *dir, const struct kd_dropped *dropped);
void kd_dropped_deinit(struct kd_dropped *dropped);
/* Nothing of it is left; the next segment begins at log_start. */
int kd_log_restart(struct kd_log *log, int64_t log_start);
/* Where the batch that holds `offset` begins; the end of the log behind it. */
int kd_log_boundary(struct kd_log *log, int64_t offset, int64_t *base_offset);
/* Cuts at the batch that holds `offset`; *end is the new end. */
int kd_log_truncate(struct kd_log *log, int64_t offset, int64_t *end);

/* ---- Reading: locate.c -------------------------------------------------- */

struct kd_locate {
    int64_t offset, bound;
    size_t max_bytes;
    bool whole_first;   /* at least one batch, however large */
    bool nowait;        /* -EAGAIN rather than touch the disk */
    size_t aborted_max; /* so many aborted transactions at most are told with it, and the stretch
                           ends where there are more; 0: not asked for. -ENOBUFS: not even the
                           first batch could be told of whole */
};
struct kd_located {
    struct kd_segment *segment; /* referenced and pinned; NULL: size 0 */
    int64_t position;
    size_t size_bytes;
    int64_t end_offset;             /* with `aborted`: nothing in it lies at or behind */
    struct kd_aborted_list aborted; /* of the stretch, if asked for; perhaps some behind it. The
                                       caller's to deinit */
};
/* The stretch that begins with the batch that holds `offset`, and has no batch
 * that reaches `bound`. */
int kd_log_locate(struct kd_log *log, const struct kd_locate *ask, struct kd_located *out);

/* lookup.c: of the records from `from` on and below `bound`, the first at or
 * after the timestamp; or, with KD_FIND_MAX, the first that has the largest.
 * offset -1: none. */
enum { KD_FIND_MAX = -3 };
struct kd_found {
    int64_t offset, timestamp_ms;
    int32_t leader_epoch;
};
struct kd_find {
    int64_t timestamp_ms, from, bound;
};
int kd_log_find_time(struct kd_log *log, const struct kd_find *ask, struct kd_found *out);

int64_t kd_log_size_bytes(struct kd_log *log);
/* Its sealed segments, oldest first, until each() answers false. Never blocks;
 * each() must not call the log. */
typedef bool kd_log_each_sealed_fn(void *ctx, const struct kd_segment_facts *segment);
void kd_log_each_sealed(struct kd_log *log, kd_log_each_sealed_fn *each, void *ctx);

/* ---- Within the store --------------------------------------------------- */

struct kd_segment *kd_log_active(struct kd_log *log); /* work or lock held; NULL: none */
/* The one that would hold the offset: the last that begins at or below it. Lock held. */
size_t kd_log_find_segment(const struct kd_log *log, int64_t offset);
bool kd_log_push_segment(struct kd_log *log,
                         struct kd_segment *segment); /* lock held; takes it; false: no memory */
#endif
