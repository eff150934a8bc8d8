/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CLIENT_H
#define KC_CLIENT_H
/*
 * What every handle is made of. A producer, a consumer and kurier_client_new
 * each own one of these: options, waits and pending bits, events, and on the
 * loop the cluster's metadata, control links and the handle's data links.
 *
 *   application's threads        │ the loop
 *   ─────────────────────────────┼──────────────────────────────────────
 *   kc_client_new ───────────────┼─> open: bootstrap, ops->topic ...
 *   kc_call_submit ──── mail ────┼─> run
 *   kc_wait  <── notify ─────────┼── kc_client_pend, kc_notify
 *   kc_client_free ──────────────┼─> ops->close, links freed
 *
 * A handle's own struct embeds nothing of this; it holds the pointer and is the
 * `owner` that the ops are called with.
 */
#include "libclient/core/metadata.h"
#include "libclient/core/options.h"
#include "libclient/drive/debug.h"
#include "libclient/drive/event.h"
#include "libclient/drive/fork.h"
#include "libclient/drive/link.h"
#include "libclient/drive/runtime.h"
#include "libclient/drive/trouble.h"
#include "libclient/drive/wait.h"
#include "net/loop.h"
#include <pthread.h>

struct kc_call;

/* Where the handle looks in. All on the loop; any may be NULL. */
struct kc_client_ops {
    /* What is known of a wanted topic changed: partitions, leaders, its error. */
    void (*topic)(void *owner, struct kc_topic *topic);
    /* A data link of this handle, see kc_link_handler. */
    void (*usable)(void *owner, struct kc_link *link);
    void (*down)(void *owner, struct kc_link *link, const struct kb_error *why);
    enum kn_admit (*size)(void *owner, struct kc_link *link, void *call_ctx, uint32_t size,
                          struct kb_buf **buf, struct kb_error *why);
    /* Beyond "metadata is known": 0 yes; KB_E_TIMED_OUT not yet, and what it waits
     * for; else why it cannot be. Looked at on kc_client_ready_changed. */
    int (*ready)(void *owner, struct kb_error *err);
    /* The last call; links and metadata still stand. */
    void (*close)(void *owner);
    int max_in_flight; /* of data links; 0: 5 */
};

/* Interest bits of waits (wait.h) beside the public pending ones. */
enum {
    KC_WAIT_CALL = 1 << 16, /* some kc_call finished */
    KC_WAIT_OWNER = 1 << 17 /* and up: the handle's own */
};

struct kurier_client {
    struct kurier_runtime *runtime;
    struct kc_options *options; /* its own copy; read-only */
    struct kc_waits waits;
    struct kc_events events;
    struct kc_debug debug;
    const struct kc_client_ops *ops;
    void *owner;

    /* pending bits and the resumable calls; `lock` guards what follows */
    pthread_mutex_t lock;
    atomic_uint pending;
    int pending_fd; /* -1: never asked for */
    bool pending_fd_raised;
    struct kc_call *ready;
    unsigned unheard;      /* resumable calls that ended with nobody there */
    struct kb_error cause; /* why it is not ready yet, the best that is known */
    struct kc_trouble trouble;
    struct kb_list results; /* of admin */

    /* the loop's */
    struct kc_bootstrap bootstrap;
    struct kc_metadata metadata;
    struct kc_cluster *cluster; /* cluster.c: the query in flight, links, timers */
};

/* Any thread. ops and owner live as long as the client. The first callback may
 * come before this returns. NULL: err says why. */
struct kurier_client *kc_client_new(struct kurier_runtime *runtime, const kurier_config *config,
                                    const struct kc_client_ops *ops, void *owner,
                                    struct kb_error *err);
/* Any thread but the loop's. ops->close is called, links are freed, mail on its
 * way is gone when this returns. In the child of a fork: descriptors only. */
void kc_client_free(struct kurier_client *client);

/* First line of every public function: KB_E_FORKED in the child of a fork. */
static inline int kc_client_check(const struct kurier_client *client, struct kb_error *err)
{
    return kc_forked(&client->runtime->fork) ? kc_fork_error(err) : 0;
}

/* ---- Pending bits (KURIER_REPORTS ...): any thread ------------------------ */
void kc_client_pend(struct kurier_client *client, uint32_t bits); /* also kc_notify of them */
void kc_client_unpend(struct kurier_client *client, uint32_t bits);
/* KURIER_RESUME, by how many resumable calls are unheard. */
void kc_client_resume_changed(struct kurier_client *client);
int kc_client_fd(
    struct kurier_client *client); /* readable while the mask is not 0; -1: none to be had */

/* ---- On the loop ----------------------------------------------------------- */
static inline struct kn_loop *kc_client_loop(const struct kurier_client *client)
{
    return client->runtime->loop;
}
/* Interest in a topic, counted; ops->topic tells what comes of it, first when it
 * is known or its error is, at once (in this turn) if it is already. */
struct kc_topic *kc_client_want(struct kurier_client *client, const char *topic);
void kc_client_unwant(struct kurier_client *client, struct kc_topic *topic);
/* An error spoke of old knowledge; asks anew as soon as the backoff allows. NULL
 * topic: the brokers. */
void kc_client_refresh(struct kurier_client *client, struct kc_topic *topic);
/* KIP-951: the refusal named the leader. */
void kc_client_leader(struct kurier_client *client, struct kc_topic *topic, int32_t partition,
                      int32_t leader, int32_t leader_epoch);
/* This handle's data link to a broker, made on first use; lives until the client
 * is freed. NULL: the broker is not known (now), or no memory. */
struct kc_link *kc_client_link(struct kurier_client *client, int32_t node);

/* Whom a control request is for. */
enum { KC_ANY_BROKER = -1, KC_CONTROLLER = -2 };
/* Over the shared control link of that broker. An unknown node, or no broker yet:
 * waits until metadata knows one, at most to its deadline. */
void kc_client_ask(struct kurier_client *client, int32_t node, struct kc_ask *ask);
void kc_client_ready_changed(struct kurier_client *client);
/* Events of a connection, and what follows from them. */
void kc_client_tell_up(struct kurier_client *client, const struct kc_link *link);
void kc_client_tell_down(struct kurier_client *client, const struct kc_link *link,
                         const struct kb_error *why);
/* An answer over it said throttle_time_ms; 0: nothing. */
void kc_client_throttled(struct kurier_client *client, struct kc_link *link, int32_t throttle_ms);
struct kc_link_options kc_client_link_options(struct kurier_client *client, const char *client_id);

/* Logging under this client's sink: KB_LOG(kc_client_log(c), KB_LOG_INFO, "producer", ...) */
static inline struct kb_log *kc_client_log(struct kurier_client *client)
{
    return &client->events.log;
}

#endif
