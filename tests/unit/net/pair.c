/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/pair.h"

#include "net/dial.h"

#include <errno.h>
#include <string.h>

/* ---- Ends --------------------------------------------------------------- */

void end_on_open(struct kn_conn *conn)
{
    ((struct end *)kn_conn_owner(conn))->opened = true;
}

void end_on_frame(struct kn_conn *conn, struct kb_buf *frame)
{
    struct end *end = kn_conn_owner(conn);
    kb_buf_unref(end->last);
    end->last = frame;
    end->frames++;
}

void end_on_drain(struct kn_conn *conn)
{
    ((struct end *)kn_conn_owner(conn))->drained = true;
}

void end_on_close(struct kn_conn *conn, const struct kb_error *why)
{
    struct end *end = kn_conn_owner(conn);
    assert_false(end->closed);
    end->closed = true;
    end->conn = NULL;
    end->why = *why;
}

const struct kn_conn_handler end_handler = {
    .on_open = end_on_open,
    .on_frame = end_on_frame,
    .on_drain = end_on_drain,
    .on_close = end_on_close,
};

int end_send(struct end *end, struct kb_buf *frame)
{
    struct kb_piece piece = {frame, kb_buf_view(frame)};
    return kn_conn_send(end->conn, &piece, 1, NULL);
}

/* ---- Frames ------------------------------------------------------------- */

static uint8_t byte_of(size_t at, uint32_t seed)
{
    return (uint8_t)((at * 2654435761u + seed * 40503u) >> 7);
}

struct kb_buf *frame_make(size_t size, uint32_t seed)
{
    struct kb_buf *frame = kb_buf_new(size);
    if (!frame)
        return NULL;
    for (frame->size = 0; frame->size < size; frame->size++)
        frame->data[frame->size] = byte_of(frame->size, seed);
    return frame;
}

void frame_assert(const struct kb_buf *frame, size_t size, uint32_t seed)
{
    size_t at = 0;
    assert_int_equal(frame->size, size);
    while (at < size && frame->data[at] == byte_of(at, seed))
        at++;
    assert_int_equal(at, size);
}

/* ---- Pairs -------------------------------------------------------------- */

static void on_accept(void *owner, struct kn_sock *sock, const struct kn_addr *peer)
{
    struct pair *pair = owner;
    (void)peer;
    if (pair->server.conn) {
        sock->ops->close(sock, true);
        return;
    }
    pair->server.conn = kn_conn_new(pair->world->server, sock, &pair->server_options,
                                    pair->server_handler, &pair->server, NULL);
}

void pair_listen(struct pair *pair, struct world *world,
                 const struct kn_conn_options *server_options,
                 const struct kn_conn_handler *server_handler)
{
    struct kn_addr local;
    struct kb_error err;
    *pair = (struct pair){.world = world, .client.world = world, .server.world = world};
    if (server_options)
        pair->server_options = *server_options;
    pair->server_handler = server_handler ? server_handler : &end_handler;
    pair->listener =
        kn_listener_open(world->server, world->server_host, 0, NULL, on_accept, pair, &err);
    assert_non_null(pair->listener);
    kn_listener_local(pair->listener, &local);
    pair->port = kn_addr_port(&local);
}

struct dialled {
    bool done;
    struct kn_sock *sock;
};

static void on_dialled(void *owner, struct kn_sock *sock, const struct kb_error *err)
{
    (void)err;
    *(struct dialled *)owner = (struct dialled){true, sock};
}

static void on_raw_ready(struct kn_sock *sock, unsigned events)
{
    (void)events;
    sock->ops->watch(sock, sock->env, 0);
}

struct kn_sock *pair_raw(struct pair *pair)
{
    struct dialled dialled = {0};
    kn_dial_new(pair->world->client, pair->world->server_host, pair->port, NULL, on_dialled,
                &dialled);
    assert_true(world_until(pair->world, world_flag, &dialled.done, 10000));
    assert_non_null(dialled.sock);
    dialled.sock->on_ready = on_raw_ready;
    return dialled.sock;
}

void raw_write(struct kn_sock *sock, const void *data, size_t size)
{
    struct iovec iov = {(void *)data, size};
    assert_int_equal(sock->ops->writev(sock, &iov, 1), size);
}

static bool both_open(void *ctx)
{
    struct pair *pair = ctx;
    return pair->client.opened && pair->server.opened;
}

void pair_open(struct pair *pair, struct world *world, const struct kn_conn_options *client_options,
               const struct kn_conn_handler *client_handler,
               const struct kn_conn_options *server_options,
               const struct kn_conn_handler *server_handler)
{
    pair_listen(pair, world, server_options, server_handler);
    struct kn_sock *sock = pair_raw(pair);
    pair->client.conn =
        kn_conn_new(world->client, sock, client_options,
                    client_handler ? client_handler : &end_handler, &pair->client, NULL);
    assert_non_null(pair->client.conn);
    assert_true(world_until(world, both_open, pair, 10000));
}

void pair_close(struct pair *pair)
{
    struct end *ends[] = {&pair->client, &pair->server};
    for (int i = 0; i < 2; i++) {
        if (ends[i]->conn)
            kn_conn_drop(ends[i]->conn);
        kb_buf_unref(ends[i]->last);
    }
    kn_listener_close(pair->listener);
}
