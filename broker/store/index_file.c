/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/index_file.h"
#include "broker/store/layout.h"
#include "wire/be.h"

enum { ENTRY_MAX_BYTES = 12 };

struct table {
    struct kb_fs *fs;
    struct kb_file *file;
    size_t entry_bytes;
    int64_t count;
};

static bool open_table(struct table *table, struct kb_fs *fs, const char *dir, int64_t base_offset,
                       enum kd_suffix suffix, size_t entry_bytes)
{
    char path[KD_PATH_MAX];
    struct kb_stat stat;
    kd_file_path(path, dir, base_offset, suffix);
    if (fs->ops->stat(fs, path, &stat) < 0 ||
        fs->ops->open(fs, path, KB_OPEN_READ, &table->file) < 0)
        return false;
    table->fs = fs;
    table->entry_bytes = entry_bytes;
    table->count = stat.size / (int64_t)entry_bytes;
    return true;
}

static bool entry_at(const struct table *table, int64_t i, uint8_t out[ENTRY_MAX_BYTES])
{
    return i >= 0 && i < table->count &&
           kb_fs_read_all(table->fs, table->file, out, table->entry_bytes,
                          i * (int64_t)table->entry_bytes) >= 0;
}

/* How many entries from the front the key is not below (or, strict, is above). */
static int64_t count_below(const struct table *table, int64_t key,
                           int64_t (*key_of)(const uint8_t *), bool strict)
{
    uint8_t raw[ENTRY_MAX_BYTES];
    int64_t low = 0, high = table->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (!entry_at(table, middle, raw))
            return 0;
        int64_t at = key_of(raw);
        if (strict ? at < key : at <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t relative_of(const uint8_t *raw)
{
    return kw_get_be32(raw);
}

static int64_t timestamp_of(const uint8_t *raw)
{
    return (int64_t)kw_get_be64(raw);
}

int64_t kd_index_file_position(struct kb_fs *fs, const char *dir, int64_t base_offset,
                               int64_t relative)
{
    struct table table;
    uint8_t raw[ENTRY_MAX_BYTES];
    if (!open_table(&table, fs, dir, base_offset, KD_SUFFIX_INDEX, 8))
        return 0;
    int64_t n = count_below(&table, relative, relative_of, false);
    int64_t position = entry_at(&table, n - 1, raw) ? kw_get_be32(raw + 4) : 0;
    fs->ops->close(fs, table.file);
    return position;
}

uint32_t kd_index_file_time(struct kb_fs *fs, const char *dir, int64_t base_offset,
                            int64_t timestamp_ms, int64_t *max_ms)
{
    struct table table;
    uint8_t raw[ENTRY_MAX_BYTES];
    *max_ms = -1;
    if (!open_table(&table, fs, dir, base_offset, KD_SUFFIX_TIMEINDEX, 12))
        return 0;
    if (entry_at(&table, table.count - 1, raw))
        *max_ms = timestamp_of(raw);
    int64_t n = count_below(&table, timestamp_ms, timestamp_of, true);
    uint32_t relative = entry_at(&table, n - 1, raw) ? kw_get_be32(raw + 8) : 0;
    fs->ops->close(fs, table.file);
    return relative;
}

bool kd_index_file_last_time(struct kb_fs *fs, const char *dir, int64_t base_offset,
                             int64_t *timestamp_ms, int64_t *relative)
{
    struct table table;
    uint8_t raw[ENTRY_MAX_BYTES];
    if (!open_table(&table, fs, dir, base_offset, KD_SUFFIX_TIMEINDEX, 12))
        return false;
    bool there = entry_at(&table, table.count - 1, raw);
    fs->ops->close(fs, table.file);
    if (!there)
        return false;
    *timestamp_ms = timestamp_of(raw);
    *relative = kw_get_be32(raw + 8);
    return true;
}
