/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_METADATA_H
#define KC_METADATA_H
/*
 * What one client knows of its cluster, as a pure machine:
 *
 *   want, refresh ──> due? ──> query (which topics) ──> the driver sends it
 *   answer or failure ──────> tables change ──> changed topics, one by one
 *
 * It asks for the topics that somebody wants, when they are new, when somebody
 * met an error that speaks of old knowledge (refresh), while an answer leaves
 * something open (no leader, not there yet), and at metadata.max.age.ms; again
 * only as its backoff allows. One query is in flight at a time.
 *
 * A leader epoch never goes back (KIP-320): an answer from a broker that lags
 * does not undo a newer one, unless the topic id says it was made anew (then
 * `generation` counts up and epochs start over).
 *
 * Whom to ask: brokers of the last answer, the one that failed longest ago
 * first; when each has failed since the last answer, or none helped for
 * rebootstrap_trigger_ms, the bootstrap list again (KIP-899, KIP-1102).
 *
 * Topics live while wanted; brokers until an answer drops them. The views handed
 * out are good until the next answer. No clock, no I/O, one thread.
 */
#include "base/error.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "base/time.h"
#include "base/uuid.h"
#include "libclient/core/backoff.h"
#include "libclient/core/bootstrap.h"

struct kw_metadata_request;
struct kw_metadata_response;
struct kb_arena;

struct kc_broker {
    int32_t id;
    int32_t port;
    char *host, *rack; /* rack may be NULL */
    int64_t failed_ms; /* when it last failed to answer; 0: never */
};

struct kc_partition {
    int32_t leader;       /* node id; -1: none now */
    int32_t leader_epoch; /* -1: not told */
    int32_t error;        /* 0, or why there is no leader */
    int32_t *replicas, *isr;
    uint32_t replica_count, isr_count;
};

struct kc_topic {
    char *name;          /* lives as long as the struct */
    struct kb_uuid id;   /* zero: not told (brokers before 2.8) */
    uint32_t generation; /* counts up when the name got another id */
    int32_t error;       /* 0; while not known: why (UNKNOWN_TOPIC_OR_PARTITION,
                             TOPIC_AUTHORIZATION_FAILED, INVALID_TOPIC_EXCEPTION ...) */
    bool known;          /* partitions hold what some answer said */
    int32_t partition_count;
    struct kc_partition *partitions;
    bool unheard; /* the handle had no memory for it: the next answer is news to it */
    void *owner;  /* the handle's own, for what it hangs on a topic */

    /* the machine's */
    uint32_t wanted;
    bool asked;     /* in the query in flight */
    int64_t due_ms; /* to be asked for; KB_NEVER: only with the others */
    struct kc_backoff backoff;
    struct kb_map_entry by_name, by_id;
    struct kb_list all, changed;
};

struct kc_metadata_options {
    int32_t max_age_ms, retry_backoff_ms, retry_backoff_max_ms;
    int32_t rebootstrap_trigger_ms;
    bool rebootstrap, auto_create;
};

struct kc_metadata {
    struct kc_metadata_options options;
    struct kb_random *random;
    const struct kc_bootstrap *bootstrap;
    char *cluster_id;          /* NULL: not told yet */
    int32_t controller;        /* -1: not told */
    struct kc_broker *brokers; /* sorted by id */
    size_t broker_count;
    bool known;       /* some answer came */
    uint32_t answers; /* counts them */

    /* the machine's */
    struct kb_map names, ids; /* of topics */
    struct kb_list all, changed;
    struct kc_backoff backoff; /* of failed queries */
    bool in_flight, asked_all;
    size_t bootstrap_next; /* round and round */
    size_t bootstrap_left; /* tries before known brokers get another chance */
    int64_t due_ms;        /* the earliest of brokers' and topics' */
    int64_t brokers_due_ms;
    int64_t allowed_ms; /* not before: the last query failed */
    int64_t answered_ms;
    int64_t failing_since_ms; /* KB_NEVER: the last query was answered */
};

void kc_metadata_init(struct kc_metadata *md, const struct kc_metadata_options *options,
                      const struct kc_bootstrap *bootstrap, struct kb_random *random);
void kc_metadata_deinit(struct kc_metadata *md);

/* Interest in a topic, counted. A new one is asked for at once; one of which
 * something is known is among the changed. NULL: no memory. */
struct kc_topic *kc_metadata_want(struct kc_metadata *md, const char *name);
void kc_metadata_unwant(struct kc_metadata *md, struct kc_topic *topic);
struct kc_topic *kc_metadata_topic(const struct kc_metadata *md,
                                   const char *name); /* NULL: not wanted */
struct kc_topic *kc_metadata_topic_by_id(const struct kc_metadata *md, struct kb_uuid id);
const struct kc_broker *kc_metadata_broker(const struct kc_metadata *md,
                                           int32_t id); /* NULL: gone */
/* NULL: not there (yet). */
const struct kc_partition *kc_metadata_partition(const struct kc_topic *topic, int32_t partition);

/* An error said that what is known is old. NULL topic: the brokers themselves. */
void kc_metadata_refresh(struct kc_metadata *md, struct kc_topic *topic);
/* Asks the bootstrap list next (KIP-1102: REBOOTSTRAP_REQUIRED). */
void kc_metadata_rebootstrap(struct kc_metadata *md);
/* A broker named the new leader in its refusal (KIP-951). True: it was news; the
 * topic is among the changed then. */
bool kc_metadata_leader(struct kc_metadata *md, struct kc_topic *topic, int32_t partition,
                        int32_t leader, int32_t leader_epoch);

/* When a query is due next (0: at once); KB_NEVER while one is in flight. */
int64_t kc_metadata_deadline_ms(const struct kc_metadata *md);
/* Whom to ask: a broker of the last answer, or one of the bootstrap list. */
struct kc_target {
    int32_t node; /* -1: bootstrap */
    const char *host;
    int32_t port;
};
/* False: nothing is due, or the arena is too small (then it counts as failed).
 * Else fills both: the request lives in the arena, the target's host until the
 * next answer. A query counts as in flight until answer or failure. */
bool kc_metadata_query(struct kc_metadata *md, struct kb_time now, struct kb_arena *arena,
                       struct kw_metadata_request *request, struct kc_target *target);
void kc_metadata_answer(struct kc_metadata *md, struct kb_time now,
                        const struct kw_metadata_response *response);
/* The query failed; node -1: it was asked of the bootstrap list. */
void kc_metadata_failure(struct kc_metadata *md, struct kb_time now, int32_t node);
/* A topic that changed since it was last handed out; NULL: no more. */
struct kc_topic *kc_metadata_next_change(struct kc_metadata *md);

#endif
