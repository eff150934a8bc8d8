/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_SUBSCRIPTION_H
#define KC_SUBSCRIPTION_H
/*
 * What members of a classic group tell each other inside the coordinator's
 * messages, which it does not read itself: a member's subscription, in its
 * JoinGroup for each assignor, and the leader's assignment, in SyncGroup.
 *
 * Where older members have no place for what they own, the assignors' user data
 * has one: written for `sticky`, understood for both sticky ones.
 */
#include "libclient/core/assignor.h"
#include "libclient/core/group/names.h"
#include "libclient/core/group/partitions.h"
#include "wire/gen/consumer_protocol_subscription.h"

struct kb_arena;

struct kc_subscription {
    const struct kc_names *topics;
    const struct kc_partitions *owned;
    const struct kc_partitions *before; /* had last, for `sticky`: owned or given up since */
    int32_t generation;                 /* in which it got them; -1: none */
    const char *rack;                   /* NULL: not known */
};

/* Bytes in the arena, for that assignor. False: no memory. */
bool kc_subscription_encode(const struct kc_subscription *from, const struct kc_assignor *assignor,
                            struct kb_arena *arena, struct kb_slice *out);
/* A member's, with what it owns found wherever it is told. False: it cannot be read,
 * or no memory. Views into the bytes, and the arena. */
bool kc_subscription_decode(struct kb_slice bytes, const struct kc_assignor *assignor,
                            struct kb_arena *arena, struct kw_consumer_protocol_subscription *out);

/* One member's partitions: rows of one topic stand together. */
bool kc_assignment_encode(const struct kc_partitions *partitions, struct kb_arena *arena,
                          struct kb_slice *out);
/* Empty bytes are an empty assignment. 0, KB_E_NO_MEMORY, or KB_E_PROTOCOL. */
int kc_assignment_decode(struct kb_slice bytes, struct kb_arena *arena, struct kc_partitions *out);

#endif
