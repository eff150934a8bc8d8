/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_ASSIGNOR_H
#define KC_ASSIGNOR_H
/*
 * Who of a group gets which partition: what a leader computes for the classic
 * protocol. Pure: the same input gives the same result, whatever the order of
 * members and topics.
 *
 *     range               each topic in stretches; alike topics alike
 *     roundrobin          all partitions, one by one
 *     sticky              as even as can be, with as few moves as can be
 *     cooperative-sticky  the same in two rounds: what moves is first given up
 *                         by the one that has it (KIP-429), and -1 meanwhile
 *
 * Where members and replicas say their racks, range and the sticky ones give a
 * partition to a member that is beside a replica, as far as that leaves the
 * shares as they are (KIP-881).
 */
#include "base/slice.h"
#include <stdint.h>

enum { KC_RACKS_MAX = 64 };

struct kc_assign_topic {
    struct kb_slice name;
    int32_t count;         /* partitions */
    const uint64_t *racks; /* of each partition's replicas, a bit per rack; NULL: not known */
};

struct kc_owned {
    int32_t topic; /* index */
    int32_t partition;
};

struct kc_assign_member {
    struct kb_slice id, instance; /* instance null: dynamic */
    int rack;                     /* a bit's number; -1: none */
    const int32_t *topics;        /* indexes of what it is subscribed to */
    size_t topic_count;
    const struct kc_owned *owned; /* what it says it has */
    size_t owned_count;
    int32_t generation; /* in which it got that; -1: not known */
};

struct kc_assign {
    const struct kc_assign_topic *topics;
    size_t topic_count;
    const struct kc_assign_member *members;
    size_t member_count;
};

/* owners[topic][partition] becomes the index of a member, or -1. NO_MEMORY. */
typedef int kc_assign_fn(const struct kc_assign *in, int32_t **owners);

struct kc_assignor {
    const char *name;
    bool cooperative;     /* members keep what they have through a round */
    bool sticky;          /* wants to know what members had */
    kc_assign_fn *assign; /* NULL: the application's own, which is asked inside poll */
};

const struct kc_assignor *kc_assignor_find(struct kb_slice name); /* NULL: none */

/* The order in which assignors take members: static ones first, by instance, then
 * the others by id. `order` gets member_count indexes. */
void kc_assign_order(const struct kc_assign *in, int32_t *order);
bool kc_assign_subscribed(const struct kc_assign_member *member, int32_t topic);
bool kc_assign_beside(const struct kc_assign *in, int32_t member, int32_t topic, int32_t partition);

kc_assign_fn kc_assign_range, kc_assign_roundrobin, kc_assign_sticky, kc_assign_cooperative;

#endif
