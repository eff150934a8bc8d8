/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_LINK_H
#define KC_LINK_H
/*
 * One broker's address for as long as somebody needs it: a kn_rpc while there is
 * a connection, and what brings the next one.
 *
 *     IDLE ──connect──> DIALLING ──> UP ──cut──> RESTING ──backoff──> DIALLING
 *       ^                                │ nothing asked for connections.max.idle.ms
 *       └────────────────────────────────┘
 *
 * A data link belongs to one producer or consumer (client.h makes them); control
 * links are shared by every client of the runtime that speaks to that address
 * under the same identity (control.h). Belongs to the loop. No callback comes
 * from inside a call into the link.
 */
#include "base/error.h"
#include "base/list.h"
#include "net/rpc.h"
#include "libclient/core/backoff.h"

struct kurier_runtime;
struct kw_writer;
struct kc_link;

enum { KC_LINK_NOTE_BYTES = 160 };

enum kc_link_state { KC_LINK_IDLE, KC_LINK_DIALLING, KC_LINK_UP, KC_LINK_RESTING };

/* Any may be NULL. */
struct kc_link_handler {
    void (*on_up)(struct kc_link *link); /* before the first on_usable */
    /* Connected, or room under max_in_flight again, or a throttle is over: look
     * at what waits to be sent. */
    void (*on_usable)(struct kc_link *link);
    /* Cut, or could not be reached; every call and ask on it has been answered
     * with the cause by then. While `keep` is set it dials again by itself. */
    void (*on_down)(struct kc_link *link, const struct kb_error *why);
    /* As kn_rpc_handler.on_size. NULL: kb_buf_new. */
    enum kn_admit (*on_size)(struct kc_link *link, void *call_ctx, uint32_t size,
                             struct kb_buf **buf, struct kb_error *why);
    /* Another state, for logs. This one may come from inside a call, and only
     * looks. */
    void (*on_state)(const struct kc_link *link);
};

struct kc_link_options {
    const char *client_id; /* borrowed, as long as the link */
    int32_t connect_timeout_ms, connect_timeout_max_ms;
    int32_t request_timeout_ms; /* of what is asked; the connection is cut then */
    int32_t reconnect_backoff_ms, reconnect_backoff_max_ms;
    int32_t max_idle_ms; /* < 0: never */
    int max_in_flight;   /* 0: 5 */
    struct kn_tap *tap;  /* sees its frames; NULL: nobody does */
};

/* node -1: not known (bootstrap). host is copied. Dials when told to, or when
 * asked something. NULL: no memory. */
struct kc_link *kc_link_new(struct kurier_runtime *runtime, int32_t node, const char *host,
                            int32_t port, const struct kc_link_options *options,
                            const struct kc_link_handler *handler, void *owner);
/* No callback any more; what was asked is forgotten. Calls made on its rpc go with it. */
void kc_link_free(struct kc_link *link);
void *kc_link_owner(const struct kc_link *link);
int32_t kc_link_node(const struct kc_link *link);
const char *kc_link_name(const struct kc_link *link); /* "host:port" */
enum kc_link_state kc_link_state(const struct kc_link *link);
/* Why it is not up: the last failure; code 0 if there was none since it was. */
const struct kb_error *kc_link_cause(const struct kc_link *link);

/* Words for when it cannot be connected: whose address that is. "": none. */
void kc_link_note(struct kc_link *link, const char *note);

/* keep: bring it up and hold it up. */
void kc_link_keep(struct kc_link *link, bool keep);
/* The broker has moved. A connection to the old address is cut. */
void kc_link_move(struct kc_link *link, const char *host, int32_t port);

/* To call on, if it is up, not throttled and below max_in_flight; else NULL, and
 * on_usable comes. Send with kn_rpc_call; kn_rpc_version says what it speaks. */
struct kn_rpc *kc_link_rpc(struct kc_link *link);
int kc_link_max_in_flight(const struct kc_link *link);
/* An answer said throttle_time_ms: nothing leaves before that is over (KIP-219).
 * 0: nothing. */
void kc_link_throttle(struct kc_link *link, int32_t throttle_ms);
/* The level of the feature transaction.version that its cluster has finalized: 2 is
 * KIP-890; 0: not known, or none. */
int kc_link_transactions(struct kc_link *link);
/* The broker does not do what it should: cut; comes back by its backoff. */
void kc_link_cut(struct kc_link *link, const struct kb_error *why);

/* ---- Asking ---------------------------------------------------------------
 * For everything but the data path: one request, written when its version is
 * known, one answer. Waits while the link dials; a failure to connect is its
 * answer. Lies in its owner's struct until answered or cancelled. */
struct kc_ask {
    int16_t api_key, min_version, max_version;
    const char *since;   /* the first Kafka that has these versions, for errors; or NULL */
    int64_t deadline_ms; /* mono; then KB_E_TIMED_OUT, or why there is no connection */
    /* Writes the body. Not 0: the answer is that error. */
    int (*encode)(struct kc_ask *ask, int16_t version, struct kw_writer *out);
    /* Exactly once, unless cancelled. KB_E_UNSUPPORTED: not a version in common. */
    void (*on_answer)(struct kc_ask *ask, const struct kn_answer *answer);

    /* the link's; zeroed before the first use */
    struct kb_list node;
    int32_t to;           /* while the client does not know where it goes */
    struct kc_link *link; /* where it is; NULL: nowhere */
    struct kc_link *from; /* who answered, while on_answer runs */
    struct kn_call *call; /* sent */
};

void kc_link_ask(struct kc_link *link, struct kc_ask *ask);
void kc_ask_cancel(struct kc_ask *ask);            /* on its way nowhere: nothing */
bool kc_link_is_quiet(const struct kc_link *link); /* nothing asked, nothing in flight */

#endif
