/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_PARTS_H
#define KD_GROUP_PARTS_H
/*
 * Sets of partitions: sorted by topic id and number, each once. An epoch rides
 * along with each, the member's when it was given it, where somebody cares.
 */
#include "base/arena.h"
#include "base/uuid.h"

struct kd_part {
    struct kb_uuid topic;
    int32_t partition, epoch;
};

struct kd_parts {
    struct kd_part *at;
    size_t count;
};

/* Room for that many in the arena; at NULL: no memory. Filled in any order, then
 * sorted once. */
struct kd_parts kd_parts_room(struct kb_arena *arena, size_t room);
void kd_parts_add(struct kd_parts *parts, struct kb_uuid topic, int32_t partition, int32_t epoch);
void kd_parts_sort(struct kd_parts *parts); /* of equals one stays */

/* NULL: not among them. */
const struct kd_part *kd_parts_find(const struct kd_parts *parts, struct kb_uuid topic,
                                    int32_t partition);
bool kd_parts_equal(const struct kd_parts *a, const struct kd_parts *b); /* epochs too */
bool kd_parts_within(const struct kd_parts *some, const struct kd_parts *all);
bool kd_parts_meet(const struct kd_parts *a, const struct kd_parts *b);

/* Partitions of one topic stand together: where those that begin here end. */
size_t kd_parts_run(const struct kd_parts *parts, size_t from);
size_t kd_parts_topics(const struct kd_parts *parts);
/* Their numbers, in the arena. NULL: no memory. */
int32_t *kd_parts_numbers(const struct kd_parts *parts, size_t from, size_t end,
                          struct kb_arena *arena);

/* In the arena; at NULL: no memory. */
struct kd_parts kd_parts_union(struct kb_arena *arena, const struct kd_parts *a,
                               const struct kd_parts *b);

/* On the heap, in place of what was there. False: no memory. */
bool kd_parts_keep(struct kd_parts *to, const struct kd_parts *from);
void kd_parts_drop(struct kd_parts *parts);
/* A copy of it in the arena takes its place. False: no memory. */
bool kd_parts_dup(struct kb_arena *arena, struct kd_parts *parts);

#endif
