/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration changes: planned, written, in force. */
#include "broker/meta/records.h"
#include "broker/server/change.h"
#include "broker/server/configs_groups.h"
#include <stdio.h>

/* ---- Planning ----------------------------------------------------------- */

/* What is taken all the same, but will not do what somebody may hope. */
static void warn(struct kd_shard *shard, const struct kb_options *table,
                 const struct kd_alteration *alterations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct kb_option *row = kd_alter_row(table, &alterations[i]);
        if (row && row->type == KB_OPT_IGNORED)
            KB_LOG(shard->log, KB_LOG_WARN, "config",
                   "key is known to Kafka but means nothing here key=%s", row->key);
        else if (row && row->flags & KB_OPT_LATER)
            KB_LOG(shard->log, KB_LOG_WARN, "config",
                   "key is kept, but nothing acts on it yet key=%s", row->key);
    }
}

int kd_configs_plan_topic(struct kd_shard *shard, const struct kd_overrides *own,
                          const struct kd_alteration *alterations, size_t count, bool replace,
                          struct kd_overrides *out, struct kb_error *err)
{
    struct kd_topic_config values;
    struct kd_alter_target target = {kd_topic_config_table(), own, &values, KB_E_INVALID_CONFIG};
    kd_topic_config_make(shard->config, own, NULL, &values);
    if (kd_alter_plan(&target, alterations, count, replace, out, err))
        return err->code;
    warn(shard, target.table, alterations, count);
    kd_topic_config_make(shard->config, out, NULL, &values);
    if (values.cleanup & KD_CLEANUP_COMPACT && !shard->config->cleaner_enabled)
        KB_LOG(shard->log, KB_LOG_WARN, "config",
               "no log is compacted while log.cleaner.enable is false");
    if (!kd_topic_config_check(&values, err))
        return 0;
    kd_overrides_deinit(out);
    return err->code = KB_E_INVALID_CONFIG;
}

static int plan_broker(struct kd_config_change *change, enum kd_layer layer, struct kb_error *err)
{
    const struct kd_live_config *live = &change->shard->configs.live;
    struct kd_config values = live->now;
    struct kd_alter_target target = {kd_config_table(), &live->layers[layer], &values,
                                     KB_E_INVALID_REQUEST};
    if (kd_alter_plan(&target, change->alterations, change->count, change->replace, &change->next,
                      err))
        return err->code;
    warn(change->shard, target.table, change->alterations, change->count);
    kd_live_config_preview(live, layer, &change->next, NULL, &values);
    if (!kd_topic_config_check(&values.topic, err))
        return 0;
    kd_overrides_deinit(&change->next);
    return err->code = KB_E_INVALID_REQUEST;
}

static int plan_group(struct kd_config_change *change, struct kb_error *err)
{
    static const struct kd_overrides none;
    struct kd_shard *shard = change->shard;
    const struct kd_group_settings *settings =
        kd_group_settings_find(&shard->configs, change->name);
    const struct kd_overrides *own = settings ? &settings->overrides : &none;
    struct kd_group_config values;
    struct kd_alter_target target = {kd_group_config_table(), own, &values, KB_E_INVALID_CONFIG};
    change->version = settings ? settings->version : -1;
    kd_group_config_make(shard->config, own, &values);
    if (kd_alter_plan(&target, change->alterations, change->count, change->replace, &change->next,
                      err))
        return err->code;
    warn(shard, target.table, change->alterations, change->count);
    kd_group_config_make(shard->config, &change->next, &values);
    if (!kd_group_config_check(shard->config, &values, err))
        return 0;
    kd_overrides_deinit(&change->next);
    return err->code = KB_E_INVALID_CONFIG;
}

static enum kd_layer layer_of(enum kd_entity entity)
{
    return entity == KD_ENTITY_BROKER ? KD_LAYER_BROKER : KD_LAYER_CLUSTER;
}

static int plan(struct kd_config_change *change, struct kb_error *err)
{
    struct kd_shard *shard = change->shard;
    kb_error_clear(err);
    if (change->entity == KD_ENTITY_GROUP)
        return plan_group(change, err);
    if (change->entity != KD_ENTITY_TOPIC) {
        change->version = shard->configs.versions[layer_of(change->entity)];
        return plan_broker(change, layer_of(change->entity), err);
    }
    const struct kd_topic *topic = kd_topics_find(&shard->topics, change->name);
    if (!topic)
        return kb_error_set(err, KB_E_UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic");
    change->version = topic->config_version;
    return kd_configs_plan_topic(shard, &topic->overrides, change->alterations, change->count,
                                 change->replace, &change->next, err);
}

int kd_configs_check(struct kd_config_change *change, struct kb_error *err)
{
    int code = plan(change, err);
    kd_overrides_deinit(&change->next);
    return code;
}

/* ---- Notices ------------------------------------------------------------ */

enum { NOTICES_KEPT = 64, SWEEP_AFTER = 64, SWEPT_AT_ONCE = 1024 };

static void on_swept(void *ctx, const struct kd_meta_result *result)
{
    (void)ctx; /* what is left goes with the next sweep */
    (void)result;
}

/* The older ones go; who missed them reads the configuration itself. */
static void on_notices(void *ctx, const struct kd_meta_node *node)
{
    struct kd_shard *shard = ctx;
    struct kd_ops ops;
    int old = KB_MIN(node->count - NOTICES_KEPT, SWEPT_AT_ONCE);
    if (node->outcome != KD_META_OK || old <= 0)
        return;
    kd_ops_init(&ops, old + 1);
    kd_ops_check(&ops, shard->controller_version, "/controller_epoch");
    for (int i = 0; i < old; i++)
        kd_ops_delete(&ops, "/config/changes/%s", node->children[i]);
    if (kd_ops_ok(&ops))
        kd_meta_multi(shard->meta, ops.ops, ops.count, on_swept, shard);
    kd_ops_deinit(&ops);
}

/* With the first change after a start, and then now and again. */
static void sweep(struct kd_shard *shard)
{
    if (shard->configs.changes++ % SWEEP_AFTER == 0)
        kd_meta_children(shard->meta, "/config/changes", NULL, on_notices, shard);
}

/* ---- Changing ----------------------------------------------------------- */

static void finish(struct kd_config_change *change, const struct kb_error *err)
{
    kd_overrides_deinit(&change->next);
    change->done(change, err);
}

/* Without memory it counts from the next start on. */
static void take_group(struct kd_config_change *change, int32_t version)
{
    struct kd_configs *configs = &change->shard->configs;
    struct kd_group_settings *settings = kd_group_settings_obtain(configs, change->name);
    if (!settings)
        return;
    kd_overrides_move(&settings->overrides, &change->next);
    settings->version = version;
    kd_group_settings_apply(settings, change->shard->config);
}

/* It is durable: from here on it counts. */
static void take(struct kd_config_change *change, int32_t version)
{
    struct kd_shard *shard = change->shard;
    struct kd_configs *configs = &shard->configs;
    if (change->entity == KD_ENTITY_TOPIC) {
        struct kd_topic *topic = kd_topics_find(&shard->topics, change->name);
        if (!topic) /* deleted behind us */
            return;
        kd_overrides_move(&topic->overrides, &change->next);
        topic->config_version = version;
        kd_configs_apply_topic(shard, topic);
    } else if (change->entity == KD_ENTITY_GROUP) {
        take_group(change, version);
    } else {
        enum kd_layer layer = layer_of(change->entity);
        kd_live_config_set(&configs->live, layer, &change->next, NULL);
        configs->versions[layer] = version;
        kd_configs_apply_broker(shard);
    }
}

/* Somebody else changed the same, and has been taken meanwhile: once more over that. */
static bool is_overtaken(const struct kd_config_change *change, const struct kd_meta_result *result)
{
    const struct kd_shard *shard = change->shard;
    bool conflict = result->outcome == KD_META_CONFLICT && result->failed == 1;
    if (conflict && change->entity == KD_ENTITY_GROUP) {
        const struct kd_group_settings *now = kd_group_settings_find(&shard->configs, change->name);
        return now && now->version != change->version;
    }
    if (!conflict || change->entity != KD_ENTITY_TOPIC)
        return conflict && shard->configs.versions[layer_of(change->entity)] != change->version;
    const struct kd_topic *topic = kd_topics_find(&shard->topics, change->name);
    return !topic || topic->config_version != change->version;
}

static void on_written(void *ctx, const struct kd_meta_result *result)
{
    struct kd_config_change *change = ctx;
    struct kb_error err;
    kb_error_clear(&err);
    if (is_overtaken(change, result)) {
        kd_overrides_deinit(&change->next);
        kd_configs_alter(change);
        return;
    }
    int code = kd_change_code(result);
    if (code) {
        bool full = result->reason == KD_META_NO_SPACE;
        kb_error_set(&err, code, "%s",
                     full ? kd_meta_reason_text(result->reason) : kb_code_text(code));
    } else {
        take(change, result->changes[1].version);
        sweep(change->shard);
    }
    finish(change, &err);
}

/* The entity's node, as a path below /config. */
static void entity_path(const struct kd_config_change *change, char *out, size_t size)
{
    char layer[KD_LAYER_PATH], group[KD_GROUP_PATH] = "";
    if (change->entity == KD_ENTITY_GROUP) {
        kd_group_settings_path(change->name, group); /* it fits: config_resource.c */
        snprintf(out, size, "%s", group);
    } else if (change->entity == KD_ENTITY_TOPIC) {
        snprintf(out, size, "topics/%.*s", (int)change->name.size, (const char *)change->name.data);
    } else {
        snprintf(out, size, "%s", kd_layer_path(change->shard, layer_of(change->entity), layer));
    }
}

static void submit(struct kd_config_change *change)
{
    struct kd_shard *shard = change->shard;
    struct kd_ops ops;
    char path[KD_META_MAX_PATH / 2];
    entity_path(change, path, sizeof path);
    char *values = kd_record_config(&change->next), *notice = kd_record_config_change(path);
    kd_ops_init(&ops, 3);
    ops.arena.failed |= !values || !notice;
    kd_ops_check(&ops, shard->controller_version, "/controller_epoch");
    if (change->version < 0)
        kd_ops_create(&ops, values, 0, "/config/%s", path);
    else
        kd_ops_set(&ops, values, change->version, "/config/%s", path);
    kd_ops_create(&ops, notice, KD_META_SEQUENTIAL, "/config/changes/config_change_");
    kd_record_free(values);
    kd_record_free(notice);
    if (kd_ops_ok(&ops))
        kd_meta_multi(shard->meta, ops.ops, ops.count, on_written, change);
    else
        on_written(change, &(struct kd_meta_result){.outcome = KD_META_CONFLICT,
                                                    .reason = KD_META_NO_MEMORY,
                                                    .failed = -1});
    kd_ops_deinit(&ops);
}

void kd_configs_alter(struct kd_config_change *change)
{
    struct kb_error err;
    if (plan(change, &err))
        change->done(change, &err);
    else
        submit(change);
}
