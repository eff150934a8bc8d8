/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_DIR_H
#define KD_DIR_H
/*
 * The log directory's own files: who holds it, whose it is, how it was left,
 * and the checkpoints. Blocking; one thread at a time.
 */
#include "base/error.h"
#include "broker/store/checkpoint.h"
#include "broker/store/layout.h"

enum { KD_CLUSTER_ID_MAX = 128 };

struct kd_dir {
    struct kb_fs *fs;
    struct kb_file *lock;
    char cluster_id[KD_CLUSTER_ID_MAX]; /* "": the directory is new */
    bool clean;                         /* how the last one that held it ended */
    struct kd_checkpoint recovery_points, log_starts;
    struct kd_checkpoint clean_ends; /* compacted below */
};

/* Locks it, checks meta.properties against what is expected (cluster_id NULL:
 * any), takes the clean marker away, reads the checkpoints. On an error
 * nothing is held. A checkpoint that cannot be read is set aside with *odd
 * saying so: without it everything is recovered from the start. */
int kd_dir_open(struct kd_dir *dir, struct kb_fs *fs, const char *cluster_id, int32_t node_id,
                struct kb_error *odd, struct kb_error *err);
/* Writes meta.properties. 0 or -errno. */
int kd_dir_claim(struct kd_dir *dir, const char *cluster_id, int32_t node_id);
/* The last write of a clean stop. 0 or -errno. */
int kd_dir_mark_clean(struct kd_dir *dir);
/* Lets go of the lock. */
void kd_dir_close(struct kd_dir *dir);

/* Every directory in it that may be a log: each(ctx, name, kind, topic, partition). */
typedef void kd_dir_each(void *ctx, const char *name, enum kd_dir_kind kind, const char *topic,
                         int32_t partition);
int kd_dir_list(struct kd_dir *dir, kd_dir_each *each, void *ctx);
/* Unlinks a directory of files. Best effort. */
void kd_dir_remove(struct kb_fs *fs, const char *name);

#endif
