/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CONTROL_H
#define KC_CONTROL_H
/*
 * Control links: metadata, administration, producer ids, offsets by time. A
 * broker answers one request per connection at a time, so what can take long (a
 * Fetch that waits, a Produce that flushes) never goes over these, and therefore
 * all clients of a runtime can share them: one per address and identity (client
 * id now; credentials join it with them).
 */
#include "libclient/drive/link.h"

struct kurier_client;

struct kc_controls;
struct kc_controls *kc_controls_new(struct kurier_runtime *runtime); /* NULL: no memory */
void kc_controls_free(struct kc_controls *controls);                 /* none is held any more */

/* A reference to the link for that address; NULL: no memory. */
struct kc_link *kc_control_get(struct kurier_client *client, const char *host, int32_t port);
void kc_control_unref(struct kc_link *link);

#endif
