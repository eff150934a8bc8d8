/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CHANGES_H
#define KD_CHANGES_H
/*
 * Changes to the cluster: topics made, grown, deleted. Each is one write to the
 * metadata store, conditional on our being the controller still; the image and
 * the logs follow once it is durable.
 *
 * done comes on the loop, with KB_OK or one of Kafka's codes. What is passed
 * is copied.
 */
#include "broker/meta/records.h"
#include "broker/server/shard.h"

typedef void kd_change_fn(void *ctx, int code);

struct kd_new_topic {
    struct kb_slice name;
    struct kb_uuid id;
    int32_t count;  /* partitions */
    int16_t factor; /* replicas of each; -1: the default */
    const struct kd_alteration *configs;
    size_t config_count;
};

/* The topic as it would be: not in the image, without partitions yet. NULL: it
 * cannot be taken (name, taken or not, counts, configs); Kafka's code, and
 * words, in err. */
struct kd_topic *kd_change_draft(struct kd_shard *shard, const struct kd_new_topic *topic,
                                 struct kb_error *err);
/* Takes the draft. */
void kd_change_create(struct kd_shard *shard, struct kd_topic *draft, int32_t count,
                      kd_change_fn *done, void *ctx);
/* To `count` partitions, more than now. */
void kd_change_grow(struct kd_shard *shard, struct kd_topic *topic, int32_t count,
                    kd_change_fn *done, void *ctx);
void kd_change_delete(struct kd_shard *shard, struct kd_topic *topic, kd_change_fn *done,
                      void *ctx);
/* One that was decided before the last stop; out of the image at once. False:
 * no memory. */
bool kd_change_resume_delete(struct kd_shard *shard, struct kd_topic *topic);

enum { KD_PARTITIONS_MAX = 10000 }; /* of one topic */

#endif
