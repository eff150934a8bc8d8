/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CONFIGS_H
#define KD_CONFIGS_H
/*
 * Configuration in force, and how it changes. Whoever acts on a value reads it
 * where it is needed, from the loop, and keeps no copy:
 *
 *     shard->config->...          the broker's
 *     topic->config....           a topic's: its own, else the broker's default
 *     replica->config....         the drive's view of the topic's (kd_log_config)
 *
 * All three are current at any time. Who has to do something when a value
 * changes watches.
 *
 * A change is one write to the metadata store, under /config/topics/T,
 * /config/groups/G, /config/brokers/N or /config/brokers/<default>, with a notice beside it under
 * /config/changes for who reads the store. It is in force once it is durable,
 * before its answer leaves.
 */
#include "base/list.h"
#include "base/map.h"
#include "broker/core/alter.h"
#include "broker/core/live_config.h"

struct kd_meta;
struct kd_shard;
struct kd_topic;

struct kd_configs {
    struct kd_live_config live;
    int32_t versions[KD_LAYERS]; /* of their nodes; -1: there is none */
    struct kb_map groups;        /* configs_groups.h */
    struct kb_list watches;
    unsigned changes; /* since the start */
};

/* file: settled, outlives it. */
void kd_configs_init(struct kd_configs *configs, const struct kd_config *file);
void kd_configs_deinit(struct kd_configs *configs);
/* What the store has for this broker; before the topics are loaded. done comes
 * once, from the loop. */
void kd_configs_load(struct kd_shard *shard, void (*done)(void *ctx, const struct kb_error *err),
                     void *ctx);

/* ---- Watching ----------------------------------------------------------- */

/* Lies in its owner's struct. */
struct kd_config_watch {
    struct kb_list link;
    /* On the loop, once the new values are in force and durable. topic NULL:
     * the broker's keys changed (each topic that follows is told by itself). */
    void (*changed)(struct kd_config_watch *watch, struct kd_topic *topic);
};

void kd_configs_watch(struct kd_shard *shard, struct kd_config_watch *watch);
void kd_configs_unwatch(struct kd_config_watch *watch);

/* The overrides have changed: what follows from them, and who watches. The
 * broker's are followed by every topic's. */
void kd_configs_apply_topic(struct kd_shard *shard, struct kd_topic *topic);
void kd_configs_apply_broker(struct kd_shard *shard);

enum { KD_LAYER_PATH = 32 };
/* Its node, as a path below /config. */
const char *kd_layer_path(const struct kd_shard *shard, enum kd_layer layer,
                          char out[KD_LAYER_PATH]);

/* ---- Changing ----------------------------------------------------------- */

enum kd_entity {
    KD_ENTITY_TOPIC,
    KD_ENTITY_CLUSTER, /* what all brokers have where they have nothing of their own */
    KD_ENTITY_BROKER,  /* this one */
    KD_ENTITY_GROUP    /* need not exist */
};

/* Lies in its owner's struct until done; so does what it points to. */
struct kd_config_change {
    struct kd_shard *shard;
    enum kd_entity entity;
    struct kb_slice name; /* of the topic or the group */
    const struct kd_alteration *alterations;
    size_t count;
    bool replace; /* what is not named goes */
    void (*done)(struct kd_config_change *change, const struct kb_error *err);

    struct kd_overrides next; /* on its way to the store */
    int32_t version;          /* that it replaces */
};

/* Would it be taken? Kafka's code, and words in err. */
int kd_configs_check(struct kd_config_change *change, struct kb_error *err);
/* done comes once, perhaps from inside. */
void kd_configs_alter(struct kd_config_change *change);

/* The values of a topic that has these overrides (what the store holds, or
 * what is to be made); err as kd_configs_check. */
int kd_configs_plan_topic(struct kd_shard *shard, const struct kd_overrides *own,
                          const struct kd_alteration *alterations, size_t count, bool replace,
                          struct kd_overrides *out, struct kb_error *err);

#endif
