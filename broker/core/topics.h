/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TOPICS_H
#define KD_TOPICS_H
/*
 * The cluster as this broker knows it: topics by name and by id, with their
 * partitions. An image of the metadata store, changed only after the store has
 * the change. Pure.
 */
#include "base/list.h"
#include "base/map.h"
#include "base/uuid.h"
#include "broker/core/config.h"
#include "broker/core/overrides.h"

struct kd_replica;
struct kd_topic;

struct kd_place {
    struct kd_topic *topic;
    int32_t index;
    int32_t leader, leader_epoch; /* leader -1: none */
    int32_t *replicas, *isr;      /* node ids */
    int32_t replica_count, isr_count;
    int32_t state_version;      /* of its node in the metadata store */
    struct kd_replica *replica; /* its log here; NULL: none */
    bool serving;               /* we lead, and its epoch is on disk */
    bool unled;                 /* there was no memory for that; tried again */
    struct kb_list waiting;     /* marks of waiters.h */
};

struct kd_topic {
    struct kb_map_entry by_name, by_id;
    struct kb_uuid id;
    struct kd_topic_config config; /* in force */
    struct kd_overrides overrides; /* of these, its own */
    int32_t config_version;        /* of its node in the metadata store; -1: there is none */
    struct kd_place **places;      /* their addresses stay */
    int32_t count;
    bool condemned; /* being deleted */
    char name[];
};

struct kd_topics {
    struct kb_map by_name, by_id;
    uint64_t changes; /* topics that came, grew or went, from 1 on */
};

enum { KD_TOPIC_NAME_MAX = 249 };
/* Letters, digits, '.', '_', '-'; not "." or ".."; at most 249 bytes. */
bool kd_topic_name_is_valid(struct kb_slice name);
/* Topics that only the broker itself writes to. */
bool kd_topic_name_is_internal(struct kb_slice name);

void kd_topics_init(struct kd_topics *topics, uint64_t seed);
void kd_topics_deinit(struct kd_topics *topics);

struct kd_topic *kd_topics_find(const struct kd_topics *topics, struct kb_slice name);
struct kd_topic *kd_topics_find_id(const struct kd_topics *topics, struct kb_uuid id);
/* A name that differs only in '.' and '_', which Kafka's metrics confuse; NULL: none. */
struct kd_topic *kd_topics_find_similar(const struct kd_topics *topics, struct kb_slice name);
struct kd_topic *kd_topics_next(const struct kd_topics *topics, const struct kd_topic *at);
size_t kd_topics_place_count(const struct kd_topics *topics); /* of all; a walk */
/* NULL: there is no such partition. */
struct kd_place *kd_topic_place(const struct kd_topic *topic, int32_t index);

/* Not in the image yet; NULL: no memory. */
struct kd_topic *kd_topic_new(struct kb_slice name, struct kb_uuid id,
                              const struct kd_config *broker);
void kd_topic_free(struct kd_topic *topic); /* not in the image */
/* Makes partition `count` with these replicas, all in sync, led by the first
 * at epoch 0. NULL: no memory. */
struct kd_place *kd_topic_grow(struct kd_topic *topic, const int32_t *replicas,
                               int32_t replica_count);
/* False: no memory. */
bool kd_place_set_isr(struct kd_place *place, const int32_t *isr, int32_t count);

/* The name and the id are not taken (checked). False: no memory. */
bool kd_topics_put(struct kd_topics *topics, struct kd_topic *topic);
void kd_topics_remove(struct kd_topics *topics, struct kd_topic *topic); /* the caller frees it */
void kd_topics_note_growth(struct kd_topics *topics); /* of one that is in the image */

#endif
