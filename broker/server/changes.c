/* SPDX-License-Identifier: Apache-2.0 */
/* Topics are made, and grow. */
#include "broker/server/changes.h"
#include "base/check.h"
#include "base/mem.h"
#include "broker/server/change.h"
#include "broker/server/leading.h"

/* ---- What a topic looks like in the store ------------------------------- */

static void add_topic_node(struct kd_ops *ops, const struct kd_topic *topic, bool create)
{
    struct kd_topic_record record = {.id = topic->id, .count = topic->count};
    record.replicas = kb_arena_array(&ops->arena, (size_t)topic->count, sizeof *record.replicas);
    record.replica_count = kb_arena_array(&ops->arena, (size_t)topic->count, sizeof(int32_t));
    if (!kd_ops_ok(ops))
        return;
    for (int32_t i = 0; i < topic->count; i++) {
        record.replicas[i] = topic->places[i]->replicas;
        record.replica_count[i] = topic->places[i]->replica_count;
    }
    char *text = kd_record_topic(&record);
    ops->arena.failed |= !text;
    if (create)
        kd_ops_create(ops, text, 0, "/brokers/topics/%s", topic->name);
    else
        kd_ops_set(ops, text, KD_META_ANY, "/brokers/topics/%s", topic->name);
    kd_record_free(text);
}

static void add_places(struct kd_shard *shard, struct kd_ops *ops, const struct kd_topic *topic,
                       int32_t from)
{
    for (int32_t i = from; i < topic->count; i++) {
        const struct kd_place *place = topic->places[i];
        struct kd_state_record state = {place->leader, place->leader_epoch, shard->controller_epoch,
                                        place->isr, place->isr_count};
        char *text = kd_record_state(&state);
        ops->arena.failed |= !text;
        kd_ops_create(ops, NULL, 0, "/brokers/topics/%s/partitions/%d", topic->name, i);
        kd_ops_create(ops, text, 0, "/brokers/topics/%s/partitions/%d/state", topic->name, i);
        kd_record_free(text);
    }
}

/* All replicas are here: the one broker there is. */
static bool grow_to(struct kd_shard *shard, struct kd_topic *topic, int32_t count)
{
    while (topic->count < count)
        if (!kd_topic_grow(topic, &shard->config->node_id, 1))
            return false;
    return true;
}

/* ---- Create ------------------------------------------------------------- */

static int check_name(struct kd_shard *shard, struct kb_slice name, struct kb_error *err)
{
    if (!kd_topic_name_is_valid(name))
        return kb_error_set(err, KB_E_INVALID_TOPIC_EXCEPTION,
                            "a topic's name is 1 to 249 of a-z A-Z 0-9 . _ -");
    if (kd_topics_find(&shard->topics, name))
        return kb_error_set(err, KB_E_TOPIC_ALREADY_EXISTS, "Topic '%.*s' already exists.",
                            (int)name.size, name.data);
    const struct kd_topic *similar = kd_topics_find_similar(&shard->topics, name);
    if (similar)
        return kb_error_set(err, KB_E_INVALID_TOPIC_EXCEPTION,
                            "the name differs from topic '%s' only in '.' and '_'", similar->name);
    return 0;
}

static int check_counts(struct kd_shard *shard, const struct kd_new_topic *from,
                        struct kb_error *err)
{
    int32_t factor = from->factor == -1 ? shard->config->default_replication_factor : from->factor;
    if (from->count < 1 || from->count > KD_PARTITIONS_MAX)
        return kb_error_set(err, KB_E_INVALID_PARTITIONS, "%d partitions; a topic has 1 to %d",
                            from->count, KD_PARTITIONS_MAX);
    if (factor != 1)
        return kb_error_set(err, KB_E_INVALID_REPLICATION_FACTOR,
                            "replication factor %d, but there is 1 broker", factor);
    return 0;
}

struct kd_topic *kd_change_draft(struct kd_shard *shard, const struct kd_new_topic *from,
                                 struct kb_error *err)
{
    kb_error_clear(err);
    if (check_name(shard, from->name, err) || check_counts(shard, from, err))
        return NULL;
    struct kd_topic *topic = kd_topic_new(from->name, from->id, shard->config);
    if (!topic) {
        kb_error_set(err, KB_E_UNKNOWN_SERVER_ERROR, "out of memory");
        return NULL;
    }
    const struct kd_overrides none = {0};
    if (kd_configs_plan_topic(shard, &none, from->configs, from->config_count, false,
                              &topic->overrides, err)) {
        kd_topic_free(topic);
        return NULL;
    }
    kd_topic_config_make(shard->config, &topic->overrides, NULL, &topic->config);
    return topic;
}

static void on_places_led(void *ctx, int code)
{
    struct kd_change *change = ctx;
    if (code) /* the topic may have been deleted meanwhile */
        KB_LOG(change->shard->log, KB_LOG_ERROR, "topics", "cannot lead a new partition error=%s",
               kb_code_name(code));
    kd_change_finish(change, code ? KB_E_KAFKA_STORAGE_ERROR : KB_OK);
}

static void on_created(void *ctx, const struct kd_meta_result *result)
{
    struct kd_change *change = ctx;
    struct kd_topic *topic = change->topic;
    int code = kd_change_code(result);
    if (!code && !kd_topics_put(&change->shard->topics, topic))
        code = KB_E_UNKNOWN_SERVER_ERROR;
    if (code) {
        kd_topic_free(topic);
        kd_change_finish(change, code);
        return;
    }
    topic->config_version = 0; /* its node is new */
    KB_LOG(change->shard->log, KB_LOG_INFO, "topics", "created topic=%s partitions=%d", topic->name,
           topic->count);
    kd_lead(change->shard, topic->places, (size_t)topic->count, on_places_led, change);
}

void kd_change_create(struct kd_shard *shard, struct kd_topic *draft, int32_t count,
                      kd_change_fn *done, void *ctx)
{
    struct kd_ops ops;
    struct kd_change *change = kd_change_new(shard, done, ctx);
    if (!change || !grow_to(shard, draft, count)) {
        kd_topic_free(draft);
        kb_free(change);
        done(ctx, KB_E_UNKNOWN_SERVER_ERROR);
        return;
    }
    change->topic = draft;
    kd_change_begin(change, &ops, 3 + 2 * count);
    add_topic_node(&ops, draft, true);
    kd_ops_create(&ops, NULL, 0, "/brokers/topics/%s/partitions", draft->name);
    add_places(shard, &ops, draft, 0);
    char *config = kd_record_config(&draft->overrides);
    ops.arena.failed |= !config;
    kd_ops_create(&ops, config, 0, "/config/topics/%s", draft->name);
    kd_record_free(config);
    kd_change_submit(change, &ops, on_created);
}

/* ---- Grow --------------------------------------------------------------- */

static void on_grown(void *ctx, const struct kd_meta_result *result)
{
    struct kd_change *change = ctx;
    struct kd_topic *topic =
        kd_topics_find(&change->shard->topics, kb_slice_str(change->topic->name));
    int32_t count = change->topic->count;
    kd_topic_free(change->topic);
    change->topic = topic;
    int code = kd_change_code(result);
    if (!code && (!topic || !grow_to(change->shard, topic, count)))
        code = KB_E_UNKNOWN_SERVER_ERROR;
    if (code) {
        kd_change_finish(change, code);
        return;
    }
    kd_topics_note_growth(&change->shard->topics);
    KB_LOG(change->shard->log, KB_LOG_INFO, "topics", "grown topic=%s partitions=%d", topic->name,
           topic->count);
    kd_lead(change->shard, topic->places + change->from, (size_t)(count - change->from),
            on_places_led, change);
}

void kd_change_grow(struct kd_shard *shard, struct kd_topic *topic, int32_t count,
                    kd_change_fn *done, void *ctx)
{
    struct kd_ops ops;
    struct kd_change *change = topic->condemned ? NULL : kd_change_new(shard, done, ctx);
    struct kd_topic *grown =
        change ? kd_topic_new(kb_slice_str(topic->name), topic->id, shard->config) : NULL;
    if (!grown || !grow_to(shard, grown, count)) {
        if (grown)
            kd_topic_free(grown);
        kb_free(change);
        done(ctx, KB_E_UNKNOWN_SERVER_ERROR);
        return;
    }
    change->topic = grown;
    change->from = topic->count;
    kd_change_begin(change, &ops, 1 + 2 * (count - topic->count));
    add_topic_node(&ops, grown, false);
    add_places(shard, &ops, grown, topic->count);
    kd_change_submit(change, &ops, on_grown);
}
