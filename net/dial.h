/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_DIAL_H
#define KN_DIAL_H
/*
 * From a name to a connected socket: resolves, then tries each address in
 * turn, each with its own time.
 */
#include "base/error.h"
#include "net/loop.h"

struct kn_dial;

struct kn_dial_options {
    int64_t attempt_ms;  /* per address; 0: 10000 (socket.connection.setup.timeout.ms) */
    int64_t deadline_ms; /* mono, for all of it; 0: KB_NEVER */
};

/* sock passes, bound to the loop and not watched; NULL: err says what failed last, and where. */
typedef void kn_dial_fn(void *owner, struct kn_sock *sock, const struct kb_error *err);

/* on_done comes once, never from inside this call; the dial is then gone.
 * NULL: no memory. host is copied. */
struct kn_dial *kn_dial_new(struct kn_loop *loop, const char *host, uint16_t port,
                            const struct kn_dial_options *options, kn_dial_fn *on_done,
                            void *owner);
void kn_dial_cancel(struct kn_dial *dial); /* no callback any more; NULL is fine */

#endif
