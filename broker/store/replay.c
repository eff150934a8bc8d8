/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/loading.h"
#include "base/mem.h"
#include "broker/store/layout.h"
#include "broker/store/scan.h"
#include <inttypes.h>

static void drop_snapshot(struct kd_load *load, struct kd_listing *listing, size_t i)
{
    struct kb_fs *fs = load->files->fs;
    char path[KD_PATH_MAX];
    kd_file_path(path, load->dir, listing->snapshots[i], KD_SUFFIX_SNAPSHOT);
    (void)fs->ops->unlink(fs, path);
    for (listing->snapshot_count--; i < listing->snapshot_count; i++)
        listing->snapshots[i] = listing->snapshots[i + 1];
}

/* The newest snapshot that does not reach beyond the log. One that makes no sense
 * goes, so that it does not count as one of those that are kept. */
static int64_t load_snapshot(struct kd_load *load, struct kd_listing *listing)
{
    struct kb_fs *fs = load->files->fs;
    char path[KD_PATH_MAX], *data;
    size_t size;
    for (size_t i = listing->snapshot_count; i-- > 0;) {
        if (listing->snapshots[i] > load->log_end)
            continue;
        kd_file_path(path, load->dir, listing->snapshots[i], KD_SUFFIX_SNAPSHOT);
        if (kb_fs_load(fs, path, KD_LOAD_FILE_MAX, &data, &size) < 0)
            continue;
        int code = kd_producers_decode(load->producers, kb_slice_of(data, size), load->now_ms);
        kb_free(data);
        if (!code)
            return listing->snapshots[i];
        if (code == KB_E_CORRUPT)
            drop_snapshot(load, listing, i);
    }
    return load->log->segments[0]->base_offset;
}

/* Keeps the two newest that are true, and unlinks the others. */
static void sort_snapshots(struct kd_load *load, const struct kd_listing *listing)
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
    if (kb_fs_load(load->files->fs, path, KD_LOAD_FILE_MAX, &text, &size) < 0)
        return false;
    int code = kd_epochs_parse(load->epochs, kb_slice_of(text, size));
    kb_free(text);
    return !code;
}

/* A compaction leaves an empty marker where the epoch is all that is still needed of it.
 * Whatever else is no end of a transaction is passed over, as readers do. */
static int replay_control(struct kd_producers *producers, struct kd_scan *scan,
                          const struct kw_batch_header *header, int64_t now_ms,
                          struct kd_aborted *aborted)
{
    struct kw_control control;
    struct kd_aborted ended;
    int code = kd_scan_control(scan, header, &control);
    if (code == KB_E_DISK)
        return code;
    if (code || (control.type != KW_CONTROL_ABORT && control.type != KW_CONTROL_COMMIT))
        return kd_producers_update(producers, header, now_ms);
    struct kd_txn_end end = {.commit = control.type == KW_CONTROL_COMMIT,
                             .coordinator_epoch = control.coordinator_epoch};
    code = kd_producers_end(producers, header, &end, now_ms, &ended);
    kd_producers_committed(producers, INT64_MAX); /* nobody waits for it to be on the disk */
    if (!code && !end.commit && ended.first_offset >= 0)
        *aborted = ended;
    return code;
}

int kd_replay_batch(struct kd_producers *producers, struct kd_scan *scan,
                    const struct kw_batch_header *header, int64_t now_ms,
                    struct kd_aborted *aborted)
{
    *aborted = (struct kd_aborted){.producer_id = -1};
    if (header->producer_id < 0)
        return KB_OK;
    return header->attributes & KW_BATCH_CONTROL
               ? replay_control(producers, scan, header, now_ms, aborted)
               : kd_producers_update(producers, header, now_ms);
}

static int replay_batch(struct kd_load *load, struct kd_scan *scan,
                        const struct kw_batch_header *header, int64_t producers_from)
{
    struct kd_aborted aborted;
    int code = KB_OK;
    if (header->leader_epoch > kd_epochs_latest(load->epochs))
        code = kd_epochs_assign(load->epochs, header->leader_epoch, header->base_offset, NULL);
    if (!code && header->base_offset >= producers_from)
        code = kd_replay_batch(load->producers, scan, header, load->now_ms, &aborted);
    if (code == KB_E_NO_MEMORY)
        return kb_error_set(&load->err, code, "%s: no memory to load its producers", load->dir);
    return code ? kb_error_set(&load->err, KB_E_CORRUPT, "%s: %s at offset %" PRId64, load->dir,
                               scan->why ? scan->why : "a read fails", header->base_offset)
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
    kd_scan_init(&scan, load->files->fs, segment->file, window, load->window_bytes, 0,
                 atomic_load(&segment->size), segment->base_offset);
    if (segment == kd_log_active(load->log))
        scan.position = kd_index_position(&load->log->index, from - segment->base_offset);
    int code = KB_OK, scanned = KB_OK;
    while (!code && !(scanned = kd_scan_next(&scan, false, &header))) {
        if (header.base_offset >= from)
            code = replay_batch(load, &scan, &header, producers_from);
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
    void *window = kb_aligned(KD_SCAN_ALIGN, load->window_bytes);
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

int kd_load_state(struct kd_load *load, struct kd_listing *listing)
{
    bool epochs = load_epochs(load);
    int64_t producers_from = load_snapshot(load, listing);
    sort_snapshots(load, listing);
    (void)kd_epochs_cut_end(load->epochs, load->log_end);
    (void)kd_epochs_cut_start(load->epochs, load->log_start);
    int64_t from = epochs ? producers_from : load->log->segments[0]->base_offset;
    return from < load->log_end ? replay(load, from, producers_from) : KB_OK;
}
