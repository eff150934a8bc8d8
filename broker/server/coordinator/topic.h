/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_COORDINATOR_TOPIC_H
#define KD_COORDINATOR_TOPIC_H
/*
 * An internal topic of which each partition is a coordinator: which of them a key (a
 * group, a transactional id) belongs to. The topic is made when the first client asks
 * for a coordinator.
 */
#include "broker/core/alter.h"
#include "broker/server/coordinator/coordinator.h"

/* Lies in its owner's struct. */
struct kd_topic_wait {
    struct kb_list link;
    void (*done)(struct kd_topic_wait *wait, int code);
};

/* How it is made. */
struct kd_topic_plan {
    int32_t partitions, segment_bytes;
};

struct kd_coordinator_topic {
    struct kd_shard *shard;
    const struct kd_coordinator_kind *kind;
    struct kd_topic_plan plan;
    struct kd_coordinator **coordinators; /* by partition; NULL entries: no memory then */
    int32_t count;
    bool making;
    struct kb_list waiting;
};

void kd_coordinator_topic_init(struct kd_coordinator_topic *topic, struct kd_shard *shard,
                               const struct kd_coordinator_kind *kind,
                               const struct kd_topic_plan *plan);
/* The image is loaded and led: coordinators begin to load. */
void kd_coordinator_topic_open(struct kd_coordinator_topic *topic);
/* No request is left and nothing is written any more. */
void kd_coordinator_topic_close(struct kd_coordinator_topic *topic);

/* The topic is there, or made: KB_OK, or COORDINATOR_NOT_AVAILABLE. done may come
 * at once. */
void kd_coordinator_topic_want(struct kd_coordinator_topic *topic, struct kd_topic_wait *wait);
void kd_coordinator_topic_forget(struct kd_topic_wait *wait);

/* The key's coordinator: KB_OK, NOT_COORDINATOR where there is none, or
 * COORDINATOR_LOAD_IN_PROGRESS. */
int kd_coordinator_find(const struct kd_coordinator_topic *topic, struct kb_slice key,
                        struct kd_coordinator **out);
/* A step of it. NULL, and *code: the same, or COORDINATOR_NOT_AVAILABLE (no memory). */
struct kd_step *kd_step_for(const struct kd_coordinator_topic *topic, struct kb_slice key,
                            int *code);
/* The same as kd_coordinator_find, of a partition. */
int kd_coordinator_at(const struct kd_coordinator_topic *topic, int32_t partition,
                      struct kd_coordinator **out);
/* Any of them that serves, in order; NULL: that was the last. *loading: one was passed
 * over that does not yet. */
struct kd_coordinator *kd_coordinator_next(const struct kd_coordinator_topic *topic, int32_t *at,
                                           bool *loading);

/* Kafka's: the Java hash of the key, without sign, modulo the count. */
int32_t kd_coordinator_partition(struct kb_slice key, int32_t count);

#endif
