/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CONSUMER_FETCH_H
#define KC_CONSUMER_FETCH_H
/* The consumer's requests and answers, on the loop. */
#include "libclient/drive/consumer.h"

enum { KC_FETCH_ARENA_BYTES = 64 << 20 };

/* Asks for whatever may be asked for now. */
void kc_consumer_look(struct kurier_consumer *consumer);
/* There is credit again: answers that waited for it are read on. */
void kc_consumer_room(struct kurier_consumer *consumer);
void kc_consumer_drop_flights(struct kurier_consumer *consumer);
/* Puts rows into the feed; their bytes lie in `frame` (may be NULL without any). */
void kc_consumer_deliver(struct kurier_consumer *consumer, const struct kc_fetched_list *list,
                         struct kb_buf *frame);
/* Asks that broker for the offsets of partitions that have none (consumer_offsets.c). */
void kc_consumer_ask_offsets(struct kurier_consumer *consumer, int32_t node);
void kc_consumer_drop_asks(struct kurier_consumer *consumer);

/* kc_client_ops */
void kc_consumer_on_topic(void *owner, struct kc_topic *topic);
void kc_consumer_on_usable(void *owner, struct kc_link *link);
enum kn_admit kc_consumer_on_size(void *owner, struct kc_link *link, void *call_ctx, uint32_t size,
                                  struct kb_buf **buf, struct kb_error *why);

#endif
