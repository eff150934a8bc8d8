/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LIVE_CONFIG_H
#define KD_LIVE_CONFIG_H
/*
 * The broker's configuration as it is now: what the file says, under what was
 * set while running for the whole cluster, under what was set for this broker.
 * A topic's own values lie over that. Pure.
 */
#include "broker/core/config.h"
#include "broker/core/overrides.h"

enum kd_layer { KD_LAYER_CLUSTER, KD_LAYER_BROKER, KD_LAYERS };

struct kd_live_config {
    const struct kd_config *file;
    struct kd_config now; /* its texts are the file's: no dynamic key is free text */
    struct kd_overrides layers[KD_LAYERS];
};

/* file: settled; outlives it. */
void kd_live_config_init(struct kd_live_config *live, const struct kd_config *file);
void kd_live_config_deinit(struct kd_live_config *live);

/* Values as they would be with `next` for this layer. What cannot be used (a
 * newer broker wrote it, say) is left out; err (NULL is fine) names the last of
 * that, and is left alone otherwise. */
void kd_live_config_preview(const struct kd_live_config *live, enum kd_layer layer,
                            const struct kd_overrides *next, struct kb_error *err,
                            struct kd_config *out);
/* Takes `next` as this layer: `now` follows. */
void kd_live_config_set(struct kd_live_config *live, enum kd_layer layer, struct kd_overrides *next,
                        struct kb_error *err);

/* A topic's values: its own over the broker's. */
void kd_topic_config_make(const struct kd_config *broker, const struct kd_overrides *own,
                          struct kb_error *err, struct kd_topic_config *out);

#endif
