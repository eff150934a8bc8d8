/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_JOURNAL_H
#define KD_JOURNAL_H
/*
 * The tree on disk: a snapshot, and a log of the writes since.
 *
 *     DIR/snapshot   a tree
 *     DIR/log        magic | record | record | ...
 *
 * A torn record at the end was never acknowledged: it is cut. One that is bad
 * and was synced is refused. A snapshot is durable before the log is emptied;
 * records that it covers are skipped by their zxid. Room is reserved before a
 * write, so that a full disk refuses it and harms nothing. All of this but
 * has_room blocks and runs as jobs.
 *
 * After a sync that failed the page cache shows records that are not on the
 * disk, and no later sync will bring them there. So a log that does not close
 * with an end is not written any more: what was read goes into a new snapshot
 * and a new log, before anybody is told of it. An end may be such a record
 * itself; what follows is written over it.
 */
#include "base/error.h"
#include "base/fs.h"
#include "broker/meta/journal_code.h"

struct kd_journal {
    struct kb_fs *fs;
    const char *dir;      /* borrowed */
    struct kb_file *file; /* the log */
    int64_t size;
    int64_t allocated; /* how far the disk has promised room */
    int64_t cut_bytes; /* torn bytes that open found */
};

/* Loads the tree, without a torn tail. CORRUPT, DISK. */
int kd_journal_open(struct kd_journal *journal, struct kb_fs *fs, const char *dir,
                    struct kd_tree *tree, struct kb_error *err);
/* Whether `bytes` more are sure to find room. */
bool kd_journal_has_room(const struct kd_journal *journal, size_t bytes);
/* Gets room for them, and some ahead; 0 or -errno. After an error all is as before. */
int kd_journal_reserve(struct kd_journal *journal, size_t bytes);
/* Writes and syncs; 0 or -errno. After an error the log must not be used. */
int kd_journal_append(struct kd_journal *journal, const struct kd_bytes *records);
/* Makes the snapshot durable, then empties the log; 0 or -errno. After
 * -ENOSPC all is as it was. */
int kd_journal_replace(struct kd_journal *journal, const struct kd_bytes *snapshot);
void kd_journal_close(struct kd_journal *journal);

#endif
