/* SPDX-License-Identifier: Apache-2.0 */
/* What the sealed segments of a log must add up to, and what of them is there
 * no more: files that a deletion or a compaction left behind. */
#include "base/mem.h"
#include "broker/store/index_file.h"
#include "broker/store/layout.h"
#include "broker/store/loading.h"
#include "broker/store/locate.h"
#include <errno.h>
#include <inttypes.h>

enum { WINDOW_BYTES = 16 * 1024 };

/* ---- Left behind -------------------------------------------------------- */

static void remove_file(struct kd_load *load, int64_t base_offset, enum kd_suffix suffix)
{
    struct kb_fs *fs = load->files->fs;
    char path[KD_PATH_MAX];
    kd_file_path(path, load->dir, base_offset, suffix);
    (void)fs->ops->unlink(fs, path);
}

size_t kd_load_skip_deleted(const struct kd_load *load, const struct kd_listing *listing)
{
    size_t skip = 0;
    while (skip + 1 < listing->base_count && listing->bases[skip + 1] <= load->log_start)
        skip++;
    return skip;
}

static int remove_staged(void *ctx, const char *name, bool is_dir)
{
    struct kd_load *load = ctx;
    struct kb_fs *fs = load->files->fs;
    char path[KD_PATH_MAX];
    enum kd_suffix suffix;
    enum kd_stage stage;
    int64_t offset;
    if (!is_dir && kd_file_parse_stage(name, &offset, &suffix, &stage) && stage != KD_IN_LOG) {
        kd_path_join(path, load->dir, name);
        (void)fs->ops->unlink(fs, path);
    }
    return 0;
}

void kd_load_clear_staged(struct kd_load *load, const struct kd_listing *listing)
{
    struct kb_fs *fs = load->files->fs;
    for (size_t i = 0, kept = 0; i < listing->base_count; i++) {
        if (kept < load->log->count && load->log->segments[kept]->base_offset == listing->bases[i])
            kept++;
        else
            remove_file(load, listing->bases[i], KD_SUFFIX_LOG);
    }
    for (size_t i = 0; i < listing->index_count; i++) {
        if (listing->index_bases[i] >= load->log->segments[0]->base_offset)
            continue;
        remove_file(load, listing->index_bases[i], KD_SUFFIX_INDEX);
        remove_file(load, listing->index_bases[i], KD_SUFFIX_TIMEINDEX);
        remove_file(load, listing->index_bases[i], KD_SUFFIX_TXNINDEX);
    }
    if (listing->any_staged)
        (void)fs->ops->list(fs, load->dir, remove_staged, load);
}

/* ---- The chain ---------------------------------------------------------- */

/* Walks the headers from a position on. True: they lead to the end of the file,
 * and *last is the last. */
static bool walk_to_end(struct kd_segment *segment, int64_t from, void *window,
                        struct kw_batch_header *last, int64_t *latest_ms)
{
    struct kw_batch_header header;
    struct kd_scan scan;
    int code;
    *latest_ms = -1;
    *last = (struct kw_batch_header){.base_offset = segment->base_offset, .last_offset_delta = -1};
    kd_scan_init(&scan, segment->files->fs, segment->file, window, WINDOW_BYTES, from,
                 atomic_load(&segment->size), segment->base_offset);
    while (!(code = kd_scan_next(&scan, false, &header))) {
        *last = header;
        *latest_ms = KB_MAX(*latest_ms, header.max_timestamp_ms);
    }
    return code == KB_E_OFFSET_OUT_OF_RANGE;
}

/* The last entry of the time index, where the batch that it speaks of agrees. */
static int64_t latest_by_index(struct kd_segment *segment)
{
    struct kb_fs *fs = segment->files->fs;
    struct kd_place place = {.segment = segment, .size = atomic_load(&segment->size)};
    struct kw_batch_header header;
    int64_t latest_ms, position, relative;
    if (!kd_index_file_last_time(fs, segment->dir, segment->base_offset, &latest_ms, &relative))
        return -1;
    int64_t from = kd_index_file_position(fs, segment->dir, segment->base_offset, relative);
    bool agrees =
        from < place.size &&
        !kd_place_seek(&place, from, segment->base_offset + relative, false, &position, &header) &&
        position < place.size && header.max_timestamp_ms == latest_ms;
    return agrees ? latest_ms : -1;
}

/* Where the segment ends by its own account, and how old it is. Its index
 * leads near the end; where it does not, the walk begins at the front. */
static bool inspect(struct kd_segment *segment, void *window, int64_t *end_offset)
{
    struct kb_fs *fs = segment->files->fs;
    struct kw_batch_header last;
    int64_t latest_ms;
    int64_t from = kd_index_file_position(fs, segment->dir, segment->base_offset, INT64_MAX);
    if (from >= atomic_load(&segment->size))
        from = 0;
    bool whole = walk_to_end(segment, from, window, &last, &latest_ms);
    segment->latest_ms = latest_by_index(segment);
    if (from && (!whole || segment->latest_ms < 0)) {
        whole = walk_to_end(segment, 0, window, &last, &latest_ms);
        from = 0;
    }
    if (segment->latest_ms < 0)
        segment->latest_ms = latest_ms;
    *end_offset = kw_batch_header_last_offset(&last) + 1;
    return whole;
}

/* A roll that found the disk full was taken back, the log went on where it was, and a
 * power loss brought the empty file back (append.c). */
static bool is_back(const struct kd_load *load, int64_t end_offset, int64_t next_base)
{
    const struct kd_segment *last = kd_log_active(load->log);
    return last->base_offset == next_base && !atomic_load(&last->size) && end_offset > next_base;
}

static void drop_last(struct kd_load *load)
{
    kd_segment_unref(kd_log_active(load->log));
    load->log->count--; /* kd_load_clear_staged unlinks it */
}

static int check(struct kd_load *load, struct kd_segment *segment, int64_t next_base, void *window)
{
    int64_t end_offset;
    int status = kd_segment_pin(segment, 0);
    if (status < 0)
        return kb_error_errno(&load->err, KB_E_DISK, -status, "%s cannot be opened", load->dir);
    bool whole = inspect(segment, window, &end_offset);
    segment->first_ms = kd_segment_first_ms(segment);
    kd_segment_unpin(segment);
    if (is_back(load, end_offset, next_base)) {
        drop_last(load);
        return KB_OK;
    }
    if (whole && end_offset == next_base) {
        if (segment->latest_ms < 0)
            segment->latest_ms = kd_segment_written_ms(segment);
        return KB_OK;
    }
    return kb_error_set(&load->err, KB_E_CORRUPT,
                        "%s: its segments have a gap from offset %" PRId64 " to %" PRId64
                        ", where a file is missing or damaged; the partition stays offline and "
                        "nothing is cut",
                        load->dir, end_offset, next_base);
}

int kd_load_check_chain(struct kd_load *load)
{
    struct kd_log *log = load->log;
    int code = KB_OK;
    if (log->count < 2)
        return KB_OK;
    void *window = kb_aligned(KD_SCAN_ALIGN, WINDOW_BYTES);
    if (!window)
        return kb_error_set(&load->err, KB_E_NO_MEMORY, "%s: no memory to recover it", load->dir);
    for (size_t i = 0; !code && i + 1 < log->count; i++)
        code = check(load, log->segments[i], log->segments[i + 1]->base_offset, window);
    kb_free(window);
    return code;
}
