/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_ASSIGN_H
#define KD_GROUP_ASSIGN_H
/*
 * Who is to have which partition. Pure, and the same for the same question. Members
 * and partitions are numbers here:
 *
 *     topic 0          topic 1     ...
 *     [0 1 2 3]        [4 5]            owner[partition] = member
 *
 * Racks play no part, as in Kafka since 4.0.
 */
#include "base/arena.h"
#include "base/uuid.h"

struct kd_assign_topic {
    struct kb_uuid id;
    int32_t first, count;       /* of its partitions */
    const int32_t *subscribers; /* members, ascending */
    int32_t subscriber_count;   /* at least 1 */
};

struct kd_assign_member {
    struct kb_slice instance; /* null: dynamic */
    struct kb_slice id;
};

struct kd_assign {
    const struct kd_assign_member *members;
    int32_t member_count;
    const struct kd_assign_topic *topics; /* by id */
    int32_t topic_count, partition_count;
    bool alike;             /* all members subscribe to all topics */
    int32_t *owner;         /* in: of the last time, where that still subscribes, else -1; out: the
                       answer, all of them owned */
    struct kb_arena *arena; /* for what it takes to find out */
};

/* False: no memory. */
typedef bool kd_assign_fn(struct kd_assign *assign);

/* Everybody has as many as the others, or one more or less, as far as subscriptions let;
 * and keeps what it has as far as that lets. */
kd_assign_fn kd_assign_uniform;
/* Of each topic everybody has some in a row, in the members' order (static ones first, by
 * instance, then by id), so that the same numbers of alike topics meet at one member. */
kd_assign_fn kd_assign_range;

struct kd_assignor {
    const char *name;
    kd_assign_fn *run;
};

enum { KD_ASSIGNORS = 2 };
/* Those that a list names, with commas between; NULL behind the last of fewer. False: it
 * names none, one twice, or another. */
bool kd_assignors_parse(const char *list, const struct kd_assignor *assignors[KD_ASSIGNORS]);

#endif
