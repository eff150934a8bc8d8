/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_SEGMENT_H
#define KD_SEGMENT_H
/*
 * One segment of a log: a file of batches. Counted: the log
 * holds one reference, and so does every reader, so that a segment that was
 * deleted or truncated away is read to the end.
 *
 * Its file is opened on demand. A pin keeps it open; unpinned ones stay open
 * behind a bound (kd_files), oldest out first, so that ten thousand idle logs
 * hold no descriptors. Thread-safe.
 */
#include "base/fs.h"
#include "base/list.h"
#include <pthread.h>
#include <stdatomic.h>

struct kd_files {
    struct kb_fs *fs;
    pthread_mutex_t lock;
    struct kb_list idle; /* open and not pinned, oldest first */
    size_t idle_count, idle_max;
    atomic_int syncfs_failed; /* -errno of a sync of everything; 0: none failed */
};

void kd_files_init(struct kd_files *files, struct kb_fs *fs, size_t idle_max);
void kd_files_deinit(struct kd_files *files); /* all segments are gone */
/* As kb_fs; but once a sync of everything failed no file is known to be on the disk:
 * the kernel tells of it once, and it was told there. */
int kd_files_datasync(struct kd_files *files, struct kb_file *file);

struct kd_segment {
    atomic_uint refs;
    struct kd_files *files;
    char *dir; /* of its log, relative to the fs */
    int64_t base_offset;
    atomic_int_least64_t size;   /* bytes that may be read */
    int64_t first_ms, latest_ms; /* of its first batch, of all its records, once it is sealed;
                                    -1: no time. The log's lock guards them */
    int64_t aborted_bytes;       /* of its .txnindex that count; 0: it has none. The same lock */
    int64_t aborted_last;        /* the last marker there; -1: none */
    /* Guarded by files->lock. */
    bool gone;            /* out of its log: whoever has it open reads on */
    struct kb_file *file; /* NULL: closed */
    unsigned pins;
    struct kb_list link;
};

/* One reference. NULL: no memory. */
struct kd_segment *kd_segment_new(struct kd_files *files, const char *dir, int64_t base_offset,
                                  int64_t size);
/* One whose file is open already, perhaps under another name: pinned. Takes the file. */
struct kd_segment *kd_segment_adopt(struct kd_files *files, const char *dir, int64_t base_offset,
                                    int64_t size, struct kb_file *file);
struct kd_segment *kd_segment_ref(struct kd_segment *segment);
void kd_segment_unref(struct kd_segment *segment); /* NULL is fine */

/* Opens the file unless it is; 0 or -errno, -ESTALE where it was deleted
 * meanwhile. flags of enum kb_open count only then. */
int kd_segment_pin(struct kd_segment *segment, int flags);
bool kd_segment_try_pin(struct kd_segment *segment); /* false: it is closed */
void kd_segment_unpin(struct kd_segment *segment);
/* Closes an idle file at once, so that its directory can go. */
void kd_segment_close(struct kd_segment *segment);
/* It leaves its log: nobody opens it any more. */
void kd_segment_retire(struct kd_segment *segment);
/* When its file was last written; -1: nobody knows. */
int64_t kd_segment_written_ms(const struct kd_segment *segment);

/* While pinned. As kb_fs. */
int64_t kd_segment_read(struct kd_segment *segment, void *out, size_t size, int64_t at,
                        bool nowait);
int64_t kd_segment_first_ms(struct kd_segment *segment); /* of its first batch; -1: none */
int kd_segment_datasync(struct kd_segment *segment);

#endif
