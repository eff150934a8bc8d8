/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_REBALANCE_H
#define KC_REBALANCE_H
/*
 * From the membership's changes to the application. A membership (membership.h)
 * says what is to be given up, is ours, or is gone; this drains, commits, tells
 * the listener inside poll, and changes the fetcher by just those partitions:
 * what is kept keeps its position, its pause and what lies fetched.
 *
 *   membership                    rebalance                      application
 *   REVOKE ──────────────────> hand out no more of them
 *                              wait for their batches, or ────> revoked, in poll
 *                              commit what is finished; or, where a producer's
 *                              transactions do, wait for the open one to end
 *   done  <─────────────────── drop them
 *   ASSIGN ──────────────────> committed offsets, else reset ──> assigned, in poll
 *   done  <─────────────────── (at once: fetching begins behind it)
 *   LOSE  ──────────────────> drop them, commit nothing ───────> lost, in poll
 *   done  <─────────────────── (at once)
 *
 * Ending is a revocation of all, and then the group is left: unsubscribe as any
 * other; close at once, without a word to the listener, and with what is finished
 * by then. On the loop.
 */
#include "libclient/core/group/partitions.h"
#include "libclient/drive/call.h"
#include "libclient/drive/consumer.h"
#include "libclient/drive/listener.h"
#include "libclient/drive/membership.h"

struct kc_rebalance;
struct kc_rebalance *kc_rebalance_new(
    struct kurier_consumer *consumer,
    const kurier_rebalance_listener *listener); /* NULL: no memory */
/* Nothing is waited for any more; a call that ends is answered with _CLOSED. */
void kc_rebalance_stop(struct kc_rebalance *rebalance);
void kc_rebalance_free(struct kc_rebalance *rebalance); /* nobody is inside */

/* What the membership calls. */
extern const struct kc_membership_ops kc_rebalance_ops;

/* A batch came back: perhaps the last of those that are waited for. */
void kc_rebalance_look(struct kc_rebalance *rebalance);

/* Gives up all, leaves the group, then `call` is done. A second one takes the first
 * one's place, which is answered with _CLOSED. close: see above; at most until
 * call->deadline_ms. */
void kc_rebalance_end(struct kc_rebalance *rebalance, struct kc_call *call, bool close);
bool kc_rebalance_is_ending(const struct kc_rebalance *rebalance);

/* ---- The application's threads ------------------------------------------------*/
struct kc_listener *kc_rebalance_listener(struct kc_rebalance *rebalance);

#endif
