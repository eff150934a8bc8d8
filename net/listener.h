/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_LISTENER_H
#define KN_LISTENER_H
/*
 * Accepts connections up to a limit. At the limit, and when the process has
 * run out of descriptors, it stops listening for readiness instead of spinning:
 * until kn_listener_release, or for a moment.
 */
#include "base/error.h"
#include "net/loop.h"

struct kn_listener;

/* The socket passes. It is bound to no loop yet (env.h, watch). */
typedef void kn_accept_fn(void *owner, struct kn_sock *sock, const struct kn_addr *peer);

struct kn_listener_options {
    int backlog;         /* 0: 1024 */
    int max_connections; /* accepted and not yet released; 0: no limit */
    /* Connections wait because the process has no room (error: EMFILE ...); once
     * until one is accepted again. NULL: not needed. */
    void (*on_starved)(void *owner, int error);
};

/* NULL: err says why (KB_E_TRANSPORT: "address already in use"). host may be
 * a numeric address, "localhost", or "" / "0.0.0.0" / "::" for all. */
struct kn_listener *kn_listener_open(struct kn_loop *loop, const char *host, uint16_t port,
                                     const struct kn_listener_options *options,
                                     kn_accept_fn *on_accept, void *owner, struct kb_error *err);
void kn_listener_local(const struct kn_listener *listener, struct kn_addr *out); /* as bound */
void kn_listener_release(struct kn_listener *listener); /* one accepted socket is gone */
void kn_listener_close(struct kn_listener *listener);   /* NULL is fine */

#endif
