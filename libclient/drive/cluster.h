/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CLUSTER_H
#define KC_CLUSTER_H
/*
 * The loop's part of a client: drives the metadata machine over control links,
 * keeps the data links at their brokers' addresses, and finds the link for what
 * is asked. For client.c and the files of this part.
 */
#include "base/arena.h"
#include "libclient/drive/call.h"
#include "libclient/drive/client.h"
#include "libclient/drive/control.h"
#include "wire/gen/metadata.h"

struct kc_cluster {
    struct kurier_client *client;
    struct kn_timer timer;       /* a query is due, or an ask has waited too long */
    struct kn_task turn;         /* routes asks, tells of changed topics */
    struct kb_list controls;     /* struct kc_control_use */
    struct kb_list links;        /* data links, struct data_link */
    struct kb_list waiting;      /* asks for a broker that is not known yet */
    struct kb_list readying;     /* struct kc_ready */
    struct kb_list admins;       /* struct kc_admin: requests in progress */
    struct kc_control_use *home; /* who answered last; NULL: nobody yet */
    unsigned refusals;           /* queries in a row that no broker will ever answer */
    struct kb_error foreign;     /* what the last query found: another cluster; code 0: no */

    struct kc_ask query; /* the one in flight */
    struct kb_arena arena;
    struct kw_metadata_request request;
    struct kc_control_use *asked;
    int32_t asked_node;
};

/* False: no memory. */
bool kc_cluster_open(struct kurier_client *client);
void kc_cluster_close(struct kurier_client *client);

/* cluster_links.c */
/* To that address; node: the broker that is said to be there, -1: bootstrap. NULL: no
 * memory. */
struct kc_control_use *kc_cluster_control(struct kurier_client *client, int32_t node,
                                          const char *host, int32_t port);
void kc_cluster_control_down(struct kc_control_use *use);
/* What answers there belongs to another cluster: it is asked nothing else. */
void kc_cluster_shun(struct kurier_client *client, struct kc_control_use *use);
size_t kc_cluster_addresses(const struct kurier_client *client); /* at least so many to try */
bool kc_cluster_is_up(const struct kurier_client *client);       /* any connection is */
void kc_cluster_move_links(struct kurier_client *client);        /* after an answer */
void kc_cluster_drop_controls(struct kurier_client *client);     /* of addresses that are gone */
void kc_cluster_close_links(struct kurier_client *client);

/* ready.c */
struct kc_call *kc_ready_new(struct kurier_client *client); /* a call for kc_call_resume */
void kc_ready_look(struct kurier_client *client);           /* answers those that can be */
/* A query failed with err, or is on its way (NULL): keeps the cause. */
void kc_ready_explain(struct kurier_client *client, const struct kb_error *err);
void kc_ready_close(struct kurier_client *client);

#endif
