/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_RPC_H
#define KN_RPC_H
/*
 * The client's side of one broker connection: calls and their answers.
 *
 *     CONNECTING ─> NEGOTIATING ─> AUTHENTICATING ─> READY
 *          └──────────────┴──────────────┴─────────────┴───> CLOSED
 *
 * Names are resolved, addresses tried, ApiVersions asked (falling back to what
 * the broker knows), the authentication hook run; then calls flow, pipelined
 * and in order. A call that gets no answer in time closes the connection,
 * since the stream is then out of step. There is no reconnecting here.
 *
 * Belongs to one loop. Callbacks never come from inside a call into the rpc;
 * any of them may call any function here.
 */
#include "base/buf.h"
#include "base/error.h"
#include "net/conn.h"

struct kn_rpc;
struct kn_call;
struct kw_reader;

enum kn_rpc_state {
    KN_RPC_CONNECTING,
    KN_RPC_NEGOTIATING,
    KN_RPC_AUTHENTICATING,
    KN_RPC_READY,
    KN_RPC_CLOSED
};

struct kn_rpc_handler {
    /* Calls may flow. */
    void (*on_ready)(struct kn_rpc *);
    /* Last and once; every call has failed by then, and the rpc is gone when
     * this returns. The cause is typed: KB_E_TRANSPORT (name, refused, cut),
     * KB_E_TIMED_OUT, KB_E_PROTOCOL (that port does not speak it), KB_E_LIMIT
     * (a frame over the limit), KB_E_UNSUPPORTED, KB_E_AUTHENTICATION,
     * KB_E_CLOSED. */
    void (*on_close)(struct kn_rpc *, const struct kb_error *why);
    /* A call ended and there is room under max_in_flight. NULL: not needed. */
    void (*on_room)(struct kn_rpc *);
    /* In state AUTHENTICATING; calls are allowed. Ends in kn_rpc_authenticated.
     * NULL: READY at once. */
    void (*authenticate)(struct kn_rpc *);
    /* Where to read an answer of that size; as kn_conn_handler.on_size, with the
     * ctx of the call that it answers. KN_WAIT ends by kn_rpc_resume_read.
     * NULL: kb_buf_new. */
    enum kn_admit (*on_size)(struct kn_rpc *, void *call_ctx, uint32_t size, struct kb_buf **buf,
                             struct kb_error *why);
};

/* Sees every frame on its way, without the size in front; both may be NULL. For
 * logs: neither calls into the rpc. */
struct kn_tap {
    void (*on_request)(struct kn_tap *tap, const struct kn_rpc *rpc, const struct kb_piece *pieces,
                       size_t n);
    /* key and version: those of its request. */
    void (*on_response)(struct kn_tap *tap, const struct kn_rpc *rpc, int16_t key, int16_t version,
                        struct kb_slice frame, int64_t took_ms);
};

/* Strings are borrowed and must outlive the rpc. */
struct kn_rpc_options {
    const char *client_id;
    const char *software_name, *software_version; /* for ApiVersions */
    int64_t setup_ms;                             /* per address; 0: 10000 */
    int64_t setup_max_ms;                         /* until READY; 0: 30000 */
    int64_t versions_ms;                          /* for its versions; 0: setup_max_ms holds */
    int max_in_flight;        /* sent and unanswered; 0: 5. Further calls wait in order */
    uint32_t max_frame_bytes; /* 0: as conn.h */
    int32_t broker;           /* node id for errors, -1: not known */
    struct kn_transport_maker *transport; /* NULL: plain */
    struct kn_tap *tap;                   /* NULL: nobody looks */
};

/* Starts at once. NULL: no memory. */
struct kn_rpc *kn_rpc_new(struct kn_loop *loop, const char *host, uint16_t port,
                          const struct kn_rpc_options *options,
                          const struct kn_rpc_handler *handler, void *owner);
void *kn_rpc_owner(const struct kn_rpc *rpc);
struct kn_loop *kn_rpc_loop(const struct kn_rpc *rpc);
enum kn_rpc_state kn_rpc_state(const struct kn_rpc *rpc);
const char *kn_rpc_name(const struct kn_rpc *rpc); /* "host:port" */
void kn_rpc_authenticated(struct kn_rpc *rpc,
                          const struct kb_error *err); /* NULL or code 0: well */
void kn_rpc_resume_read(struct kn_rpc *rpc);
/* At once: calls fail with `why` (NULL: KB_E_CLOSED), then on_close, both later
 * in this turn. */
void kn_rpc_close(struct kn_rpc *rpc, const struct kb_error *why);
/* At once, and no callback any more, of calls neither: the owner goes away. */
void kn_rpc_drop(struct kn_rpc *rpc);

/* The highest version that both speak, or -1. From NEGOTIATING's end on. */
int kn_rpc_version(const struct kn_rpc *rpc, int16_t api_key, int16_t min, int16_t max);
/* What the broker speaks of it. False: nothing. */
bool kn_rpc_range(const struct kn_rpc *rpc, int16_t api_key, int16_t *min, int16_t *max);
/* The whole answer of ApiVersions (supported and finalized features too), as a
 * frame with its version; NULL before. */
struct kb_buf *kn_rpc_api_versions(const struct kn_rpc *rpc, int16_t *version);

/* ---- Calls -------------------------------------------------------------- */

struct kn_answer {
    const struct kb_error *err; /* NULL: answered, or sent if it wants no answer */
    bool sent;                  /* with an error: it may have reached the broker all the same */
    struct kb_buf *frame;       /* borrowed: ref it to keep views into it */
    struct kw_reader *body;     /* after the response header; NULL without an answer */
    int16_t version;
    int64_t took_ms;
};

/* Once per call, unless cancelled; the call is then gone. */
typedef void kn_answer_fn(void *ctx, const struct kn_answer *answer);

struct kn_request {
    int16_t api_key, version;
    const struct kb_piece *pieces; /* the body; references pass, on failure too */
    size_t n;
    int64_t timeout_ms; /* from now, waiting for its turn included; KB_FOREVER */
    bool no_answer;     /* acks=0: on_answer when its bytes are with the socket */
    kn_answer_fn *on_answer;
    void *ctx;
};

/* States AUTHENTICATING and READY. NULL: err says why, on_answer is not called. */
struct kn_call *kn_rpc_call(struct kn_rpc *rpc, const struct kn_request *request,
                            struct kb_error *err);
/* on_answer is not called any more; the answer is read and dropped. */
void kn_call_cancel(struct kn_call *call);

int kn_rpc_in_flight(const struct kn_rpc *rpc); /* sent and unanswered */
int kn_rpc_waiting(const struct kn_rpc *rpc);   /* not sent yet */
/* mono_ms since when no call is there; KB_NEVER: busy. For connections.max.idle.ms. */
int64_t kn_rpc_idle_since_ms(const struct kn_rpc *rpc);

#endif
