/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/loading.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "broker/store/layout.h"
#include "broker/store/scan.h"
#include <inttypes.h>

enum { CUT_MAX_BYTES = 64 << 20 };

struct walk {
    struct kd_load *load;
    struct kd_listing *listing;
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
    kd_scan_init(&scan, load->files->fs, file, walk->window, load->window_bytes, from,
                 atomic_load(&segment->size), segment->base_offset);
    for (*good = from; !(code = kd_scan_next(&scan, !KB_MUTANT("torn-batch-kept"), &header));
         *good = scan.position) {
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
        walk->listing->walked_markers |= (header.attributes & KW_BATCH_CONTROL) != 0;
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
        struct iovec io = {window, load->window_bytes};
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
        if (status >= 0 && load->sync == KD_SYNC_EACH) /* its name, too */
            status = fs->ops->sync_dir(fs, load->dir);
        kd_segment_unpin(segment);
    }
    if (status < 0)
        return kb_error_errno(&load->err, KB_E_DISK, -status,
                              "%s: the recovered tail cannot be synced", load->dir);
    load->cut_bytes += size - good;
    atomic_store(&segment->size, good);
    return KB_OK;
}

int kd_load_refuse(struct kd_load *load, int64_t offset, const char *why)
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
        return kd_load_refuse(load, walk->next_offset, load->cut_why);
    if (!last)
        return KB_OK;
    if (walk->next_offset < load->recovery_point)
        return kd_load_refuse(load, walk->next_offset, "the log ends");
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

int kd_load_walk(struct kd_load *load, struct kd_listing *listing)
{
    struct kd_log *log = load->log;
    struct walk walk = {
        .load = load, .listing = listing, .window = kb_aligned(KD_SCAN_ALIGN, load->window_bytes)};
    if (!walk.window)
        return kb_error_set(&load->err, KB_E_NO_MEMORY, "%s: no memory to recover it", load->dir);
    size_t i = log->count - 1;
    while (i > 0 && !load->clean && log->segments[i]->base_offset > load->recovery_point)
        i--;
    int code = KB_OK;
    walk.next_offset = log->segments[i]->base_offset;
    listing->walked_from = i;
    for (; !code && i < log->count; i++) {
        struct kd_segment *segment = log->segments[i];
        if (segment->base_offset < walk.next_offset ||
            (i && segment->base_offset != walk.next_offset && !load->clean))
            code = kd_load_refuse(load, walk.next_offset, "a gap between segments");
        else if (i + 1 < log->count)
            code = walk_one(&walk, segment, 0);
        else
            code = walk_active(&walk, segment);
    }
    kb_free(walk.window);
    return code;
}
