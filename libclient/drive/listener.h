/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_LISTENER_H
#define KC_LISTENER_H
/*
 * What poll has to do for the group before it hands out records: calls of the
 * application's rebalance listener, in the order of the changes, and errors that
 * only the application can mend.
 *
 *   loop ── put ──> [assigned][revoked] ── attend, inside poll ──> listener
 *                                              │
 *   over(turn) <────────────────────────────────┘ or by revoke_done, if deferred
 */
#include "kurier/consumer.h"
#include "base/error.h"
#include "base/list.h"
#include "libclient/core/group/change.h"
#include "libclient/drive/placement.h"
#include "net/loop.h"
#include <pthread.h>
#include <stdatomic.h>

struct kc_turn {
    struct kb_list node;
    enum kc_change kind;
    kurier_position *positions; /* topics live as long as the consumer */
    size_t count;
    bool forced; /* its time was over: what it was about is lost */
};

struct kc_listener {
    struct kurier_client *client;
    struct kurier_consumer *consumer;
    kurier_rebalance_listener calls;
    bool present;
    void (*over)(struct kurier_consumer *consumer, struct kc_turn *turn_give); /* on the loop */
    void (*placed)(struct kurier_consumer *consumer, struct kurier_placement *placement_give);

    atomic_bool due;     /* attend has something to do */
    atomic_bool calling; /* a callback runs, on thread `caller` */
    _Atomic(pthread_t) caller;

    pthread_mutex_t lock; /* guards what follows */
    struct kb_list turns;
    struct kc_turn *open; /* called, and not over */
    bool returned;        /* the call came back; a deferred one waits for revoke_done */
    bool said_done;       /* which has come */
    struct kn_mail done;
    struct kb_error told;
    struct kurier_placement *asked; /* what the application's assignor is to be asked; NULL */
};

/* calls NULL: there is none; errors are told all the same. */
void kc_listener_init(struct kc_listener *listener, struct kurier_client *client,
                      struct kurier_consumer *consumer, const kurier_rebalance_listener *calls,
                      void (*over)(struct kurier_consumer *, struct kc_turn *),
                      void (*placed)(struct kurier_consumer *, struct kurier_placement *));
void kc_listener_deinit(struct kc_listener *listener); /* nobody is inside */

/* ---- On the loop ---------------------------------------------------------------*/
/* Room for n positions. NULL: no memory. */
struct kc_turn *kc_turn_new(enum kc_change kind, size_t n);
void kc_turn_free(struct kc_turn *turn);
void kc_listener_put(struct kc_listener *listener, struct kc_turn *turn_give);
/* REVOKE turns that were not called yet are told as lost; one that was is, too, once
 * it is over. */
void kc_listener_force(struct kc_listener *listener);
/* Forgets REVOKE turns that were not called yet: a loss of more takes their place. */
void kc_listener_drop_revokes(struct kc_listener *listener);
/* The question before, if nobody took it yet, is dropped. */
void kc_listener_ask(struct kc_listener *listener, struct kurier_placement *placement_give);
void kc_listener_tell(struct kc_listener *listener, const struct kb_error *err);

/* ---- The application's threads ---------------------------------------------------*/
/* Calls what is due, then answers the error that was told; 0: none. */
int kc_listener_attend(struct kc_listener *listener, struct kb_error *err);
static inline bool kc_listener_is_due(const struct kc_listener *listener)
{
    return atomic_load_explicit(&listener->due, memory_order_acquire);
}
/* Is this thread inside a callback? */
bool kc_listener_is_caller(const struct kc_listener *listener);
void kc_listener_revoke_done(struct kc_listener *listener); /* any thread */

#endif
