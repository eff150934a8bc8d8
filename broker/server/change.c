/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/change.h"
#include "base/mem.h"

struct kd_change *kd_change_new(struct kd_shard *shard, kd_change_fn *done, void *ctx)
{
    struct kd_change *change = KB_NEW(struct kd_change);
    if (change)
        *change = (struct kd_change){.shard = shard, .done = done, .ctx = ctx};
    return change;
}

void kd_change_finish(struct kd_change *change, int code)
{
    kd_change_fn *done = change->done;
    void *ctx = change->ctx;
    kb_free(change);
    done(ctx, code);
}

int kd_change_code(const struct kd_meta_result *result)
{
    if (result->outcome == KD_META_OK)
        return KB_OK;
    if (result->outcome == KD_META_UNKNOWN)
        return KB_E_UNKNOWN_SERVER_ERROR;
    if (result->failed == 0) /* the controller's epoch */
        return KB_E_NOT_CONTROLLER;
    if (result->reason == KD_META_NO_SPACE)
        return KB_E_KAFKA_STORAGE_ERROR;
    switch (result->reason) {
    case KD_META_EXISTS:
        return KB_E_TOPIC_ALREADY_EXISTS;
    case KD_META_NO_NODE:
        return KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    default:
        return KB_E_UNKNOWN_SERVER_ERROR;
    }
}

void kd_change_submit(struct kd_change *change, struct kd_ops *ops, kd_meta_multi_fn *fn)
{
    struct kd_meta *meta = change->shard->meta; /* NULL: the broker was halted meanwhile */
    if (!meta)
        fn(change, &(struct kd_meta_result){.outcome = KD_META_UNKNOWN, .failed = -1});
    else if (kd_ops_ok(ops))
        kd_meta_multi(meta, ops->ops, ops->count, fn, change);
    else
        fn(change, &(struct kd_meta_result){
                       .outcome = KD_META_CONFLICT, .reason = KD_META_NO_MEMORY, .failed = -1});
    kd_ops_deinit(ops);
}

void kd_change_begin(struct kd_change *change, struct kd_ops *ops, int room)
{
    kd_ops_init(ops, room + 1);
    kd_ops_check(ops, change->shard->controller_version, "/controller_epoch");
}
