/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_TOPIC_H
#define KD_GROUP_TOPIC_H
/* __consumer_offsets, and the coordinators that its partitions are. */
#include "broker/core/group/groups.h"
#include "broker/server/coordinator/topic.h"

#define KD_GROUP_TOPIC "__consumer_offsets"

struct kd_group_topic {
    struct kd_coordinator_topic topic;
    struct kd_group_limits limits;
};

struct kd_group_coordinator {
    struct kd_coordinator coordinator;
    struct kd_groups groups;
};

void kd_group_topic_init(struct kd_group_topic *groups, struct kd_shard *shard);

static inline struct kd_groups *kd_groups_of(struct kd_coordinator *c)
{
    return &KB_CONTAINER(c, struct kd_group_coordinator, coordinator)->groups;
}

/* The client of a request that is parked there has gone. */
void kd_group_forget(struct kd_coordinator *c, struct kd_parked *wait);
/* A topic has gone, and what groups have committed of it. */
void kd_group_topic_forget_topic(struct kd_group_topic *groups, struct kb_slice name);

#endif
