/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_SERVER_H
#define KD_SERVER_H
/*
 * The broker's listeners and connections.
 *
 *     frame -> request -> handler ..... answer -> queue of its link -> socket
 */
#include "broker/server/credit.h"
#include "broker/server/request.h"
#include "net/conn.h"
#include "net/listener.h"

enum {
    KD_SPARE_REQUESTS = 32,
    KD_SPARE_BYTES = 64 << 10, /* a request that took more is not kept */
    KD_ARENA_BYTES = 64 << 20, /* what one request may take beside its frame */
    KD_ANSWER_BYTES = 256 << 20
};

struct kd_door { /* one listener */
    struct kd_server *server;
    struct kn_listener *listener;
    const struct kd_listener_spec *spec;
};

struct kd_server {
    struct kd_shard *shard;
    struct kd_credit credit;
    struct kd_door doors[KD_LISTENERS_MAX];
    int door_count;
    struct kb_list links;
    int link_count;
    struct kb_list spare; /* requests to be used again */
    int spare_count;
    void (*drained)(struct kd_server *); /* while closing: the last link has gone */
    int64_t deadline_ms;                 /* while closing */
};

void kd_server_init(struct kd_server *server, struct kd_shard *shard);
/* Binds and listens; the shard's listeners learn their ports. TRANSPORT: which
 * one could not, and why. */
int kd_server_open(struct kd_server *server, struct kb_error *err);
/* Listens no more; requests in progress are answered until the deadline, then
 * drained() comes (at once if there is no link; also from inside). */
void kd_server_close(struct kd_server *server, int64_t deadline_ms,
                     void (*drained)(struct kd_server *));
/* Drops what is left. Requests that others still work on end without a
 * connection. */
void kd_server_deinit(struct kd_server *server);
/* After the last of them. */
void kd_server_forget_spares(struct kd_server *server);

/* Requests, a few of them kept with their memory. NULL: no memory. */
struct kd_request *kd_server_request_new(struct kd_server *server, struct kd_link *link);
void kd_server_request_free(struct kd_server *server, struct kd_request *request);

#endif
