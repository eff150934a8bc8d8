/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .txnindex files of a log that is loaded. Each is read, and where one makes no
 * sense, or speaks of what lies behind the recovery point, or the walk met markers there,
 * all from that segment on are built again from the batches. The scan that does it begins
 * at a snapshot of the producers, which knows the transactions that are open there; without
 * one, at the log's first segment.
 */
#include "base/mem.h"
#include "broker/store/layout.h"
#include "broker/store/loading.h"
#include "broker/store/txn_file.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool is_among(const int64_t *items, size_t count, int64_t item)
{
    return count && bsearch(&item, items, count, sizeof item, by_value);
}

static bool has_index(const struct kd_listing *listing, const struct kd_segment *segment)
{
    return is_among(listing->offset_bases, listing->offset_count, segment->base_offset);
}

static int disk_error(struct kd_load *load, int status)
{
    load->passing = status == -ENOSPC || status == -ENOMEM;
    if (status == -ENOMEM)
        return kb_error_set(&load->err, KB_E_NO_MEMORY, "%s: no memory to recover it", load->dir);
    return kb_error_errno(&load->err, KB_E_DISK, -status,
                          "%s: its aborted transactions cannot be indexed", load->dir);
}

static int64_t end_of(const struct kd_load *load, size_t i)
{
    const struct kd_log *log = load->log;
    return i + 1 < log->count ? log->segments[i + 1]->base_offset : load->log_end;
}

/* ---- What is there ------------------------------------------------------ */

/* Behind the recovery point an entry may be there without its marker. 1: it holds. */
static int check(struct kd_load *load, const struct kd_listing *listing, size_t i)
{
    struct kd_segment *segment = load->log->segments[i];
    int64_t end = end_of(load, i);
    char path[KD_PATH_MAX];
    bool sealed = i + 1 < load->log->count;
    if (!load->clean && i >= listing->walked_from) {
        if (listing->walked_markers)
            return 0;
        end = KB_MIN(end, load->recovery_point);
    }
    if (sealed && !has_index(listing, segment))
        return 0; /* whoever removed that has removed them all */
    if (!is_among(listing->txn_bases, listing->txn_count, segment->base_offset))
        return 1;
    kd_file_path(path, load->dir, segment->base_offset, KD_SUFFIX_TXNINDEX);
    return kd_txn_file_check(load->files->fs, path, segment->base_offset, end,
                             &segment->aborted_bytes, &segment->aborted_last);
}

/* ---- Built again -------------------------------------------------------- */

struct rebuild {
    struct kd_load *load;
    const struct kd_listing *listing;
    struct kd_producers producers;
    int64_t from; /* the producers know what lies before */
    void *window;
};

/* The newest that is not behind the offset; the log's beginning knows nobody. */
static int load_producers(struct rebuild *rebuild, int64_t offset)
{
    const struct kd_listing *listing = rebuild->listing;
    struct kd_load *load = rebuild->load;
    char path[KD_PATH_MAX], *data;
    size_t size;
    rebuild->from = load->log->segments[0]->base_offset;
    for (size_t i = listing->snapshot_count; i-- > 0;) {
        if (listing->snapshots[i] > offset || listing->snapshots[i] < rebuild->from)
            continue;
        kd_file_path(path, load->dir, listing->snapshots[i], KD_SUFFIX_SNAPSHOT);
        if (kb_fs_load(load->files->fs, path, KD_LOAD_FILE_MAX, &data, &size) < 0)
            continue;
        int code = kd_producers_decode(&rebuild->producers, kb_slice_of(data, size), load->now_ms);
        kb_free(data);
        if (code == KB_E_NO_MEMORY)
            return -ENOMEM;
        if (!code) {
            rebuild->from = listing->snapshots[i];
            return 0;
        }
    }
    return 0;
}

/* What a segment's batches say. */
struct made {
    struct kd_txn_writer aborted;
    struct kd_index index;
};

static int note_batch(struct rebuild *rebuild, const struct kd_segment *segment,
                      struct kd_scan *scan, const struct kw_batch_header *header, struct made *made)
{
    struct kd_load *load = rebuild->load;
    struct kd_aborted aborted = {.producer_id = -1};
    int64_t relative = kw_batch_header_last_offset(header) - segment->base_offset;
    size_t size = kw_batch_header_size(header);
    int code = header->base_offset < rebuild->from
                   ? KB_OK
                   : kd_replay_batch(&rebuild->producers, scan, header, load->now_ms, &aborted);
    if (code || !made)
        return code;
    (void)kd_index_add(&made->index, load->index_interval_bytes, (uint32_t)relative,
                       (uint32_t)(scan->position - (int64_t)size), size,
                       header->record_count ? header->max_timestamp_ms : -1);
    if (aborted.producer_id >= 0)
        scan->status = kd_txn_writer_add(&made->aborted, &aborted);
    return scan->status < 0 ? KB_E_DISK : KB_OK;
}

/* made NULL: only the producers are told. A segment that is damaged ends there: what lies
 * behind cannot be read either, and nothing may refuse the log any more. */
static int scan_segment(struct rebuild *rebuild, struct kd_segment *segment, struct made *made)
{
    struct kd_load *load = rebuild->load;
    struct kw_batch_header header;
    struct kd_scan scan;
    int code;
    kd_scan_init(&scan, load->files->fs, segment->file, rebuild->window, load->window_bytes, 0,
                 atomic_load(&segment->size), segment->base_offset);
    do {
        code = kd_scan_next(&scan, false, &header);
        if (!code)
            code = note_batch(rebuild, segment, &scan, &header, made);
    } while (!code);
    if (code == KB_E_NO_MEMORY)
        return -ENOMEM;
    if (code == KB_E_DISK)
        return scan.status;
    return 0;
}

/* The file is whole under another name before it takes its own. */
static int put_in_place(struct kd_load *load, struct kd_segment *segment,
                        struct kd_txn_writer *writer)
{
    struct kb_fs *fs = load->files->fs;
    char path[KD_PATH_MAX];
    kd_file_path(path, load->dir, segment->base_offset, KD_SUFFIX_TXNINDEX);
    int status = kd_txn_writer_finish(writer);
    if (status >= 0)
        status =
            writer->bytes ? fs->ops->rename(fs, writer->path, path) : fs->ops->unlink(fs, path);
    if (status < 0)
        return !writer->bytes && status == -ENOENT ? 0 : status;
    segment->aborted_bytes = writer->bytes;
    segment->aborted_last = writer->last_offset;
    return fs->ops->sync_dir(fs, load->dir);
}

/* The offset index goes last: without it, this is done once more. */
static int rebuild_segment(struct rebuild *rebuild, struct kd_segment *segment, bool indexed)
{
    struct kd_load *load = rebuild->load;
    struct kb_fs *fs = load->files->fs;
    struct made made;
    segment->aborted_bytes = 0;
    segment->aborted_last = -1;
    kd_index_init(&made.index);
    kd_txn_writer_init(&made.aborted, fs, load->dir, segment->base_offset, KD_CLEANED);
    int status = scan_segment(rebuild, segment, &made);
    if (status >= 0)
        status = put_in_place(load, segment, &made.aborted);
    kd_index_finish(&made.index);
    if (status >= 0 && !indexed)
        status = kd_index_save(&made.index, fs, load->dir, segment->base_offset, KD_SYNC_EACH);
    kd_txn_writer_deinit(&made.aborted);
    kd_index_deinit(&made.index);
    return status;
}

static int rebuild_from(struct rebuild *rebuild, size_t first)
{
    struct kd_load *load = rebuild->load;
    int status = 0;
    for (size_t i = 0; status >= 0 && i < load->log->count; i++) {
        struct kd_segment *segment = load->log->segments[i];
        if (i < first && end_of(load, i) <= rebuild->from)
            continue; /* the snapshot knows */
        status = kd_segment_pin(segment, 0);
        if (status < 0)
            break;
        bool indexed = i + 1 == load->log->count || has_index(rebuild->listing, segment);
        status = i < first ? scan_segment(rebuild, segment, NULL)
                           : rebuild_segment(rebuild, segment, indexed);
        kd_segment_unpin(segment);
    }
    return status;
}

static int rebuild(struct kd_load *load, const struct kd_listing *listing, size_t first)
{
    struct rebuild work = {
        .load = load, .listing = listing, .window = kb_aligned(KD_SCAN_ALIGN, load->window_bytes)};
    if (!work.window)
        return disk_error(load, -ENOMEM);
    kd_producers_init(&work.producers, load->producers->by_id.seed);
    int status = load_producers(&work, load->log->segments[first]->base_offset);
    if (status >= 0)
        status = rebuild_from(&work, first);
    kd_producers_deinit(&work.producers);
    kb_free(work.window);
    return status < 0 ? disk_error(load, status) : KB_OK;
}

int kd_load_aborted(struct kd_load *load, const struct kd_listing *listing)
{
    struct kd_log *log = load->log;
    size_t first = log->count;
    for (size_t i = log->count; i-- > 0;) {
        int status = check(load, listing, i);
        if (status < 0)
            return disk_error(load, status);
        if (!status)
            first = i;
    }
    int code = first < log->count ? rebuild(load, listing, first) : KB_OK;
    kd_log_recount_aborted(log);
    return code;
}
