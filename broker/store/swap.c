/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/swap.h"
#include "base/mem.h"
#include "broker/store/layout.h"
#include "broker/store/loading.h"
#include "broker/store/scan.h"
#include <errno.h>
#include <inttypes.h>

static const enum kd_suffix indexes[] = {KD_SUFFIX_INDEX, KD_SUFFIX_TIMEINDEX, KD_SUFFIX_TXNINDEX};

/* ---- Files -------------------------------------------------------------- */

static int move(struct kb_fs *fs, const char *dir, int64_t base_offset, enum kd_suffix suffix,
                enum kd_stage from, enum kd_stage to)
{
    char old[KD_PATH_MAX], new[KD_PATH_MAX];
    kd_file_stage_path(old, dir, base_offset, suffix, from);
    kd_file_stage_path(new, dir, base_offset, suffix, to);
    return fs->ops->rename(fs, old, new);
}

static int move_indexes(struct kb_fs *fs, const char *dir, int64_t base_offset, enum kd_stage from,
                        enum kd_stage to)
{
    int status = move(fs, dir, base_offset, KD_SUFFIX_INDEX, from, to);
    if (status >= 0)
        status = move(fs, dir, base_offset, KD_SUFFIX_TIMEINDEX, from, to);
    if (status < 0)
        return status;
    status = move(fs, dir, base_offset, KD_SUFFIX_TXNINDEX, from, to);
    return status == -ENOENT ? 0 : status; /* not every segment has one */
}

static int drop(struct kb_fs *fs, const char *dir, int64_t base_offset, enum kd_suffix suffix)
{
    char path[KD_PATH_MAX];
    kd_file_path(path, dir, base_offset, suffix);
    int status = fs->ops->unlink(fs, path);
    return status == -ENOENT ? 0 : status;
}

static int drop_indexes(struct kb_fs *fs, const char *dir, int64_t base_offset)
{
    int status = 0;
    for (size_t i = 0; status >= 0 && i < KB_ARRAY_SIZE(indexes); i++)
        status = drop(fs, dir, base_offset, indexes[i]);
    return status;
}

void kd_log_drop_made(struct kd_log *log, int64_t base_offset)
{
    static const enum kd_suffix all[] = {KD_SUFFIX_LOG, KD_SUFFIX_INDEX, KD_SUFFIX_TIMEINDEX,
                                         KD_SUFFIX_TXNINDEX};
    struct kb_fs *fs = log->files->fs;
    char path[KD_PATH_MAX];
    for (size_t i = 0; i < 2 * KB_ARRAY_SIZE(all); i++) {
        kd_file_stage_path(path, log->dir, base_offset, all[i / 2], i % 2 ? KD_SWAP : KD_CLEANED);
        (void)fs->ops->unlink(fs, path);
    }
}

/* ---- While the log is in use -------------------------------------------- */

/* Where the old ones lie in the log; its count: they do not any more. */
static size_t find_old(const struct kd_log *log, const struct kd_swap *swap)
{
    size_t at = 0;
    while (at < log->count && log->segments[at] != swap->old[0])
        at++;
    bool there = at + swap->count < log->count; /* the active one is never among them */
    for (size_t i = 0; there && i < swap->count; i++)
        there = log->segments[at + i] == swap->old[i];
    return there ? at : log->count;
}

/* From here on readers find the new one; who holds an old one reads on. */
static void publish(struct kd_log *log, const struct kd_swap *swap)
{
    pthread_mutex_lock(&log->work);
    pthread_mutex_lock(&log->lock);
    size_t at = find_old(log, swap), behind = at + swap->count;
    KB_CHECK(at < log->count);
    log->segments[at] = kd_segment_ref(swap->made);
    memmove(log->segments + at + 1, log->segments + behind,
            (log->count - behind) * sizeof(struct kd_segment *));
    log->count -= swap->count - 1;
    kd_log_recount_aborted(log);
    pthread_mutex_unlock(&log->lock);
    pthread_mutex_unlock(&log->work);
    for (size_t i = 0; i < swap->count; i++) {
        kd_segment_retire(swap->old[i]);
        kd_segment_unref(swap->old[i]); /* the log's */
    }
}

static int commit(struct kd_log *log, struct kd_swap *swap)
{
    struct kb_fs *fs = log->files->fs;
    int64_t base_offset = swap->made->base_offset;
    int status = move_indexes(fs, log->dir, base_offset, KD_CLEANED, KD_SWAP);
    if (status >= 0)
        status = move(fs, log->dir, base_offset, KD_SUFFIX_LOG, KD_CLEANED, KD_SWAP);
    if (status < 0)
        return status;
    swap->begun = true;
    return fs->ops->sync_dir(fs, log->dir);
}

static int remove_old(struct kd_log *log, const struct kd_swap *swap)
{
    struct kb_fs *fs = log->files->fs;
    int status = 0;
    for (size_t i = 0; status >= 0 && i < swap->count; i++)
        status = drop_indexes(fs, log->dir, swap->old[i]->base_offset);
    if (status < 0)
        return status;
    publish(log, swap);
    for (size_t i = swap->count - 1; status >= 0 && i > 0; i--)
        status = drop(fs, log->dir, swap->old[i]->base_offset, KD_SUFFIX_LOG);
    return status < 0 ? status : fs->ops->sync_dir(fs, log->dir);
}

static int put_in_place(struct kd_log *log, const struct kd_swap *swap)
{
    struct kb_fs *fs = log->files->fs;
    int64_t base_offset = swap->made->base_offset;
    int status = move_indexes(fs, log->dir, base_offset, KD_SWAP, KD_IN_LOG);
    if (status >= 0)
        status = fs->ops->sync_dir(fs, log->dir);
    if (status >= 0)
        status = move(fs, log->dir, base_offset, KD_SUFFIX_LOG, KD_SWAP, KD_IN_LOG);
    return status < 0 ? status : fs->ops->sync_dir(fs, log->dir);
}

int kd_log_swap(struct kd_log *log, struct kd_swap *swap)
{
    pthread_mutex_lock(&log->shape);
    pthread_mutex_lock(&log->lock);
    int status = find_old(log, swap) < log->count ? 0 : -ESTALE;
    pthread_mutex_unlock(&log->lock);
    if (!status)
        status = commit(log, swap);
    if (status >= 0)
        status = remove_old(log, swap);
    if (status >= 0)
        status = put_in_place(log, swap);
    pthread_mutex_unlock(&log->shape);
    return status < 0 ? status : 0;
}

/* ---- When a log is loaded ----------------------------------------------- */

struct unfinished {
    int64_t *swaps, *logs;
    size_t swap_count, log_count;
    int64_t first_cleaned; /* a swap at or behind it is of several, not all of them whole */
    bool failed;
};

static bool note(int64_t **items, size_t *count, int64_t item)
{
    void *grown = kb_realloc(*items, (*count + 1) * sizeof **items);
    if (!grown)
        return false;
    *items = grown;
    (*items)[(*count)++] = item;
    return true;
}

static int note_unfinished(void *ctx, const char *name, bool is_dir)
{
    struct unfinished *found = ctx;
    enum kd_suffix suffix;
    enum kd_stage stage;
    int64_t offset;
    if (is_dir || !kd_file_parse_stage(name, &offset, &suffix, &stage) || suffix != KD_SUFFIX_LOG)
        return 0;
    if (stage == KD_CLEANED)
        found->first_cleaned = KB_MIN(found->first_cleaned, offset);
    if (stage == KD_SWAP)
        found->failed |= !note(&found->swaps, &found->swap_count, offset);
    if (stage == KD_IN_LOG)
        found->failed |= !note(&found->logs, &found->log_count, offset);
    return found->failed;
}

/* Walks the file that was made: where it ends. */
static int walk_made(struct kd_load *load, struct kb_file *file, int64_t base_offset,
                     int64_t *end_offset)
{
    struct kb_fs *fs = load->files->fs;
    struct kw_batch_header header;
    struct kd_scan scan;
    struct kb_stat stat;
    char path[KD_PATH_MAX];
    int code;
    kd_file_stage_path(path, load->dir, base_offset, KD_SUFFIX_LOG, KD_SWAP);
    int status = fs->ops->stat(fs, path, &stat);
    void *window = status < 0 ? NULL : kb_aligned(KD_SCAN_ALIGN, load->window_bytes);
    if (!window)
        return status < 0 ? status : -ENOMEM;
    kd_scan_init(&scan, fs, file, window, load->window_bytes, 0, stat.size, base_offset);
    do
        code = kd_scan_next(&scan, true, &header);
    while (!code);
    *end_offset = scan.next_offset;
    kb_free(window);
    if (code == KB_E_DISK)
        return scan.status;
    return code == KB_E_OFFSET_OUT_OF_RANGE ? 0 : -EBADMSG;
}

/* What it stands for goes: the segments that begin between its bounds. */
static int drop_between(struct kd_load *load, const struct unfinished *found, int64_t base_offset,
                        int64_t end_offset)
{
    struct kb_fs *fs = load->files->fs;
    int status = drop_indexes(fs, load->dir, base_offset);
    for (size_t i = 0; status >= 0 && i < found->log_count; i++) {
        if (found->logs[i] <= base_offset || found->logs[i] >= end_offset)
            continue;
        status = drop_indexes(fs, load->dir, found->logs[i]);
        if (status >= 0)
            status = drop(fs, load->dir, found->logs[i], KD_SUFFIX_LOG);
    }
    return status < 0 ? status : fs->ops->sync_dir(fs, load->dir);
}

/* Its indexes are built when the log is loaded (aborted.c), as it has none. */
static int finish_made(struct kd_load *load, const struct unfinished *found, struct kb_file *file,
                       int64_t base_offset)
{
    struct kb_fs *fs = load->files->fs;
    int64_t end_offset;
    int status = walk_made(load, file, base_offset, &end_offset);
    if (status >= 0)
        status = drop_between(load, found, base_offset, end_offset);
    if (status >= 0)
        status = move(fs, load->dir, base_offset, KD_SUFFIX_LOG, KD_SWAP, KD_IN_LOG);
    return status < 0 ? status : fs->ops->sync_dir(fs, load->dir);
}

static int finish_one(struct kd_load *load, const struct unfinished *found, int64_t base_offset)
{
    struct kb_fs *fs = load->files->fs;
    struct kb_file *file;
    char path[KD_PATH_MAX];
    kd_file_stage_path(path, load->dir, base_offset, KD_SUFFIX_LOG, KD_SWAP);
    int status =
        fs->ops->open(fs, path, load->clean ? KB_OPEN_READ : KB_OPEN_READ | KB_OPEN_DIRECT, &file);
    if (status < 0)
        return status;
    status = finish_made(load, found, file, base_offset);
    fs->ops->close(fs, file);
    return status;
}

int kd_load_finish_swaps(struct kd_load *load)
{
    struct kb_fs *fs = load->files->fs;
    struct unfinished found = {.first_cleaned = INT64_MAX};
    int status = fs->ops->list(fs, load->dir, note_unfinished, &found);
    if (found.failed)
        status = -ENOMEM;
    for (size_t i = 0; status >= 0 && i < found.swap_count; i++)
        if (found.swaps[i] < found.first_cleaned)
            status = finish_one(load, &found, found.swaps[i]);
    kb_free(found.swaps);
    kb_free(found.logs);
    if (status == -EBADMSG)
        return kb_error_set(&load->err, KB_E_CORRUPT,
                            "%s: a compacted segment is damaged; the partition stays offline and "
                            "nothing is cut",
                            load->dir);
    return status < 0
               ? kb_error_errno(&load->err, KB_E_DISK, -status,
                                "%s: a compaction that was under way cannot be finished", load->dir)
               : KB_OK;
}
