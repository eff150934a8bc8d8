/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PAIR_H
#define TESTS_PAIR_H
/*
 * Two connected connections, one on each loop of a world, that note what
 * happens to them.
 */
#include "net/conn.h"
#include "net/listener.h"
#include "tests/unit/net/fragment.h"
#include "tests/unit/net/world.h"

struct end {
    struct world *world;
    struct kn_conn *conn; /* NULL: not there, or closed */
    bool opened, closed, drained;
    struct kb_error why;
    int frames;
    struct kb_buf *last; /* the newest frame */
    void *ctx;           /* the test's own */
};

struct pair {
    struct world *world;
    struct kn_listener *listener;
    uint16_t port;
    struct end client, server;
    struct kn_conn_options server_options;
    const struct kn_conn_handler *server_handler;
};

/* What notes and nothing else; a test's own handlers may call them. */
extern const struct kn_conn_handler end_handler;
void end_on_open(struct kn_conn *conn);
void end_on_frame(struct kn_conn *conn, struct kb_buf *frame);
void end_on_drain(struct kn_conn *conn);
void end_on_close(struct kn_conn *conn, const struct kb_error *why);

/* Only listens; the server's end comes with the first that connects. */
void pair_listen(struct pair *pair, struct world *world,
                 const struct kn_conn_options *server_options,
                 const struct kn_conn_handler *server_handler);
/* Both ends open. NULL options and handlers: the defaults, and end_handler. */
void pair_open(struct pair *pair, struct world *world, const struct kn_conn_options *client_options,
               const struct kn_conn_handler *client_handler,
               const struct kn_conn_options *server_options,
               const struct kn_conn_handler *server_handler);
/* A connected socket of the client's, without a connection over it. */
struct kn_sock *pair_raw(struct pair *pair);
void raw_write(struct kn_sock *sock, const void *data, size_t size);
/* Drops what is still there. */
void pair_close(struct pair *pair);

/* A frame of `size` bytes that depend on seed. */
struct kb_buf *frame_make(size_t size, uint32_t seed);
void frame_assert(const struct kb_buf *frame, size_t size, uint32_t seed);
int end_send(struct end *end, struct kb_buf *frame); /* the reference passes */

#endif
