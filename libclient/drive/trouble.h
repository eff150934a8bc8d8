/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_TROUBLE_H
#define KC_TROUBLE_H
/*
 * What goes wrong with a client as a whole: told by an event once, and again only
 * after it was over. And the last thing that went wrong with any connection, for
 * reports of records that waited for it in vain. On the loop, but where it says so.
 */
#include "base/error.h"
#include "net/rpc.h"

struct kurier_client;
struct kc_link;

struct kc_trouble {
    unsigned failures; /* queries for metadata in a row */
    bool all_down, stale, too_old, other_cluster;
    struct kb_error last; /* under the client's lock; code 0: nothing now */
    const struct kc_link *link;
};

void kc_trouble_init(struct kc_trouble *trouble);
/* A query for metadata failed, or was answered. */
void kc_trouble_failed(struct kurier_client *client, const struct kb_error *err);
void kc_trouble_answered(struct kurier_client *client);
/* A connection is lost, or there again. */
void kc_trouble_down(struct kurier_client *client, const struct kc_link *link,
                     const struct kb_error *why);
void kc_trouble_up(struct kurier_client *client, const struct kc_link *link);
/* A broker and we have no version of an API in common; answers KB_E_UNSUPPORTED. */
int kc_trouble_too_old(struct kurier_client *client, const struct kn_rpc *rpc, int16_t api_key,
                       int16_t min, int16_t max, struct kb_error *err);
/* Any thread. False: there is nothing wrong now. */
bool kc_trouble_last(struct kurier_client *client, struct kb_error *out);

#endif
