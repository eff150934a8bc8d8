/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_CONFIG_H
#define KC_CONFIG_H
/* What stands behind the public kurier_config: options, hooks, and the first
 * mistake, which _new answers. */
#include "kurier/consumer.h"
#include "kurier/producer.h"
#include "libclient/core/options.h"
#include "libclient/drive/placement.h"

struct kurier_config {
    struct kc_options *options;
    struct kb_error mistake; /* code 0: none */
    kurier_partition_fn *partitioner;
    void *partitioner_ctx;
    bool has_listener;
    kurier_rebalance_listener listener;
    struct kc_own_assignors assignors;
};

/* The first mistake of a config, or that it was made before a fork; NULL is fine. */
int kc_config_check(const kurier_config *config, struct kb_error *err);

#endif
