/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/index_file.h"
#include "broker/store/locate.h"
#include "broker/store/log.h"
#include <errno.h>

size_t kd_log_find_segment(const struct kd_log *log, int64_t offset)
{
    size_t low = 0, high = log->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->segments[middle]->base_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

bool kd_place_find(struct kd_log *log, int64_t offset, struct kd_place *out)
{
    bool there = false;
    pthread_mutex_lock(&log->lock);
    if (log->count && offset < log->end_offset) {
        size_t i = kd_log_find_segment(log, offset);
        out->segment = kd_segment_ref(log->segments[i]);
        out->active = i + 1 == log->count;
        out->size = atomic_load(&out->segment->size);
        out->end_offset = out->active ? log->end_offset : log->segments[i + 1]->base_offset;
        there = true;
    }
    pthread_mutex_unlock(&log->lock);
    return there;
}

/* Where to begin to look for the batch that holds `offset`. */
static int64_t hint(struct kd_log *log, const struct kd_place *place, int64_t offset)
{
    int64_t relative = offset - place->segment->base_offset, position;
    if (place->active) {
        pthread_mutex_lock(&log->lock);
        bool still = kd_log_active(log) == place->segment;
        position = still ? kd_index_position(&log->index, relative) : 0;
        pthread_mutex_unlock(&log->lock);
        if (still)
            return position;
    }
    struct kb_fs *fs = log->files->fs;
    position = kd_index_file_position(fs, log->dir, place->segment->base_offset, relative);
    return position < place->size ? position : 0;
}

int kd_place_seek(const struct kd_place *place, int64_t from, int64_t offset, bool nowait,
                  int64_t *position, struct kw_batch_header *header)
{
    _Alignas(KD_SCAN_ALIGN) uint8_t window[2 * KD_SCAN_ALIGN];
    struct kd_scan scan;
    struct kd_segment *segment = place->segment;
    kd_scan_init(&scan, segment->files->fs, segment->file, window, sizeof window, from, place->size,
                 segment->base_offset);
    scan.nowait = nowait;
    for (;;) {
        *position = scan.position;
        int code = kd_scan_next(&scan, false, header);
        if (code == KB_E_OFFSET_OUT_OF_RANGE)
            return 0; /* *position is the end of the segment */
        if (code)
            return code == KB_E_DISK ? scan.status : -EBADMSG;
        if (kw_batch_header_last_offset(header) >= offset)
            return 0;
    }
}

/* An index that misleads is no reason to fail: once more, from the start. */
static int seek(struct kd_log *log, const struct kd_place *place, int64_t offset, bool nowait,
                int64_t *position, struct kw_batch_header *header)
{
    int64_t from = hint(log, place, offset);
    int status = kd_place_seek(place, from, offset, nowait, position, header);
    bool misled = status == -EBADMSG ||
                  (!status && *position == from && from && header->base_offset > offset);
    return misled && from ? kd_place_seek(place, 0, offset, nowait, position, header) : status;
}

/* 1: there are batches, whether they fit or not. 0: none from there on. A first
 * batch that does not fit is left out whole: clients take a fragment for an error. */
static int measure(struct kd_log *log, const struct kd_place *place, const struct kd_locate *ask,
                   struct kd_located *out)
{
    struct kw_batch_header first, last;
    int64_t limit = place->size;
    int status = seek(log, place, ask->offset, ask->nowait, &out->position, &first);
    if (status < 0)
        return status;
    if (out->position < place->size && ask->bound < place->end_offset) {
        status = seek(log, place, ask->bound, ask->nowait, &limit, &last);
        if (status < 0)
            return status;
    }
    if (out->position >= limit)
        return 0;
    size_t whole = kw_batch_header_size(&first);
    out->size_bytes = KB_MIN((size_t)(limit - out->position), ask->max_bytes);
    if (out->size_bytes < whole)
        out->size_bytes = ask->whole_first ? whole : 0;
    return 1;
}

static int locate_in(struct kd_log *log, const struct kd_place *place, const struct kd_locate *ask,
                     struct kd_located *out)
{
    *out = (struct kd_located){0};
    if (ask->nowait && (!place->active || !kd_segment_try_pin(place->segment)))
        return -EAGAIN;
    int status = ask->nowait ? 0 : kd_segment_pin(place->segment, 0);
    if (status < 0)
        return status;
    status = measure(log, place, ask, out);
    if (status < 0 || !out->size_bytes)
        kd_segment_unpin(place->segment);
    else
        out->segment = kd_segment_ref(place->segment);
    return status;
}

/* What is aborted there may be told of in segments behind it as well. */
static int end_of_stretch(const struct kd_locate *ask, struct kd_located *out)
{
    _Alignas(KD_SCAN_ALIGN) uint8_t window[2 * KD_SCAN_ALIGN];
    struct kd_segment *segment = out->segment;
    struct kw_batch_header header;
    struct kd_scan scan;
    int code = KB_OK;
    int64_t end = out->position + (int64_t)out->size_bytes;
    kd_scan_init(&scan, segment->files->fs, segment->file, window, sizeof window, out->position,
                 atomic_load(&segment->size), segment->base_offset);
    while (!code && scan.position < end)
        code = kd_scan_next(&scan, false, &header);
    out->end_offset = KB_MIN(scan.next_offset, ask->bound);
    if (!code)
        return 0;
    return code == KB_E_DISK ? scan.status : -EBADMSG;
}

static void let_go(struct kd_located *located)
{
    kd_segment_unpin(located->segment);
    kd_segment_unref(located->segment);
    *located = (struct kd_located){0};
}

/* Compaction may leave nothing of a segment from `offset` on: then the next. Or it
 * puts another one in its place meanwhile: then that. What is below all segments
 * was deleted. */
static int locate(struct kd_log *log, const struct kd_locate *ask, struct kd_located *out)
{
    struct kd_locate next = *ask;
    struct kd_place place;
    int status = 0;
    *out = (struct kd_located){0};
    while (next.offset < ask->bound && kd_place_find(log, next.offset, &place)) {
        bool deleted = status == -ESTALE && place.segment->base_offset > next.offset;
        if (!deleted)
            status = locate_in(log, &place, &next, out);
        if (!status)
            next.offset = place.end_offset;
        kd_segment_unref(place.segment);
        if (deleted || (status && status != -ESTALE))
            break;
    }
    return KB_MIN(status, 0);
}

/* Where there are more aborted transactions than may be told, the stretch gets shorter. */
static int locate_committed(struct kd_log *log, const struct kd_locate *ask, struct kd_located *out)
{
    struct kd_locate next = *ask;
    for (;;) {
        int64_t until;
        int status = locate(log, &next, out);
        if (status < 0 || !out->size_bytes)
            return status;
        status = end_of_stretch(&next, out);
        struct kd_aborted_ask aborted = {ask->offset, out->end_offset, ask->aborted_max};
        if (status >= 0)
            status = kd_log_collect_aborted(log, &aborted, &out->aborted, &until);
        if (status >= 0 && until >= out->end_offset)
            return 0;
        kd_aborted_list_deinit(&out->aborted);
        let_go(out);
        if (status >= 0 && until <= ask->offset)
            status = -ENOBUFS;
        if (status < 0)
            return status;
        next.bound = until;
    }
}

/* Holding its shape: no compaction takes batches, or what tells of them, away between
 * the one and the other. */
int kd_log_locate(struct kd_log *log, const struct kd_locate *ask, struct kd_located *out)
{
    *out = (struct kd_located){0};
    if (!ask->aborted_max || !kd_log_has_aborted(log, ask->offset))
        return locate(log, ask, out);
    if (ask->nowait)
        return -EAGAIN;
    pthread_mutex_lock(&log->shape);
    int status = locate_committed(log, ask, out);
    pthread_mutex_unlock(&log->shape);
    return status;
}
