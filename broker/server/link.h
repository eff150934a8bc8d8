/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LINK_H
#define KD_LINK_H
/*
 * One connection of a client. Requests start in the order of their frames and
 * are answered in it; one is in progress at a time, or up to five if all are
 * Produce. While it can take no more its socket is not read.
 */
#include "broker/core/turns.h"
#include "broker/server/server.h"

enum { KD_PIPELINE = 5 };

struct kd_link {
    struct kb_list link; /* in the server's list */
    struct kd_server *server;
    struct kn_conn *conn;
    struct kn_listener *listener;
    const struct kd_listener_spec *spec; /* where it came in */
    struct kn_addr peer;
    struct kb_list requests; /* in progress, in the order of their frames */
    int in_progress;
    struct kd_turns turns;   /* of those that append */
    struct kd_request *held; /* came too early; reading is paused */
    bool starting;           /* inside a handler's first call */
    bool finishing;          /* no new requests; closes after the last answer */
    bool authenticated;
    struct kd_credit_wait credit;
    struct kn_timer idle;
    char software[128]; /* "librdkafka 2.0.2", once told */
};

/* Takes an accepted socket. What fails is logged, and the socket closed. */
void kd_link_open(struct kd_server *server, struct kn_sock *sock, const struct kn_addr *peer,
                  struct kn_listener *listener, const struct kd_listener_spec *spec);
/* Answers what is in progress, waits for nothing else, closes. */
void kd_link_finish(struct kd_link *link);
/* Its connection is gone or was dropped. */
void kd_link_free(struct kd_link *link);
/* This request of it has its answer. */
void kd_link_answered(struct kd_link *link, struct kd_request *request);

#endif
