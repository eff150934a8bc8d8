/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "broker/store/index_file.h"
#include "broker/store/locate.h"
#include "broker/store/log.h"
#include "wire/compress.h"
#include "wire/record.h"
#include <errno.h>

enum { WINDOW_BYTES = 256 * 1024, RECORDS_MAX_BYTES = 256 * 1024 * 1024 };

struct search {
    struct kd_log *log;
    int64_t timestamp_ms, from, bound;
    int64_t latest_ms; /* the largest so far; -1: none */
    struct kd_found *out;
    struct kw_codec_ctx *codecs;
    void *window;
};

/* ---- In a batch --------------------------------------------------------- */

static void note(struct kd_found *out, const struct kw_batch_header *header, int64_t offset,
                 int64_t timestamp_ms)
{
    *out = (struct kd_found){offset, timestamp_ms, header->leader_epoch};
}

static int open_records(struct search *search, const struct kw_batch *batch,
                        struct kw_record_iter *it)
{
    struct kb_slice records;
    int code = kw_decompress_view(search->codecs, batch->header.attributes & KW_BATCH_CODEC_MASK,
                                  batch->records, RECORDS_MAX_BYTES, &records, NULL);
    if (code)
        return code == KB_E_NO_MEMORY ? -ENOMEM : -EBADMSG;
    kw_record_iter_init(it, &batch->header, records);
    return 0;
}

/* The first record at or after the time. None: the header promised too much. */
static int find_record(struct search *search, const struct kw_batch *batch)
{
    struct kw_record_iter it;
    struct kw_record record;
    int status = open_records(search, batch, &it);
    while (!status && kw_record_iter_next(&it, &record)) {
        if (record.timestamp_ms >= search->timestamp_ms && record.offset >= search->from) {
            if (record.offset < search->bound)
                note(search->out, &batch->header, record.offset, record.timestamp_ms);
            return 0;
        }
    }
    return status ? status : it.code ? -EBADMSG : 0;
}

/* Where the header speaks of deleted records as well. */
static int find_latest(struct search *search, const struct kw_batch *batch)
{
    struct kw_record_iter it;
    struct kw_record record;
    int status = open_records(search, batch, &it);
    while (!status && kw_record_iter_next(&it, &record))
        if (record.offset >= search->from)
            search->latest_ms = KB_MAX(search->latest_ms, record.timestamp_ms);
    return status ? status : it.code ? -EBADMSG : 0;
}

typedef int in_batch(struct search *search, const struct kw_batch *batch);

static int search_batch(struct search *search, struct kd_segment *segment, int64_t position,
                        size_t size, in_batch *look)
{
    struct kw_batch batch;
    uint8_t *bytes = kb_malloc(size);
    if (!bytes)
        return -ENOMEM;
    int status = kb_fs_read_all(segment->files->fs, segment->file, bytes, size, position);
    if (status >= 0)
        status = kw_batch_parse(kb_slice_of(bytes, size), &batch, NULL) ? -EBADMSG
                                                                        : look(search, &batch);
    kb_free(bytes);
    return status;
}

/* ---- In a segment ------------------------------------------------------- */

/* Where to begin, and the largest timestamp that the index knows of. */
static void hints(struct search *search, const struct kd_place *place, int64_t *position,
                  int64_t *max_ms)
{
    struct kd_log *log = search->log;
    int64_t base = place->segment->base_offset;
    *max_ms = -1;
    if (place->active) {
        pthread_mutex_lock(&log->lock);
        uint32_t relative = kd_index_time_relative(&log->index, search->timestamp_ms);
        *position = kd_index_position(&log->index, relative);
        *max_ms = log->index.max_timestamp_ms;
        pthread_mutex_unlock(&log->lock);
        return;
    }
    struct kb_fs *fs = log->files->fs;
    uint32_t relative = kd_index_file_time(fs, log->dir, base, search->timestamp_ms, max_ms);
    *position = kd_index_file_position(fs, log->dir, base, relative);
}

static int search_from(struct search *search, const struct kd_place *place, int64_t from)
{
    struct kd_segment *segment = place->segment;
    struct kw_batch_header header;
    struct kd_scan scan;
    int code, status = 0;
    kd_scan_init(&scan, segment->files->fs, segment->file, search->window, WINDOW_BYTES, from,
                 place->size, segment->base_offset);
    for (;;) {
        int64_t at = scan.position;
        code = kd_scan_next(&scan, false, &header);
        if (code || header.base_offset >= search->bound)
            break;
        if (header.max_timestamp_ms < search->timestamp_ms ||
            kw_batch_header_last_offset(&header) < search->from)
            continue;
        status = search_batch(search, segment, at, kw_batch_header_size(&header), find_record);
        if (status < 0 || search->out->offset >= 0)
            return status;
    }
    if (code == KB_E_DISK)
        return scan.status;
    return code == KB_E_CORRUPT_MESSAGE ? -EBADMSG : 0;
}

static int search_segment(struct search *search, const struct kd_place *place)
{
    int64_t from, max_ms;
    hints(search, place, &from, &max_ms);
    if (max_ms >= 0 && max_ms < search->timestamp_ms)
        return 0;
    int status = kd_segment_pin(place->segment, 0);
    if (status < 0)
        return status;
    status = search_from(search, place, from < place->size ? from : 0);
    if (status == -EBADMSG && from) /* a misleading index */
        status = search_from(search, place, 0);
    kd_segment_unpin(place->segment);
    return status;
}

/* ---- In the log --------------------------------------------------------- */

/* A segment that left the log meanwhile is looked for again: another one may be in
 * its place. */
static int go_on(int status, const struct kd_place *place, int64_t *next)
{
    if (status == -ESTALE)
        return 0;
    *next = place->end_offset;
    return status;
}

static int search_log(struct search *search)
{
    struct kd_place place;
    int64_t next = search->from;
    int status = 0;
    while (status >= 0 && search->out->offset < 0 && next < search->bound &&
           kd_place_find(search->log, next, &place)) {
        status = go_on(search_segment(search, &place), &place, &next);
        kd_segment_unref(place.segment);
    }
    return status;
}

static int latest_by_headers(struct search *search, const struct kd_place *place)
{
    struct kd_segment *segment = place->segment;
    struct kw_batch_header header;
    struct kd_scan scan;
    int code, status = 0;
    kd_scan_init(&scan, segment->files->fs, segment->file, search->window, WINDOW_BYTES, 0,
                 place->size, segment->base_offset);
    for (;;) {
        int64_t at = scan.position;
        code = kd_scan_next(&scan, false, &header);
        if (code || header.base_offset >= search->bound || status < 0)
            break;
        if (kw_batch_header_last_offset(&header) < search->from || !header.record_count)
            continue;
        if (header.base_offset < search->from)
            status = search_batch(search, segment, at, kw_batch_header_size(&header), find_latest);
        else
            search->latest_ms = KB_MAX(search->latest_ms, header.max_timestamp_ms);
    }
    return code == KB_E_DISK ? scan.status : status;
}

/* The indexes know it for whole segments; where one has none, or a bound lies
 * inside, headers do. */
static int latest_of_segment(struct search *search, const struct kd_place *place)
{
    int64_t from, known;
    hints(search, place, &from, &known);
    if (known >= 0 && place->end_offset <= search->bound &&
        place->segment->base_offset >= search->from) {
        search->latest_ms = KB_MAX(search->latest_ms, known);
        return 0;
    }
    int status = kd_segment_pin(place->segment, 0);
    if (status < 0)
        return status;
    status = latest_by_headers(search, place);
    kd_segment_unpin(place->segment);
    return status;
}

static int find_max(struct search *search)
{
    struct kd_place place;
    int64_t next = search->from;
    int status = 0;
    while (status >= 0 && next < search->bound && kd_place_find(search->log, next, &place)) {
        status = go_on(latest_of_segment(search, &place), &place, &next);
        kd_segment_unref(place.segment);
    }
    search->timestamp_ms = search->latest_ms;
    return status;
}

int kd_log_find_time(struct kd_log *log, const struct kd_find *ask, struct kd_found *out)
{
    struct search search = {.log = log,
                            .timestamp_ms = ask->timestamp_ms,
                            .from = ask->from,
                            .bound = ask->bound,
                            .latest_ms = -1,
                            .out = out};
    int status = 0;
    *out = (struct kd_found){-1, -1, -1};
    search.codecs = kw_codec_ctx_new();
    search.window = kb_aligned(KD_SCAN_ALIGN, WINDOW_BYTES);
    if (!search.codecs || !search.window)
        status = -ENOMEM;
    else if (ask->timestamp_ms == KD_FIND_MAX)
        status = find_max(&search);
    if (!status && search.timestamp_ms >= 0)
        status = search_log(&search);
    if (search.codecs)
        kw_codec_ctx_free(search.codecs);
    kb_free(search.window);
    return status;
}
