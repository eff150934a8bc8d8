/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/drive/source.h"
#include "base/mem.h"
#include "broker/store/segment.h"
#include <errno.h>

struct entry {
    struct kb_list link;
    struct kb_piece piece;   /* memory; or */
    struct kd_extent extent; /* a stretch of a segment */
};

struct kd_source {
    struct kn_source base; /* first */
    struct kn_exec *exec;
    struct kb_log *log;
    struct kn_conn *conn;
    struct kb_list entries;
    uint64_t size_bytes;
    /* A read on a disk thread. */
    struct kn_job job;
    struct kb_buf *buf;
    int64_t got;
    bool reading, abandoned;
};

struct kd_source *kd_source_new(struct kn_exec *exec, struct kb_log *log)
{
    struct kd_source *source = KB_NEW(struct kd_source);
    if (!source)
        return NULL;
    source->exec = exec;
    source->log = log;
    kb_list_init(&source->entries);
    return source;
}

static void drop_entry(struct entry *entry)
{
    kb_list_remove(&entry->link);
    kb_buf_unref(entry->piece.owner);
    kd_extent_release(&entry->extent);
    kb_free(entry);
}

void kd_source_free(struct kd_source *source)
{
    if (!source)
        return;
    while (!kb_list_empty(&source->entries))
        drop_entry(KB_CONTAINER(source->entries.next, struct entry, link));
    kb_buf_unref(source->buf);
    kb_free(source);
}

int kd_source_add_piece(struct kd_source *source, struct kb_piece piece)
{
    struct entry *entry = piece.bytes.size ? KB_NEW(struct entry) : NULL;
    if (!entry) {
        kb_buf_unref(piece.owner);
        return piece.bytes.size ? KB_E_NO_MEMORY : KB_OK;
    }
    entry->piece = piece;
    source->size_bytes += piece.bytes.size;
    kb_list_push_back(&source->entries, &entry->link);
    return KB_OK;
}

static int add_segment(struct kd_source *source, struct kd_extent *extent)
{
    struct entry *entry = KB_NEW(struct entry);
    if (!entry) {
        kd_extent_release(extent);
        return KB_E_NO_MEMORY;
    }
    entry->extent = *extent;
    *extent = (struct kd_extent){0};
    source->size_bytes += entry->extent.size_bytes;
    kb_list_push_back(&source->entries, &entry->link);
    return KB_OK;
}

int kd_source_add_extent(struct kd_source *source, struct kd_extent *extent)
{
    int code = KB_OK;
    if (extent->segment)
        return add_segment(source, extent);
    for (size_t i = 0; i < extent->piece_count; i++) {
        int added = kd_source_add_piece(source, extent->pieces[i]);
        code = code ? code : added;
    }
    kb_free(extent->pieces);
    *extent = (struct kd_extent){0};
    return code;
}

uint64_t kd_source_size_bytes(const struct kd_source *source)
{
    return source->size_bytes;
}

/* ---- Pulling ------------------------------------------------------------ */

static struct entry *first(struct kd_source *source)
{
    return KB_LIST_FIRST(&source->entries, struct entry, link);
}

static int next_memory(struct entry *entry, size_t max_bytes, struct kb_piece *out)
{
    size_t size = KB_MIN(max_bytes, entry->piece.bytes.size);
    *out = (struct kb_piece){entry->piece.owner, kb_slice_of(entry->piece.bytes.data, size)};
    if (size == entry->piece.bytes.size) {
        entry->piece.owner = NULL; /* the reference passes */
        drop_entry(entry);
        return 1;
    }
    if (out->owner)
        kb_buf_ref(out->owner);
    entry->piece.bytes =
        kb_slice_of(entry->piece.bytes.data + size, entry->piece.bytes.size - size);
    return 1;
}

/* What has been read into source->buf goes out. */
static int hand_out(struct kd_source *source, struct entry *entry, int64_t got,
                    struct kb_piece *out)
{
    struct kb_buf *buf = source->buf;
    source->buf = NULL;
    source->got = 0;
    if (got <= 0) {
        KB_LOG(source->log, KB_LOG_ERROR, "disk", "a read of %s fails at %lld",
               entry->extent.segment->dir, (long long)entry->extent.position);
        kb_buf_unref(buf);
        return got < 0 ? (int)got : -EIO;
    }
    buf->size = (size_t)got;
    *out = (struct kb_piece){buf, kb_buf_view(buf)};
    entry->extent.position += got;
    entry->extent.size_bytes -= (size_t)got;
    if (!entry->extent.size_bytes)
        drop_entry(entry);
    return 1;
}

static void run_read(struct kn_job *job)
{
    struct kd_source *source = KB_CONTAINER(job, struct kd_source, job);
    const struct kd_extent *extent = &first(source)->extent;
    source->got = kd_segment_read(extent->segment, source->buf->data, source->buf->capacity,
                                  extent->position, false);
    if (source->got == 0)
        source->got = -EIO;
}

static void read_done(struct kn_job *job)
{
    struct kd_source *source = KB_CONTAINER(job, struct kd_source, job);
    source->reading = false;
    if (source->abandoned)
        kd_source_free(source);
    else
        kn_conn_resume_source(source->conn);
}

static int next_file(struct kd_source *source, struct entry *entry, size_t max_bytes,
                     struct kb_piece *out)
{
    struct kd_extent *extent = &entry->extent;
    if (source->got)
        return hand_out(source, entry, source->got, out);
    size_t size = KB_MIN(KB_MIN(max_bytes, extent->size_bytes), (size_t)KN_SOURCE_PIECE);
    source->buf = kb_buf_new(size);
    if (!source->buf)
        return -ENOMEM;
    source->buf->capacity = size;
    int64_t got = kd_segment_read(extent->segment, source->buf->data, size, extent->position, true);
    if (got != -EAGAIN)
        return hand_out(source, entry, got, out);
    source->reading = true;
    source->job = (struct kn_job){.run = run_read, .done = read_done};
    kn_exec_submit(source->exec, kn_conn_loop(source->conn), NULL, &source->job);
    return 0;
}

static int next(struct kn_source *base, size_t max_bytes, struct kb_piece *out)
{
    struct kd_source *source = KB_CONTAINER(base, struct kd_source, base);
    struct entry *entry = first(source);
    KB_CHECK(entry);
    if (source->reading)
        return 0;
    return entry->extent.segment ? next_file(source, entry, max_bytes, out)
                                 : next_memory(entry, max_bytes, out);
}

static void done(struct kn_source *base, bool sent)
{
    struct kd_source *source = KB_CONTAINER(base, struct kd_source, base);
    (void)sent;
    if (source->reading)
        source->abandoned = true;
    else
        kd_source_free(source);
}

struct kn_source *kd_source_start(struct kd_source *source, struct kn_conn *conn)
{
    source->conn = conn;
    source->base = (struct kn_source){.next = next, .done = done, .size_bytes = source->size_bytes};
    return &source->base;
}
