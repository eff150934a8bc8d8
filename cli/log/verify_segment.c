/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over a segment's log, with its indexes beside: their entries rise as
 * the log does, so each is looked at when the batch that it leads to comes by.
 */
#include "base/mem.h"
#include "broker/store/layout.h"
#include "cli/log/batches.h"
#include "cli/log/verify.h"
#include "wire/be.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { INDEX_MAX_BYTES = 1 << 28, OFFSET_ENTRY = 8, TIME_ENTRY = 12 };

/* Entries of an index that are still to come. */
struct entries {
    char name[KD_PATH_MAX];
    char *data;
    size_t size, at, entry_bytes;
    bool bad; /* told already; nothing more is looked at */
};

struct walk {
    struct verdict *verdict;
    struct log_dir *dir;
    struct batches batches;
    struct entries offsets, times;
    char name[KD_PATH_MAX];
    int64_t base, next_base;
    /* So far; and without batches that compaction emptied, which an index may pass over. */
    int64_t max_timestamp_ms, max_of_records_ms;
};

/* ---- Entries -----------------------------------------------------------------------------*/

/* An index that is not there, or shorter than it could be, is built again. */
static void open_entries(struct walk *w, struct entries *e, enum kd_suffix suffix, size_t bytes)
{
    *e = (struct entries){.entry_bytes = bytes};
    kd_file_path(e->name, "", w->base, suffix);
    int status = kb_fs_load(w->dir->fs, e->name, INDEX_MAX_BYTES, &e->data, &e->size);
    if (status < 0 && status != -ENOENT)
        verify_fault(w->verdict, e->name, -1, "%s", strerror(-status));
    if (status < 0)
        e->size = 0;
    if (e->size % bytes) {
        verify_fault(w->verdict, e->name, (int64_t)(e->size - e->size % bytes),
                     "an entry that is not all there");
        e->size -= e->size % bytes;
    }
    e->size = log_index_used(e->data, e->size, bytes);
}

static const uint8_t *current(const struct entries *e)
{
    return !e->bad && e->at < e->size ? (const uint8_t *)e->data + e->at : NULL;
}

static void entry_fault(struct walk *w, struct entries *e, const char *why)
{
    verify_fault(w->verdict, e->name, (int64_t)e->at, "%s", why);
    e->bad = true;
}

/* An entry leads to where a batch begins, and names an offset in it or, as Kafka
 * does, in one of those that were appended with it. */
static void check_offsets(struct walk *w)
{
    struct entries *e = &w->offsets;
    const uint8_t *at;
    while ((at = current(e)) != NULL) {
        int64_t offset = w->base + kw_get_be32(at), position = kw_get_be32(at + 4);
        if (position > w->batches.position)
            return;
        if (position < w->batches.position)
            entry_fault(w, e, "it leads to where no batch begins");
        else if (offset < w->batches.header.base_offset || offset >= w->next_base)
            entry_fault(w, e, "its offset is not of the batch that it leads to");
        e->at += e->entry_bytes;
    }
}

/* An entry says that up to an offset no record is newer than its time. */
static void check_times(struct walk *w)
{
    struct entries *e = &w->times;
    int64_t last = kw_batch_header_last_offset(&w->batches.header);
    const uint8_t *at;
    while ((at = current(e)) != NULL) {
        int64_t time = (int64_t)kw_get_be64(at), offset = w->base + kw_get_be32(at + 8);
        if (offset > last)
            return;
        if (time != w->max_timestamp_ms && time != w->max_of_records_ms)
            entry_fault(w, e, "its time is not the largest up to its offset");
        e->at += e->entry_bytes;
    }
}

static void check_rest(struct walk *w, struct entries *e)
{
    if (current(e))
        entry_fault(w, e, "it leads beyond the end of the log");
    kb_free(e->data);
}

/* ---- Batches -----------------------------------------------------------------------------*/

static bool check_records(struct walk *w)
{
    struct kw_record record;
    if (!batches_unpack(&w->batches))
        return false;
    while (batches_record(&w->batches, &record))
        w->verdict->records++;
    return !w->batches.why[0];
}

static const char *check_batch(struct walk *w)
{
    const struct kw_batch_header *header = &w->batches.header;
    if (!w->batches.crc_holds)
        return "a checksum that does not hold";
    if (kw_batch_header_last_offset(header) >= w->next_base)
        return "an offset that belongs into the next segment";
    return check_records(w) ? NULL : w->batches.why;
}

static void count_batch(struct walk *w)
{
    const struct kw_batch_header *header = &w->batches.header;
    struct verdict *v = w->verdict;
    v->batches++;
    if (v->first_offset < 0)
        v->first_offset = header->base_offset;
    v->end_offset = kw_batch_header_last_offset(header) + 1;
    if (header->max_timestamp_ms > w->max_timestamp_ms)
        w->max_timestamp_ms = header->max_timestamp_ms;
    if (header->record_count && header->max_timestamp_ms > w->max_of_records_ms)
        w->max_of_records_ms = header->max_timestamp_ms;
}

/* True: the whole file was sound, so that its indexes can be held against it. */
static bool walk_log(struct walk *w, struct progress *progress)
{
    enum batches_next next;
    const char *why = NULL;
    while (!cli_stopping() && (next = batches_next(&w->batches)) != BATCHES_END) {
        why = next == BATCHES_BAD ? w->batches.why : check_batch(w);
        if (why)
            break;
        count_batch(w);
        check_offsets(w);
        check_times(w);
        progress_add(progress, (int64_t)kw_batch_header_size(&w->batches.header));
        progress_show(progress); /* batches may be large */
    }
    if (why)
        verify_fault(w->verdict, w->name, w->batches.position, "%s", why);
    return !why && !cli_stopping();
}

void verify_segment(struct verdict *verdict, struct log_dir *dir, int64_t base, int64_t next_base,
                    struct progress *progress)
{
    struct walk w = {.verdict = verdict,
                     .dir = dir,
                     .base = base,
                     .next_base = next_base,
                     .max_timestamp_ms = -1,
                     .max_of_records_ms = -1};
    kd_file_path(w.name, "", base, KD_SUFFIX_LOG);
    open_entries(&w, &w.offsets, KD_SUFFIX_INDEX, OFFSET_ENTRY);
    open_entries(&w, &w.times, KD_SUFFIX_TIMEINDEX, TIME_ENTRY);
    int status = batches_open(&w.batches, dir->fs, w.name, base);
    if (status < 0)
        verify_fault(verdict, w.name, -1, "%s", strerror(-status));
    verdict->segments++;
    verdict->bytes += w.batches.size;
    bool whole = status >= 0 && walk_log(&w, progress);
    w.offsets.bad |= !whole;
    w.times.bad |= !whole;
    check_rest(&w, &w.offsets);
    check_rest(&w, &w.times);
    batches_close(&w.batches);
}
