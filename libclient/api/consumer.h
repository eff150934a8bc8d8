/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_API_CONSUMER_H
#define KC_API_CONSUMER_H
/* How the public functions of a consumer come in, and have the loop do things. */
#include "libclient/drive/consumer.h"
#include "libclient/drive/rebalance.h"

/* Inside a callback of the listener: its thread may come in again. */
static inline bool kc_consumer_is_inside(const struct kurier_consumer *c)
{
    return c->rebalance && kc_listener_is_caller(kc_rebalance_listener(c->rebalance));
}

int kc_consumer_refuse(struct kurier_consumer *c, struct kb_error *err);

static inline void kc_consumer_leave(struct kurier_consumer *c)
{
    if (!kc_consumer_is_inside(c))
        atomic_store_explicit(&c->busy, false, memory_order_release);
}

/* One thread at a time, and an open consumer. Not 0: err says why. */
static inline int kc_consumer_enter(struct kurier_consumer *c, struct kb_error *err)
{
    kb_error_clear(err);
    if (kc_client_check(c->client, NULL) ||
        (atomic_exchange_explicit(&c->busy, true, memory_order_acquire) &&
         !kc_consumer_is_inside(c)))
        return kc_consumer_refuse(c, err);
    if (!atomic_load_explicit(&c->closed, memory_order_relaxed))
        return 0;
    kc_consumer_leave(c);
    return kc_consumer_refuse(c, err);
}
/* The same for what must not run inside a callback. */
int kc_consumer_enter_outside(struct kurier_consumer *c, struct kb_error *err);

/* fn on the loop, with what it needs. */
struct kc_errand {
    struct kurier_consumer *consumer;
    const kurier_position *positions;
    size_t n;
    const char *const *names;
    const char *pattern;
    struct kb_regex *regex;
    int32_t partition;
    kurier_position *out;
    kurier_explanation *explanation;
    struct kb_error *err;
    int (*fn)(struct kc_errand *e);
    int code;
};
int kc_consumer_run(struct kurier_consumer *consumer, struct kc_errand *errand);

#endif
