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
 *                              commit what is finished
 *   done  <─────────────────── drop them
 *   ASSIGN ──────────────────> committed offsets, else reset ──> assigned, in poll
 *   done  <─────────────────── (at once: fetching begins behind it)
 *   LOSE  ──────────────────> drop them, commit nothing ───────> lost, in poll
 *   done  <─────────────────── (at once)
 *
 * One change at a time: the next comes after kc_membership_done. Belongs to the
 * loop; a change comes from the membership's turn, never from inside a call into
 * it, and done may be said before kc_rebalance_change returns.
 *
 * What this asks of membership.h, all on the loop:
 *
 *   kc_membership_subscribe    join with these topics, or change them
 *   kc_membership_leave        no REVOKE for it: rebalance gave up everything
 *                              before. kc_rebalance_left once the group was told or
 *                              cannot be. Also where nothing was joined.
 *   kc_membership_done         the change is over
 *   kc_membership_polled       the application came back after LEASE_EXPIRED: join
 *   kc_membership_identity     who commits
 *   kc_membership_coordinator  the node, or -1: then it is looked for, also where
 *                              nothing is subscribed (a commit of assigned
 *                              partitions); kc_rebalance_coordinator when found
 *   kc_membership_heard        a code that a commit was answered with
 */
#include "base/error.h"
#include "base/time.h"
#include "libclient/core/group/change.h"
#include "libclient/core/group/partitions.h"

struct kurier_consumer;

/* The partitions are copied. */
void kc_rebalance_change(struct kurier_consumer *consumer, enum kc_change change,
                         const struct kc_partitions *partitions);
/* What only the application can mend (LEASE_EXPIRED, a strategy that the group does
 * not share, no right to the group, fenced by another instance): the next poll
 * answers it, once. */
void kc_rebalance_tell(struct kurier_consumer *consumer, const struct kb_error *err);
void kc_rebalance_left(struct kurier_consumer *consumer);
/* The coordinator is known now, or another one: what waits for it goes on. */
void kc_rebalance_coordinator(struct kurier_consumer *consumer);

/* Until when (mono) the application counts as alive: its last poll, done or
 * progress and max.poll.interval.ms, or what extend gave it. Asked before each
 * tick of the member; past it the member lets go with LEASE_EXPIRED. A poll that
 * waits is alive all the time. */
int64_t kc_rebalance_alive_until_ms(struct kurier_consumer *consumer, struct kb_time now);

#endif
