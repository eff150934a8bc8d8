/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/configs.h"
#include "base/mem.h"
#include "broker/drive/replica.h"
#include "broker/meta/records.h"
#include "broker/server/configs_groups.h"
#include "broker/server/leading.h"
#include <stdio.h>

void kd_configs_init(struct kd_configs *configs, const struct kd_config *file)
{
    *configs = (struct kd_configs){.versions = {-1, -1}};
    kd_live_config_init(&configs->live, file);
    kb_list_init(&configs->watches);
    kb_map_init(&configs->groups, 0);
}

void kd_configs_deinit(struct kd_configs *configs)
{
    kd_live_config_deinit(&configs->live);
    kd_group_settings_drop_all(configs);
}

/* ---- New values come into force ----------------------------------------- */

void kd_configs_watch(struct kd_shard *shard, struct kd_config_watch *watch)
{
    kb_list_push_back(&shard->configs.watches, &watch->link);
}

void kd_configs_unwatch(struct kd_config_watch *watch)
{
    kb_list_remove(&watch->link);
}

static void tell(struct kd_shard *shard, struct kd_topic *topic)
{
    KB_LIST_EACH_SAFE(it, &shard->configs.watches) {
        struct kd_config_watch *watch = KB_CONTAINER(it, struct kd_config_watch, link);
        watch->changed(watch, topic);
    }
}

void kd_configs_apply_topic(struct kd_shard *shard, struct kd_topic *topic)
{
    struct kd_log_config config;
    kd_topic_config_make(shard->config, &topic->overrides, NULL, &topic->config);
    kd_log_config_of(&topic->config, &config);
    for (int32_t i = 0; i < topic->count; i++)
        if (topic->places[i]->replica)
            kd_replica_configure(topic->places[i]->replica, &config);
    tell(shard, topic);
}

static void set_cleaner(struct kd_shard *shard)
{
    const struct kd_cleaner_config config = {.enabled = shard->config->cleaner_enabled,
                                             .backoff_ms = shard->config->cleaner_backoff_ms,
                                             .map_bytes = shard->config->cleaner_map_bytes};
    kd_disk_set_cleaner(shard->disk, &config);
}

/* Most of what reads the broker's keys reads them anew each time; the logs do not. */
void kd_configs_apply_broker(struct kd_shard *shard)
{
    if (shard->log)
        shard->log->level = kd_config_log_level(shard->config);
    set_cleaner(shard);
    tell(shard, NULL);
    for (struct kd_topic *t = kd_topics_next(&shard->topics, NULL); t;
         t = kd_topics_next(&shard->topics, t))
        kd_configs_apply_topic(shard, t);
}

/* ---- Loading ------------------------------------------------------------ */

struct load {
    struct kd_shard *shard;
    void (*done)(void *ctx, const struct kb_error *err);
    void *ctx;
    struct kb_error err;
};

const char *kd_layer_path(const struct kd_shard *shard, enum kd_layer layer,
                          char out[KD_LAYER_PATH])
{
    if (layer == KD_LAYER_CLUSTER)
        return "brokers/<default>";
    snprintf(out, KD_LAYER_PATH, "brokers/%d", shard->config->node_id);
    return out;
}

static void take_layer(struct load *load, enum kd_layer layer, const struct kd_meta_node *node)
{
    struct kd_configs *configs = &load->shard->configs;
    struct kd_overrides found = {0};
    struct kb_error left_out;
    char path[KD_LAYER_PATH];
    if (node->outcome == KD_META_CONFLICT)
        return;
    if (node->outcome != KD_META_OK || !kd_record_config_read(node->data, &found)) {
        kd_overrides_deinit(&found);
        kb_error_set(&load->err, KB_E_CORRUPT, "metadata store: /config/%s cannot be read",
                     kd_layer_path(load->shard, layer, path));
        return;
    }
    configs->versions[layer] = node->stat.version;
    kb_error_clear(&left_out);
    kd_live_config_set(&configs->live, layer, &found, &left_out);
    if (left_out.code)
        KB_LOG(load->shard->log, KB_LOG_WARN, "config",
               "stored value ignored of=\"/config/%s\" reason=\"%s\"",
               kd_layer_path(load->shard, layer, path), left_out.text);
}

static void on_broker(void *ctx, const struct kd_meta_node *node)
{
    struct load *load = ctx;
    take_layer(load, KD_LAYER_BROKER, node);
    kd_configs_apply_broker(load->shard);
    if (load->err.code)
        load->done(load->ctx, &load->err);
    else
        kd_group_settings_load(load->shard, load->done, load->ctx);
    kb_free(load);
}

static void on_cluster(void *ctx, const struct kd_meta_node *node)
{
    take_layer(ctx, KD_LAYER_CLUSTER, node);
}

void kd_configs_load(struct kd_shard *shard, void (*done)(void *ctx, const struct kb_error *err),
                     void *ctx)
{
    struct load *load = KB_NEW(struct load);
    char path[KD_LAYER_PATH + 8], below[KD_LAYER_PATH];
    if (!load) {
        struct kb_error err;
        kb_error_set(&err, KB_E_NO_MEMORY, "out of memory");
        done(ctx, &err);
        return;
    }
    *load = (struct load){.shard = shard, .done = done, .ctx = ctx};
    kb_error_clear(&load->err);
    snprintf(path, sizeof path, "/config/%s", kd_layer_path(shard, KD_LAYER_CLUSTER, below));
    kd_meta_get(shard->meta, path, NULL, on_cluster, load);
    snprintf(path, sizeof path, "/config/%s", kd_layer_path(shard, KD_LAYER_BROKER, below));
    kd_meta_get(shard->meta, path, NULL, on_broker, load);
}
