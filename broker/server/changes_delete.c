/* SPDX-License-Identifier: Apache-2.0 */
/* A topic goes in three steps: it is decided (from then on nobody sees it, and
 * a restart goes on), its logs go, its nodes go. */
#include "base/check.h"
#include "base/mem.h"
#include "broker/core/waiters.h"
#include "broker/drive/replica.h"
#include "broker/server/change.h"
#include "broker/server/group/topic.h"

static void on_forgotten(void *ctx, const struct kd_meta_result *result)
{
    struct kd_change *change = ctx;
    kd_topic_free(change->topic);
    kd_change_finish(change, kd_change_code(result));
}

/* The logs are gone: so may be the nodes. */
static void forget(struct kd_change *change)
{
    struct kd_ops ops;
    const struct kd_topic *topic = change->topic;
    kd_change_begin(change, &ops, 4 + 2 * topic->count);
    for (int32_t i = 0; i < topic->count; i++) {
        kd_ops_delete(&ops, "/brokers/topics/%s/partitions/%d/state", topic->name, i);
        kd_ops_delete(&ops, "/brokers/topics/%s/partitions/%d", topic->name, i);
    }
    kd_ops_delete(&ops, "/brokers/topics/%s/partitions", topic->name);
    kd_ops_delete(&ops, "/brokers/topics/%s", topic->name);
    kd_ops_delete(&ops, "/config/topics/%s", topic->name);
    kd_ops_delete(&ops, "/admin/delete_topics/%s", topic->name);
    kd_change_submit(change, &ops, on_forgotten);
}

/* What could not be dropped keeps its name, and a restart goes on. */
static void settle(struct kd_change *change)
{
    if (--change->pending > 0)
        return;
    if (!change->code) {
        forget(change);
        return;
    }
    kd_topic_free(change->topic);
    kd_change_finish(change, change->code);
}

struct drop_op {
    struct kd_op op;
    struct kd_change *change;
};

static void on_dropped(struct kd_op *op, int code)
{
    struct drop_op *dropped = KB_CONTAINER(op, struct drop_op, op);
    struct kd_change *change = dropped->change;
    kb_free(dropped);
    if (code)
        change->code = code;
    settle(change);
}

static void drop_place(struct kd_change *change, struct kd_place *place)
{
    struct drop_op *dropping = place->replica ? KB_NEW(struct drop_op) : NULL;
    place->serving = false;
    kd_waiters_wake(&place->waiting);
    if (!dropping)
        return;
    kd_replica_set_owner(place->replica, NULL);
    dropping->change = change;
    dropping->op.done = on_dropped;
    change->pending++;
    kd_replica_delete(place->replica, &dropping->op);
    place->replica = NULL;
}

/* It is decided: nobody sees the topic any more, its logs go. */
static void drop(struct kd_change *change)
{
    struct kd_topic *topic = change->topic;
    KB_LOG(change->shard->log, KB_LOG_INFO, "topics", "deleted topic=%s", topic->name);
    kd_topics_remove(&change->shard->topics, topic);
    kd_group_topic_forget_topic(change->shard->groups, kb_slice_str(topic->name));
    change->pending = 1;
    for (int32_t i = 0; i < topic->count; i++)
        drop_place(change, topic->places[i]);
    settle(change);
}

static void on_condemned(void *ctx, const struct kd_meta_result *result)
{
    struct kd_change *change = ctx;
    int code = kd_change_code(result);
    if (!code) {
        drop(change);
        return;
    }
    change->topic->condemned = false;
    kd_change_finish(change, code);
}

void kd_change_delete(struct kd_shard *shard, struct kd_topic *topic, kd_change_fn *done, void *ctx)
{
    struct kd_ops ops;
    struct kd_change *change = kd_change_new(shard, done, ctx);
    if (!change || topic->condemned) {
        kb_free(change);
        done(ctx, topic->condemned ? KB_E_UNKNOWN_TOPIC_OR_PARTITION : KB_E_UNKNOWN_SERVER_ERROR);
        return;
    }
    topic->condemned = true;
    change->topic = topic;
    kd_change_begin(change, &ops, 1);
    kd_ops_create(&ops, NULL, 0, "/admin/delete_topics/%s", topic->name);
    kd_change_submit(change, &ops, on_condemned);
}

static void on_resumed(void *ctx, int code)
{
    struct kd_shard *shard = ctx;
    if (code)
        KB_LOG(shard->log, KB_LOG_WARN, "topics", "a deletion could not be finished error=%s",
               kb_code_name(code));
}

bool kd_change_resume_delete(struct kd_shard *shard, struct kd_topic *topic)
{
    struct kd_change *change = kd_change_new(shard, on_resumed, shard);
    if (!change)
        return false;
    change->topic = topic;
    for (int32_t i = 0; i < topic->count; i++)
        topic->places[i]->replica = kd_disk_find(shard->disk, topic->id, i);
    drop(change);
    return true;
}
