/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_RECOVER_H
#define KD_RECOVER_H
/*
 * Loading a log. After a clean stop that is a look at its end. After any other
 * the log is walked from its recovery point with checksums, from the disk
 * rather than the cache; the first batch that is not whole ends it, and what
 * lies behind is cut off, kept in a .cut file beside, and the rest synced
 * before it is served. Loading twice gives the same.
 *
 * What is missing or bad *below* the recovery point was on disk once: then
 * nothing is cut, and the log is not opened (KB_E_CORRUPT).
 */
#include "base/error.h"
#include "base/uuid.h"
#include "broker/core/partition.h"
#include "broker/store/log.h"

struct kd_load {
    /* The question. */
    struct kd_files *files;
    const char *dir;
    int64_t index_interval_bytes;
    bool clean;             /* the last stop was */
    enum kd_sync sync;      /* of recovered tails; TOGETHER: the caller does, before serving */
    int64_t recovery_point; /* flushed up to here; 0: not known */
    int64_t log_start;      /* -1: where its first segment begins */
    int64_t now_ms;
    size_t window_bytes; /* read at a time, a multiple of KD_SCAN_ALIGN; 0: 1 MiB */
    /* The answer: log, or NULL and the error. Producers and epochs are
     * initialized by the caller and filled here. */
    struct kd_log *log;
    bool abandoned; /* a directory that never held a record: no error, no log */
    struct kb_uuid topic_id;
    struct kd_producers *producers;
    struct kd_epochs *epochs;
    int64_t log_end;
    struct kd_active active;
    int64_t scanned_bytes, cut_bytes;
    const char *cut_why;
    struct kb_error err;
    bool passing; /* there was no room, or no memory: it may go well later */
};

/* KB_OK or err->code. */
int kd_log_load(struct kd_load *load);
/* The content of partition.metadata; buffer for KD_PARTITION_FILE_MAX bytes. */
enum { KD_PARTITION_FILE_MAX = 64 };
size_t kd_partition_file_format(struct kb_uuid topic_id, char out[KD_PARTITION_FILE_MAX]);

#endif
