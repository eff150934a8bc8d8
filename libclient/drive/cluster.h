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
struct kc_control_use *kc_cluster_control(struct kurier_client *client, const char *host,
                                          int32_t port);     /* NULL: no memory */
void kc_cluster_move_links(struct kurier_client *client);    /* after an answer */
void kc_cluster_drop_controls(struct kurier_client *client); /* of addresses that are gone */
void kc_cluster_close_links(struct kurier_client *client);

/* ready.c */
struct kc_call *kc_ready_new(struct kurier_client *client); /* a call for kc_call_resume */
void kc_ready_look(struct kurier_client *client);           /* answers those that can be */
void kc_ready_explain(struct kurier_client *client);        /* a query failed: keeps the cause */
void kc_ready_close(struct kurier_client *client);

#endif
