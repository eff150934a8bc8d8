/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_PARTITIONS_H
#define KC_PARTITIONS_H
/*
 * A set of partitions: what a member has, is given, is to give up. Rows are
 * sorted by topic name, topic id, partition, and each is there once; walk them
 * by index:
 *
 *     for (size_t i = 0; i < set.count; i++)
 *         use(set.rows[i].topic, set.rows[i].partition);
 *
 * The id belongs to the identity: a topic made anew under its old name has other
 * partitions. It is zero where the protocol does not tell it (classic groups).
 *
 * A set owns its rows. Their names are shared between sets by reference, so that
 * a copy costs no name; a set may be handed to another thread as a whole.
 */
#include "base/slice.h"
#include "base/uuid.h"

struct kc_place {
    const char *topic; /* lives as long as some set that has it */
    struct kb_uuid id;
    int32_t partition;
};

struct kc_partitions {
    struct kc_place *rows;
    size_t count, capacity;
};

void kc_partitions_init(struct kc_partitions *set); /* empty; as all zeros */
void kc_partitions_deinit(struct kc_partitions *set);
void kc_partitions_clear(struct kc_partitions *set);

/* False: no memory, and nothing has changed. There already: true. */
bool kc_partitions_add(struct kc_partitions *set, struct kb_slice topic, struct kb_uuid id,
                       int32_t partition);
bool kc_partitions_contains(const struct kc_partitions *set, const struct kc_place *place);
bool kc_partitions_equal(const struct kc_partitions *a, const struct kc_partitions *b);

/* `to` becomes what `from` is; false: no memory, and `to` is as it was. */
bool kc_partitions_copy(struct kc_partitions *to, const struct kc_partitions *from);
/* Without an allocation; `from` is empty then. */
void kc_partitions_move(struct kc_partitions *to, struct kc_partitions *from);

/* Without an allocation: those of `other` leave the set. */
void kc_partitions_remove(struct kc_partitions *set, const struct kc_partitions *other);

/* `out` becomes the result, and may be one of the two. False: no memory, and
 * `out` is as it was. */
bool kc_partitions_union(struct kc_partitions *out, const struct kc_partitions *a,
                         const struct kc_partitions *b);
bool kc_partitions_difference(struct kc_partitions *out, const struct kc_partitions *a,
                              const struct kc_partitions *b);
bool kc_partitions_intersection(struct kc_partitions *out, const struct kc_partitions *a,
                                const struct kc_partitions *b);

#endif
