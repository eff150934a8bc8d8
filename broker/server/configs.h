/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CONFIGS_H
#define KD_CONFIGS_H
/*
 * Configuration in force. Whoever acts on a value reads it where it is needed,
 * from the loop, and keeps no copy:
 *
 *     shard->config->...          the broker's
 *     topic->config....           a topic's: its own, else the broker's default
 *     replica->config....         the drive's view of the topic's (kd_log_config)
 *
 * All three are current at any time. Who has to do something when a value
 * changes watches.
 */
#include "broker/server/shard.h"

/* Lies in its owner's struct. */
struct kd_config_watch {
    struct kb_list link;
    /* On the loop, once the new values are in force and durable. topic NULL:
     * the broker's keys changed (each topic that follows is told by itself). */
    void (*changed)(struct kd_config_watch *watch, struct kd_topic *topic);
};

void kd_configs_watch(struct kd_shard *shard, struct kd_config_watch *watch);
void kd_configs_unwatch(struct kd_config_watch *watch);

/* New values are in force: each partition's log gets its view, watches are told. */
void kd_configs_changed(struct kd_shard *shard, struct kd_topic *topic);

#endif
