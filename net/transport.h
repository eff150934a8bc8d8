/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_TRANSPORT_H
#define KN_TRANSPORT_H
/*
 * What lies between a connection and its socket: nothing (plain), or TLS.
 * Whatever can be said about TLS can be said here: a handshake, reads that
 * must wait until the socket can be written, bytes that are already decrypted
 * and that no readiness will ever announce, and no gathering write.
 */
#include "base/error.h"
#include "net/env.h"

struct kn_transport;

struct kn_transport_ops {
    /* 0: done. -EAGAIN: call again when `wants` is ready. Else -errno, and
     * err is filled. NULL: there is none. */
    int (*handshake)(struct kn_transport *, struct kb_error *err);
    /* As recv and send: > 0, 0 (read: the end), -EAGAIN, -errno. After -EAGAIN
     * a write is repeated with the same bytes at its front. */
    int64_t (*read)(struct kn_transport *, void *data, size_t size);
    int64_t (*write)(struct kn_transport *, const void *data, size_t size);
    /* NULL: only one buffer at a time. */
    int64_t (*readv)(struct kn_transport *, const struct iovec *, int n);
    int64_t (*writev)(struct kn_transport *, const struct iovec *, int n);
    /* Bytes that a read gives without the socket. NULL: never. */
    bool (*pending)(struct kn_transport *);
    /* After -EAGAIN of that direction (KN_READ: handshake and read, KN_WRITE:
     * write), the readiness of the socket to wait for. NULL: the same. */
    unsigned (*wants)(struct kn_transport *, unsigned direction);
    void (*finish)(struct kn_transport *); /* a polite last word, if any; never waits. NULL: none */
    void (*free)(struct kn_transport *);   /* not the socket */
};

struct kn_transport {
    const struct kn_transport_ops *ops;
    struct kn_sock *sock;
};

/* Makes the layer for one socket; host is the name that was dialled, NULL on
 * the accepting side. NULL: err says why. */
struct kn_transport_maker {
    struct kn_transport *(*make)(struct kn_transport_maker *, struct kn_sock *, const char *host,
                                 struct kb_error *err);
};

struct kn_transport *kn_transport_plain_new(struct kn_sock *sock); /* NULL: no memory */

#endif
