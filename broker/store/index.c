/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/index.h"
#include "base/mem.h"
#include "wire/be.h"
#include <errno.h>
#include <limits.h>

enum { OFFSET_BYTES = 8, TIME_BYTES = 12, FILE_MAX_BYTES = 256 * 1024 * 1024 };

void kd_index_init(struct kd_index *index)
{
    *index = (struct kd_index){.max_timestamp_ms = -1};
}

void kd_index_deinit(struct kd_index *index)
{
    kb_free(index->offsets);
    kb_free(index->times);
    kd_index_init(index);
}

static bool grow(void **items, size_t count, size_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 8;
    void *grown = kb_realloc(*items, wanted * item_bytes);
    if (!grown)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

static bool add_offset(struct kd_index *index, uint32_t relative, uint32_t position)
{
    void *items = index->offsets;
    bool there = grow(&items, index->offset_count, &index->offset_capacity, sizeof *index->offsets);
    index->offsets = items;
    index->is_saved = false;
    if (there)
        index->offsets[index->offset_count++] = (struct kd_index_offset){relative, position};
    return there;
}

/* Only what is later than the last entry: the index rises strictly. */
static bool add_time(struct kd_index *index, int64_t timestamp_ms, uint32_t relative)
{
    if (timestamp_ms < 0 ||
        (index->time_count && index->times[index->time_count - 1].timestamp_ms >= timestamp_ms))
        return true;
    void *items = index->times;
    bool there = grow(&items, index->time_count, &index->time_capacity, sizeof *index->times);
    index->times = items;
    index->is_saved = false;
    if (there)
        index->times[index->time_count++] = (struct kd_index_time){timestamp_ms, relative};
    return there;
}

bool kd_index_add(struct kd_index *index, int64_t interval_bytes, uint32_t last_relative,
                  uint32_t position, size_t batch_bytes, int64_t max_timestamp_ms)
{
    bool there = true;
    if (max_timestamp_ms > index->max_timestamp_ms) {
        index->max_timestamp_ms = max_timestamp_ms;
        index->max_timestamp_at = last_relative;
    }
    if (index->bytes_since > interval_bytes) {
        there = add_offset(index, last_relative, position) &&
                add_time(index, index->max_timestamp_ms, index->max_timestamp_at);
        index->bytes_since = 0;
    }
    index->bytes_since += (int64_t)batch_bytes;
    return there;
}

void kd_index_finish(struct kd_index *index)
{
    (void)add_time(index, index->max_timestamp_ms, index->max_timestamp_at);
}

uint32_t kd_index_position(const struct kd_index *index, int64_t relative)
{
    size_t low = 0, high = index->offset_count; /* first entry above `relative` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((int64_t)index->offsets[middle].relative <= relative)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? index->offsets[low - 1].position : 0;
}

uint32_t kd_index_time_relative(const struct kd_index *index, int64_t timestamp_ms)
{
    size_t low = 0, high = index->time_count; /* first entry at or after it */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->times[middle].timestamp_ms < timestamp_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? index->times[low - 1].relative : 0;
}

/* The time entries that went may have held the maximum; the caller's scan, or
 * the next append, finds the later ones again. */
void kd_index_cut(struct kd_index *index, uint32_t position)
{
    size_t offsets = index->offset_count, times = index->time_count;
    while (index->offset_count && index->offsets[index->offset_count - 1].position >= position)
        index->offset_count--;
    uint32_t last = index->offset_count ? index->offsets[index->offset_count - 1].relative : 0;
    while (index->time_count &&
           (!index->offset_count || index->times[index->time_count - 1].relative > last))
        index->time_count--;
    index->saved_offsets = KB_MIN(index->saved_offsets, index->offset_count);
    index->saved_times = KB_MIN(index->saved_times, index->time_count);
    if (offsets != index->offset_count || times != index->time_count)
        index->is_saved = false;
    index->bytes_since = 0;
    index->max_timestamp_ms =
        index->time_count ? index->times[index->time_count - 1].timestamp_ms : -1;
    index->max_timestamp_at = index->time_count ? index->times[index->time_count - 1].relative : 0;
}

/* ---- Files -------------------------------------------------------------- */

/* 1: the file as decoded by each(); 0: none, or it makes no sense. */
static int load_file(struct kb_fs *fs, const char *path, size_t entry_bytes,
                     bool (*each)(struct kd_index *, const uint8_t *, int64_t),
                     struct kd_index *index, int64_t log_bytes)
{
    char *data;
    size_t size;
    int status = kb_fs_load(fs, path, FILE_MAX_BYTES, &data, &size);
    if (status == -ENOENT || status == -EFBIG)
        return 0;
    if (status < 0)
        return status;
    status = size % entry_bytes == 0;
    for (size_t at = 0; status && at < size; at += entry_bytes)
        status = each(index, (const uint8_t *)data + at, log_bytes);
    kb_free(data);
    return status;
}

static bool load_offset(struct kd_index *index, const uint8_t *from, int64_t log_bytes)
{
    uint32_t relative = kw_get_be32(from), position = kw_get_be32(from + 4);
    const struct kd_index_offset *last =
        index->offset_count ? &index->offsets[index->offset_count - 1] : NULL;
    if (position >= log_bytes || relative > INT32_MAX ||
        (last && (relative <= last->relative || position <= last->position)))
        return false;
    return add_offset(index, relative, position);
}

static bool load_time(struct kd_index *index, const uint8_t *from, int64_t log_bytes)
{
    int64_t timestamp_ms = (int64_t)kw_get_be64(from);
    uint32_t relative = kw_get_be32(from + 8);
    const struct kd_index_time *last =
        index->time_count ? &index->times[index->time_count - 1] : NULL;
    (void)log_bytes;
    if (timestamp_ms < 0 || relative > INT32_MAX ||
        (last && (timestamp_ms <= last->timestamp_ms || relative <= last->relative)))
        return false;
    return add_time(index, timestamp_ms, relative);
}

int kd_index_load(struct kd_index *index, struct kb_fs *fs, const char *dir, int64_t base_offset,
                  int64_t log_bytes)
{
    char path[KD_PATH_MAX];
    kd_index_init(index);
    kd_file_path(path, dir, base_offset, KD_SUFFIX_INDEX);
    int status = load_file(fs, path, OFFSET_BYTES, load_offset, index, log_bytes);
    if (status > 0) {
        kd_file_path(path, dir, base_offset, KD_SUFFIX_TIMEINDEX);
        status = load_file(fs, path, TIME_BYTES, load_time, index, log_bytes);
    }
    if (status <= 0) {
        kd_index_deinit(index);
        return status;
    }
    index->saved_offsets = index->offset_count;
    index->saved_times = index->time_count;
    index->is_saved = true;
    if (index->time_count) {
        index->max_timestamp_ms = index->times[index->time_count - 1].timestamp_ms;
        index->max_timestamp_at = index->times[index->time_count - 1].relative;
    }
    return 1;
}

static int save_file(struct kb_fs *fs, const char *path, const uint8_t *data, size_t size,
                     size_t at, enum kd_sync sync)
{
    struct kb_file *file;
    int status = fs->ops->open(fs, path, KB_OPEN_WRITE | KB_OPEN_CREATE, &file);
    if (status < 0)
        return status;
    status = kb_fs_write_all(fs, file, data, size, (int64_t)at);
    if (status >= 0)
        status = fs->ops->truncate(fs, file, (int64_t)(at + size));
    if (status >= 0 && sync == KD_SYNC_EACH)
        status = fs->ops->datasync(fs, file);
    fs->ops->close(fs, file);
    return status < 0 ? status : 0;
}

static int save_offsets(struct kd_index *index, struct kb_fs *fs, const char *path,
                        enum kd_sync sync)
{
    size_t from = index->saved_offsets, count = index->offset_count - from;
    uint8_t *data = kb_malloc(count * OFFSET_BYTES + 1);
    if (!data)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        kw_put_be32(data + i * OFFSET_BYTES, index->offsets[from + i].relative);
        kw_put_be32(data + i * OFFSET_BYTES + 4, index->offsets[from + i].position);
    }
    int status = save_file(fs, path, data, count * OFFSET_BYTES, from * OFFSET_BYTES, sync);
    kb_free(data);
    if (status >= 0)
        index->saved_offsets = from + count;
    return status;
}

static int save_times(struct kd_index *index, struct kb_fs *fs, const char *path, enum kd_sync sync)
{
    size_t from = index->saved_times, count = index->time_count - from;
    uint8_t *data = kb_malloc(count * TIME_BYTES + 1);
    if (!data)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        kw_put_be64(data + i * TIME_BYTES, (uint64_t)index->times[from + i].timestamp_ms);
        kw_put_be32(data + i * TIME_BYTES + 8, index->times[from + i].relative);
    }
    int status = save_file(fs, path, data, count * TIME_BYTES, from * TIME_BYTES, sync);
    kb_free(data);
    if (status >= 0)
        index->saved_times = from + count;
    return status;
}

static int save(struct kd_index *index, struct kb_fs *fs, const char *dir, int64_t base_offset,
                enum kd_stage stage, enum kd_sync sync)
{
    char path[KD_PATH_MAX];
    kd_file_stage_path(path, dir, base_offset, KD_SUFFIX_INDEX, stage);
    int status = save_offsets(index, fs, path, sync);
    if (status < 0)
        return status;
    kd_file_stage_path(path, dir, base_offset, KD_SUFFIX_TIMEINDEX, stage);
    status = save_times(index, fs, path, sync);
    index->is_saved = status >= 0;
    return status;
}

int kd_index_save(struct kd_index *index, struct kb_fs *fs, const char *dir, int64_t base_offset,
                  enum kd_sync sync)
{
    return index->is_saved ? 0 : save(index, fs, dir, base_offset, KD_IN_LOG, sync);
}

int kd_index_save_as(struct kd_index *index, struct kb_fs *fs, const char *dir, int64_t base_offset,
                     enum kd_stage stage)
{
    return save(index, fs, dir, base_offset, stage, KD_SYNC_EACH);
}
