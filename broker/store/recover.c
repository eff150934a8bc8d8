/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/recover.h"
#include "base/mem.h"
#include "broker/store/layout.h"
#include "broker/store/scan.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WINDOW_BYTES = 1 << 20, SMALL_FILE_MAX = 1 << 26, CUT_MAX_BYTES = 64 << 20 };

/* ---- What is there ------------------------------------------------------ */

struct listing {
    int64_t *bases, *snapshots;
    size_t base_count, snapshot_count;
    bool failed;
};

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
    struct listing *listing = ctx;
    enum kd_suffix suffix;
    int64_t offset;
    if (is_dir || !kd_file_parse(name, &offset, &suffix))
        return 0;
    if (suffix == KD_SUFFIX_LOG && !push(&listing->bases, &listing->base_count, offset))
        listing->failed = true;
    if (suffix == KD_SUFFIX_SNAPSHOT &&
        !push(&listing->snapshots, &listing->snapshot_count, offset))
        listing->failed = true;
    return listing->failed;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int list_files(struct kd_load *load, struct listing *listing)
{
    struct kb_fs *fs = load->files->fs;
    int status = fs->ops->list(fs, load->dir, note_file, listing);
    if (listing->failed)
        status = -ENOMEM;
    if (status < 0)
        return kb_error_errno(&load->err, KB_E_DISK, -status, "%s cannot be listed", load->dir);
    if (listing->base_count)
        qsort(listing->bases, listing->base_count, sizeof *listing->bases, by_value);
    if (listing->snapshot_count)
        qsort(listing->snapshots, listing->snapshot_count, sizeof *listing->snapshots, by_value);
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

static int open_segments(struct kd_load *load, const struct listing *listing)
{
    struct kb_fs *fs = load->files->fs;
    char path[KD_PATH_MAX];
    struct kb_stat stat;
    for (size_t i = 0; i < listing->base_count; i++) {
        kd_file_path(path, load->dir, listing->bases[i], KD_SUFFIX_LOG);
        int status = fs->ops->stat(fs, path, &stat);
        if (status < 0)
            return kb_error_errno(&load->err, KB_E_DISK, -status, "%s cannot be read", path);
        struct kd_segment *segment =
            kd_segment_new(load->files, load->dir, listing->bases[i], stat.size);
        if (!segment || !kd_log_push_segment(load->log, segment))
            return kb_error_set(&load->err, KB_E_NO_MEMORY, "%s: no memory to open it", load->dir);
    }
    return KB_OK;
}

/* ---- The walk ----------------------------------------------------------- */

struct walk {
    struct kd_load *load;
    void *window;
    int64_t next_offset; /* where the log is whole up to */
};

/* After a crash the cache may show what the disk does not hold. */
static int open_for_scan(struct kd_load *load, struct kd_segment *segment, struct kb_file **out)
{
    char path[KD_PATH_MAX];
    struct kb_fs *fs = load->files->fs;
    kd_file_path(path, load->dir, segment->base_offset, KD_SUFFIX_LOG);
    int status =
        fs->ops->open(fs, path, load->clean ? KB_OPEN_READ : KB_OPEN_READ | KB_OPEN_DIRECT, out);
    return status < 0 ? kb_error_errno(&load->err, KB_E_DISK, -status, "%s cannot be opened", path)
                      : KB_OK;
}

/* Walks one segment from `from`; the active one's index grows on the way.
 * *good: how far it is whole. CORRUPT_MESSAGE: and no further. */
static int walk_segment(struct walk *walk, struct kd_segment *segment, struct kb_file *file,
                        int64_t from, int64_t *good)
{
    struct kd_load *load = walk->load;
    struct kd_log *log = load->log;
    struct kw_batch_header header;
    struct kd_scan scan;
    bool active = segment == kd_log_active(log);
    int code;
    kd_scan_init(&scan, load->files->fs, file, walk->window, WINDOW_BYTES, from,
                 atomic_load(&segment->size), segment->base_offset);
    for (*good = from; !(code = kd_scan_next(&scan, true, &header)); *good = scan.position) {
        int64_t relative = kw_batch_header_last_offset(&header) - segment->base_offset;
        if (relative > INT32_MAX) {
            scan.why = "an offset too far from its segment's";
            code = KB_E_CORRUPT_MESSAGE;
            break;
        }
        if (from && *good == from && header.base_offset >= load->recovery_point) {
            scan.why = "an index that misleads";
            code = KB_E_CORRUPT_MESSAGE;
            break;
        }
        walk->next_offset = segment->base_offset + relative + 1;
        if (active)
            (void)kd_index_add(&log->index, log->index_interval_bytes, (uint32_t)relative,
                               (uint32_t)*good, kw_batch_header_size(&header),
                               header.max_timestamp_ms);
    }
    load->scanned_bytes += *good - from;
    if (code == KB_E_DISK)
        return kb_error_errno(&load->err, KB_E_DISK, -scan.status,
                              "%s/%020" PRId64 ".log cannot be read at %" PRId64, load->dir,
                              segment->base_offset, *good);
    load->cut_why = code == KB_E_CORRUPT_MESSAGE ? scan.why : NULL;
    return code == KB_E_CORRUPT_MESSAGE ? code : KB_OK;
}

static bool is_zero(const uint8_t *data, size_t size)
{
    return !size || (!data[0] && !memcmp(data, data + 1, size - 1));
}

/* For whoever wants to look at it; not being able to keep it stops nothing. */
static void keep_cut(struct kd_load *load, struct kb_file *from, int64_t at, int64_t end,
                     void *window)
{
    struct kb_fs *fs = load->files->fs;
    struct kb_file *to = NULL;
    char path[KD_PATH_MAX];
    kd_file_path(path, load->dir, load->log_end, KD_SUFFIX_CUT);
    end = KB_MIN(end, at + CUT_MAX_BYTES);
    for (int64_t start = at; at < end;) {
        int64_t aligned = at - at % KD_SCAN_ALIGN;
        struct iovec io = {window, WINDOW_BYTES};
        int64_t got = fs->ops->preadv(fs, from, &io, 1, aligned, false) - (at - aligned);
        if (got <= 0)
            break;
        got = KB_MIN(got, end - at);
        const uint8_t *data = (uint8_t *)window + (at - aligned);
        if (!to && is_zero(data, (size_t)got)) {
            at += got;
            continue;
        }
        if (!to &&
            fs->ops->open(fs, path, KB_OPEN_WRITE | KB_OPEN_CREATE | KB_OPEN_TRUNCATE, &to) < 0)
            return;
        if (kb_fs_write_all(fs, to, data, (size_t)got, at - start) < 0)
            break;
        at += got;
    }
    if (to)
        fs->ops->close(fs, to);
}

/* Cuts and syncs the tail: nothing that a reader sees may go away later. */
static int settle_tail(struct kd_load *load, struct kd_segment *segment, int64_t good)
{
    struct kb_fs *fs = load->files->fs;
    int64_t size = atomic_load(&segment->size);
    int status = kd_segment_pin(segment, 0);
    if (status >= 0) {
        status = good < size ? fs->ops->truncate(fs, segment->file, good) : 0;
        if (status >= 0 && load->sync == KD_SYNC_EACH)
            status = kd_segment_datasync(segment);
        kd_segment_unpin(segment);
    }
    if (status < 0)
        return kb_error_errno(&load->err, KB_E_DISK, -status,
                              "%s: the recovered tail cannot be synced", load->dir);
    load->cut_bytes += size - good;
    atomic_store(&segment->size, good);
    return KB_OK;
}

static int refuse(struct kd_load *load, int64_t offset, const char *why)
{
    return kb_error_set(&load->err, KB_E_CORRUPT,
                        "%s: %s at offset %" PRId64 ", below its recovery point %" PRId64
                        "; the partition stays offline and nothing is cut",
                        load->dir, why, offset, load->recovery_point);
}

/* A segment has a successor only once it was synced, so only the last may end
 * in a batch that is not whole. */
static int end_of_walk(struct walk *walk, struct kd_segment *segment, struct kb_file *file,
                       int64_t good, int code)
{
    struct kd_load *load = walk->load;
    bool last = segment == kd_log_active(load->log);
    load->log_end = walk->next_offset;
    if (code && (walk->next_offset < load->recovery_point || !last))
        return refuse(load, walk->next_offset, load->cut_why);
    if (!last)
        return KB_OK;
    if (walk->next_offset < load->recovery_point)
        return refuse(load, walk->next_offset, "the log ends");
    if (load->clean && !code)
        return KB_OK;
    if (code)
        keep_cut(load, file, good, atomic_load(&segment->size), walk->window);
    return settle_tail(load, segment, good);
}

static int walk_one(struct walk *walk, struct kd_segment *segment, int64_t from)
{
    struct kb_file *file;
    int64_t good;
    int code = open_for_scan(walk->load, segment, &file);
    if (code)
        return code;
    code = walk_segment(walk, segment, file, from, &good);
    if (!code || code == KB_E_CORRUPT_MESSAGE)
        code = end_of_walk(walk, segment, file, good, code);
    walk->load->files->fs->ops->close(walk->load->files->fs, file);
    return code;
}

/* The index of the active segment, as far as the recovery point vouches for
 * it; answers where the walk has to begin. */
static int start_index(struct kd_load *load, struct kd_segment *active, int64_t *from)
{
    struct kd_index *index = &load->log->index;
    int status = kd_index_load(index, load->files->fs, load->dir, active->base_offset,
                               atomic_load(&active->size));
    if (status < 0)
        return kb_error_errno(&load->err, KB_E_DISK, -status, "%s: its index cannot be read",
                              load->dir);
    int64_t known = KB_MAX(load->recovery_point - active->base_offset, 0);
    *from = known ? kd_index_position(index, known - 1) : 0;
    kd_index_cut(index, *from ? (uint32_t)*from + 1 : 0);
    return KB_OK;
}

/* An index that misleads costs a walk from the start, nothing else. */
static int walk_active(struct walk *walk, struct kd_segment *active)
{
    struct kd_load *load = walk->load;
    int64_t from = 0, before = walk->next_offset;
    int code = start_index(load, active, &from);
    if (code)
        return code;
    code = walk_one(walk, active, from);
    if (code != KB_E_CORRUPT || !from)
        return code;
    walk->next_offset = before;
    kb_error_clear(&load->err);
    kd_index_deinit(&load->log->index);
    return walk_one(walk, active, 0);
}

static int walk_log(struct kd_load *load)
{
    struct kd_log *log = load->log;
    struct walk walk = {.load = load, .window = kb_aligned(KD_SCAN_ALIGN, WINDOW_BYTES)};
    if (!walk.window)
        return kb_error_set(&load->err, KB_E_NO_MEMORY, "%s: no memory to recover it", load->dir);
    size_t i = log->count - 1;
    while (i > 0 && !load->clean && log->segments[i]->base_offset > load->recovery_point)
        i--;
    int code = KB_OK;
    walk.next_offset = log->segments[i]->base_offset;
    for (; !code && i < log->count; i++) {
        struct kd_segment *segment = log->segments[i];
        if (segment->base_offset < walk.next_offset ||
            (i && segment->base_offset != walk.next_offset && !load->clean))
            code = refuse(load, walk.next_offset, "a gap between segments");
        else if (i + 1 < log->count)
            code = walk_one(&walk, segment, 0);
        else
            code = walk_active(&walk, segment);
    }
    kb_free(walk.window);
    return code;
}

/* ---- Producers and epochs ----------------------------------------------- */

/* The newest snapshot that can be read and does not reach beyond the log. */
static int64_t load_snapshot(struct kd_load *load, const struct listing *listing)
{
    struct kb_fs *fs = load->files->fs;
    char path[KD_PATH_MAX], *data;
    size_t size;
    for (size_t i = listing->snapshot_count; i-- > 0;) {
        if (listing->snapshots[i] > load->log_end)
            continue;
        kd_file_path(path, load->dir, listing->snapshots[i], KD_SUFFIX_SNAPSHOT);
        if (kb_fs_load(fs, path, SMALL_FILE_MAX, &data, &size) < 0)
            continue;
        int code = kd_producers_decode(load->producers, kb_slice_of(data, size), load->now_ms);
        kb_free(data);
        if (!code)
            return listing->snapshots[i];
    }
    return load->log->segments[0]->base_offset;
}

/* Keeps the two newest that are true, and unlinks the others. */
static void sort_snapshots(struct kd_load *load, const struct listing *listing)
{
    struct kb_fs *fs = load->files->fs;
    struct kd_log *log = load->log;
    char path[KD_PATH_MAX];
    size_t n = listing->snapshot_count, good = 0;
    while (good < n && listing->snapshots[good] <= load->log_end)
        good++;
    for (size_t i = 0; i < n; i++) {
        if (i < good && i + KD_SNAPSHOTS_KEPT >= good) {
            log->snapshots[log->snapshot_count++] = listing->snapshots[i];
            continue;
        }
        kd_file_path(path, load->dir, listing->snapshots[i], KD_SUFFIX_SNAPSHOT);
        (void)fs->ops->unlink(fs, path);
    }
}

static bool load_epochs(struct kd_load *load)
{
    char path[KD_PATH_MAX], *text;
    size_t size;
    kd_path_join(path, load->dir, KD_EPOCHS_FILE);
    if (kb_fs_load(load->files->fs, path, SMALL_FILE_MAX, &text, &size) < 0)
        return false;
    int code = kd_epochs_parse(load->epochs, kb_slice_of(text, size));
    kb_free(text);
    return !code;
}

static int replay_batch(struct kd_load *load, const struct kw_batch_header *header,
                        int64_t producers_from)
{
    int code = KB_OK;
    if (header->leader_epoch > kd_epochs_latest(load->epochs))
        code = kd_epochs_assign(load->epochs, header->leader_epoch, header->base_offset, NULL);
    if (!code && header->base_offset >= producers_from)
        code = kd_producers_update(load->producers, header, load->now_ms);
    return code ? kb_error_set(&load->err, code, "%s: no memory to load its producers", load->dir)
                : KB_OK;
}

static int replay_segment(struct kd_load *load, struct kd_segment *segment, int64_t from,
                          int64_t producers_from, void *window)
{
    struct kw_batch_header header;
    struct kd_scan scan;
    int status = kd_segment_pin(segment, 0);
    if (status < 0)
        return kb_error_errno(&load->err, KB_E_DISK, -status, "%s cannot be opened", load->dir);
    kd_scan_init(&scan, load->files->fs, segment->file, window, WINDOW_BYTES, 0,
                 atomic_load(&segment->size), segment->base_offset);
    if (segment == kd_log_active(load->log))
        scan.position = kd_index_position(&load->log->index, from - segment->base_offset);
    int code = KB_OK, scanned = KB_OK;
    while (!code && !(scanned = kd_scan_next(&scan, false, &header))) {
        if (header.base_offset >= from)
            code = replay_batch(load, &header, producers_from);
    }
    kd_segment_unpin(segment);
    if (!code && scanned != KB_E_OFFSET_OUT_OF_RANGE)
        code = kb_error_set(&load->err, KB_E_CORRUPT, "%s: %s at offset %" PRId64, load->dir,
                            scan.why ? scan.why : "a read fails", scan.next_offset);
    return code;
}

static int replay(struct kd_load *load, int64_t from, int64_t producers_from)
{
    struct kd_log *log = load->log;
    int code = KB_OK;
    void *window = kb_aligned(KD_SCAN_ALIGN, WINDOW_BYTES);
    if (!window)
        return kb_error_set(&load->err, KB_E_NO_MEMORY, "%s: no memory to recover it", load->dir);
    for (size_t i = 0; !code && i < log->count; i++) {
        int64_t end = i + 1 < log->count ? log->segments[i + 1]->base_offset : load->log_end;
        if (end > from)
            code = replay_segment(load, log->segments[i], from, producers_from, window);
    }
    kb_free(window);
    return code;
}

/* ---- All of it ---------------------------------------------------------- */

/* What the state loop's roll decisions start from. */
static int describe_active(struct kd_load *load)
{
    struct kd_segment *active = kd_log_active(load->log);
    uint8_t raw[KW_BATCH_HEADER_BYTES];
    struct kw_batch_header first;
    load->active_base = active->base_offset;
    load->active_bytes = atomic_load(&active->size);
    load->active_first_ms = -1;
    load->log->allocated = load->active_bytes;
    load->log->end_offset = load->log_end;
    if (!load->active_bytes)
        return KB_OK;
    int status = kd_segment_pin(active, 0);
    if (status < 0)
        return kb_error_errno(&load->err, KB_E_DISK, -status, "%s cannot be opened", load->dir);
    if (kd_segment_read(active, raw, sizeof raw, 0, false) == (int64_t)sizeof raw) {
        kw_batch_peek(raw, &first);
        load->active_first_ms = first.max_timestamp_ms;
    }
    kd_segment_unpin(active);
    return KB_OK;
}

static int load_state(struct kd_load *load, const struct listing *listing)
{
    bool epochs = load_epochs(load);
    int64_t producers_from = load_snapshot(load, listing);
    sort_snapshots(load, listing);
    (void)kd_epochs_cut_end(load->epochs, load->log_end);
    int64_t from = epochs ? producers_from : load->log->segments[0]->base_offset;
    int code = from < load->log_end ? replay(load, from, producers_from) : KB_OK;
    return code ? code : describe_active(load);
}

/* Records deleted up to a point that the log, which was not flushed, no longer
 * reaches: it begins anew there. */
static bool lost_its_start(const struct kd_load *load)
{
    return load->log_start > load->log_end;
}

static int load_files(struct kd_load *load, const struct listing *listing)
{
    int64_t start = KB_MAX(load->log_start, 0);
    load->log = kd_log_new(load->files, load->dir, load->index_interval_bytes, start);
    if (!load->log)
        return kb_error_set(&load->err, KB_E_NO_MEMORY, "%s: no memory to open it", load->dir);
    load->log_end = load->active_base = start;
    load->active_first_ms = -1;
    if (!listing->base_count)
        return load->recovery_point > start ? refuse(load, start, "all segments are missing")
                                            : KB_OK;
    int code = open_segments(load, listing);
    if (!code)
        code = walk_log(load);
    int64_t first = load->log->count ? load->log->segments[0]->base_offset : 0;
    if (!code && load->log_start < 0)
        load->log_start = first;
    if (!code && load->log_start < first)
        code = refuse(load, load->log_start, "a segment is missing");
    if (!code && lost_its_start(load))
        code = refuse(load, load->log_end, "the log ends before its start");
    return code ? code : load_state(load, listing);
}

int kd_log_load(struct kd_load *load)
{
    struct listing listing = {0};
    kb_error_clear(&load->err);
    int code = read_identity(load);
    if (!code && !load->abandoned) {
        code = list_files(load, &listing);
        if (!code)
            code = load_files(load, &listing);
    }
    if (code) {
        kd_log_free(load->log);
        load->log = NULL;
    }
    kb_free(listing.bases);
    kb_free(listing.snapshots);
    return code;
}
