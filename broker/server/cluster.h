/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CLUSTER_H
#define KD_CLUSTER_H
/*
 * How a broker comes to its place in the cluster, once its disk and its
 * metadata store are open:
 *
 *     format     a new store gets Kafka's classic tree, and the cluster's id
 *     elect      /controller is ours, /controller_epoch one higher
 *     load       topics, configurations and states become the image
 *     settle     deletions go on, logs that no topic knows are set aside
 *     bump       after an unclean stop no epoch of before is led again
 *     lead       every partition's log is opened under its epoch
 *
 * and, when its listeners are bound, registers under /brokers/ids.
 */
#include "broker/server/shard.h"

typedef void kd_cluster_fn(void *ctx, const struct kb_error *err);

struct kd_cluster {
    struct kd_shard *shard;
    kd_cluster_fn *done;
    void *ctx;
    struct kb_error err;
    struct kd_place **places; /* while they are led */
};

/* Each calls done once, from the loop. */
void kd_cluster_join(struct kd_cluster *cluster, struct kd_shard *shard, kd_cluster_fn *done,
                     void *ctx);
void kd_cluster_register(struct kd_cluster *cluster, kd_cluster_fn *done, void *ctx);

#endif
