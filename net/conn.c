/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn_impl.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>

enum { MAX_FRAME = 100 * 1024 * 1024 + 64 * 1024, HIGH_MARK = 1024 * 1024, LOW_MARK = 256 * 1024 };

/* ---- Readiness ---------------------------------------------------------- */

static unsigned wants(const struct kn_conn *conn, unsigned direction)
{
    const struct kn_transport_ops *ops = conn->transport->ops;
    return ops->wants ? ops->wants(conn->transport, direction) : direction;
}

bool kn_conn_wants_read(const struct kn_conn *conn)
{
    return conn->state == KN_CONN_LINGERING ||
           (conn->state == KN_CONN_OPEN && !conn->paused && !conn->no_credit);
}

static unsigned read_interest(const struct kn_conn *conn)
{
    return conn->state == KN_CONN_SHAKING || kn_conn_wants_read(conn) ? wants(conn, KN_READ) : 0;
}

static unsigned write_interest(const struct kn_conn *conn)
{
    return conn->blocked ? wants(conn, KN_WRITE) : 0;
}

static void watch(struct kn_conn *conn, unsigned events)
{
    if (events == conn->sock->watched)
        return;
    int rc = conn->sock->ops->watch(conn->sock, kn_loop_env(conn->loop), events);
    if (rc < 0)
        kn_conn_fail(conn, -rc);
}

/* Interest in reading is kept until bytes come that nobody wants: pausing for
 * one request and resuming with its answer then costs no system call. */
void kn_conn_update_watch(struct kn_conn *conn)
{
    if (conn->state != KN_CONN_CLOSED)
        watch(conn, read_interest(conn) | write_interest(conn) | (conn->sock->watched & KN_READ));
}

/* What a write read ahead of time, no readiness will announce. */
static void settle(struct kn_conn *conn)
{
    kn_conn_update_watch(conn);
    if (kn_conn_wants_read(conn) && kn_conn_has_pending(conn))
        kn_task_next(conn->loop, &conn->read_task);
}

static void refuse_unwanted(struct kn_conn *conn, unsigned events)
{
    unsigned wanted = read_interest(conn) | write_interest(conn);
    if (events & KN_READ & ~wanted)
        watch(conn, wanted);
}

static void shake(struct kn_conn *conn)
{
    const struct kn_transport_ops *ops = conn->transport->ops;
    struct kb_error why;
    kb_error_clear(&why);
    int rc = ops->handshake ? ops->handshake(conn->transport, &why) : 0;
    if (rc == -EAGAIN)
        return;
    if (rc < 0 && why.code == 0)
        kn_conn_fail(conn, -rc);
    else if (rc < 0)
        kn_conn_close(conn, &why);
    if (rc < 0)
        return;
    conn->state = KN_CONN_OPEN;
    if (conn->handler->on_open)
        conn->handler->on_open(conn);
    if (conn->state == KN_CONN_CLOSED)
        return;
    if (conn->queue.count)
        kn_task_soon(conn->loop, &conn->flush_task);
    kn_task_soon(conn->loop, &conn->read_task); /* it may have read ahead */
}

static void on_ready(struct kn_sock *sock, unsigned events)
{
    struct kn_conn *conn = sock->owner;
    if (conn->state == KN_CONN_SHAKING) {
        shake(conn);
    } else {
        bool read = events & read_interest(conn), write = events & write_interest(conn);
        refuse_unwanted(conn, events);
        if (write && conn->state != KN_CONN_CLOSED)
            kn_conn_flush(conn);
        if (read && conn->state != KN_CONN_CLOSED)
            kn_conn_read(conn);
    }
    settle(conn);
}

static void on_read_task(struct kn_task *task)
{
    struct kn_conn *conn = KB_CONTAINER(task, struct kn_conn, read_task);
    if (conn->state == KN_CONN_SHAKING)
        shake(conn);
    else
        kn_conn_read(conn);
    settle(conn);
}

static void on_flush_task(struct kn_task *task)
{
    struct kn_conn *conn = KB_CONTAINER(task, struct kn_conn, flush_task);
    kn_conn_flush(conn);
    settle(conn);
}

/* ---- Ending ------------------------------------------------------------- */

static void release(struct kn_conn *conn)
{
    if (conn->transport)
        conn->transport->ops->free(conn->transport);
    kb_buf_unref(conn->frame);
    kb_buf_unref(conn->stash);
    kn_sendq_deinit(&conn->queue);
    kb_free(conn->name);
    kb_free(conn);
}

static void on_end_task(struct kn_task *task)
{
    struct kn_conn *conn = KB_CONTAINER(task, struct kn_conn, end_task);
    kn_sendq_drop(&conn->queue, conn);
    if (!conn->silent && conn->handler->on_close)
        conn->handler->on_close(conn, &conn->why);
    release(conn);
}

/* The socket goes now, the struct in a task: whoever is in the middle of it
 * returns first. */
static void end(struct kn_conn *conn, bool reset)
{
    conn->sock->ops->close(conn->sock, reset);
    conn->sock = conn->transport->sock = NULL;
    conn->state = KN_CONN_CLOSED;
    kn_task_cancel(&conn->read_task);
    kn_task_cancel(&conn->flush_task);
    kn_timer_cancel(conn->loop, &conn->deadline);
    kn_task_soon(conn->loop, &conn->end_task);
}

void kn_conn_close(struct kn_conn *conn, const struct kb_error *why)
{
    if (conn->state == KN_CONN_CLOSED)
        return;
    if (why)
        conn->why = *why;
    else
        kb_error_set(&conn->why, KB_E_CLOSED, "%s: closed", conn->name);
    end(conn, conn->queue.count > 0);
}

void kn_conn_drop(struct kn_conn *conn)
{
    conn->silent = true;
    if (conn->state != KN_CONN_CLOSED)
        end(conn, conn->queue.count > 0);
    kn_sendq_drop(&conn->queue, conn);
}

void kn_conn_fail(struct kn_conn *conn, int errno_value)
{
    struct kb_error why;
    kb_error_errno(&why, KB_E_TRANSPORT, errno_value, "%s", conn->name);
    kn_conn_close(conn, &why);
}

static void on_deadline(struct kn_timer *timer)
{
    struct kn_conn *conn = KB_CONTAINER(timer, struct kn_conn, deadline);
    struct kb_error why;
    kb_error_clear(&why);
    if (conn->state == KN_CONN_FINISHING)
        kb_error_set(&why, KB_E_TIMED_OUT, "%s: does not take what is left to send", conn->name);
    kn_conn_close(conn, &why);
}

void kn_conn_finish(struct kn_conn *conn, int64_t deadline_ms)
{
    if (conn->state == KN_CONN_SHAKING)
        kn_conn_close(conn, NULL);
    if (conn->state != KN_CONN_OPEN)
        return;
    conn->state = KN_CONN_FINISHING;
    kn_timer_set(conn->loop, &conn->deadline, deadline_ms);
    kn_task_soon(conn->loop, &conn->flush_task);
}

/* ---- Beginning ---------------------------------------------------------- */

static void fill_defaults(struct kn_conn_options *options)
{
    if (options->max_frame_bytes == 0)
        options->max_frame_bytes = MAX_FRAME;
    if (options->high_bytes == 0)
        options->high_bytes = HIGH_MARK;
    if (options->low_bytes == 0)
        options->low_bytes = KB_MIN(LOW_MARK, options->high_bytes / 2);
    if (options->max_queued_bytes == 0)
        options->max_queued_bytes = SIZE_MAX;
}

/* "host:port" as dialled, else the peer's address. */
static char *make_name(struct kn_sock *sock, const char *host)
{
    struct kn_addr peer;
    char text[KN_ADDR_TEXT] = "?", name[300];
    bool known = sock->ops->peer(sock, &peer) == 0;
    if (!host)
        return kb_strdup(known ? kn_addr_format(&peer, text) : text);
    snprintf(name, sizeof name, "%s:%u", host, known ? kn_addr_port(&peer) : 0);
    return kb_strdup(name);
}

static struct kn_transport *make_transport(struct kn_sock *sock,
                                           const struct kn_conn_options *options,
                                           struct kb_error *err)
{
    struct kn_transport *transport;
    if (options->transport)
        return options->transport->make(options->transport, sock, options->host, err);
    transport = kn_transport_plain_new(sock);
    if (!transport)
        kb_error_set(err, KB_E_NO_MEMORY, "out of memory for a connection");
    return transport;
}

static void start(struct kn_conn *conn)
{
    conn->active_ms = kn_loop_now(conn->loop).mono_ms;
    conn->sock->owner = conn;
    conn->sock->on_ready = on_ready;
    kn_sendq_init(&conn->queue);
    kn_task_init(&conn->read_task, on_read_task);
    kn_task_init(&conn->flush_task, on_flush_task);
    kn_task_init(&conn->end_task, on_end_task);
    kn_timer_init(&conn->deadline, on_deadline);
    kn_task_next(conn->loop, &conn->read_task);
}

struct kn_conn *kn_conn_new(struct kn_loop *loop, struct kn_sock *sock,
                            const struct kn_conn_options *options,
                            const struct kn_conn_handler *handler, void *owner,
                            struct kb_error *err)
{
    struct kn_conn *conn = KB_NEW(struct kn_conn);
    if (!conn)
        goto no_memory;
    conn->loop = loop;
    conn->sock = sock;
    conn->handler = handler;
    conn->owner = owner;
    if (options)
        conn->options = *options;
    fill_defaults(&conn->options);
    conn->name = make_name(sock, conn->options.host);
    if (!conn->name)
        goto no_memory;
    conn->transport = make_transport(sock, &conn->options, err);
    if (!conn->transport)
        goto out;
    start(conn);
    return conn;
no_memory:
    kb_error_set(err, KB_E_NO_MEMORY, "out of memory for a connection");
out:
    if (conn)
        release(conn);
    sock->ops->close(sock, true);
    return NULL;
}

void *kn_conn_owner(const struct kn_conn *conn)
{
    return conn->owner;
}

struct kn_loop *kn_conn_loop(const struct kn_conn *conn)
{
    return conn->loop;
}

const char *kn_conn_name(const struct kn_conn *conn)
{
    return conn->name;
}

bool kn_conn_peer(const struct kn_conn *conn, struct kn_addr *out)
{
    return conn->sock && conn->sock->ops->peer(conn->sock, out) == 0;
}

bool kn_conn_local(const struct kn_conn *conn, struct kn_addr *out)
{
    return conn->sock && conn->sock->ops->local(conn->sock, out) == 0;
}

int64_t kn_conn_active_ms(const struct kn_conn *conn)
{
    return conn->active_ms;
}
