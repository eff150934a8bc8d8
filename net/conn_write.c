/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn_impl.h"

#include <errno.h>

enum { IOV_PER_WRITE = 64, WRITE_PER_TURN = 1024 * 1024 };

/* ---- Queueing ----------------------------------------------------------- */

static size_t bytes_of(const struct kb_piece *pieces, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += pieces[i].bytes.size;
    return bytes;
}

static int refuse(const struct kb_piece *pieces, size_t n, struct kn_source *source, int code)
{
    for (size_t i = 0; i < n; i++)
        kb_buf_unref(pieces[i].owner);
    if (source)
        source->done(source, false);
    return code;
}

static bool may_queue(const struct kn_conn *conn)
{
    return conn->state == KN_CONN_SHAKING || conn->state == KN_CONN_OPEN;
}

static void queue_grew(struct kn_conn *conn)
{
    if (conn->queue.bytes >= conn->options.high_bytes)
        conn->full = true;
    if (conn->state == KN_CONN_OPEN && !conn->blocked)
        kn_task_soon(conn->loop, &conn->flush_task);
}

int kn_conn_send(struct kn_conn *conn, const struct kb_piece *pieces, size_t n,
                 struct kn_source *source)
{
    if (!may_queue(conn))
        return refuse(pieces, n, source, KB_E_CLOSED);
    if (bytes_of(pieces, n) + conn->queue.bytes > conn->options.max_queued_bytes)
        return refuse(pieces, n, source, KB_E_QUEUE_FULL);
    if (!kn_sendq_reserve(&conn->queue, n + 2))
        return refuse(pieces, n, source, KB_E_NO_MEMORY);
    kn_sendq_put_frame(&conn->queue, pieces, n, source);
    queue_grew(conn);
    return 0;
}

int kn_conn_mark(struct kn_conn *conn, void (*fn)(struct kn_conn *, void *, bool), void *ctx)
{
    if (!may_queue(conn))
        return KB_E_CLOSED;
    if (!kn_sendq_reserve(&conn->queue, 1))
        return KB_E_NO_MEMORY;
    kn_sendq_put_mark(&conn->queue, fn, ctx);
    queue_grew(conn);
    return 0;
}

void kn_conn_resume_source(struct kn_conn *conn)
{
    if (conn->state == KN_CONN_OPEN || conn->state == KN_CONN_FINISHING)
        kn_task_soon(conn->loop, &conn->flush_task);
}

size_t kn_conn_queued_bytes(const struct kn_conn *conn)
{
    return conn->queue.bytes + conn->queue.pulled.bytes.size;
}

bool kn_conn_is_full(const struct kn_conn *conn)
{
    return conn->full;
}

/* ---- The socket --------------------------------------------------------- */

static int64_t transport_write(struct kn_conn *conn, const struct iovec *iov, int n)
{
    const struct kn_transport_ops *ops = conn->transport->ops;
    if (ops->writev)
        return ops->writev(conn->transport, iov, n);
    return ops->write(conn->transport, iov[0].iov_base, iov[0].iov_len);
}

static void source_failed(struct kn_conn *conn)
{
    struct kb_error why;
    kb_error_set(&why, KB_E_TRANSPORT, "%s: the rest of an answer could not be read", conn->name);
    kn_conn_close(conn, &why);
}

/* Answers the bytes written; 0: nothing to write, or not now, or closed. */
static size_t write_once(struct kn_conn *conn)
{
    struct iovec iov[IOV_PER_WRITE];
    int n = kn_sendq_gather(&conn->queue, iov, IOV_PER_WRITE);
    if (conn->state == KN_CONN_CLOSED)
        return 0;
    if (n < 0)
        source_failed(conn);
    if (n <= 0)
        return 0;
    int64_t put = transport_write(conn, iov, n);
    conn->blocked = put == -EAGAIN;
    if (put < 0 && !conn->blocked)
        kn_conn_fail(conn, (int)-put);
    if (put <= 0)
        return 0;
    conn->active_ms = kn_loop_now(conn->loop).mono_ms;
    kn_sendq_consume(&conn->queue, conn, (size_t)put);
    return (size_t)put;
}

/* Says its end after the last byte, and reads on: closing a socket that has
 * unread bytes would take back what is still on the way. */
static void linger(struct kn_conn *conn)
{
    if (conn->transport->ops->finish)
        conn->transport->ops->finish(conn->transport);
    conn->sock->ops->shutdown(conn->sock);
    conn->state = KN_CONN_LINGERING;
    kn_task_soon(conn->loop, &conn->read_task);
}

static void after_flush(struct kn_conn *conn)
{
    if (conn->full && conn->queue.bytes <= conn->options.low_bytes) {
        conn->full = false;
        if (conn->state == KN_CONN_OPEN && conn->handler->on_drain)
            conn->handler->on_drain(conn);
    }
    if (conn->state == KN_CONN_FINISHING && conn->queue.count == 0)
        linger(conn);
}

void kn_conn_flush(struct kn_conn *conn)
{
    size_t total = 0, put;
    if (conn->state != KN_CONN_OPEN && conn->state != KN_CONN_FINISHING)
        return;
    kn_sendq_consume(&conn->queue, conn, 0); /* marks that nothing stands before */
    do
        total += put = conn->state == KN_CONN_CLOSED ? 0 : write_once(conn);
    while (put && total < WRITE_PER_TURN);
    if (conn->state == KN_CONN_CLOSED)
        return;
    if (put) {
        kn_task_next(conn->loop, &conn->flush_task);
        return;
    }
    after_flush(conn);
}
