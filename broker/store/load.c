/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/loading.h"
#include "base/mem.h"
#include "broker/store/layout.h"
#include "wire/batch.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WINDOW_BYTES = 1 << 20 };

/* ---- What is there ------------------------------------------------------ */

static bool push(int64_t **items, size_t *count, int64_t item)
{
    if (!(*count & (*count + 1))) { /* full at 2^n - 1 */
        void *grown = kb_realloc(*items, (2 * *count + 2) * sizeof **items);
        if (!grown)
            return false;
        *items = grown;
    }
    (*items)[(*count)++] = item;
    return true;
}

static int note_file(void *ctx, const char *name, bool is_dir)
{
    struct kd_listing *listing = ctx;
    enum kd_suffix suffix;
    enum kd_stage stage;
    int64_t offset;
    if (is_dir || !kd_file_parse_stage(name, &offset, &suffix, &stage))
        return 0;
    if (stage != KD_IN_LOG) {
        listing->any_staged = true;
        return 0;
    }
    if (suffix == KD_SUFFIX_LOG && !push(&listing->bases, &listing->base_count, offset))
        listing->failed = true;
    if (suffix == KD_SUFFIX_SNAPSHOT &&
        !push(&listing->snapshots, &listing->snapshot_count, offset))
        listing->failed = true;
    bool is_index =
        suffix == KD_SUFFIX_INDEX || suffix == KD_SUFFIX_TIMEINDEX || suffix == KD_SUFFIX_TXNINDEX;
    if (is_index && !push(&listing->index_bases, &listing->index_count, offset))
        listing->failed = true;
    if (suffix == KD_SUFFIX_INDEX && !push(&listing->offset_bases, &listing->offset_count, offset))
        listing->failed = true;
    if (suffix == KD_SUFFIX_TXNINDEX && !push(&listing->txn_bases, &listing->txn_count, offset))
        listing->failed = true;
    return listing->failed;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void sort(int64_t *items, size_t count)
{
    if (count)
        qsort(items, count, sizeof *items, by_value);
}

static int list_files(struct kd_load *load, struct kd_listing *listing)
{
    struct kb_fs *fs = load->files->fs;
    int status = fs->ops->list(fs, load->dir, note_file, listing);
    if (listing->failed)
        status = -ENOMEM;
    if (status < 0)
        return kb_error_errno(&load->err, KB_E_DISK, -status, "%s cannot be listed", load->dir);
    sort(listing->bases, listing->base_count);
    sort(listing->snapshots, listing->snapshot_count);
    sort(listing->offset_bases, listing->offset_count);
    sort(listing->txn_bases, listing->txn_count);
    return KB_OK;
}

/* ---- partition.metadata ------------------------------------------------- */

size_t kd_partition_file_format(struct kb_uuid topic_id, char out[KD_PARTITION_FILE_MAX])
{
    char text[KB_UUID_TEXT];
    kb_uuid_format(topic_id, text);
    return (size_t)snprintf(out, KD_PARTITION_FILE_MAX, "version: 0\ntopic_id: %s", text);
}

/* The file is durable before the first segment is made: a directory without
 * it never held a record that anybody was told of. */
static int read_identity(struct kd_load *load)
{
    static const char before[] = "version: 0\ntopic_id: ";
    char path[KD_PATH_MAX], *text;
    size_t size;
    kd_path_join(path, load->dir, KD_PARTITION_FILE);
    int status = kb_fs_load(load->files->fs, path, 4096, &text, &size);
    if (status == -ENOENT) {
        load->abandoned = true;
        return KB_OK;
    }
    if (status < 0)
        return kb_error_errno(&load->err, KB_E_DISK, -status, "%s cannot be read", path);
    bool known = !strncmp(text, before, sizeof before - 1);
    char *id = text + (known ? sizeof before - 1 : 0);
    id[strcspn(id, "\r\n")] = 0;
    known = known && kb_uuid_parse(id, &load->topic_id);
    kb_free(text);
    return known ? KB_OK
                 : kb_error_set(&load->err, KB_E_CORRUPT, "%s does not name a topic id", path);
}

/* ---- Segments ----------------------------------------------------------- */

static int open_segments(struct kd_load *load, const struct kd_listing *listing)
{
    struct kb_fs *fs = load->files->fs;
    char path[KD_PATH_MAX];
    struct kb_stat stat;
    for (size_t i = kd_load_skip_deleted(load, listing); i < listing->base_count; i++) {
        kd_file_path(path, load->dir, listing->bases[i], KD_SUFFIX_LOG);
        int status = fs->ops->stat(fs, path, &stat);
        if (status < 0)
            return kb_error_errno(&load->err, KB_E_DISK, -status, "%s cannot be read", path);
        if (!stat.size && load->log->count && i + 1 < listing->base_count)
            continue; /* a roll failed; were it more, the chain would not hold */
        struct kd_segment *segment =
            kd_segment_new(load->files, load->dir, listing->bases[i], stat.size);
        if (!segment || !kd_log_push_segment(load->log, segment))
            return kb_error_set(&load->err, KB_E_NO_MEMORY, "%s: no memory to open it", load->dir);
    }
    return KB_OK;
}

/* ---- All of it ---------------------------------------------------------- */

static void begin_active(struct kd_load *load, int64_t base_offset)
{
    load->active = (struct kd_active){.base_offset = base_offset,
                                      .first_time_ms = -1,
                                      .latest_ms = -1,
                                      .created_ms = load->now_ms};
}

/* What the state loop's decisions on it start from. */
static int describe_active(struct kd_load *load)
{
    struct kd_segment *active = kd_log_active(load->log);
    const struct kd_index *index = &load->log->index;
    begin_active(load, active->base_offset);
    load->active.bytes = atomic_load(&active->size);
    load->active.index_entries = (int64_t)index->offset_count;
    load->active.unindexed_bytes = index->bytes_since;
    load->log->allocated = load->active.bytes;
    load->log->end_offset = load->log_end;
    if (!load->active.bytes)
        return KB_OK;
    int status = kd_segment_pin(active, 0);
    if (status < 0)
        return kb_error_errno(&load->err, KB_E_DISK, -status, "%s cannot be opened", load->dir);
    load->active.first_time_ms = kd_segment_first_ms(active);
    kd_segment_unpin(active);
    load->active.latest_ms =
        index->max_timestamp_ms >= 0 ? index->max_timestamp_ms : kd_segment_written_ms(active);
    return KB_OK;
}

/* Records were deleted up to a point that the log, which was not flushed, no
 * longer reaches: it begins anew there. */
static int begin_anew(struct kd_load *load)
{
    int status = kd_log_restart(load->log, load->log_start);
    load->log_end = load->log_start;
    begin_active(load, load->log_start);
    return status < 0 ? kb_error_errno(&load->err, KB_E_DISK, -status,
                                       "%s: what was deleted cannot be unlinked", load->dir)
                      : KB_OK;
}

static int check_start(struct kd_load *load)
{
    int64_t first = load->log->segments[0]->base_offset;
    if (load->log_start < 0)
        load->log_start = first;
    return load->log_start < first ? kd_load_refuse(load, load->log_start, "a segment is missing")
                                   : KB_OK;
}

/* The walk comes last of what may refuse the log, for it cuts the tail. */
static int load_files(struct kd_load *load, struct kd_listing *listing)
{
    int64_t start = KB_MAX(load->log_start, 0);
    load->log = kd_log_new(load->files, load->dir, load->index_interval_bytes, start);
    if (!load->log)
        return kb_error_set(&load->err, KB_E_NO_MEMORY, "%s: no memory to open it", load->dir);
    load->log_end = start;
    begin_active(load, start);
    if (!listing->base_count)
        return load->recovery_point > start
                   ? kd_load_refuse(load, start, "all segments are missing")
                   : KB_OK;
    int code = open_segments(load, listing);
    if (!code)
        code = check_start(load);
    if (!code)
        code = kd_load_check_chain(load);
    if (!code)
        code = kd_load_walk(load, listing);
    if (!code)
        kd_load_clear_staged(load, listing);
    if (!code && load->log_start > load->log_end)
        return begin_anew(load);
    if (!code)
        code = kd_load_aborted(load, listing);
    if (!code)
        code = kd_load_state(load, listing);
    return code ? code : describe_active(load);
}

int kd_log_load(struct kd_load *load)
{
    struct kd_listing listing = {0};
    kb_error_clear(&load->err);
    if (!load->window_bytes)
        load->window_bytes = WINDOW_BYTES;
    int code = read_identity(load);
    if (!code && !load->abandoned)
        code = kd_load_finish_swaps(load);
    if (!code)
        code = list_files(load, &listing);
    if (!code && load->abandoned && listing.base_count) {
        load->abandoned = false;
        code = kb_error_set(&load->err, KB_E_CORRUPT,
                            "%s holds segments, but no " KD_PARTITION_FILE, load->dir);
    }
    if (!code && !load->abandoned)
        code = load_files(load, &listing);
    if (code) {
        kd_log_free(load->log);
        load->log = NULL;
    }
    kb_free(listing.bases);
    kb_free(listing.snapshots);
    kb_free(listing.index_bases);
    kb_free(listing.offset_bases);
    kb_free(listing.txn_bases);
    return code;
}
