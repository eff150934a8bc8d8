/* SPDX-License-Identifier: Apache-2.0 */
/* Interest, when to ask and whom. What an answer changes: metadata_answer.c. */
#include "libclient/core/metadata.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/core/metadata_tables.h"
#include "wire/gen/metadata.h"

void kc_metadata_init(struct kc_metadata *md, const struct kc_metadata_options *options,
                      const struct kc_bootstrap *bootstrap, struct kb_random *random)
{
    KB_CHECK(bootstrap->count > 0);
    *md = (struct kc_metadata){.options = *options,
                               .random = random,
                               .bootstrap = bootstrap,
                               .controller = -1,
                               .failing_since_ms = KB_NEVER};
    kb_map_init(&md->names, kb_random_next(random));
    kb_map_init(&md->ids, kb_random_next(random));
    kb_list_init(&md->all);
    kb_list_init(&md->changed);
    kc_backoff_init(&md->backoff, options->retry_backoff_ms, options->retry_backoff_max_ms);
    md->bootstrap_next = (size_t)kb_random_below(random, bootstrap->count);
}

static void topic_free(struct kc_metadata *md, struct kc_topic *topic)
{
    kb_list_remove(&topic->all);
    kb_list_remove(&topic->changed);
    kc_topic_index(md, topic, (struct kb_uuid){{0}});
    kb_map_remove(&md->names, &topic->by_name);
    kc_partitions_free(topic->partitions, topic->partition_count);
    kb_free(topic->name);
    kb_free(topic);
}

void kc_metadata_deinit(struct kc_metadata *md)
{
    KB_LIST_EACH_SAFE(it, &md->all)
        topic_free(md, KB_CONTAINER(it, struct kc_topic, all));
    kc_brokers_free(md->brokers, md->broker_count);
    kb_map_deinit(&md->names);
    kb_map_deinit(&md->ids);
    kb_free(md->cluster_id);
}

/* ---- Interest ---------------------------------------------------------------*/

struct kc_topic *kc_metadata_topic(const struct kc_metadata *md, const char *name)
{
    struct kb_map_entry *entry = kb_map_get(&md->names, kb_slice_str(name));
    return KB_MAP_VALUE(entry, struct kc_topic, by_name);
}

struct kc_topic *kc_metadata_topic_by_id(const struct kc_metadata *md, struct kb_uuid id)
{
    struct kb_map_entry *entry = kb_map_get(&md->ids, kb_slice_of(id.bytes, sizeof id.bytes));
    return KB_MAP_VALUE(entry, struct kc_topic, by_id);
}

const struct kc_partition *kc_metadata_partition(const struct kc_topic *topic, int32_t partition)
{
    bool there = partition >= 0 && partition < topic->partition_count;
    return there ? &topic->partitions[partition] : NULL;
}

const struct kc_broker *kc_metadata_broker(const struct kc_metadata *md, int32_t id)
{
    for (size_t i = 0; i < md->broker_count; i++)
        if (md->brokers[i].id == id)
            return &md->brokers[i];
    return NULL;
}

static struct kc_topic *topic_new(struct kc_metadata *md, const char *name)
{
    struct kc_topic *topic = KB_NEW(struct kc_topic);
    if (!topic)
        return NULL;
    kb_list_init(&topic->all);
    kb_list_init(&topic->changed);
    kc_backoff_init(&topic->backoff, md->options.retry_backoff_ms,
                    md->options.retry_backoff_max_ms);
    topic->name = kb_strdup(name);
    if (!topic->name || !kb_map_put(&md->names, &topic->by_name, kb_slice_str(topic->name))) {
        kb_free(topic->name);
        kb_free(topic);
        return NULL;
    }
    kb_list_push_back(&md->all, &topic->all);
    return topic;
}

struct kc_topic *kc_metadata_want(struct kc_metadata *md, const char *name)
{
    struct kc_topic *topic = kc_metadata_topic(md, name);
    if (!topic) {
        topic = topic_new(md, name);
        if (!topic)
            return NULL;
        kc_topic_due(md, topic, 0);
    }
    if (topic->known || topic->error)
        kc_topic_changed(md, topic);
    topic->wanted++;
    return topic;
}

void kc_metadata_unwant(struct kc_metadata *md, struct kc_topic *topic)
{
    KB_CHECK(topic->wanted > 0);
    if (--topic->wanted == 0)
        topic_free(md, topic);
}

void kc_topic_due(struct kc_metadata *md, struct kc_topic *topic, int64_t due_ms)
{
    topic->due_ms = due_ms;
    md->due_ms = KB_MIN(md->due_ms, due_ms);
}

void kc_topic_changed(struct kc_metadata *md, struct kc_topic *topic)
{
    kb_list_remove(&topic->changed);
    kb_list_push_back(&md->changed, &topic->changed);
}

/* The first complaint is heard at once; one about an answer that has just come
 * waits, since asking again would get the same. */
void kc_metadata_refresh(struct kc_metadata *md, struct kc_topic *topic)
{
    int64_t due_ms = md->known ? md->answered_ms + md->options.retry_backoff_ms : 0;
    if (topic) {
        kc_topic_due(md, topic, KB_MIN(topic->due_ms, due_ms));
        return;
    }
    md->brokers_due_ms = KB_MIN(md->brokers_due_ms, due_ms);
    md->due_ms = KB_MIN(md->due_ms, due_ms);
}

void kc_metadata_rebootstrap(struct kc_metadata *md)
{
    md->bootstrap_left = md->bootstrap->count;
    kc_metadata_refresh(md, NULL);
}

bool kc_metadata_leader(struct kc_metadata *md, struct kc_topic *topic, int32_t partition,
                        int32_t leader, int32_t leader_epoch)
{
    if (!kc_metadata_partition(topic, partition))
        return false;
    struct kc_partition *known = &topic->partitions[partition];
    if (leader < 0 || leader_epoch <= known->leader_epoch)
        return false;
    known->leader = leader;
    known->leader_epoch = leader_epoch;
    known->error = 0;
    kc_topic_changed(md, topic);
    if (!kc_metadata_broker(md, leader))
        kc_metadata_refresh(md, NULL);
    return true;
}

struct kc_topic *kc_metadata_next_change(struct kc_metadata *md)
{
    struct kb_list *node = kb_list_pop_front(&md->changed);
    return node ? KB_CONTAINER(node, struct kc_topic, changed) : NULL;
}

/* ---- Queries ----------------------------------------------------------------*/

int64_t kc_metadata_deadline_ms(const struct kc_metadata *md)
{
    return md->in_flight ? KB_NEVER : KB_MAX(md->due_ms, md->allowed_ms);
}

/* Has each known broker failed since one last answered? */
static bool all_failed(const struct kc_metadata *md)
{
    for (size_t i = 0; i < md->broker_count; i++)
        if (md->brokers[i].failed_ms <= md->answered_ms)
            return false;
    return true;
}

static bool helpless(const struct kc_metadata *md, struct kb_time now)
{
    if (!md->options.rebootstrap)
        return false;
    if (all_failed(md))
        return true;
    return md->failing_since_ms != KB_NEVER &&
           now.mono_ms - md->failing_since_ms >= md->options.rebootstrap_trigger_ms;
}

static void forgive_all(struct kc_metadata *md)
{
    for (size_t i = 0; i < md->broker_count; i++)
        md->brokers[i].failed_ms = 0;
}

/* The one that failed longest ago; among equals any. */
static const struct kc_broker *pick_broker(struct kc_metadata *md)
{
    size_t start = (size_t)kb_random_below(md->random, md->broker_count);
    const struct kc_broker *best = &md->brokers[start];
    for (size_t i = 1; i < md->broker_count; i++) {
        const struct kc_broker *other = &md->brokers[(start + i) % md->broker_count];
        if (other->failed_ms < best->failed_ms)
            best = other;
    }
    return best;
}

static void pick_target(struct kc_metadata *md, struct kb_time now, struct kc_target *target)
{
    if (md->bootstrap_left == 0 && md->broker_count > 0 && helpless(md, now)) {
        md->bootstrap_left = md->bootstrap->count;
        md->failing_since_ms = now.mono_ms;
        forgive_all(md); /* their next chance comes after the list's */
    }
    if (md->broker_count > 0 && md->bootstrap_left == 0) {
        const struct kc_broker *broker = pick_broker(md);
        *target = (struct kc_target){broker->id, broker->host, broker->port};
        return;
    }
    const struct kc_address *address = &md->bootstrap->addresses[md->bootstrap_next];
    md->bootstrap_next = (md->bootstrap_next + 1) % md->bootstrap->count;
    md->bootstrap_left -= md->bootstrap_left > 0;
    *target = (struct kc_target){-1, address->host, address->port};
}

/* All of them where the brokers are due as well, else only those that are. The
 * names are copied: a topic may be unwanted before the request is written. */
static bool list_topics(struct kc_metadata *md, struct kb_time now, struct kb_arena *arena,
                        struct kw_metadata_request *request)
{
    md->asked_all = md->brokers_due_ms <= now.mono_ms;
    request->topics = kb_arena_array(arena, md->names.count + 1, sizeof *request->topics);
    request->topics_count = 0;
    KB_LIST_EACH(it, &md->all) {
        struct kc_topic *topic = KB_CONTAINER(it, struct kc_topic, all);
        topic->asked = md->asked_all || topic->due_ms <= now.mono_ms;
        if (topic->asked && !arena->failed)
            request->topics[request->topics_count++].name =
                kb_slice_str(kb_arena_strdup(arena, kb_slice_str(topic->name)));
    }
    return !arena->failed;
}

bool kc_metadata_query(struct kc_metadata *md, struct kb_time now, struct kb_arena *arena,
                       struct kw_metadata_request *request, struct kc_target *target)
{
    if (kc_metadata_deadline_ms(md) > now.mono_ms)
        return false;
    kw_metadata_request_init(request);
    request->allow_auto_topic_creation = md->options.auto_create;
    pick_target(md, now, target);
    md->in_flight = true;
    if (!list_topics(md, now, arena, request)) {
        kc_metadata_failure(md, now, target->node);
        return false;
    }
    return true;
}

void kc_metadata_failure(struct kc_metadata *md, struct kb_time now, int32_t node)
{
    KB_CHECK(md->in_flight);
    md->in_flight = false;
    for (size_t i = 0; i < md->broker_count; i++)
        if (md->brokers[i].id == node)
            md->brokers[i].failed_ms = now.mono_ms;
    md->failing_since_ms = KB_MIN(md->failing_since_ms, now.mono_ms);
    md->allowed_ms = now.mono_ms + kc_backoff_next_ms(&md->backoff, md->random);
}
