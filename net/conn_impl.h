/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_CONN_IMPL_H
#define KN_CONN_IMPL_H
/*
 * Shared by conn.c (life and readiness), conn_read.c and conn_write.c alone.
 *
 *     SHAKING ─> OPEN ─> FINISHING ─> LINGERING
 *         └───────┴──────────┴────────────┴──────> CLOSED, freed by the end task
 */
#include "net/conn.h"
#include "net/sendq.h"

enum kn_conn_state {
    KN_CONN_SHAKING,
    KN_CONN_OPEN,
    KN_CONN_FINISHING, /* sends the rest of its queue */
    KN_CONN_LINGERING, /* said its end; waits for the other's */
    KN_CONN_CLOSED     /* no socket any more */
};

struct kn_conn {
    struct kn_loop *loop;
    struct kn_sock *sock;
    struct kn_transport *transport;
    const struct kn_conn_handler *handler;
    void *owner;
    struct kn_conn_options options;
    char *name;
    enum kn_conn_state state;
    bool silent; /* dropped: no more callbacks */
    struct kb_error why;
    int64_t active_ms;
    struct kn_task read_task, flush_task, end_task;
    struct kn_timer deadline; /* of finish */

    /* Reading: head, then frame. The stash is what was read but must wait. */
    bool paused;    /* by the owner */
    bool no_credit; /* on_size said KN_WAIT */
    uint8_t head[4];
    uint32_t head_have, frame_size, frame_have;
    struct kb_buf *frame, *stash;
    size_t stash_at;

    /* Writing */
    struct kn_sendq queue;
    bool blocked; /* the transport takes no more until it is ready */
    bool full;    /* above the high mark, on_drain is owed */
};

bool kn_conn_wants_read(const struct kn_conn *conn);
bool kn_conn_has_pending(const struct kn_conn *conn);
void kn_conn_update_watch(struct kn_conn *conn);
void kn_conn_fail(struct kn_conn *conn, int errno_value); /* KB_E_TRANSPORT */

void kn_conn_read(struct kn_conn *conn);
void kn_conn_flush(struct kn_conn *conn);

#endif
