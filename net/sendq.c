/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sendq.h"

#include "base/mem.h"

void kn_sendq_init(struct kn_sendq *queue)
{
    *queue = (struct kn_sendq){0};
}

void kn_sendq_deinit(struct kn_sendq *queue)
{
    kb_free(queue->ring);
    kn_sendq_init(queue);
}

static struct kn_send *at(struct kn_sendq *queue, size_t index)
{
    return &queue->ring[(queue->head + index) & (queue->capacity - 1)];
}

bool kn_sendq_reserve(struct kn_sendq *queue, size_t n)
{
    size_t capacity = queue->capacity ? queue->capacity : 16;
    while (capacity < queue->count + n)
        capacity *= 2;
    if (capacity == queue->capacity)
        return true;
    struct kn_send *ring = kb_malloc(capacity * sizeof *ring);
    if (!ring)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = *at(queue, i);
    kb_free(queue->ring);
    queue->ring = ring;
    queue->capacity = capacity;
    queue->head = 0;
    return true;
}

static struct kn_send *push(struct kn_sendq *queue, enum kn_send_kind kind)
{
    KB_CHECK(queue->count < queue->capacity);
    struct kn_send *entry = at(queue, queue->count++);
    *entry = (struct kn_send){.kind = kind};
    return entry;
}

static void push_size(struct kn_sendq *queue, uint64_t size)
{
    struct kn_send *entry = push(queue, KN_SEND_SIZE);
    KB_CHECK(size <= INT32_MAX);
    for (int i = 0; i < 4; i++)
        entry->size[i] = (uint8_t)(size >> (24 - 8 * i));
    queue->bytes += sizeof entry->size;
}

void kn_sendq_put_frame(struct kn_sendq *queue, const struct kb_piece *pieces, size_t n,
                        struct kn_source *source)
{
    uint64_t size = source ? source->size_bytes : 0;
    for (size_t i = 0; i < n; i++)
        size += pieces[i].bytes.size;
    push_size(queue, size);
    for (size_t i = 0; i < n; i++) {
        push(queue, KN_SEND_PIECE)->piece = pieces[i];
        queue->bytes += pieces[i].bytes.size;
    }
    if (source)
        push(queue, KN_SEND_SOURCE)->source = source;
}

void kn_sendq_put_mark(struct kn_sendq *queue, kn_mark_fn *fn, void *ctx)
{
    struct kn_send *entry = push(queue, KN_SEND_MARK);
    entry->mark.fn = fn;
    entry->mark.ctx = ctx;
}

/* ---- Gathering ---------------------------------------------------------- */

static struct kb_slice rest_of(const struct kn_send *entry)
{
    struct kb_slice all = entry->kind == KN_SEND_SIZE ? kb_slice_of(entry->size, sizeof entry->size)
                                                      : entry->piece.bytes;
    return kb_slice_of(all.data + entry->offset, all.size - entry->offset);
}

/* 1: `pulled` holds bytes. 0: not yet, or it has none left. < 0: cannot. */
static int pull(struct kn_sendq *queue, struct kn_source *source)
{
    if (!queue->source_begun) {
        queue->source_left = source->size_bytes;
        queue->source_begun = true;
    }
    if (queue->pulled.bytes.size || !queue->source_left)
        return queue->pulled.bytes.size != 0;
    struct kb_piece piece = {0};
    queue->pulling = true;
    int rc = source->next(source, KB_MIN(queue->source_left, KN_SOURCE_PIECE), &piece);
    queue->pulling = false;
    if (rc <= 0)
        return rc;
    KB_CHECK(piece.bytes.size > 0 && piece.bytes.size <= KN_SOURCE_PIECE &&
             piece.bytes.size <= queue->source_left);
    queue->pulled = piece;
    queue->source_left -= piece.bytes.size;
    return 1;
}

static int add(struct iovec *iov, int n, struct kb_slice bytes)
{
    if (bytes.size == 0)
        return n;
    iov[n] = (struct iovec){(void *)bytes.data, bytes.size};
    return n + 1;
}

/* Only the first source is asked, so that one piece is held at a time. It may
 * queue more, which moves the ring: so it is asked before any run is noted. */
static int pull_first(struct kn_sendq *queue, int max)
{
    for (size_t i = 0; i < queue->count && i < (size_t)max; i++) {
        struct kn_send *entry = at(queue, i);
        if (entry->kind == KN_SEND_SOURCE)
            return pull(queue, entry->source);
    }
    return 0;
}

int kn_sendq_gather(struct kn_sendq *queue, struct iovec *iov, int max)
{
    int n = 0;
    int rc = pull_first(queue, max);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < queue->count && i < (size_t)max; i++) {
        struct kn_send *entry = at(queue, i);
        if (entry->kind == KN_SEND_SOURCE)
            return add(iov, n, queue->pulled.bytes); /* what lies behind it waits */
        if (entry->kind != KN_SEND_MARK)
            n = add(iov, n, rest_of(entry));
    }
    return n;
}

/* ---- What is gone ------------------------------------------------------- */

static void drop_pulled(struct kn_sendq *queue)
{
    kb_buf_unref(queue->pulled.owner);
    queue->pulled = (struct kb_piece){0};
}

/* The entry is out of the ring before anybody hears of it: they may queue. */
static void pop(struct kn_sendq *queue, struct kn_conn *conn, bool sent)
{
    struct kn_send entry = *at(queue, 0);
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    if (entry.kind == KN_SEND_PIECE)
        kb_buf_unref(entry.piece.owner);
    else if (entry.kind == KN_SEND_MARK)
        entry.mark.fn(conn, entry.mark.ctx, sent);
    else if (entry.kind == KN_SEND_SOURCE) {
        drop_pulled(queue);
        queue->source_begun = false;
        entry.source->done(entry.source, sent);
    }
}

/* Takes from the front entry; false: it is not gone yet. */
static bool eat(struct kn_sendq *queue, size_t *bytes)
{
    struct kn_send *entry = at(queue, 0);
    if (entry->kind == KN_SEND_MARK)
        return true;
    if (entry->kind == KN_SEND_SOURCE) {
        size_t n = KB_MIN(*bytes, queue->pulled.bytes.size);
        queue->pulled.bytes =
            kb_slice_of(queue->pulled.bytes.data + n, queue->pulled.bytes.size - n);
        *bytes -= n;
        if (queue->pulled.bytes.size)
            return false;
        drop_pulled(queue);
        return queue->source_begun ? queue->source_left == 0 : entry->source->size_bytes == 0;
    }
    size_t rest = rest_of(entry).size;
    size_t n = KB_MIN(*bytes, rest);
    entry->offset += (uint32_t)n;
    queue->bytes -= n;
    *bytes -= n;
    return n == rest;
}

void kn_sendq_consume(struct kn_sendq *queue, struct kn_conn *conn, size_t bytes)
{
    while (queue->count && eat(queue, &bytes))
        pop(queue, conn, true);
}

void kn_sendq_drop(struct kn_sendq *queue, struct kn_conn *conn)
{
    KB_CHECK(!queue->pulling);
    while (queue->count)
        pop(queue, conn, false);
    queue->bytes = 0;
}
