/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_ADMIN_H
#define KC_ADMIN_H
/*
 * Administration: a request is a row of a table (admin_topics.c, admin_offsets.c,
 * admin_cluster.c) and its arguments; one machine runs them all.
 *
 *   start ──> parts, one per broker that is asked ──all answered──> over
 *     ^                                                              │
 *     ├──backoff── something retriable, time left <─────────────────┤
 *     ├── `instead`, the broker does not know the API <─────────────┤
 *     └── `then`, the second half <─────────────────────────────────┴──> result
 *
 * Rows are collected in the result as answers come; an attempt that is repeated
 * begins with none. Everything here belongs to the loop, but for the request
 * before it is submitted and the result after it was handed out.
 */
#include "base/arena.h"
#include "kurier/admin.h"
#include "libclient/drive/call.h"
#include "libclient/drive/client.h"

struct kc_admin;
struct kc_admin_part;
struct kw_reader;
struct kw_writer;

/* Whom to ask, beside KC_ANY_BROKER and KC_CONTROLLER. */
enum { KC_ROUTE_NODE = -3 /* request->node */, KC_ROUTE_LEADERS = -4 /* of request->offsets */ };

enum { KC_ADMIN_RETRIES = 6 };

struct kc_admin_api {
    int16_t key, min_version, max_version;
    int32_t route;
    int (*encode)(struct kc_admin_part *part, int16_t version, struct kw_writer *out);
    /* Reads the answer into rows of the result. Not 0: err says why it cannot. */
    int (*take)(struct kc_admin_part *part, int16_t version, struct kw_reader *body,
                struct kb_error *err);
    const struct kc_admin_api *instead, *then;
    int16_t retry[KC_ADMIN_RETRIES]; /* codes of rows for which all is asked again; 0 ends */
};

struct kc_admin_offset {
    const char *topic;
    int32_t partition, leader_epoch;
    int64_t timestamp_ms; /* -1, -2: the ends */
    int32_t leader;       /* -1: not found yet */
    bool answered;        /* there is a row for it */
};

struct kurier_request {
    const struct kc_admin_api *api;
    struct kb_arena arena; /* of all below */
    kurier_new_topic *new_topics;
    const char **names;
    struct kc_admin_offset *offsets;
    size_t count; /* of whichever of them it has; names NULL: all topics */
    int32_t to_count;
    kurier_resource resource;
    int32_t node;
};

struct kurier_result {
    struct kb_list node; /* in the client's results */
    struct kb_arena arena;
    kurier_row *rows;
    size_t count, capacity;
    uint64_t opaque;
    struct kb_error err; /* the request as a whole failed */
};

struct kc_admin_part {
    struct kc_ask ask;
    struct kb_list all;
    struct kc_admin *admin;
    int32_t node;
};

struct kc_admin {
    struct kc_call call;
    struct kb_list all; /* of the cluster's */
    kurier_request *request;
    kurier_result *result; /* NULL once handed out */
    bool submitted;        /* to the client's results, nobody waits */

    const struct kc_admin_api *stage;
    struct kb_list parts;
    size_t unanswered;
    struct kb_error err; /* of this attempt: the first that failed */
    struct kn_timer timer;
    struct kc_backoff backoff;
};

/* A call that runs the request, which it takes. NULL: no memory, request freed. */
struct kc_admin *kc_admin_new(struct kurier_client *client, kurier_request *request);
/* The client is closing. */
void kc_admin_close(struct kurier_client *client);
/* Results that nobody took. */
void kc_admin_forget(struct kurier_client *client);

/* One more row, of "none" everywhere. NULL: no memory. */
kurier_row *kc_result_row(kurier_result *result);
const char *kc_result_text(kurier_result *result, struct kb_slice text); /* NULL stays NULL */
void kc_result_free(kurier_result *result);
void kc_request_free(kurier_request *request);
/* Milliseconds that a broker may take for this request. */
int32_t kc_admin_time_left_ms(const struct kc_admin_part *part);

extern const struct kc_admin_api kc_admin_create_topics, kc_admin_delete_topics,
    kc_admin_add_partitions, kc_admin_topics, kc_admin_offsets, kc_admin_topic_configs,
    kc_admin_broker_configs, kc_admin_cluster;

#endif
