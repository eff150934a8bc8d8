/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CONTROL_H
#define KC_CONTROL_H
/*
 * Control links: metadata, administration, producer ids, offsets by time. A
 * broker answers one request per connection at a time, so what can take long (a
 * Fetch that waits, a Produce that flushes) never goes over these, and therefore
 * all clients of a runtime can share them: one per address and identity (client
 * id now; credentials join it with them).
 *
 *   client ── kc_control_use ──┐
 *   client ── kc_control_use ──┴── control ── link
 */
#include "libclient/drive/link.h"

struct kurier_client;
struct kc_control;

struct kc_controls;
struct kc_controls *kc_controls_new(struct kurier_runtime *runtime); /* NULL: no memory */
void kc_controls_free(struct kc_controls *controls);                 /* none is held any more */

/* One client's use of one; lies in a list of the client's. */
struct kc_control_use {
    struct kb_list of_client, of_control;
    struct kurier_client *client;
    struct kc_control *control;
    bool told_down;
    bool foreign; /* what answers there belongs to another cluster than the client's */
};

/* For that address, dialled when it is asked something. NULL: no memory. */
struct kc_control_use *kc_control_open(struct kurier_client *client, const char *host,
                                       int32_t port);
void kc_control_close(struct kc_control_use *use);
struct kc_link *kc_control_link(const struct kc_control_use *use);
bool kc_control_is_at(const struct kc_control_use *use, const char *host, int32_t port);

#endif
