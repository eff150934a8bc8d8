/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/layout.h"
#include "broker/store/log.h"
#include <errno.h>

enum {
    CHUNK_MIN_BYTES = 64 * 1024, /* of space reserved ahead; doubles with the segment */
    CHUNK_MAX_BYTES = 16 * 1024 * 1024,
    WRITE_IOV_MAX = 256
};

/* ---- Room --------------------------------------------------------------- */

static int64_t chunk_bytes(int64_t segment_size)
{
    return KB_MIN(KB_MAX(segment_size, CHUNK_MIN_BYTES), CHUNK_MAX_BYTES);
}

/* Room for `bytes` and a chunk more; for `bytes` alone if the disk is that full. */
static int allocate(struct kd_log *log, int64_t bytes)
{
    struct kd_segment *active = kd_log_active(log);
    struct kb_fs *fs = log->files->fs;
    int64_t size = atomic_load(&active->size), missing = size + bytes - log->allocated;
    if (missing <= 0)
        return 0;
    int64_t ahead = missing + chunk_bytes(size);
    int status = fs->ops->allocate(fs, active->file, log->allocated, ahead);
    if (status == -ENOSPC) {
        ahead = missing;
        status = fs->ops->allocate(fs, active->file, log->allocated, ahead);
    }
    if (status == -EOPNOTSUPP) /* then a write tells, and is cut off again */
        status = 0;
    if (status >= 0)
        log->allocated += ahead;
    return status < 0 ? status : 0;
}

int64_t kd_log_room(struct kd_log *log)
{
    pthread_mutex_lock(&log->work);
    struct kd_segment *active = kd_log_active(log);
    int64_t room = active && !log->broken ? log->allocated - atomic_load(&active->size) : 0;
    pthread_mutex_unlock(&log->work);
    return room;
}

/* ---- Directory and segments --------------------------------------------- */

static int make_dir(struct kd_log *log, const struct kd_reserve *reserve)
{
    struct kb_fs *fs = log->files->fs;
    char path[KD_PATH_MAX];
    int status = fs->ops->mkdir(fs, log->dir);
    if (status < 0 && status != -EEXIST)
        return status;
    kd_path_join(path, log->dir, KD_PARTITION_FILE);
    status = kb_fs_replace(fs, path, reserve->partition_file.data, reserve->partition_file.size);
    if (status >= 0 && reserve->epochs_file.data) {
        kd_path_join(path, log->dir, KD_EPOCHS_FILE);
        status = kb_fs_replace(fs, path, reserve->epochs_file.data, reserve->epochs_file.size);
    }
    return status < 0 ? status : fs->ops->sync_dir(fs, "");
}

/* A file that is made and not the log's would lie among its segments later. Where
 * its name could not be synced, nobody knows whether it is there. */
static int take_back_segment(struct kd_log *log, struct kd_segment *segment, int status)
{
    struct kb_fs *fs = log->files->fs;
    char path[KD_PATH_MAX];
    kd_segment_close(segment);
    kd_file_path(path, log->dir, segment->base_offset, KD_SUFFIX_LOG);
    if (fs->ops->unlink(fs, path) < 0 || status != -ENOSPC)
        log->sync_failed = true;
    return status;
}

/* Its name is durable when it is there: what is acknowledged from the new
 * segment must not vanish with it. */
static int make_segment(struct kd_log *log)
{
    struct kb_fs *fs = log->files->fs;
    struct kd_segment *segment = kd_segment_new(log->files, log->dir, log->end_offset, 0);
    if (!segment)
        return -ENOMEM;
    int status = kd_segment_pin(segment, KB_OPEN_CREATE | KB_OPEN_TRUNCATE);
    if (status >= 0) {
        status = fs->ops->sync_dir(fs, log->dir);
        kd_segment_unpin(segment);
        if (status < 0)
            status = take_back_segment(log, segment, status);
    }
    if (status < 0) {
        kd_segment_unref(segment);
        return status;
    }
    pthread_mutex_lock(&log->lock);
    bool there = kd_log_push_segment(log, segment);
    if (there) {
        kd_index_deinit(&log->index);
        log->allocated = 0;
    }
    pthread_mutex_unlock(&log->lock);
    return there ? 0 : -ENOMEM;
}

static int write_file(struct kb_fs *fs, const char *path, struct kb_slice content)
{
    struct kb_file *file;
    int flags = KB_OPEN_WRITE | KB_OPEN_CREATE | KB_OPEN_TRUNCATE;
    int status = fs->ops->open(fs, path, flags, &file);
    if (status < 0)
        return status;
    status = kb_fs_write_all(fs, file, content.data, content.size, 0);
    fs->ops->close(fs, file);
    return status;
}

static void forget_oldest_snapshot(struct kd_log *log)
{
    char path[KD_PATH_MAX];
    kd_file_path(path, log->dir, log->snapshots[0], KD_SUFFIX_SNAPSHOT);
    (void)log->files->fs->ops->unlink(log->files->fs, path);
    log->snapshot_count--;
    memmove(log->snapshots, log->snapshots + 1, log->snapshot_count * sizeof *log->snapshots);
}

/* One that is there already is the same. */
static int write_snapshot(struct kd_log *log, struct kb_slice snapshot, enum kd_sync sync)
{
    struct kb_fs *fs = log->files->fs;
    char path[KD_PATH_MAX];
    size_t n = log->snapshot_count;
    if (!snapshot.data || (n && log->snapshots[n - 1] == log->end_offset))
        return 0;
    kd_file_path(path, log->dir, log->end_offset, KD_SUFFIX_SNAPSHOT);
    int status = sync == KD_SYNC_EACH ? kb_fs_replace(fs, path, snapshot.data, snapshot.size)
                                      : write_file(fs, path, snapshot);
    if (status < 0)
        return status;
    log->snapshots[log->snapshot_count++] = log->end_offset;
    if (log->snapshot_count > KD_SNAPSHOTS_KEPT)
        forget_oldest_snapshot(log);
    return 0;
}

/* The space that a segment did not use goes back once it is done with. */
static int trim(struct kd_log *log)
{
    struct kd_segment *active = kd_log_active(log);
    struct kb_fs *fs = log->files->fs;
    int64_t size = atomic_load(&active->size);
    pthread_mutex_lock(&log->lock);
    kd_index_finish(&log->index);
    pthread_mutex_unlock(&log->lock);
    if (log->allocated == size)
        return 0;
    int status = kd_segment_pin(active, 0);
    if (status < 0)
        return status;
    status = fs->ops->truncate(fs, active->file, size);
    log->allocated = size;
    kd_segment_unpin(active);
    return status;
}

/* What another thread is syncing is not on the disk yet. */
static int sync_active(struct kd_log *log)
{
    struct kd_segment *active = kd_log_active(log);
    if (!log->dirty && !log->syncing)
        return 0;
    int status = kd_segment_pin(active, 0);
    if (status < 0)
        return status;
    status = kd_segment_datasync(active);
    kd_segment_unpin(active);
    if (status < 0) {
        log->sync_failed = true;
    } else if (log->dirty) {
        log->dirty = false;
        kd_segment_unpin(active);
    }
    return status;
}

/* Log and indexes of the active segment, on disk. */
static int settle(struct kd_log *log, enum kd_sync sync)
{
    struct kd_segment *active = kd_log_active(log);
    int status = sync == KD_SYNC_EACH ? sync_active(log) : 0;
    if (status >= 0)
        status = kd_log_settle_aborted(log, sync);
    if (status < 0)
        return status;
    return kd_index_save(&log->index, log->files->fs, log->dir, active->base_offset, sync);
}

/* What retention and compaction will ask of it. */
static void seal(struct kd_log *log)
{
    struct kd_segment *active = kd_log_active(log);
    int64_t first_ms = -1, latest_ms = log->index.max_timestamp_ms;
    if (latest_ms < 0)
        latest_ms = kd_segment_written_ms(active);
    if (kd_segment_pin(active, 0) >= 0) {
        first_ms = kd_segment_first_ms(active);
        kd_segment_unpin(active);
    }
    pthread_mutex_lock(&log->lock);
    active->first_ms = first_ms;
    active->latest_ms = latest_ms;
    pthread_mutex_unlock(&log->lock);
}

static int roll(struct kd_log *log, struct kb_slice snapshot)
{
    seal(log);
    int status = trim(log);
    if (status >= 0)
        status = settle(log, KD_SYNC_EACH);
    if (status >= 0)
        status = write_snapshot(log, snapshot, KD_SYNC_EACH);
    return status < 0 ? status : make_segment(log);
}

static int reserve_locked(struct kd_log *log, const struct kd_reserve *reserve)
{
    int status = 0;
    if (log->broken || log->sync_failed)
        return -EIO;
    if (!log->count) {
        status = make_dir(log, reserve);
        if (status >= 0)
            status = make_segment(log);
    } else if (reserve->roll && atomic_load(&kd_log_active(log)->size)) {
        status = roll(log, reserve->snapshot);
    }
    if (status < 0)
        return status;
    struct kd_segment *active = kd_log_active(log);
    status = kd_segment_pin(active, 0);
    if (status < 0)
        return status;
    status = allocate(log, reserve->bytes);
    kd_segment_unpin(active);
    return status;
}

int kd_log_reserve(struct kd_log *log, const struct kd_reserve *reserve)
{
    pthread_mutex_lock(&log->work);
    int status = reserve_locked(log, reserve);
    pthread_mutex_unlock(&log->work);
    return status;
}

/* ---- Writing ------------------------------------------------------------ */

/* Writes from *batch on, as many as fit a vector; moves *batch and *at. */
static int write_some(struct kd_log *log, const struct kd_log_batch **batch, int64_t *at)
{
    struct kb_fs *fs = log->files->fs;
    struct iovec io[WRITE_IOV_MAX], *next = io;
    int n = 0;
    for (; *batch && n < WRITE_IOV_MAX; *batch = (*batch)->next, n++)
        io[n] = (struct iovec){(void *)(uintptr_t)(*batch)->bytes.data, (*batch)->bytes.size};
    while (n) {
        int64_t wrote = fs->ops->pwritev(fs, kd_log_active(log)->file, next, n, *at);
        if (wrote <= 0)
            return wrote ? (int)wrote : -ENOSPC;
        *at += wrote;
        for (; n && (size_t)wrote >= next->iov_len; next++, n--)
            wrote -= (int64_t)next->iov_len;
        if (n) {
            next->iov_base = (uint8_t *)next->iov_base + wrote;
            next->iov_len -= (size_t)wrote;
        }
    }
    return 0;
}

static void publish(struct kd_log *log, const struct kd_log_batch *batches)
{
    struct kd_segment *active = kd_log_active(log);
    int64_t position = atomic_load(&active->size);
    pthread_mutex_lock(&log->lock);
    for (const struct kd_log_batch *batch = batches; batch; batch = batch->next) {
        (void)kd_index_add(&log->index, log->index_interval_bytes,
                           (uint32_t)(batch->last_offset - active->base_offset), (uint32_t)position,
                           batch->bytes.size, batch->max_timestamp_ms);
        kd_log_publish_aborted(log, batch);
        position += (int64_t)batch->bytes.size;
        log->end_offset = batch->last_offset + 1;
    }
    atomic_store(&active->size, position);
    pthread_mutex_unlock(&log->lock);
}

/* What a failed write left behind must not be taken for batches later. */
static void take_back(struct kd_log *log, int64_t size)
{
    struct kb_fs *fs = log->files->fs;
    if (fs->ops->truncate(fs, kd_log_active(log)->file, size) < 0)
        log->broken = true;
    log->allocated = size;
}

static int write_locked(struct kd_log *log, const struct kd_log_batch *batches)
{
    struct kd_segment *active = kd_log_active(log);
    if (log->broken || !active)
        return -EIO;
    int status = kd_segment_pin(active, 0);
    if (status < 0)
        return status;
    const struct kd_log_batch *batch = batches;
    int64_t at = atomic_load(&active->size);
    while (batch && status >= 0)
        status = write_some(log, &batch, &at);
    if (status >= 0)
        status = kd_log_write_aborted(log, batches);
    if (status < 0) {
        take_back(log, atomic_load(&active->size));
        kd_segment_unpin(active);
        return status;
    }
    publish(log, batches);
    if (log->allocated - at < chunk_bytes(at) / 2)
        (void)allocate(log, chunk_bytes(at)); /* ahead of need; who needs it is told */
    if (log->dirty)
        kd_segment_unpin(active);
    log->dirty = true;
    return 0;
}

int kd_log_write(struct kd_log *log, const struct kd_log_batch *batches)
{
    pthread_mutex_lock(&log->work);
    int status = write_locked(log, batches);
    pthread_mutex_unlock(&log->work);
    return status;
}

/* ---- Durability --------------------------------------------------------- */

bool kd_log_take_dirty(struct kd_log *log, struct kd_segment **segment, int64_t *end_offset)
{
    pthread_mutex_lock(&log->work);
    bool dirty = log->dirty && !log->sync_failed;
    *segment = dirty ? kd_segment_ref(kd_log_active(log)) : NULL;
    *end_offset = log->end_offset;
    if (dirty) {
        log->dirty = false;
        log->syncing++;
    }
    pthread_mutex_unlock(&log->work);
    return dirty;
}

void kd_log_synced(struct kd_log *log, struct kd_segment *segment, int status)
{
    pthread_mutex_lock(&log->work);
    log->syncing--;
    log->sync_failed |= status < 0;
    pthread_mutex_unlock(&log->work);
    kd_segment_unpin(segment);
    kd_segment_unref(segment);
}

int kd_log_checkpoint(struct kd_log *log, enum kd_sync sync, int64_t *recovery_point)
{
    pthread_mutex_lock(&log->work);
    bool lost = log->broken || log->sync_failed;
    int status = lost ? -EIO : log->count ? settle(log, sync) : 0;
    *recovery_point = log->end_offset;
    pthread_mutex_unlock(&log->work);
    return status;
}

int kd_log_finish(struct kd_log *log, struct kb_slice snapshot, enum kd_sync sync)
{
    pthread_mutex_lock(&log->work);
    int status = log->broken || log->sync_failed ? -EIO : 0;
    if (status >= 0 && log->count) {
        status = trim(log);
        if (status >= 0)
            status = settle(log, sync);
        if (status >= 0)
            status = write_snapshot(log, snapshot, sync);
    }
    pthread_mutex_unlock(&log->work);
    return status;
}
