/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_MEMBERSHIP_H
#define KC_MEMBERSHIP_H
/*
 * Runs a consumer's membership (core/group/member.h) on the loop: finds the
 * group's coordinator, speaks to it, and hands each change to its owner.
 *
 *   owner (rebalance.c)            membership                  coordinator
 *   subscribe, leave ───────────>  member ── plan ──> data link ──> Join, Sync,
 *   change <─── REVOKE, ASSIGN ──    │                              Heartbeat
 *   done ───────────────────────>    └── finder ──> any broker: FindCoordinator
 *
 * The connection for Join, Sync and Heartbeat is its own, since a parked
 * JoinGroup holds up everything behind it. Whatever must not wait for that goes
 * over the control link of the coordinator's node: LeaveGroup, and the owner's
 * OffsetCommit and OffsetFetch.
 *
 * A consumer with a group.id has one, whether it subscribes or assigns: who only
 * assigns asks it for the coordinator, and commits as nobody (generation -1).
 *
 * On the loop. No callback comes from inside a call; done may be said inside one.
 */
#include "libclient/core/group/member.h"
#include "libclient/drive/client.h"
#include "libclient/drive/placement.h"

struct kc_membership; /* hangs on its consumer */
struct kurier_consumer;

/* What its owner does about it: rebalance.h's functions. All are set. */
struct kc_membership_ops {
    /* To be seen to, then kc_membership_done: at once or later. LOSE may come before
     * the last change was done; that one is over then, and done speaks of LOSE. */
    void (*change)(struct kurier_consumer *owner, enum kc_change change,
                   const struct kc_partitions *partitions);
    /* kc_membership_coordinator answers another, or it is refused for good. */
    void (*coordinator)(struct kurier_consumer *owner);
    /* Out of the group after kc_membership_leave: answered, or given up. */
    void (*left)(struct kurier_consumer *owner);
    /* As leader: what the application's own assignor is asked. kc_membership_placed
     * answers; a later question takes its place. */
    void (*assign)(struct kurier_consumer *owner, uint32_t number,
                   const struct kc_assignor *assignor, const struct kc_assign *in);
    /* What only the application can mend; a LOSE comes before if anything was
     * owned. Once each time. */
    void (*tell)(struct kurier_consumer *owner, const struct kb_error *err);
    /* Until when (mono) the application counts as alive; asked before each tick. */
    int64_t (*alive_until_ms)(struct kurier_consumer *owner, struct kb_time now);
};

/* own: the application's assignors, offered first; borrowed. group.id is set. Nothing
 * is asked before subscribe or kc_membership_coordinator. NULL: no memory or bad
 * options; err says. */
struct kc_membership *kc_membership_new(struct kurier_client *client,
                                        const struct kc_membership_ops *ops,
                                        const struct kc_own_assignors *own,
                                        struct kurier_consumer *owner, struct kb_error *err);
/* In the client's ops->close. The coordinator is told nothing any more. */
void kc_membership_free(struct kc_membership *membership); /* NULL is fine */

/* See kc_member_subscribe. KB_E_NO_MEMORY. */
int kc_membership_subscribe(struct kc_membership *membership, const char *const *names, size_t n,
                            const char *regex, struct kb_error *err);
/* The owner has given up everything before, so no change comes: LeaveGroup as `how`
 * says, waited for at most until deadline_ms, then ops->left; that also where
 * nothing was joined. */
void kc_membership_leave(struct kc_membership *membership, enum kc_leave how, int64_t deadline_ms);
/* The change is over. */
void kc_membership_done(struct kc_membership *membership);
/* See kc_member_placed. */
void kc_membership_placed(struct kc_membership *membership, uint32_t number, const int32_t *owners,
                          const struct kb_error *why);
/* The application came back after LEASE_EXPIRED: joins again. */
void kc_membership_polled(struct kc_membership *membership);

/* Who commits: views, good until the loop's next turn. Not a member (now):
 * member "", generation -1. */
struct kc_identity {
    const char *group, *member, *instance; /* instance NULL: dynamic */
    int32_t generation;                    /* or the member epoch */
    bool by_epoch;                         /* KIP-848 */
};
void kc_membership_identity(const struct kc_membership *membership, struct kc_identity *out);
/* The coordinator's node, for kc_client_ask; -1: not known, and looked for from now
 * on: ops->coordinator tells. err: why it is not known; KB_RETRIABLE: not yet, else
 * asking again helps only where rights or names have changed. */
int32_t kc_membership_coordinator(struct kc_membership *membership, struct kb_error *err);
/* A commit, or a fetch of offsets, sent in that generation was refused with that code. */
void kc_membership_heard(struct kc_membership *membership, int32_t generation, int code);

enum kc_standing kc_membership_standing(const struct kc_membership *membership);
/* For kc_client_ops.ready: 0 in the group (or not subscribed), KB_E_TIMED_OUT not
 * yet with why in err, else why never. */
int kc_membership_ready(const struct kc_membership *membership, struct kb_error *err);
/* Metadata told something of a topic: from kc_client_ops.topic. */
void kc_membership_topic(struct kc_membership *membership, struct kc_topic *topic);

#endif
