/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/txn_index.h"
#include "base/mem.h"
#include "broker/store/log.h"
#include "broker/store/txn_file.h"
#include <errno.h>

static void path_of(char out[KD_PATH_MAX], const struct kd_log *log, int64_t base_offset)
{
    kd_file_path(out, log->dir, base_offset, KD_SUFFIX_TXNINDEX);
}

/* ---- Reading ------------------------------------------------------------ */

bool kd_log_has_aborted(struct kd_log *log, int64_t from)
{
    pthread_mutex_lock(&log->lock);
    bool there = log->aborted_last >= from;
    pthread_mutex_unlock(&log->lock);
    return there;
}

struct collect {
    struct kd_aborted_list *out;
    size_t capacity, max;
    int64_t to, until;
};

static int keep(struct collect *collect, const struct kd_aborted *aborted)
{
    struct kd_aborted_list *list = collect->out;
    if (list->count == collect->capacity) {
        size_t capacity = KB_MIN(KB_MAX(2 * collect->capacity, 16), collect->max);
        void *grown = kb_realloc(list->items, capacity * sizeof *list->items);
        if (!grown)
            return -ENOMEM;
        list->items = grown;
        collect->capacity = capacity;
    }
    list->items[list->count++] = *aborted;
    return 0;
}

enum { COMPLETE = 1 };

static int collect_one(void *ctx, const struct kd_aborted *aborted)
{
    struct collect *collect = ctx;
    int status = 0;
    if (aborted->first_offset < collect->to) {
        if (collect->out->count < collect->max)
            status = keep(collect, aborted);
        else
            collect->until = KB_MIN(collect->until, aborted->first_offset);
    }
    return status < 0 ? status : aborted->stable_offset >= collect->to ? COMPLETE : 0;
}

/* The i-th segment's, as of now. False: there is no such segment. */
static bool facts_of(struct kd_log *log, size_t i, int64_t *base_offset, int64_t *bytes,
                     int64_t *last_offset)
{
    pthread_mutex_lock(&log->lock);
    bool there = i < log->count;
    if (there) {
        *base_offset = log->segments[i]->base_offset;
        *bytes = log->segments[i]->aborted_bytes;
        *last_offset = log->segments[i]->aborted_last;
    }
    pthread_mutex_unlock(&log->lock);
    return there;
}

static int collect_segment(struct kd_log *log, int64_t base_offset, int64_t bytes, int64_t from,
                           struct collect *collect)
{
    struct kb_fs *fs = log->files->fs;
    char path[KD_PATH_MAX];
    int64_t at;
    path_of(path, log, base_offset);
    int status = kd_txn_file_seek(fs, path, bytes, from, &at);
    return status < 0 ? status : kd_txn_file_walk(fs, path, at, bytes, collect_one, collect);
}

int kd_log_collect_aborted(struct kd_log *log, const struct kd_aborted_ask *ask,
                           struct kd_aborted_list *out, int64_t *until)
{
    struct collect collect = {.out = out, .max = ask->max, .to = ask->to, .until = ask->to};
    int64_t base_offset, bytes, last_offset;
    int status = 0;
    *out = (struct kd_aborted_list){0};
    pthread_mutex_lock(&log->lock);
    size_t i = kd_log_find_segment(log, ask->from);
    pthread_mutex_unlock(&log->lock);
    for (; !status && facts_of(log, i, &base_offset, &bytes, &last_offset); i++)
        if (bytes && last_offset >= ask->from)
            status = collect_segment(log, base_offset, bytes, ask->from, &collect);
    if (status < 0)
        kd_aborted_list_deinit(out);
    *until = collect.until;
    return KB_MIN(status, 0);
}

int kd_log_aborted(struct kd_log *log, const struct kd_aborted_ask *ask,
                   struct kd_aborted_list *out, int64_t *until)
{
    pthread_mutex_lock(&log->shape);
    int status = kd_log_collect_aborted(log, ask, out, until);
    pthread_mutex_unlock(&log->shape);
    return status;
}

/* ---- Writing: work is held ---------------------------------------------- */

/* Entries for what is not published yet go behind those that count. */
static int write_entries(struct kd_log *log, struct kb_file *file,
                         const struct kd_log_batch *batches, int64_t *at)
{
    uint8_t raw[KD_TXN_ENTRY_BYTES];
    int status = 0;
    for (const struct kd_log_batch *batch = batches; batch && status >= 0; batch = batch->next) {
        if (!batch->aborts)
            continue;
        kd_txn_entry_put(raw, &batch->aborted);
        status = kb_fs_write_all(log->files->fs, file, raw, sizeof raw, *at);
        *at += (int64_t)sizeof raw;
    }
    return status;
}

static bool any_aborts(const struct kd_log_batch *batches)
{
    while (batches && !batches->aborts)
        batches = batches->next;
    return batches != NULL;
}

int kd_log_write_aborted(struct kd_log *log, const struct kd_log_batch *batches)
{
    struct kd_segment *active = kd_log_active(log);
    struct kb_fs *fs = log->files->fs;
    struct kb_file *file;
    char path[KD_PATH_MAX];
    int64_t at = active->aborted_bytes;
    if (!any_aborts(batches))
        return 0;
    int flags = KB_OPEN_WRITE | KB_OPEN_CREATE | (at ? 0 : KB_OPEN_TRUNCATE);
    path_of(path, log, active->base_offset);
    int status = fs->ops->open(fs, path, flags, &file);
    if (status < 0)
        return status;
    status = write_entries(log, file, batches, &at);
    if (status < 0 && fs->ops->truncate(fs, file, active->aborted_bytes) < 0)
        log->broken = true;
    fs->ops->close(fs, file);
    log->aborts_unnamed |= !active->aborted_bytes;
    log->aborts_unsynced = true;
    return status < 0 ? status : 0;
}

void kd_log_publish_aborted(struct kd_log *log, const struct kd_log_batch *batch)
{
    struct kd_segment *active = kd_log_active(log);
    if (!batch->aborts)
        return;
    active->aborted_bytes += KD_TXN_ENTRY_BYTES;
    active->aborted_last = log->aborted_last = batch->aborted.last_offset;
}

static int sync_file(struct kd_log *log)
{
    struct kb_fs *fs = log->files->fs;
    struct kb_file *file;
    char path[KD_PATH_MAX];
    path_of(path, log, kd_log_active(log)->base_offset);
    int status = fs->ops->open(fs, path, KB_OPEN_WRITE, &file);
    if (status == -ENOENT && !kd_log_active(log)->aborted_bytes)
        return 0;
    if (status < 0)
        return status;
    status = kd_files_datasync(log->files, file);
    fs->ops->close(fs, file);
    if (status >= 0 && log->aborts_unnamed)
        status = fs->ops->sync_dir(fs, log->dir);
    return status;
}

int kd_log_settle_aborted(struct kd_log *log, enum kd_sync sync)
{
    if (!log->aborts_unsynced)
        return 0;
    int status = sync == KD_SYNC_EACH ? sync_file(log) : 0;
    if (status < 0)
        log->sync_failed = true;
    else
        log->aborts_unsynced = log->aborts_unnamed = false;
    return status < 0 ? status : 0;
}

/* ---- Cutting: shape and work are held ----------------------------------- */

static int last_entry(void *ctx, const struct kd_aborted *aborted)
{
    *(int64_t *)ctx = aborted->last_offset;
    return 0;
}

static int truncate_file(struct kd_log *log, const char *path, int64_t size)
{
    struct kb_fs *fs = log->files->fs;
    struct kb_file *file;
    if (!size)
        return fs->ops->unlink(fs, path);
    int status = fs->ops->open(fs, path, KB_OPEN_WRITE, &file);
    if (status < 0)
        return status;
    status = fs->ops->truncate(fs, file, size);
    if (status >= 0)
        status = kd_files_datasync(log->files, file);
    fs->ops->close(fs, file);
    return status;
}

static int cut_active(struct kd_log *log, int64_t end_offset, int64_t *size, int64_t *last_offset)
{
    struct kd_segment *active = kd_log_active(log);
    struct kb_fs *fs = log->files->fs;
    char path[KD_PATH_MAX];
    *size = active->aborted_bytes;
    *last_offset = active->aborted_last;
    if (!*size || *last_offset < end_offset)
        return 0;
    path_of(path, log, active->base_offset);
    int status = kd_txn_file_seek(fs, path, active->aborted_bytes, end_offset, size);
    *last_offset = -1;
    if (status >= 0 && *size)
        status =
            kd_txn_file_walk(fs, path, *size - KD_TXN_ENTRY_BYTES, *size, last_entry, last_offset);
    return status < 0 ? status : truncate_file(log, path, *size);
}

int kd_log_cut_aborted(struct kd_log *log, int64_t end_offset)
{
    int64_t size, last_offset;
    int status = cut_active(log, end_offset, &size, &last_offset);
    if (status < 0)
        return status;
    pthread_mutex_lock(&log->lock);
    kd_log_active(log)->aborted_bytes = size;
    kd_log_active(log)->aborted_last = last_offset;
    kd_log_recount_aborted(log);
    pthread_mutex_unlock(&log->lock);
    return 0;
}

void kd_log_recount_aborted(struct kd_log *log)
{
    log->aborted_last = -1;
    for (size_t i = 0; i < log->count; i++)
        log->aborted_last = KB_MAX(log->aborted_last, log->segments[i]->aborted_last);
}
