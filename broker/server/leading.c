/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/leading.h"
#include "base/mem.h"
#include "broker/drive/replica.h"
#include "broker/server/group/topic.h"
#include "broker/server/txn/topic.h"

enum { AGAIN_MS = 1000 };

struct lead_op {
    struct kd_op op;
    struct lead *lead;
    struct kd_place *place;
};

struct lead {
    struct kd_shard *shard;
    kd_lead_fn *done;
    void *ctx;
    struct kn_task task; /* answers, never from inside kd_lead */
    size_t pending;
    int code;
    struct lead_op ops[];
};

void kd_log_config_of(const struct kd_topic_config *config, struct kd_log_config *out)
{
    bool compact = config->cleanup & KD_CLEANUP_COMPACT;
    int64_t segment_ms = config->segment_ms;
    if (compact) /* the active segment is never compacted: it must not stay active longer */
        segment_ms = KB_MIN(segment_ms, config->max_compaction_lag_ms);
    *out = (struct kd_log_config){.segment_bytes = config->segment_bytes,
                                  .segment_ms = segment_ms,
                                  .index_bytes = config->index_bytes,
                                  .index_interval_bytes = config->index_interval_bytes,
                                  .flush_messages = config->flush_messages,
                                  .flush_ms =
                                      config->flush_ms == INT64_MAX ? KB_FOREVER : config->flush_ms,
                                  .segment_jitter_ms = config->segment_jitter_ms,
                                  .delete_old = config->cleanup & KD_CLEANUP_DELETE,
                                  .retention_ms = config->retention_ms,
                                  .retention_bytes = config->retention_bytes,
                                  .compact = compact,
                                  .min_cleanable_ratio = config->min_cleanable_ratio,
                                  .min_compaction_lag_ms = config->min_compaction_lag_ms,
                                  .max_compaction_lag_ms = config->max_compaction_lag_ms,
                                  .delete_retention_ms = config->delete_retention_ms,
                                  .file_delete_delay_ms = config->file_delete_delay_ms};
}

static struct kd_replica *open_replica(struct kd_shard *shard, struct kd_place *place)
{
    struct kd_log_config config;
    struct kd_topic *topic = place->topic;
    struct kd_replica *replica = kd_disk_find_name(shard->disk, topic->name, place->index);
    kd_log_config_of(&topic->config, &config);
    if (!replica)
        return kd_disk_add(shard->disk, topic->name, topic->id, place->index, &config);
    kd_replica_configure(replica, &config);
    return replica;
}

static void finish(struct kn_task *task)
{
    struct lead *lead = KB_CONTAINER(task, struct lead, task);
    kd_lead_fn *done = lead->done;
    void *ctx = lead->ctx;
    int code = lead->code;
    kb_free(lead);
    done(ctx, code);
}

/* Clients are told that nobody leads it yet, and ask again. */
static void wait_for_memory(struct kd_shard *shard, struct kd_place *place)
{
    place->unled = true;
    if (!shard->stopping && !kn_timer_is_set(&shard->lead_again))
        kn_timer_set(shard->loop, &shard->lead_again,
                     kb_deadline(kn_loop_now(shard->loop), AGAIN_MS));
}

static void settle(struct lead *lead, int code)
{
    if (code && !lead->code)
        lead->code = code;
    if (--lead->pending == 0)
        kn_task_soon(lead->shard->loop, &lead->task);
}

static void on_led(struct kd_op *op, int code)
{
    struct lead_op *led = KB_CONTAINER(op, struct lead_op, op);
    led->place->serving = !code;
    if (code == KB_E_NO_MEMORY)
        wait_for_memory(led->lead->shard, led->place);
    settle(led->lead, code);
}

static void begin(struct lead *lead, struct lead_op *led)
{
    struct kd_place *place = led->place;
    place->unled = false;
    place->replica = open_replica(lead->shard, place);
    if (!place->replica) {
        wait_for_memory(lead->shard, place);
        settle(lead, KB_E_NO_MEMORY);
        return;
    }
    kd_replica_set_owner(place->replica, place);
    if (kd_replica_is_offline(place->replica)) { /* clients hear of it; the others are served */
        place->serving = true;
        settle(lead, KB_OK);
        return;
    }
    led->op.done = on_led;
    kd_replica_lead(place->replica, place->leader_epoch, &led->op);
}

void kd_lead(struct kd_shard *shard, struct kd_place *const *places, size_t count, kd_lead_fn *done,
             void *ctx)
{
    struct lead *lead = kb_calloc(1, sizeof *lead + count * sizeof lead->ops[0]);
    if (!lead) {
        for (size_t i = 0; i < count; i++)
            wait_for_memory(shard, places[i]);
        done(ctx, KB_E_NO_MEMORY);
        return;
    }
    lead->shard = shard;
    lead->done = done;
    lead->ctx = ctx;
    lead->pending = count + 1;
    kn_task_init(&lead->task, finish);
    for (size_t i = 0; i < count; i++) {
        lead->ops[i].lead = lead;
        lead->ops[i].place = places[i];
        begin(lead, &lead->ops[i]);
    }
    settle(lead, KB_OK);
}

/* ---- Again -------------------------------------------------------------- */

/* Among them may be partitions that coordinators wait for. */
static void on_led_again(void *ctx, int code)
{
    struct kd_shard *shard = ctx;
    (void)code; /* what failed for want of memory is tried once more */
    if (shard->stopping)
        return;
    kd_coordinator_topic_open(&shard->groups->topic);
    kd_coordinator_topic_open(&shard->txns->topic);
}

static size_t collect_unled(const struct kd_topics *topics, struct kd_place **out)
{
    size_t count = 0;
    for (struct kd_topic *t = kd_topics_next(topics, NULL); t; t = kd_topics_next(topics, t))
        for (int32_t i = 0; i < t->count; i++)
            if (t->places[i]->unled && !t->condemned)
                out[count++] = t->places[i];
    return count;
}

static void on_again(struct kn_timer *timer)
{
    struct kd_shard *shard = KB_CONTAINER(timer, struct kd_shard, lead_again);
    size_t room = kd_topics_place_count(&shard->topics);
    struct kd_place **places = KB_NEW_ARRAY(struct kd_place *, room + 1);
    if (!places) {
        kn_timer_set(shard->loop, timer, kb_deadline(kn_loop_now(shard->loop), AGAIN_MS));
        return;
    }
    kd_lead(shard, places, collect_unled(&shard->topics, places), on_led_again, shard);
    kb_free(places);
}

void kd_lead_init(struct kd_shard *shard)
{
    kn_timer_init(&shard->lead_again, on_again);
}

void kd_lead_cancel(struct kd_shard *shard)
{
    kn_timer_cancel(shard->loop, &shard->lead_again);
}
