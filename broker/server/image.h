/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_IMAGE_H
#define KD_IMAGE_H
/* The image of the cluster, read from the metadata store. */
#include "broker/server/shard.h"

/* Every topic into shard->topics. done comes once, from the loop. */
void kd_image_load(struct kd_shard *shard, void (*done)(void *ctx, const struct kb_error *err), void *ctx);
/* Deletions that a stop cut short go on; logs that no topic knows are set
 * aside. */
void kd_image_settle(struct kd_shard *shard);

#endif
