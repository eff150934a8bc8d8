/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/meta/journal.h"
#include "base/mem.h"
#include <errno.h>
#include <stdio.h>

enum { MAX_FILE_BYTES = 1 << 30, AHEAD_BYTES = 64 * 1024 };

static void path_in(const struct kd_journal *journal, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", journal->dir, name);
}

/* The directory and its name in the parent are durable before anything in it
 * is relied upon; one that is there already may be so in the cache alone. */
static int make_dir(struct kd_journal *journal)
{
    int r = journal->fs->ops->mkdir(journal->fs, journal->dir);
    return r < 0 && r != -EEXIST ? r : journal->fs->ops->sync_dir(journal->fs, "");
}

static int load_snapshot(struct kd_journal *journal, struct kd_tree *tree, struct kb_error *err)
{
    char path[128], *data;
    size_t size;
    path_in(journal, "snapshot", path);
    int r = kb_fs_load(journal->fs, path, MAX_FILE_BYTES, &data, &size);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return kb_error_errno(err, KB_E_DISK, -r, "cannot read %s", path);
    bool sound = kd_journal_restore((const uint8_t *)data, size, tree);
    kb_free(data);
    return sound ? 0 : kb_error_set(err, KB_E_CORRUPT, "%s is damaged", path);
}

/* Replays what is whole; answers how far that goes, or -1: a record does not
 * fit. end_bytes: of an end in last place. */
static int64_t replay(const uint8_t *data, size_t size, struct kd_tree *tree, size_t *end_bytes)
{
    size_t at = KD_MAGIC_BYTES, record;
    *end_bytes = 0;
    while ((record = kd_journal_record_size(data + at, size - at)) != 0) {
        if (!kd_journal_replay(data + at, record, tree))
            return -1;
        *end_bytes = kd_journal_record_is_end(data + at) && at + record == size ? record : 0;
        at += record;
    }
    return (int64_t)at;
}

/* What a crash tears was not synced. A record behind it that was made when it
 * was says that this is something else. */
static bool was_synced(const uint8_t *data, size_t size, int64_t at)
{
    for (size_t i = (size_t)at + 1; i < size; i++)
        if (kd_journal_record_size(data + i, size - i) && kd_journal_record_synced(data + i) > at)
            return true;
    return false;
}

/* Answers the bytes of `log` that are whole, -1 and the error if it must not be used. */
static int64_t read_log(const char *path, struct kb_slice log, struct kd_tree *tree,
                        size_t *end_bytes, struct kb_error *err)
{
    if (log.size < KD_MAGIC_BYTES || memcmp(log.data, KD_LOG_MAGIC, KD_MAGIC_BYTES) != 0) {
        kb_error_set(err, KB_E_CORRUPT, "%s is no metadata log, or one of another version", path);
        return -1;
    }
    int64_t whole = replay(log.data, log.size, tree, end_bytes);
    if (whole < 0)
        kb_error_set(err, KB_E_CORRUPT, "%s does not follow its snapshot", path);
    else if (was_synced(log.data, log.size, whole))
        kb_error_set(err, KB_E_CORRUPT, "%s is damaged at byte %lld", path, (long long)whole);
    return err->code ? -1 : whole;
}

/* Without a log nothing was ever written, unless somebody took it away. */
static int load_log(struct kd_journal *journal, struct kd_tree *tree, bool *ended,
                    struct kb_error *err)
{
    char path[128], *data = NULL;
    size_t size = 0, end_bytes = 0;
    path_in(journal, "log", path);
    int r = kb_fs_load(journal->fs, path, MAX_FILE_BYTES, &data, &size);
    if (r == -ENOENT && !tree->zxid)
        return 0;
    if (r < 0)
        return kb_error_errno(err, KB_E_DISK, -r, "cannot read %s", path);
    int64_t whole = read_log(path, kb_slice_of(data, size), tree, &end_bytes, err);
    kb_free(data);
    journal->cut_bytes = (int64_t)size - whole;
    journal->size = whole - (int64_t)end_bytes;
    *ended = end_bytes > 0;
    return err->code;
}

/* The tree in a new snapshot, then a new log. */
static int write_anew(struct kd_journal *journal, const struct kd_tree *tree)
{
    char path[128];
    struct kd_bytes snapshot = {0};
    int r = 0;
    if (tree->zxid) {
        path_in(journal, "snapshot", path);
        r = kd_journal_snapshot(&snapshot, tree) ? 0 : -ENOMEM;
        if (r >= 0)
            r = kb_fs_replace(journal->fs, path, snapshot.data, snapshot.size);
        kd_bytes_free(&snapshot);
    }
    path_in(journal, "log", path);
    if (r >= 0)
        r = kb_fs_replace(journal->fs, path, KD_LOG_MAGIC, KD_MAGIC_BYTES);
    journal->size = KD_MAGIC_BYTES;
    return r;
}

static int open_log(struct kd_journal *journal)
{
    char path[128];
    path_in(journal, "log", path);
    return journal->fs->ops->open(journal->fs, path, KB_OPEN_WRITE, &journal->file);
}

int kd_journal_open(struct kd_journal *journal, struct kb_fs *fs, const char *dir,
                    struct kd_tree *tree, struct kb_error *err)
{
    bool ended = false;
    *journal = (struct kd_journal){.fs = fs, .dir = dir};
    kb_error_clear(err);
    int r = make_dir(journal);
    if (r < 0)
        return kb_error_errno(err, KB_E_DISK, -r, "cannot make %s", dir);
    int code = load_snapshot(journal, tree, err);
    if (!code)
        code = load_log(journal, tree, &ended, err);
    if (code)
        return code;
    r = ended ? 0 : write_anew(journal, tree);
    if (r >= 0)
        r = open_log(journal);
    journal->allocated = journal->size;
    return r < 0 ? kb_error_errno(err, KB_E_DISK, -r, "cannot write %s", dir) : KB_OK;
}

bool kd_journal_has_room(const struct kd_journal *journal, size_t bytes)
{
    return journal->size + (int64_t)bytes <= journal->allocated;
}

int kd_journal_reserve(struct kd_journal *journal, size_t bytes)
{
    struct kb_fs *fs = journal->fs;
    int64_t end = journal->size + (int64_t)bytes, from = journal->allocated, ahead = AHEAD_BYTES;
    int r = fs->ops->allocate(fs, journal->file, from, end + ahead - from);
    if (r == -ENOSPC) {
        ahead = 0;
        r = fs->ops->allocate(fs, journal->file, from, end - from);
    }
    if (r < 0 && r != -EOPNOTSUPP) /* where it cannot be promised, the write tells */
        return r;
    journal->allocated = end + ahead;
    return 0;
}

int kd_journal_append(struct kd_journal *journal, const struct kd_bytes *records)
{
    int r =
        kb_fs_write_all(journal->fs, journal->file, records->data, records->size, journal->size);
    if (r >= 0)
        r = journal->fs->ops->datasync(journal->fs, journal->file);
    if (r >= 0)
        journal->size += (int64_t)records->size;
    return r < 0 ? r : 0;
}

int kd_journal_replace(struct kd_journal *journal, const struct kd_bytes *snapshot)
{
    char path[128];
    path_in(journal, "snapshot", path);
    int r = kb_fs_replace(journal->fs, path, snapshot->data, snapshot->size);
    if (r < 0)
        return r;
    r = journal->fs->ops->truncate(journal->fs, journal->file, KD_MAGIC_BYTES);
    if (r >= 0)
        r = journal->fs->ops->datasync(journal->fs, journal->file);
    if (r < 0)
        return r == -ENOSPC ? -EIO : r; /* the log is no longer as it was */
    journal->size = journal->allocated = KD_MAGIC_BYTES;
    return 0;
}

void kd_journal_close(struct kd_journal *journal)
{
    if (journal->file)
        journal->fs->ops->close(journal->fs, journal->file);
    journal->file = NULL;
}
