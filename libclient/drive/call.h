/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CALL_H
#define KC_CALL_H
/*
 * One question of an application's thread to the loop: posted, run there, waited
 * for until a deadline. Two references, the asker's and the loop's, so that a
 * caller whose time is up just leaves; embed it first in a struct of your own.
 *
 *     asker                          loop
 *     kc_call_init(&mine->call, ...)
 *     kc_call_submit ──────────────> run(call)
 *     kc_call_wait <──notify──────── kc_call_done(call, &err)   exactly once
 *     reads its results
 *     kc_call_unref                  (its reference went with done)
 *
 * What run writes into the struct before done is the asker's to read after
 * kc_call_wait answered 0, or kc_call_finished said true; not before.
 */
#include "base/error.h"
#include "net/loop.h"
#include <stdatomic.h>

struct kurier_client;

struct kc_call {
    struct kn_mail mail;
    atomic_uint refs;
    atomic_bool finished;
    bool resumable, unheard; /* these three under the client's lock */
    unsigned waiters;        /* threads inside kc_call_resume */
    struct kurier_client *client;
    void (*run)(struct kc_call *call);     /* on the loop */
    void (*release)(struct kc_call *call); /* last reference, any thread */
    int64_t deadline_ms;                   /* the asker's, mono: for run to bound its tries */
    struct kb_error err;                   /* the outcome */
};

/* One reference: the asker's. */
void kc_call_init(struct kc_call *call, struct kurier_client *client,
                  void (*run)(struct kc_call *call), void (*release)(struct kc_call *call));
struct kc_call *kc_call_ref(struct kc_call *call);
void kc_call_unref(struct kc_call *call);

/* Takes a reference for the loop and posts. timeout_ms gives deadline_ms. */
void kc_call_submit(struct kc_call *call, int timeout_ms);
/* On the loop. err NULL: it went well. Drops the loop's reference. */
void kc_call_done(struct kc_call *call, const struct kb_error *err);
bool kc_call_finished(const struct kc_call *call);
/* Until it is finished. Answers the outcome's code; or KB_E_TIMED_OUT,
 * KB_E_INTERRUPTED: then it goes on behind. */
int kc_call_wait(struct kc_call *call, int timeout_ms, struct kb_error *err);
/* submit + wait + unref, for what is asked once and has no other result. */
int kc_call_ask(struct kc_call *call, int timeout_ms, struct kb_error *err);

/*
 * [resumable] calls: `slot` holds the one that is going on behind, or NULL.
 * A finished one tells its outcome once and leaves the slot; where there is none
 * `begin` makes one (NULL: no memory), which is submitted without a deadline.
 * One that ends while nobody waits for it raises KURIER_RESUME until a call hears
 * it. Any thread; two threads in the same slot wait for the same one. begin runs
 * under the client's lock. Whoever owns the slot unrefs what is left in it.
 */
/* An outcome that nobody wants to hear any more; a call that goes on is left alone. */
void kc_call_forget(struct kurier_client *client, struct kc_call **slot);
int kc_call_resume(struct kurier_client *client, struct kc_call **slot,
                   struct kc_call *(*begin)(void *ctx), void *ctx, int timeout_ms,
                   struct kb_error *err);

#endif
