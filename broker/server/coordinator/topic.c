/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/coordinator/topic.h"
#include "base/check.h"
#include "base/mem.h"
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

int32_t kd_coordinator_partition(struct kb_slice key, int32_t count)
{
    int32_t hash = (int32_t)java_hash(key);
    return (hash == INT32_MIN ? 0 : hash < 0 ? -hash : hash) % count;
}

/* ---- Coordinators ------------------------------------------------------- */

void kd_coordinator_topic_init(struct kd_coordinator_topic *topic, struct kd_shard *shard,
                               const struct kd_coordinator_kind *kind,
                               const struct kd_topic_plan *plan)
{
    *topic = (struct kd_coordinator_topic){.shard = shard, .kind = kind, .plan = *plan};
    kb_list_init(&topic->waiting);
}

static void open_one(struct kd_coordinator_topic *topic, struct kd_place *place)
{
    if (place->serving && !topic->coordinators[place->index])
        topic->coordinators[place->index] = kd_coordinator_new(topic, place);
}

void kd_coordinator_topic_open(struct kd_coordinator_topic *topic)
{
    const struct kd_topics *topics = &topic->shard->topics;
    const struct kd_topic *found = kd_topics_find(topics, kb_slice_str(topic->kind->topic));
    if (!found)
        return;
    if (!topic->coordinators)
        topic->coordinators = KB_NEW_ARRAY(struct kd_coordinator *, (size_t)found->count);
    if (!topic->coordinators)
        return;
    topic->count = found->count;
    for (int32_t i = 0; i < topic->count; i++)
        open_one(topic, found->places[i]);
}

void kd_coordinator_topic_close(struct kd_coordinator_topic *topic)
{
    for (int32_t i = 0; i < topic->count; i++)
        kd_coordinator_free(topic->coordinators[i]);
    kb_free(topic->coordinators);
    topic->coordinators = NULL;
    topic->count = 0;
}

int kd_coordinator_at(const struct kd_coordinator_topic *topic, int32_t partition,
                      struct kd_coordinator **out)
{
    if (partition < 0 || partition >= topic->count || !topic->coordinators[partition])
        return KB_E_NOT_COORDINATOR;
    *out = topic->coordinators[partition];
    return (*out)->state == KD_COORDINATOR_ACTIVE ? KB_OK : KB_E_COORDINATOR_LOAD_IN_PROGRESS;
}

int kd_coordinator_find(const struct kd_coordinator_topic *topic, struct kb_slice key,
                        struct kd_coordinator **out)
{
    if (!topic->count)
        return KB_E_NOT_COORDINATOR;
    return kd_coordinator_at(topic, kd_coordinator_partition(key, topic->count), out);
}

struct kd_step *kd_step_for(const struct kd_coordinator_topic *topic, struct kb_slice key,
                            int *code)
{
    struct kd_coordinator *c = NULL;
    *code = kd_coordinator_find(topic, key, &c);
    struct kd_step *step = *code ? NULL : kd_step_begin(c);
    if (!step && !*code)
        *code = KB_E_COORDINATOR_NOT_AVAILABLE;
    return step;
}

struct kd_coordinator *kd_coordinator_next(const struct kd_coordinator_topic *topic, int32_t *at,
                                           bool *loading)
{
    while (*at < topic->count) {
        struct kd_coordinator *c = topic->coordinators[(*at)++];
        if (c && c->state == KD_COORDINATOR_ACTIVE)
            return c;
        *loading = true;
    }
    return NULL;
}

/* ---- The topic is made -------------------------------------------------- */

static void tell(struct kd_coordinator_topic *topic, int code)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&topic->waiting))) {
        struct kd_topic_wait *wait = KB_CONTAINER(node, struct kd_topic_wait, link);
        wait->done(wait, code);
    }
}

static void on_made(void *ctx, int code)
{
    struct kd_coordinator_topic *topic = ctx;
    topic->making = false;
    if (code && code != KB_E_TOPIC_ALREADY_EXISTS)
        KB_LOG(topic->shard->log, KB_LOG_ERROR, topic->kind->name, "cannot make %s error=%s",
               topic->kind->topic, kb_code_name(code));
    if (!topic->shard->stopping)
        kd_coordinator_topic_open(topic);
    tell(topic, topic->count ? KB_OK : KB_E_COORDINATOR_NOT_AVAILABLE);
}

static void make(struct kd_coordinator_topic *topic)
{
    struct kd_shard *shard = topic->shard;
    struct kb_error err;
    char segment_bytes[16];
    snprintf(segment_bytes, sizeof segment_bytes, "%d", topic->plan.segment_bytes);
    const struct kd_alteration configs[] = {
        {KD_ALTER_SET, kb_slice_str("cleanup.policy"), kb_slice_str("compact")},
        {KD_ALTER_SET, kb_slice_str("compression.type"), kb_slice_str("producer")},
        {KD_ALTER_SET, kb_slice_str("segment.bytes"), kb_slice_str(segment_bytes)}};
    const struct kd_new_topic wanted = {.name = kb_slice_str(topic->kind->topic),
                                        .id = kb_uuid_random(&shard->random),
                                        .count = topic->plan.partitions,
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

void kd_coordinator_topic_want(struct kd_coordinator_topic *topic, struct kd_topic_wait *wait)
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

void kd_coordinator_topic_forget(struct kd_topic_wait *wait)
{
    kb_list_remove(&wait->link);
}
