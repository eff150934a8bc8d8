/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LEADING_H
#define KD_LEADING_H
/* From a partition in the image to one that is served. */
#include "broker/server/shard.h"

typedef void kd_lead_fn(void *ctx, int code);

/*
 * For each place: its log is found, or made, and led under the place's epoch;
 * once that is on disk it is serving. done comes later, with the first error or
 * KB_OK, after all of them. Places stay until then. What there is no memory for is
 * tried again by itself, until there is; done is told NO_MEMORY nonetheless.
 */
void kd_lead(struct kd_shard *shard, struct kd_place *const *places, size_t count, kd_lead_fn *done,
             void *ctx);
void kd_lead_init(struct kd_shard *shard);
void kd_lead_cancel(struct kd_shard *shard); /* nothing is tried again any more */
/* The store's view of a topic's configuration. */
void kd_log_config_of(const struct kd_topic_config *config, struct kd_log_config *out);

#endif
