/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_RPC_IMPL_H
#define KN_RPC_IMPL_H
/*
 * Shared by rpc.c (life), rpc_calls.c and rpc_negotiate.c alone.
 */
#include "net/dial.h"
#include "net/rpc.h"
#include "wire/api.h"

struct kn_version_range {
    int16_t min, max; /* min > max: the broker does not have it */
};

struct kn_rpc {
    struct kn_loop *loop;
    const struct kn_rpc_handler *handler;
    void *owner;
    struct kn_rpc_options options;
    uint16_t port;
    enum kn_rpc_state state;
    bool silent; /* dropped: no more callbacks */
    bool heard;  /* an answer to something else than ApiVersions */
    struct kb_error why;

    struct kn_dial *dial; /* while CONNECTING */
    struct kn_conn *conn; /* from then on, until CLOSED */
    struct kn_timer setup;
    struct kn_task ready_task, end_task;

    /* Calls, oldest first: those that wait for their turn, those that wait
     * for an answer, those that want none and are not yet with the socket. */
    struct kb_list waiting, sent, leaving;
    int waiting_count, flight_count; /* flight: sent and leaving */
    int32_t next_correlation;
    int64_t idle_since_ms;

    struct kn_version_range ranges[KW_API_KEY_END];
    struct kb_buf *versions; /* the answer of ApiVersions */
    int16_t versions_version;

    char *name; /* "host:port" */
    char host[];
};

struct kn_call {
    struct kb_list link;
    struct kn_rpc *rpc;
    struct kn_timer deadline;
    kn_answer_fn *on_answer; /* NULL: cancelled */
    void *ctx;
    int64_t began_ms, timeout_ms;
    int32_t correlation;
    int16_t api_key, version;
    bool no_answer, started;
    size_t n;
    struct kb_piece pieces[]; /* the header first; gone once started */
};

struct kn_call *kn_call_new(struct kn_rpc *rpc, const struct kn_request *request,
                            struct kb_error *err);
void kn_rpc_on_frame(struct kn_conn *conn, struct kb_buf *frame);
/* Every call ends; told: with the rpc's cause. */
void kn_rpc_end_calls(struct kn_rpc *rpc, bool told);

void kn_rpc_negotiate(struct kn_rpc *rpc);
void kn_rpc_negotiated(struct kn_rpc *rpc); /* goes on to authentication, or READY */

#endif
