/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/group/topic.h"
#include "base/check.h"
#include "base/mem.h"
#include "broker/core/group/offsets.h"
#include "broker/server/changes.h"
#include <stdio.h>

/* ---- Which partition ---------------------------------------------------- */

/* The code point at *at, as Java reads UTF-8; what is none counts as U+FFFD. */
static uint32_t next_point(struct kb_slice text, size_t *at)
{
    static const uint8_t lead[] = {0x00, 0xc0, 0xe0, 0xf0};
    const uint8_t *bytes = text.data + *at;
    size_t left = text.size - *at;
    size_t more = bytes[0] < 0x80 ? 0 : bytes[0] < 0xe0 ? 1 : bytes[0] < 0xf0 ? 2 : 3;
    (*at)++;
    if (more == 0)
        return bytes[0];
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || more >= left)
        return 0xfffd;
    uint32_t point = bytes[0] - lead[more];
    for (size_t i = 1; i <= more; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0xfffd;
        point = point << 6 | (bytes[i] & 0x3f);
    }
    *at += more;
    return point;
}

/* String.hashCode, over UTF-16. */
static uint32_t java_hash(struct kb_slice text)
{
    uint32_t hash = 0;
    for (size_t at = 0; at < text.size;) {
        uint32_t point = next_point(text, &at);
        if (point >= 0x10000) {
            point -= 0x10000;
            hash = hash * 31 + (0xd800 | point >> 10);
            point = 0xdc00 | (point & 0x3ff);
        }
        hash = hash * 31 + point;
    }
    return hash;
}

int32_t kd_group_partition(struct kb_slice group, int32_t count)
{
    int32_t hash = (int32_t)java_hash(group);
    return (hash == INT32_MIN ? 0 : hash < 0 ? -hash : hash) % count;
}

/* ---- Coordinators ------------------------------------------------------- */

static struct kd_topic *find_topic(const struct kd_group_topic *topic)
{
    return kd_topics_find(&topic->shard->topics, kb_slice_str(KD_GROUP_TOPIC));
}

void kd_group_topic_init(struct kd_group_topic *topic, struct kd_shard *shard)
{
    const struct kd_config *config = shard->config;
    *topic = (struct kd_group_topic){.shard = shard};
    kb_list_init(&topic->waiting);
    topic->limits = (struct kd_group_limits){
        .min_session_ms = config->group_min_session_ms,
        .max_session_ms = config->group_max_session_ms,
        .initial_delay_ms = config->group_initial_delay_ms,
        .offsets_retention_ms = (int64_t)config->offsets_retention_minutes * 60000,
        .max_size = config->group_max_size,
        .offset_metadata_max_bytes = config->offset_metadata_max_bytes,
        .settings = {[KD_SET_SESSION] = config->consumer_session_ms,
                     [KD_SET_HEARTBEAT] = config->consumer_heartbeat_ms,
                     [KD_SET_ASSIGNMENT_INTERVAL] = config->consumer_assignment_interval_ms},
        .own = &shard->configs.groups,
        .consumer_max_size = config->consumer_max_size,
        .upgrade = config->consumer_migration & KD_MIGRATE_UP,
        .downgrade = config->consumer_migration & KD_MIGRATE_DOWN,
    };
    kd_assignors_parse(config->consumer_assignors, topic->limits.assignors);
}

static void open_shard(struct kd_group_topic *topic, struct kd_place *place)
{
    if (place->serving && !topic->shards[place->index])
        topic->shards[place->index] = kd_group_shard_new(topic->shard, place, &topic->limits);
}

void kd_group_topic_open(struct kd_group_topic *topic)
{
    struct kd_topic *found = find_topic(topic);
    if (!found)
        return;
    if (!topic->shards)
        topic->shards = KB_NEW_ARRAY(struct kd_group_shard *, (size_t)found->count);
    if (!topic->shards)
        return;
    topic->count = found->count;
    for (int32_t i = 0; i < topic->count; i++)
        open_shard(topic, found->places[i]);
}

void kd_group_topic_close(struct kd_group_topic *topic)
{
    for (int32_t i = 0; i < topic->count; i++)
        kd_group_shard_free(topic->shards[i]);
    kb_free(topic->shards);
    topic->shards = NULL;
    topic->count = 0;
}

int kd_group_topic_find(struct kd_group_topic *topic, struct kb_slice group,
                        struct kd_group_shard **out)
{
    if (!topic->count)
        return KB_E_NOT_COORDINATOR;
    *out = topic->shards[kd_group_partition(group, topic->count)];
    if (!*out)
        return KB_E_NOT_COORDINATOR;
    return (*out)->state == KD_SHARD_ACTIVE ? KB_OK : KB_E_COORDINATOR_LOAD_IN_PROGRESS;
}

struct kd_group_shard *kd_group_topic_next(struct kd_group_topic *topic, int32_t *at, bool *loading)
{
    while (*at < topic->count) {
        struct kd_group_shard *shard = topic->shards[(*at)++];
        if (shard && shard->state == KD_SHARD_ACTIVE)
            return shard;
        *loading = true;
    }
    return NULL;
}

void kd_group_topic_forget_topic(struct kd_group_topic *topic, struct kb_slice name)
{
    struct kd_group_shard *shard;
    bool loading = false;
    for (int32_t at = 0; (shard = kd_group_topic_next(topic, &at, &loading));) {
        struct kd_step *step = kd_step_begin(shard);
        if (!step)
            return; /* what stays is of no harm but for a topic of the same name */
        kd_groups_topic_deleted(&shard->groups, name, &step->outcome);
        kd_step_end(step);
    }
}

/* ---- The topic is made -------------------------------------------------- */

static void tell(struct kd_group_topic *topic, int code)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&topic->waiting))) {
        struct kd_group_wait *wait = KB_CONTAINER(node, struct kd_group_wait, link);
        wait->done(wait, code);
    }
}

static void on_made(void *ctx, int code)
{
    struct kd_group_topic *topic = ctx;
    topic->making = false;
    if (code && code != KB_E_TOPIC_ALREADY_EXISTS)
        KB_LOG(topic->shard->log, KB_LOG_ERROR, "groups", "cannot make " KD_GROUP_TOPIC " error=%s",
               kb_code_name(code));
    if (!topic->shard->stopping)
        kd_group_topic_open(topic);
    tell(topic, topic->count ? KB_OK : KB_E_COORDINATOR_NOT_AVAILABLE);
}

static void make(struct kd_group_topic *topic)
{
    struct kd_shard *shard = topic->shard;
    struct kb_error err;
    char segment_bytes[16];
    snprintf(segment_bytes, sizeof segment_bytes, "%d", shard->config->offsets_segment_bytes);
    const struct kd_alteration configs[] = {
        {KD_ALTER_SET, kb_slice_str("cleanup.policy"), kb_slice_str("compact")},
        {KD_ALTER_SET, kb_slice_str("compression.type"), kb_slice_str("producer")},
        {KD_ALTER_SET, kb_slice_str("segment.bytes"), kb_slice_str(segment_bytes)}};
    const struct kd_new_topic wanted = {.name = kb_slice_str(KD_GROUP_TOPIC),
                                        .id = kb_uuid_random(&shard->random),
                                        .count = shard->config->offsets_partitions,
                                        .factor = 1,
                                        .configs = configs,
                                        .config_count = KB_ARRAY_SIZE(configs)};
    struct kd_topic *draft = kd_change_draft(shard, &wanted, &err);
    topic->making = true;
    if (draft)
        kd_change_create(shard, draft, wanted.count, on_made, topic);
    else
        on_made(topic, err.code);
}

void kd_group_topic_want(struct kd_group_topic *topic, struct kd_group_wait *wait)
{
    kb_list_init(&wait->link);
    if (topic->count || topic->shard->stopping) {
        wait->done(wait, topic->count ? KB_OK : KB_E_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    kb_list_push_back(&topic->waiting, &wait->link);
    if (!topic->making)
        make(topic);
}

void kd_group_topic_forget(struct kd_group_wait *wait)
{
    kb_list_remove(&wait->link);
}
