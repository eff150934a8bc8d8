/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn_impl.h"

#include "base/mem.h"

#include <errno.h>

/* A connection's share of one turn. */
enum { READ_PER_TURN = 1024 * 1024 };

/* ---- Frames ------------------------------------------------------------- */

static void refuse(struct kn_conn *conn, struct kb_error *why)
{
    if (why->code == 0)
        kb_error_set(why, KB_E_LIMIT, "%s: sent a frame of %u bytes, which is more than is taken",
                     conn->name, conn->frame_size);
    kn_conn_close(conn, why);
}

static bool size_is_sane(struct kn_conn *conn, uint32_t size, struct kb_error *why)
{
    if (size > 0 && size <= conn->options.max_frame_bytes)
        return true;
    kb_error_set(why, size ? KB_E_LIMIT : KB_E_PROTOCOL,
                 "%s: sent a frame of %u bytes, the limit is %u", conn->name, size,
                 conn->options.max_frame_bytes);
    return false;
}

/* The four bytes are there: makes room for the frame. False: not now, or
 * closed. The owner may have paused or closed meanwhile. */
static bool begin_frame(struct kn_conn *conn)
{
    const struct kn_conn_handler *handler = conn->handler;
    uint32_t size = 0;
    struct kb_error why;
    kb_error_clear(&why);
    for (int i = 0; i < 4; i++)
        size = size << 8 | conn->head[i];
    conn->frame_size = size;
    enum kn_admit admit = KN_REFUSE;
    if (size_is_sane(conn, size, &why))
        admit = handler->on_size ? handler->on_size(conn, size, &conn->frame, &why) : KN_ADMIT;
    if (conn->state == KN_CONN_CLOSED)
        return false;
    if (admit == KN_REFUSE)
        refuse(conn, &why);
    conn->no_credit = admit == KN_WAIT;
    if (admit != KN_ADMIT)
        return false;
    if (!conn->frame)
        conn->frame = kb_buf_new(size);
    if (!conn->frame) {
        kb_error_set(&why, KB_E_NO_MEMORY, "%s: no memory for a frame of %u bytes", conn->name,
                     size);
        kn_conn_close(conn, &why);
        return false;
    }
    KB_CHECK(conn->frame->capacity >= size);
    conn->frame_have = 0;
    return true;
}

static void end_frame(struct kn_conn *conn)
{
    struct kb_buf *frame = conn->frame;
    conn->frame = NULL;
    conn->head_have = 0;
    frame->size = conn->frame_size;
    conn->handler->on_frame(conn, frame);
}

/* Answers how many bytes it used: fewer if it must stop. */
static size_t parse(struct kn_conn *conn, const uint8_t *data, size_t size)
{
    size_t used = 0;
    while (kn_conn_wants_read(conn)) {
        if (!conn->frame) {
            for (; conn->head_have < 4 && used < size; used++)
                conn->head[conn->head_have++] = data[used];
            if (conn->head_have < 4 || !begin_frame(conn))
                break;
        }
        size_t n = KB_MIN(size - used, (size_t)(conn->frame_size - conn->frame_have));
        if (n)
            memcpy(conn->frame->data + conn->frame_have, data + used, n);
        conn->frame_have += (uint32_t)n;
        used += n;
        if (conn->frame_have < conn->frame_size)
            break;
        end_frame(conn);
    }
    return used;
}

/* ---- What was read but must wait ---------------------------------------- */

static void stash(struct kn_conn *conn, const uint8_t *data, size_t size)
{
    struct kb_error why;
    if (size == 0 || conn->state != KN_CONN_OPEN)
        return;
    conn->stash = kb_buf_new(size);
    conn->stash_at = 0;
    if (!conn->stash) {
        kb_error_set(&why, KB_E_NO_MEMORY, "%s: no memory for what was read", conn->name);
        kn_conn_close(conn, &why);
        return;
    }
    memcpy(conn->stash->data, data, size);
    conn->stash->size = size;
}

/* Even with nothing stashed: a frame that was refused credit is asked for
 * again. */
static void parse_stash(struct kn_conn *conn)
{
    struct kb_buf *buf = conn->stash;
    if (!buf) {
        parse(conn, NULL, 0);
        return;
    }
    conn->stash_at += parse(conn, buf->data + conn->stash_at, buf->size - conn->stash_at);
    if (conn->stash_at < buf->size && conn->state == KN_CONN_OPEN)
        return;
    conn->stash = NULL;
    kb_buf_unref(buf);
}

/* ---- The socket --------------------------------------------------------- */

bool kn_conn_has_pending(const struct kn_conn *conn)
{
    const struct kn_transport_ops *ops = conn->transport->ops;
    return ops->pending && ops->pending(conn->transport);
}

/* The rest of the frame straight into its buffer, and whatever follows into
 * the loop's scratch: one call for many small frames, no copy for a large. */
static int fill_iov(struct kn_conn *conn, struct iovec iov[2])
{
    int n = 0;
    if (conn->frame)
        iov[n++] = (struct iovec){conn->frame->data + conn->frame_have,
                                  conn->frame_size - conn->frame_have};
    iov[n++] = (struct iovec){kn_loop_scratch(conn->loop), KN_SCRATCH_BYTES};
    return n;
}

static int64_t transport_read(struct kn_conn *conn, const struct iovec *iov, int n)
{
    const struct kn_transport_ops *ops = conn->transport->ops;
    if (ops->readv)
        return ops->readv(conn->transport, iov, n);
    return ops->read(conn->transport, iov[0].iov_base, iov[0].iov_len);
}

static void on_end_of_stream(struct kn_conn *conn)
{
    struct kb_error why;
    kb_error_clear(&why);
    if (conn->state == KN_CONN_OPEN && (conn->frame || conn->head_have))
        kb_error_set(&why, KB_E_TRANSPORT, "%s: ended in the middle of a frame", conn->name);
    else if (conn->state == KN_CONN_OPEN)
        kb_error_set(&why, KB_E_CLOSED, "%s: closed by the other side", conn->name);
    kn_conn_close(conn, &why);
}

/* The part that went into the frame, then the part in the scratch. */
static void take(struct kn_conn *conn, size_t size)
{
    if (conn->frame) {
        size_t n = KB_MIN(size, (size_t)(conn->frame_size - conn->frame_have));
        conn->frame_have += (uint32_t)n;
        size -= n;
        if (conn->frame_have < conn->frame_size)
            return;
        end_frame(conn);
    }
    const uint8_t *scratch = kn_loop_scratch(conn->loop);
    size_t used = parse(conn, scratch, size);
    stash(conn, scratch + used, size - used);
}

/* True: there may be more. Fewer bytes than there was room for mean that the
 * socket is empty; if it is not, readiness comes again. */
static bool read_once(struct kn_conn *conn, size_t *total)
{
    struct iovec iov[2];
    int n = fill_iov(conn, iov);
    int64_t room = (int64_t)(iov[0].iov_len + (n > 1 ? iov[1].iov_len : 0));
    int64_t got = transport_read(conn, iov, n);
    if (got == -EAGAIN)
        return false;
    if (got < 0)
        kn_conn_fail(conn, (int)-got);
    else if (got == 0)
        on_end_of_stream(conn);
    if (got <= 0)
        return false;
    *total += (size_t)got;
    conn->active_ms = kn_loop_now(conn->loop).mono_ms;
    if (conn->state == KN_CONN_OPEN)
        take(conn, (size_t)got);
    return conn->state != KN_CONN_CLOSED && (got == room || kn_conn_has_pending(conn));
}

void kn_conn_read(struct kn_conn *conn)
{
    size_t total = 0;
    if (conn->state == KN_CONN_OPEN)
        parse_stash(conn);
    while (kn_conn_wants_read(conn) && read_once(conn, &total)) {
        if (total < READ_PER_TURN)
            continue;
        kn_task_next(conn->loop, &conn->read_task);
        return;
    }
}

/* ---- Back-pressure ------------------------------------------------------ */

void kn_conn_pause_read(struct kn_conn *conn)
{
    conn->paused = true;
}

void kn_conn_resume_read(struct kn_conn *conn)
{
    if (!conn->paused && !conn->no_credit)
        return;
    bool asked = conn->no_credit;
    conn->paused = conn->no_credit = false;
    if (conn->state != KN_CONN_OPEN)
        return;
    if (asked || conn->stash || kn_conn_has_pending(conn))
        kn_task_soon(conn->loop, &conn->read_task);
    else
        kn_conn_update_watch(conn);
}

size_t kn_conn_head(const struct kn_conn *conn, uint8_t out[4])
{
    memcpy(out, conn->head, conn->head_have);
    return conn->head_have;
}

bool kn_conn_is_paused(const struct kn_conn *conn)
{
    return conn->paused;
}
