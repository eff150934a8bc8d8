/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a log move: deletion from the front, truncation from the back. */
#include "broker/store/layout.h"
#include "broker/store/locate.h"
#include "broker/store/log.h"
#include "base/mem.h"
#include <errno.h>

enum { WINDOW_BYTES = 1 << 20 };

/* The log last: as long as it is there, whoever loads the rest knows of them. */
static const enum kd_suffix files[] = {KD_SUFFIX_INDEX, KD_SUFFIX_TIMEINDEX, KD_SUFFIX_TXNINDEX,
                                       KD_SUFFIX_LOG};

/* The files of a segment that is no longer in the log. */
static int unlink_segment(struct kd_log *log, int64_t base_offset)
{
    struct kb_fs *fs = log->files->fs;
    char path[KD_PATH_MAX];
    int first = 0;
    for (size_t i = 0; i < KB_ARRAY_SIZE(files); i++) {
        kd_file_path(path, log->dir, base_offset, files[i]);
        int status = fs->ops->unlink(fs, path);
        if (status < 0 && status != -ENOENT && !first)
            first = status;
    }
    return first;
}

static int rename_segment(struct kd_log *log, int64_t base_offset)
{
    struct kb_fs *fs = log->files->fs;
    char from[KD_PATH_MAX], to[KD_PATH_MAX];
    int first = 0;
    for (size_t i = 0; i < KB_ARRAY_SIZE(files); i++) {
        kd_file_path(from, log->dir, base_offset, files[i]);
        kd_file_stage_path(to, log->dir, base_offset, files[i], KD_DELETED);
        int status = fs->ops->rename(fs, from, to);
        if (status < 0 && status != -ENOENT && !first)
            first = status;
    }
    return first;
}

static struct kd_segment *take_segment(struct kd_log *log, size_t i)
{
    pthread_mutex_lock(&log->lock);
    struct kd_segment *segment = log->segments[i];
    log->count--;
    memmove(log->segments + i, log->segments + i + 1, (log->count - i) * sizeof *log->segments);
    pthread_mutex_unlock(&log->lock);
    kd_segment_retire(segment);
    return segment;
}

static size_t count_below(const struct kd_log *log, int64_t log_start)
{
    size_t count = 0;
    while (count + 1 < log->count && log->segments[count + 1]->base_offset <= log_start)
        count++;
    return count;
}

static int drop_below(struct kd_log *log, int64_t log_start, struct kd_dropped *out)
{
    size_t count = count_below(log, log_start);
    int first = 0;
    if (!count)
        return 0;
    out->bases = KB_NEW_ARRAY(int64_t, count);
    if (!out->bases)
        return -ENOMEM;
    while (out->count < count) {
        struct kd_segment *segment = take_segment(log, 0);
        int status = rename_segment(log, segment->base_offset);
        first = first ? first : status;
        out->bytes += atomic_load(&segment->size);
        out->bases[out->count++] = segment->base_offset;
        kd_segment_unref(segment);
    }
    return first;
}

int kd_log_drop_below(struct kd_log *log, int64_t log_start, struct kd_dropped *out)
{
    *out = (struct kd_dropped){0};
    pthread_mutex_lock(&log->shape);
    pthread_mutex_lock(&log->work);
    int status = drop_below(log, log_start, out);
    pthread_mutex_unlock(&log->work);
    pthread_mutex_unlock(&log->shape);
    return status;
}

void kd_log_unlink_dropped(struct kb_fs *fs, const char *dir, const struct kd_dropped *dropped)
{
    char path[KD_PATH_MAX];
    for (size_t i = 0; i < dropped->count; i++) {
        for (size_t k = 0; k < KB_ARRAY_SIZE(files); k++) {
            kd_file_stage_path(path, dir, dropped->bases[i], files[k], KD_DELETED);
            (void)fs->ops->unlink(fs, path);
        }
    }
}

void kd_dropped_deinit(struct kd_dropped *dropped)
{
    kb_free(dropped->bases);
    *dropped = (struct kd_dropped){0};
}

/* Newest first, so that a crash leaves no gap. */
int kd_log_restart(struct kd_log *log, int64_t log_start)
{
    struct kb_fs *fs = log->files->fs;
    int status = 0;
    pthread_mutex_lock(&log->work);
    KB_CHECK(!log->dirty);
    while (status >= 0 && log->count) {
        struct kd_segment *segment = take_segment(log, log->count - 1);
        status = unlink_segment(log, segment->base_offset);
        kd_segment_unref(segment);
    }
    if (status >= 0)
        status = fs->ops->sync_dir(fs, log->dir);
    pthread_mutex_lock(&log->lock);
    kd_index_deinit(&log->index);
    log->aborted_last = -1;
    log->end_offset = log_start;
    pthread_mutex_unlock(&log->lock);
    pthread_mutex_unlock(&log->work);
    return status;
}

/* ---- Truncation --------------------------------------------------------- */

static int cut_position(struct kd_segment *segment, int64_t offset, int64_t *position, int64_t *end)
{
    struct kw_batch_header header;
    struct kd_place place = {.segment = segment, .size = atomic_load(&segment->size)};
    int status = kd_place_seek(&place, 0, offset, false, position, &header);
    *end = *position < place.size ? header.base_offset : offset;
    return status;
}

static int find_boundary(struct kd_log *log, int64_t offset, int64_t *base_offset)
{
    struct kd_place place;
    int64_t position;
    *base_offset = offset;
    if (!kd_place_find(log, offset, &place)) {
        *base_offset = KB_MIN(offset, log->end_offset);
        return 0;
    }
    int status = kd_segment_pin(place.segment, 0);
    if (status >= 0) {
        status = cut_position(place.segment, offset, &position, base_offset);
        kd_segment_unpin(place.segment);
    }
    kd_segment_unref(place.segment);
    return status;
}

int kd_log_boundary(struct kd_log *log, int64_t offset, int64_t *base_offset)
{
    pthread_mutex_lock(&log->shape);
    int status = find_boundary(log, offset, base_offset);
    pthread_mutex_unlock(&log->shape);
    return status;
}

/* The index of what is left, from the log itself. */
static int rebuild_index(struct kd_log *log, struct kd_segment *segment)
{
    struct kw_batch_header header;
    struct kd_scan scan;
    int64_t at, code;
    void *window = kb_aligned(KD_SCAN_ALIGN, WINDOW_BYTES);
    if (!window)
        return -ENOMEM;
    kd_scan_init(&scan, log->files->fs, segment->file, window, WINDOW_BYTES, 0,
                 atomic_load(&segment->size), segment->base_offset);
    pthread_mutex_lock(&log->lock);
    kd_index_deinit(&log->index);
    pthread_mutex_unlock(&log->lock);
    while (at = scan.position, !(code = kd_scan_next(&scan, false, &header))) {
        pthread_mutex_lock(&log->lock);
        (void)kd_index_add(&log->index, log->index_interval_bytes,
                           (uint32_t)(kw_batch_header_last_offset(&header) - segment->base_offset),
                           (uint32_t)at, kw_batch_header_size(&header), header.max_timestamp_ms);
        pthread_mutex_unlock(&log->lock);
    }
    kb_free(window);
    return code == KB_E_OFFSET_OUT_OF_RANGE ? 0 : -EBADMSG;
}

static int cut_active(struct kd_log *log, int64_t offset, int64_t *end)
{
    struct kd_segment *active = kd_log_active(log);
    struct kb_fs *fs = log->files->fs;
    int64_t position;
    int status = kd_segment_pin(active, 0);
    if (status < 0)
        return status;
    status = cut_position(active, offset, &position, end);
    if (status >= 0) {
        pthread_mutex_lock(&log->lock);
        atomic_store(&active->size, position);
        log->end_offset = *end;
        pthread_mutex_unlock(&log->lock);
        log->allocated = position;
        status = fs->ops->truncate(fs, active->file, position);
    }
    if (status >= 0)
        status = kd_segment_datasync(active);
    if (status >= 0)
        status = kd_log_cut_aborted(log, *end);
    if (status >= 0)
        status = rebuild_index(log, active);
    kd_segment_unpin(active);
    return status;
}

static int truncate_locked(struct kd_log *log, int64_t offset, int64_t *end)
{
    int status = 0;
    *end = log->end_offset;
    if (offset >= log->end_offset)
        return 0;
    if (log->dirty) {
        log->dirty = false;
        kd_segment_unpin(kd_log_active(log));
    }
    while (status >= 0 && log->count > 1 && kd_log_active(log)->base_offset >= offset) {
        struct kd_segment *segment = take_segment(log, log->count - 1);
        status = unlink_segment(log, segment->base_offset);
        kd_segment_unref(segment);
    }
    if (status >= 0)
        status = cut_active(log, offset, end);
    while (log->snapshot_count && log->snapshots[log->snapshot_count - 1] > *end) {
        char path[KD_PATH_MAX];
        kd_file_path(path, log->dir, log->snapshots[--log->snapshot_count], KD_SUFFIX_SNAPSHOT);
        (void)log->files->fs->ops->unlink(log->files->fs, path);
    }
    return status;
}

int kd_log_truncate(struct kd_log *log, int64_t offset, int64_t *end)
{
    pthread_mutex_lock(&log->shape);
    pthread_mutex_lock(&log->work);
    int status = log->count ? truncate_locked(log, offset, end) : 0;
    if (!log->count)
        *end = log->end_offset;
    if (status < 0)
        log->broken = true;
    pthread_mutex_unlock(&log->work);
    pthread_mutex_unlock(&log->shape);
    return status;
}
