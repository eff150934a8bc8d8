/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_MIGRATE_H
#define KD_GROUP_MIGRATE_H
/*
 * A group goes from one protocol to the other while its members work: up when
 * the first member of the consumer protocol comes, down when the last one has
 * gone. group.consumer.migration.policy says which of them may be.
 */
#include "broker/core/group/modern/modern.h"

struct kd_upgraded {
    struct kb_slice id;
    struct kd_words words;
    struct kd_parts assigned;
};

/* The members of a classic group, as the other protocol has them. */
struct kd_upgrade {
    struct kd_upgraded *members;
    size_t count;
};

/* GROUP_ID_NOT_FOUND, with a text, where the group cannot become one of the consumer
 * protocol. Nothing is changed; what is planned lies in the arena. */
int kd_upgrade_plan(struct kd_upgrade *upgrade, const struct kd_group *group,
                    struct kb_arena *arena, struct kb_slice *text);
/* Is it one of them? */
bool kd_upgrade_has(const struct kd_upgrade *upgrade, struct kb_slice id, struct kb_slice instance);
/* group->modern is there from now on, with these members, unless the outcome failed. */
void kd_upgrade(const struct kd_upgrade *upgrade, struct kd_group *group, struct kb_time now,
                struct kd_outcome *out);

/* Without this one (NULL: as it is), are all members of the classic protocol? */
bool kd_downgrade_follows(const struct kd_group *group, const struct kd_modern_member *without);
/* What is not settled yet begins a round. */
void kd_downgrade(struct kd_group *group, const struct kd_modern_member *without,
                  struct kb_time now, struct kd_outcome *out);

/* What a consumer says of itself in a protocol's metadata, and what it is told. False: it
 * cannot be read, or no memory. */
struct kd_subscription {
    int16_t version;
    struct kb_slice *topics, rack;
    size_t topic_count;
    struct kd_parts owned; /* of topics that there are */
};
bool kd_subscription_read(struct kd_subscription *to, struct kb_slice metadata,
                          const struct kd_topics *topics, struct kb_arena *arena);
/* has_more: also something that only the group's assignor understands. */
bool kd_assignment_read(struct kd_parts *to, bool *has_more, struct kb_slice bytes,
                        const struct kd_topics *topics, struct kb_arena *arena);
/* Null: no memory. */
struct kb_slice kd_assignment_write(const struct kd_parts *parts, int16_t version,
                                    const struct kd_topics *topics, struct kb_arena *arena);

#endif
