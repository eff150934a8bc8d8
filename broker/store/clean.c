/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/clean.h"
#include "base/mem.h"
#include "broker/core/compact.h"
#include "broker/store/layout.h"
#include "broker/store/swap.h"
#include "broker/store/txn_file.h"
#include <errno.h>

enum {
    CHUNK_BYTES = 1 << 20, /* read in one step, or one batch that is larger */
    SYNC_BYTES = 8 << 20,  /* written between two syncs, so that the last has little to do */
    GROUP_MAX_BYTES = INT32_MAX / 4 * 3 /* positions have 31 bits */
};

typedef int clean_phase(struct kd_clean *clean);

struct kd_clean {
    struct kd_log *log;
    struct kd_clean_ask ask;
    clean_phase *phase;
    struct kd_clean_report report;
    struct kd_key_map map;
    struct kd_txn_sieve txns;
    struct kd_compactor compactor;
    struct kw_codec_ctx *codec;
    /* As they were at the start, referenced; each ends where the next begins. */
    struct kd_segment **segments;
    size_t count;
    int64_t *ends;
    /* What is being read. */
    size_t at;                  /* segment */
    int64_t position, expected; /* there; and the least offset that may follow */
    struct kd_scratch chunk;
    /* The group that is being written: segments [first, behind). */
    size_t first, behind;
    struct kb_file *file;       /* NULL: none */
    struct kd_segment *swapped; /* kept open until the end if the swap failed */
    struct kd_index index;
    struct kd_txn_writer aborted;
    struct kd_scratch out;
    size_t out_size;
    int64_t written, unsynced;
    int64_t next_offset; /* behind the last batch that was taken over */
    bool changed;
};

static clean_phase begin_map, map_chunk, begin_group, copy_chunk, end_group;

/* ---- Life --------------------------------------------------------------- */

/* The sealed segments below ask.until. */
static bool take_segments(struct kd_clean *clean)
{
    struct kd_log *log = clean->log;
    pthread_mutex_lock(&log->lock);
    size_t most = log->count ? log->count - 1 : 0, count = 0;
    clean->segments = KB_NEW_ARRAY(struct kd_segment *, most + 1);
    clean->ends = KB_NEW_ARRAY(int64_t, most + 1);
    bool there = clean->segments && clean->ends;
    while (there && count < most && log->segments[count + 1]->base_offset <= clean->ask.until) {
        clean->segments[count] = kd_segment_ref(log->segments[count]);
        clean->ends[count] = log->segments[count + 1]->base_offset;
        count++;
    }
    clean->count = count;
    pthread_mutex_unlock(&log->lock);
    return there;
}

/* The first that is not clean. */
static size_t first_dirty(const struct kd_clean *clean)
{
    size_t i = 0;
    while (i < clean->count && clean->ends[i] <= clean->ask.from)
        i++;
    return i;
}

/* All of it is stable: what was aborted there is in the index. */
static int learn_aborted(struct kd_clean *clean)
{
    struct kd_aborted_ask ask = {clean->segments[clean->at]->base_offset, clean->ends[clean->at],
                                 KD_CLEAN_ABORTED_MAX};
    struct kd_aborted_list list;
    int64_t until;
    int status = kd_log_aborted(clean->log, &ask, &list, &until);
    if (status < 0)
        return status;
    kd_txn_sieve_learn(&clean->txns, list.items, list.count);
    return until < ask.to ? -ENOBUFS : 0;
}

static int read_segment(struct kd_clean *clean, size_t at)
{
    clean->at = at;
    clean->position = 0;
    if (at == clean->count)
        return 0;
    clean->expected = clean->segments[at]->base_offset;
    return learn_aborted(clean);
}

struct kd_clean *kd_clean_new(struct kd_log *log, const struct kd_clean_ask *ask)
{
    struct kd_clean *clean = KB_NEW(struct kd_clean);
    if (!clean)
        return NULL;
    clean->log = log;
    clean->ask = *ask;
    clean->phase = begin_map;
    clean->report.end = ask->from;
    kd_index_init(&clean->index);
    kd_txn_sieve_init(&clean->txns, ask->secret.k[0]);
    clean->codec = kw_codec_ctx_new();
    int64_t keys = KB_MAX(ask->until - ask->from, 0);
    if (!clean->codec || !take_segments(clean) ||
        !kd_key_map_init(&clean->map, keys, ask->map_bytes, ask->secret)) {
        kd_clean_free(clean);
        return NULL;
    }
    return clean;
}

static int begin_map(struct kd_clean *clean)
{
    int status = read_segment(clean, first_dirty(clean));
    clean->phase = map_chunk;
    return status < 0 ? status : 1;
}

static void close_file(struct kd_clean *clean)
{
    struct kb_fs *fs = clean->log->files->fs;
    if (clean->file)
        fs->ops->close(fs, clean->file);
    clean->file = NULL;
    kd_txn_writer_deinit(&clean->aborted);
}

void kd_clean_free(struct kd_clean *clean)
{
    if (!clean)
        return;
    close_file(clean);
    if (clean->swapped) {
        kd_segment_unpin(clean->swapped);
        kd_segment_unref(clean->swapped);
    }
    for (size_t i = 0; i < clean->count; i++)
        kd_segment_unref(clean->segments[i]);
    kd_index_deinit(&clean->index);
    kd_key_map_deinit(&clean->map);
    kd_txn_sieve_deinit(&clean->txns);
    kd_compactor_deinit(&clean->compactor);
    if (clean->codec)
        kw_codec_ctx_free(clean->codec);
    kb_free(clean->segments);
    kb_free(clean->ends);
    kd_scratch_deinit(&clean->chunk);
    kd_scratch_deinit(&clean->out);
    kb_free(clean);
}

struct kd_clean_report kd_clean_report(const struct kd_clean *clean)
{
    return clean->report;
}

void kd_clean_give_up(struct kd_clean *clean)
{
    if (!clean->file)
        return;
    close_file(clean);
    kd_log_drop_made(clean->log, clean->segments[clean->first]->base_offset);
}

int kd_clean_step(struct kd_clean *clean)
{
    int status = clean->phase(clean);
    if (status < 0)
        kd_clean_give_up(clean);
    return status;
}

/* ---- Reading ------------------------------------------------------------ */

static int status_of(int code)
{
    return !code ? 0 : code == KB_E_NO_MEMORY ? -ENOMEM : -EBADMSG;
}

static int read_at(struct kd_clean *clean, size_t size)
{
    struct kd_segment *segment = clean->segments[clean->at];
    if (!kd_scratch_reserve(&clean->chunk, size))
        return -ENOMEM;
    int status = kd_segment_pin(segment, 0);
    if (status < 0)
        return status;
    status =
        kb_fs_read_all(segment->files->fs, segment->file, clean->chunk.data, size, clean->position);
    kd_segment_unpin(segment);
    return status < 0 ? status : 0;
}

/* What lies at the position: a whole batch at least. */
static int read_chunk(struct kd_clean *clean, struct kb_slice *out)
{
    struct kw_batch_header header;
    int64_t left = atomic_load(&clean->segments[clean->at]->size) - clean->position;
    size_t size = (size_t)KB_MIN(left, (int64_t)CHUNK_BYTES);
    if (size < KW_BATCH_HEADER_BYTES)
        return -EBADMSG;
    int status = read_at(clean, size);
    if (status < 0)
        return status;
    kw_batch_peek(clean->chunk.data, &header);
    if ((int64_t)kw_batch_header_size(&header) > left)
        return -EBADMSG;
    if (kw_batch_header_size(&header) > size) {
        size = kw_batch_header_size(&header);
        status = read_at(clean, size);
    }
    *out = kb_slice_of(clean->chunk.data, size);
    return status;
}

static bool is_read(const struct kd_clean *clean)
{
    return clean->position >= atomic_load(&clean->segments[clean->at]->size);
}

/* A checksum says nothing of a batch's place. */
static bool is_in_place(struct kd_clean *clean, const struct kw_batch_header *header)
{
    int64_t last = kw_batch_header_last_offset(header);
    if (header->base_offset < clean->expected || last >= clean->ends[clean->at])
        return false;
    clean->expected = last + 1;
    return true;
}

enum { GO_ON, STOP }; /* each()'s answer, or -errno */

/* Hands over the whole batches of a chunk. */
static int walk_chunk(struct kd_clean *clean,
                      int (*each)(struct kd_clean *clean, const struct kw_batch *batch))
{
    struct kw_batch_iter it;
    struct kw_batch batch;
    struct kb_slice chunk;
    int status = read_chunk(clean, &chunk);
    if (status < 0)
        return status;
    kw_batch_iter_init(&it, chunk, SIZE_MAX);
    while (status == GO_ON && kw_batch_iter_next(&it, &batch))
        status = is_in_place(clean, &batch.header) ? each(clean, &batch) : -EBADMSG;
    clean->position += (int64_t)(chunk.size - it.rest.size);
    return it.code ? -EBADMSG : status;
}

/* ---- Map ---------------------------------------------------------------- */

static int note_batch(struct kd_clean *clean, const struct kw_batch *batch)
{
    int64_t last_offset = kw_batch_header_last_offset(&batch->header);
    if (last_offset < clean->report.end)
        return GO_ON;
    int code = kd_compact_note(&clean->map, &clean->txns, clean->codec, batch);
    if (code == KB_E_LIMIT && clean->report.end == clean->ask.from)
        return -ENOBUFS;
    if (code == KB_E_LIMIT)
        return STOP;
    if (!code)
        clean->report.end = last_offset + 1;
    return status_of(code);
}

/* The map is as full as it gets: what it knows decides. */
static int begin_copy(struct kd_clean *clean)
{
    clean->compactor = (struct kd_compactor){
        .latest = &clean->map,
        .txns = &clean->txns,
        .end = clean->report.end,
        .now_ms = clean->ask.now_ms,
        .delete_retention_ms = clean->ask.delete_retention_ms,
        .kept = clean->ask.kept,
        .kept_count = clean->ask.kept_count,
        .codec = clean->codec,
    };
    clean->behind = 0;
    clean->phase = begin_group;
    return 1;
}

static int map_chunk(struct kd_clean *clean)
{
    if (clean->at == clean->count)
        return begin_copy(clean);
    int status =
        is_read(clean) ? read_segment(clean, clean->at + 1) : walk_chunk(clean, note_batch);
    if (status == STOP)
        return begin_copy(clean);
    return status < 0 ? status : 1;
}

/* ---- Copy --------------------------------------------------------------- */

/* The group takes its next neighbour as well. */
static void take_neighbour(struct kd_clean *clean)
{
    clean->report.bytes_before += atomic_load(&clean->segments[clean->behind]->size);
    clean->behind++;
}

/* Whether the next segment shall follow in the same new one: behind less than half a
 * segment, or if all of it fits. So none comes out larger than one and a half. */
static bool fits_neighbour(const struct kd_clean *clean, size_t more_bytes)
{
    size_t next = clean->behind;
    int64_t base_offset = clean->segments[clean->first]->base_offset;
    int64_t bytes = clean->written + (int64_t)(clean->out_size + more_bytes);
    if (next == clean->count || clean->segments[next]->base_offset >= clean->report.end ||
        clean->ends[next] - 1 - base_offset > INT32_MAX)
        return false;
    int64_t all_bytes = bytes + atomic_load(&clean->segments[next]->size);
    return all_bytes <= clean->ask.segment_bytes ||
           (bytes <= clean->ask.segment_bytes / 2 && all_bytes <= GROUP_MAX_BYTES);
}

static int begin_group(struct kd_clean *clean)
{
    struct kb_fs *fs = clean->log->files->fs;
    char path[KD_PATH_MAX];
    if (clean->behind == clean->count ||
        clean->segments[clean->behind]->base_offset >= clean->report.end)
        return 0;
    clean->first = clean->behind;
    int status = read_segment(clean, clean->first);
    if (status < 0)
        return status;
    clean->written = clean->unsynced = 0;
    clean->changed = false;
    take_neighbour(clean);
    clean->phase = copy_chunk;
    kd_index_deinit(&clean->index);
    int64_t base_offset = clean->segments[clean->first]->base_offset;
    clean->next_offset = base_offset;
    kd_txn_writer_init(&clean->aborted, fs, clean->log->dir, base_offset, KD_CLEANED);
    kd_file_stage_path(path, clean->log->dir, base_offset, KD_SUFFIX_LOG, KD_CLEANED);
    int flags = KB_OPEN_WRITE | KB_OPEN_CREATE | KB_OPEN_TRUNCATE;
    status = fs->ops->open(fs, path, flags, &clean->file);
    return status < 0 ? status : 1;
}

/* Its place in the new segment: behind what waits to be written. */
static int put(struct kd_clean *clean, const struct kd_compacted *left)
{
    int64_t at = clean->written + (int64_t)clean->out_size;
    int64_t last = kw_batch_header_last_offset(&left->header);
    int64_t relative = last - clean->segments[clean->first]->base_offset;
    clean->next_offset = last + 1;
    if (at + (int64_t)left->bytes.size > INT32_MAX)
        return -EFBIG;
    if (!kd_scratch_reserve(&clean->out, clean->out_size + left->bytes.size))
        return -ENOMEM;
    memcpy(clean->out.data + clean->out_size, left->bytes.data, left->bytes.size);
    clean->out_size += left->bytes.size;
    (void)kd_index_add(&clean->index, clean->log->index_interval_bytes, (uint32_t)relative,
                       (uint32_t)at, left->bytes.size,
                       left->header.record_count ? left->header.max_timestamp_ms : -1);
    return GO_ON;
}

/* The marker stays, and something before it: so does what the index says of it. */
static int put_aborted(struct kd_clean *clean, const struct kw_batch *batch)
{
    const struct kd_aborted *aborted = kd_txn_sieve_find(&clean->txns, &batch->header);
    return aborted ? kd_txn_writer_add(&clean->aborted, aborted) : 0;
}

static int copy_batch(struct kd_clean *clean, const struct kw_batch *batch)
{
    struct kd_compacted left;
    bool last = kw_batch_header_last_offset(&batch->header) + 1 == clean->ends[clean->at];
    if (last && fits_neighbour(clean, batch->bytes.size)) {
        take_neighbour(clean);
        clean->changed = true;
        last = false;
    }
    int code = kd_compact_batch(&clean->compactor, batch, last, &left);
    if (code)
        return status_of(code);
    clean->changed |= left.changed;
    int status = left.ends ? put_aborted(clean, batch) : 0;
    if (status < 0)
        return status;
    return left.bytes.size ? put(clean, &left) : GO_ON;
}

static int write_out(struct kd_clean *clean)
{
    struct kb_fs *fs = clean->log->files->fs;
    int status = kb_fs_write_all(fs, clean->file, clean->out.data, clean->out_size, clean->written);
    if (status < 0)
        return status;
    clean->written += (int64_t)clean->out_size;
    clean->unsynced += (int64_t)clean->out_size;
    clean->out_size = 0;
    if (clean->unsynced < SYNC_BYTES)
        return 0;
    clean->unsynced = 0;
    return kd_files_datasync(clean->log->files, clean->file);
}

static int copy_chunk(struct kd_clean *clean)
{
    if (is_read(clean) && clean->at + 1 == clean->behind) {
        clean->phase = end_group;
        return 1;
    }
    if (is_read(clean)) {
        int status = read_segment(clean, clean->at + 1);
        return status < 0 ? status : 1;
    }
    int status = walk_chunk(clean, copy_batch);
    if (status >= 0 && clean->out_size)
        status = write_out(clean);
    return status < 0 ? status : 1;
}

/* ---- Swap --------------------------------------------------------------- */

static int64_t latest_of_group(const struct kd_clean *clean)
{
    int64_t latest_ms = clean->index.max_timestamp_ms;
    for (size_t i = clean->first; latest_ms < 0 && i < clean->behind; i++)
        latest_ms = KB_MAX(latest_ms, clean->segments[i]->latest_ms);
    return latest_ms;
}

/* The file becomes the segment's. */
static struct kd_segment *adopt(struct kd_clean *clean)
{
    struct kd_log *log = clean->log;
    int64_t base_offset = clean->segments[clean->first]->base_offset;
    struct kd_segment *made =
        kd_segment_adopt(log->files, log->dir, base_offset, clean->written, clean->file);
    clean->file = NULL;
    if (!made)
        return NULL;
    made->first_ms = kd_segment_first_ms(made);
    made->latest_ms = latest_of_group(clean);
    made->aborted_bytes = clean->aborted.bytes;
    made->aborted_last = clean->aborted.last_offset;
    return made;
}

static int swap(struct kd_clean *clean)
{
    int64_t base_offset = clean->segments[clean->first]->base_offset;
    struct kd_segment *made = adopt(clean);
    struct kd_swap swap = {
        .old = clean->segments + clean->first, .count = clean->behind - clean->first, .made = made};
    int status = made ? kd_log_swap(clean->log, &swap) : -ENOMEM;
    if (status < 0 && !swap.begun)
        kd_log_drop_made(clean->log, base_offset);
    if (status < 0 && swap.begun) {
        clean->report.unsafe = true;
        clean->swapped = made; /* it must not be opened by its name */
        return status;
    }
    if (made) {
        kd_segment_unpin(made);
        kd_segment_unref(made);
    }
    return status;
}

static int save(struct kd_clean *clean)
{
    struct kd_files *files = clean->log->files;
    int64_t base_offset = clean->segments[clean->first]->base_offset;
    int status = kd_files_datasync(files, clean->file);
    kd_index_finish(&clean->index);
    if (status >= 0)
        status = kd_txn_writer_finish(&clean->aborted);
    kd_txn_writer_deinit(&clean->aborted);
    if (status < 0)
        return status;
    return kd_index_save_as(&clean->index, files->fs, clean->log->dir, base_offset, KD_CLEANED);
}

/* What came out as it was is left as it is. */
static int end_group(struct kd_clean *clean)
{
    clean->phase = begin_group;
    clean->report.bytes_after += clean->written;
    if (clean->next_offset != clean->ends[clean->behind - 1])
        return -EBADMSG;
    if (!clean->changed) {
        kd_clean_give_up(clean);
        return 1;
    }
    int status = save(clean);
    if (status >= 0)
        status = swap(clean);
    return status < 0 ? status : 1;
}
