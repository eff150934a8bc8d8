/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_COMMITTED_H
#define KC_COMMITTED_H
/*
 * Partitions that begin at what their group has committed: looked up for all that
 * wait for it at once, then placed in the fetcher. On the loop.
 */
#include "libclient/drive/consumer.h"

struct kc_committed;
struct kc_committed *kc_committed_new(struct kurier_consumer *consumer); /* NULL: no memory */
void kc_committed_free(struct kc_committed *committed);
/* Asks, if some wait and no question is on its way. */
void kc_committed_look(struct kc_committed *committed);

#endif
