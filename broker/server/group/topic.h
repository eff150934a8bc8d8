/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_TOPIC_H
#define KD_GROUP_TOPIC_H
/*
 * __consumer_offsets: which partition, and so which coordinator, a group belongs
 * to. The topic is made when the first client asks for a coordinator.
 */
#include "broker/core/group/groups.h"
#include "broker/server/group/shard.h"

#define KD_GROUP_TOPIC "__consumer_offsets"

/* Lies in its owner's struct. */
struct kd_group_wait {
    struct kb_list link;
    void (*done)(struct kd_group_wait *wait, int code);
};

struct kd_group_topic {
    struct kd_shard *shard;
    struct kd_group_limits limits;
    struct kd_group_shard **shards; /* by partition; NULL entries: no memory then */
    int32_t count;
    bool making;
    struct kb_list waiting;
};

void kd_group_topic_init(struct kd_group_topic *topic, struct kd_shard *shard);
/* The image is loaded and led: coordinators begin to load. */
void kd_group_topic_open(struct kd_group_topic *topic);
/* No request is left and nothing is written any more. */
void kd_group_topic_close(struct kd_group_topic *topic);

/* The topic is there, or made: KB_OK, or COORDINATOR_NOT_AVAILABLE. done may come
 * at once. */
void kd_group_topic_want(struct kd_group_topic *topic, struct kd_group_wait *wait);
void kd_group_topic_forget(struct kd_group_wait *wait);

/* The group's coordinator: KB_OK, NOT_COORDINATOR where there is none, or
 * COORDINATOR_LOAD_IN_PROGRESS. */
int kd_group_topic_find(struct kd_group_topic *topic, struct kb_slice group,
                        struct kd_group_shard **out);
/* Any of them that serves, in order; NULL: that was the last. *loading: one was passed
 * over that does not yet. */
struct kd_group_shard *kd_group_topic_next(struct kd_group_topic *topic, int32_t *at,
                                           bool *loading);

/* A topic has gone, and what groups have committed of it. */
void kd_group_topic_forget_topic(struct kd_group_topic *topic, struct kb_slice name);

/* Kafka's: the Java hash of the name, without sign, modulo the count. */
int32_t kd_group_partition(struct kb_slice group, int32_t count);

#endif
