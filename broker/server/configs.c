/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/configs.h"
#include "broker/drive/replica.h"
#include "broker/server/leading.h"

void kd_configs_watch(struct kd_shard *shard, struct kd_config_watch *watch)
{
    kb_list_push_back(&shard->config_watches, &watch->link);
}

void kd_configs_unwatch(struct kd_config_watch *watch)
{
    kb_list_remove(&watch->link);
}

static void configure(struct kd_topic *topic)
{
    struct kd_log_config config;
    kd_log_config_of(&topic->config, &config);
    for (int32_t i = 0; i < topic->count; i++)
        if (topic->places[i]->replica)
            kd_replica_configure(topic->places[i]->replica, &config);
}

void kd_configs_changed(struct kd_shard *shard, struct kd_topic *topic)
{
    if (topic)
        configure(topic);
    KB_LIST_EACH_SAFE(it, &shard->config_watches) {
        struct kd_config_watch *watch = KB_CONTAINER(it, struct kd_config_watch, link);
        watch->changed(watch, topic);
    }
}
