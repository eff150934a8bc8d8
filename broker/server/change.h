/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CHANGE_H
#define KD_CHANGE_H
/* What all changes have in common: one multi, conditional on our being the
 * controller, then what follows from it, then one answer. */
#include "broker/meta/ops.h"
#include "broker/server/changes.h"

/* One change on its way. */
struct kd_change {
    struct kd_shard *shard;
    struct kd_topic *topic; /* create: not in the image yet; delete: out of it */
    kd_change_fn *done;
    void *ctx;
    int32_t from; /* the first partition that is new */
    size_t pending;
    int code;
};

struct kd_change *kd_change_new(struct kd_shard *shard, kd_change_fn *done,
                                void *ctx); /* NULL: no memory */
/* Answers, and frees it. */
void kd_change_finish(struct kd_change *change, int code);

/* A list of at most `room` operations, behind the controller's check. */
void kd_change_begin(struct kd_change *change, struct kd_ops *ops, int room);
/* Sends the list and lets it go; fn gets the change. */
void kd_change_submit(struct kd_change *change, struct kd_ops *ops, kd_meta_multi_fn *fn);
/* Kafka's code for how that went. */
int kd_change_code(const struct kd_meta_result *result);

#endif
