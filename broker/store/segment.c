/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/segment.h"
#include "base/mem.h"
#include "broker/store/layout.h"
#include "wire/batch.h"
#include <errno.h>

void kd_files_init(struct kd_files *files, struct kb_fs *fs, size_t idle_max)
{
    *files = (struct kd_files){.fs = fs, .idle_max = idle_max};
    atomic_init(&files->syncfs_failed, 0);
    pthread_mutex_init(&files->lock, NULL);
    kb_list_init(&files->idle);
}

void kd_files_deinit(struct kd_files *files)
{
    KB_CHECK(kb_list_empty(&files->idle));
    pthread_mutex_destroy(&files->lock);
}

int kd_files_datasync(struct kd_files *files, struct kb_file *file)
{
    int status = files->fs->ops->datasync(files->fs, file);
    int failed = atomic_load(&files->syncfs_failed);
    return failed < 0 ? failed : status;
}

struct kd_segment *kd_segment_new(struct kd_files *files, const char *dir, int64_t base_offset,
                                  int64_t size)
{
    struct kd_segment *segment = KB_NEW(struct kd_segment);
    if (!segment || !(segment->dir = kb_strdup(dir))) {
        kb_free(segment);
        return NULL;
    }
    atomic_init(&segment->refs, 1);
    atomic_init(&segment->size, size);
    segment->files = files;
    segment->base_offset = base_offset;
    segment->first_ms = segment->latest_ms = -1;
    segment->aborted_last = -1;
    kb_list_init(&segment->link);
    return segment;
}

struct kd_segment *kd_segment_adopt(struct kd_files *files, const char *dir, int64_t base_offset,
                                    int64_t size, struct kb_file *file)
{
    struct kd_segment *segment = kd_segment_new(files, dir, base_offset, size);
    if (!segment) {
        files->fs->ops->close(files->fs, file);
        return NULL;
    }
    segment->file = file;
    segment->pins = 1;
    return segment;
}

struct kd_segment *kd_segment_ref(struct kd_segment *segment)
{
    atomic_fetch_add_explicit(&segment->refs, 1, memory_order_relaxed);
    return segment;
}

/* Takes an idle file out of the list; the caller closes what it answers. */
static struct kb_file *detach(struct kd_segment *segment)
{
    struct kb_file *file = segment->pins ? NULL : segment->file;
    if (!file)
        return NULL;
    kb_list_remove(&segment->link);
    segment->files->idle_count--;
    segment->file = NULL;
    return file;
}

void kd_segment_close(struct kd_segment *segment)
{
    struct kd_files *files = segment->files;
    pthread_mutex_lock(&files->lock);
    struct kb_file *file = detach(segment);
    pthread_mutex_unlock(&files->lock);
    if (file)
        files->fs->ops->close(files->fs, file);
}

void kd_segment_unref(struct kd_segment *segment)
{
    if (!segment || atomic_fetch_sub_explicit(&segment->refs, 1, memory_order_acq_rel) != 1)
        return;
    KB_CHECK(!segment->pins);
    kd_segment_close(segment);
    kb_free(segment->dir);
    kb_free(segment);
}

static void pin_open(struct kd_segment *segment)
{
    if (!segment->pins++) {
        kb_list_remove(&segment->link);
        segment->files->idle_count--;
    }
}

bool kd_segment_try_pin(struct kd_segment *segment)
{
    pthread_mutex_lock(&segment->files->lock);
    bool open = segment->file != NULL;
    if (open)
        pin_open(segment);
    pthread_mutex_unlock(&segment->files->lock);
    return open;
}

void kd_segment_retire(struct kd_segment *segment)
{
    pthread_mutex_lock(&segment->files->lock);
    segment->gone = true;
    pthread_mutex_unlock(&segment->files->lock);
}

int64_t kd_segment_written_ms(const struct kd_segment *segment)
{
    struct kb_fs *fs = segment->files->fs;
    char path[KD_PATH_MAX];
    struct kb_stat stat;
    kd_file_path(path, segment->dir, segment->base_offset, KD_SUFFIX_LOG);
    return fs->ops->stat(fs, path, &stat) < 0 ? -1 : stat.mtime_ms;
}

/* The lock is held over open: two readers must not open it twice, and it
 * takes microseconds. */
int kd_segment_pin(struct kd_segment *segment, int flags)
{
    struct kd_files *files = segment->files;
    char path[KD_PATH_MAX];
    int status = 0;
    pthread_mutex_lock(&files->lock);
    if (segment->file) {
        pin_open(segment);
    } else if (segment->gone) {
        status = -ESTALE;
    } else {
        kd_file_path(path, segment->dir, segment->base_offset, KD_SUFFIX_LOG);
        status = files->fs->ops->open(files->fs, path, flags | KB_OPEN_WRITE, &segment->file);
        if (status >= 0)
            segment->pins = 1;
        else
            segment->file = NULL;
    }
    pthread_mutex_unlock(&files->lock);
    return status < 0 ? status : 0;
}

/* At the bound the oldest goes; closing needs no lock. */
void kd_segment_unpin(struct kd_segment *segment)
{
    struct kd_files *files = segment->files;
    struct kb_file *file = NULL;
    pthread_mutex_lock(&files->lock);
    KB_CHECK(segment->pins);
    if (!--segment->pins) {
        kb_list_push_back(&files->idle, &segment->link);
        if (++files->idle_count > files->idle_max)
            file = detach(KB_LIST_FIRST(&files->idle, struct kd_segment, link));
    }
    pthread_mutex_unlock(&files->lock);
    if (file)
        files->fs->ops->close(files->fs, file);
}

int64_t kd_segment_read(struct kd_segment *segment, void *out, size_t size, int64_t at, bool nowait)
{
    struct kb_fs *fs = segment->files->fs;
    struct iovec io = {out, size};
    return fs->ops->preadv(fs, segment->file, &io, 1, at, nowait);
}

int64_t kd_segment_first_ms(struct kd_segment *segment)
{
    uint8_t raw[KW_BATCH_HEADER_BYTES];
    struct kw_batch_header first;
    if (kd_segment_read(segment, raw, sizeof raw, 0, false) != (int64_t)sizeof raw)
        return -1;
    kw_batch_peek(raw, &first);
    return first.max_timestamp_ms;
}

int kd_segment_datasync(struct kd_segment *segment)
{
    return kd_files_datasync(segment->files, segment->file);
}
