/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_IMAGE_H
#define KD_IMAGE_H
/* The image of the cluster, read from the metadata store. */
#include "broker/server/shard.h"

/* Every topic into shard->topics. done comes once, from the loop. */
void kd_image_load(struct kd_shard *shard, void (*done)(void *ctx, const struct kb_error *err),
                   void *ctx);
/* Logs that no topic knows are set aside, so that a topic of the same name finds
 * its place free; then deletions that a stop cut short go on. done comes once,
 * perhaps from inside. */
void kd_image_settle(struct kd_shard *shard, void (*done)(void *ctx, int code), void *ctx);

#endif
