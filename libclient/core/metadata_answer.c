/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer changes in the tables of metadata.c. */
#include "base/check.h"
#include "base/codes.h"
#include "base/mem.h"
#include "libclient/core/metadata_tables.h"
#include "wire/gen/metadata.h"
#include <stdlib.h>

void kc_brokers_free(struct kc_broker *brokers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kb_free(brokers[i].host);
        kb_free(brokers[i].rack);
    }
    kb_free(brokers);
}

/* Replicas and isr of one partition are one allocation. */
void kc_partitions_free(struct kc_partition *partitions, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        kb_free(partitions[i].replicas);
    kb_free(partitions);
}

void kc_topic_index(struct kc_metadata *md, struct kc_topic *topic, struct kb_uuid id)
{
    struct kb_slice key = kb_slice_of(topic->id.bytes, sizeof topic->id.bytes);
    struct kb_map_entry *entry = kb_map_get(&md->ids, key);
    if (entry == &topic->by_id)
        kb_map_remove(&md->ids, entry);
    topic->id = id;
    /* Not indexed for want of memory, or because another topic claims the id:
     * then it is merely not found by it. */
    if (!kb_uuid_is_zero(id) && !kb_map_get(&md->ids, key))
        kb_map_put(&md->ids, &topic->by_id, key);
}

/* ---- Brokers ----------------------------------------------------------------*/

static int by_id(const void *a, const void *b)
{
    const struct kc_broker *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static char *copy_text(struct kb_slice text)
{
    return kb_strndup((const char *)text.data, text.size);
}

/* A broker that has just failed keeps its mark where the address is the same. */
static int64_t failed_before(const struct kc_metadata *md, const struct kc_broker *broker)
{
    const struct kc_broker *old = kc_metadata_broker(md, broker->id);
    bool same = old && old->port == broker->port && !strcmp(old->host, broker->host);
    return same ? old->failed_ms : 0;
}

static bool take_brokers(struct kc_metadata *md, const struct kw_metadata_response *response)
{
    size_t count = (size_t)KB_MAX(response->brokers_count, 0);
    struct kc_broker *brokers = KB_NEW_ARRAY(struct kc_broker, count + 1);
    bool whole = brokers != NULL;
    for (size_t i = 0; whole && i < count; i++) {
        struct kb_slice rack = response->brokers[i].rack;
        brokers[i].id = response->brokers[i].node_id;
        brokers[i].port = response->brokers[i].port;
        brokers[i].host = copy_text(response->brokers[i].host);
        brokers[i].rack = rack.data ? copy_text(rack) : NULL;
        whole = brokers[i].host && (!rack.data || brokers[i].rack);
        if (whole)
            brokers[i].failed_ms = failed_before(md, &brokers[i]);
    }
    if (!whole) {
        if (brokers)
            kc_brokers_free(brokers, count);
        return false;
    }
    qsort(brokers, count, sizeof *brokers, by_id);
    kc_brokers_free(md->brokers, md->broker_count);
    md->brokers = brokers;
    md->broker_count = count;
    return true;
}

static void take_cluster(struct kc_metadata *md, const struct kw_metadata_response *response)
{
    char *id = response->cluster_id.data ? copy_text(response->cluster_id) : NULL;
    if (id) {
        kb_free(md->cluster_id);
        md->cluster_id = id;
    }
    md->controller = response->controller_id;
}

/* ---- Topics -----------------------------------------------------------------*/

typedef struct kw_metadata_response_topic answered_topic;
typedef struct kw_metadata_response_partition answered_partition;

static bool copy_partition(struct kc_partition *to, const answered_partition *from)
{
    uint32_t replicas = (uint32_t)KB_MAX(from->replica_nodes_count, 0);
    uint32_t isr = (uint32_t)KB_MAX(from->isr_nodes_count, 0);
    *to = (struct kc_partition){.leader = from->leader_id,
                                .leader_epoch = from->leader_epoch,
                                .error = from->error_code,
                                .replicas = KB_NEW_ARRAY(int32_t, replicas + isr + 1),
                                .replica_count = replicas,
                                .isr_count = isr};
    if (!to->replicas)
        return false;
    to->isr = to->replicas + replicas;
    if (replicas)
        memcpy(to->replicas, from->replica_nodes, replicas * sizeof *to->replicas);
    if (isr)
        memcpy(to->isr, from->isr_nodes, isr * sizeof *to->isr);
    return true;
}

static bool same_leader(const struct kc_partition *a, const struct kc_partition *b)
{
    return a->leader == b->leader && a->leader_epoch == b->leader_epoch && a->error == b->error;
}

/* Where the answer lags behind what is known, what is known stays (KIP-320). */
static bool keep_newer(struct kc_partition *fresh, struct kc_partition *known)
{
    bool lags = fresh->leader_epoch >= 0 && fresh->leader_epoch < known->leader_epoch;
    if (lags) {
        struct kc_partition swap = *fresh;
        *fresh = *known;
        *known = swap;
    }
    return lags;
}

/* The answered partitions in order of their index; NULL: no memory, or not the
 * indexes 0..n-1, which no broker sends. */
static struct kc_partition *copy_partitions(const answered_topic *from, int32_t count)
{
    struct kc_partition *partitions = KB_NEW_ARRAY(struct kc_partition, (size_t)count + 1);
    bool whole = partitions != NULL;
    for (int32_t i = 0; whole && i < from->partitions_count; i++) {
        int32_t index = from->partitions[i].partition_index;
        whole = index >= 0 && index < count && !partitions[index].replicas &&
                copy_partition(&partitions[index], &from->partitions[i]);
    }
    if (!whole && partitions) {
        kc_partitions_free(partitions, count);
        return NULL;
    }
    return partitions;
}

enum outcome { SETTLED, OPEN, FAILED };

/* A topic that is there. OPEN: ask again, something is in motion. */
static enum outcome take_partitions(struct kc_metadata *md, struct kc_topic *topic,
                                    const answered_topic *from)
{
    int32_t count = KB_MAX(from->partitions_count, 0);
    bool both_ids = !kb_uuid_is_zero(topic->id) && !kb_uuid_is_zero(from->topic_id);
    bool same_topic = topic->known && (!both_ids || kb_uuid_equal(topic->id, from->topic_id));
    if (same_topic && both_ids && count < topic->partition_count)
        return OPEN; /* partitions only ever grow: an answer of before */
    struct kc_partition *fresh = copy_partitions(from, count);
    if (!fresh)
        return FAILED;

    bool changed = topic->unheard || !topic->known || !same_topic || topic->error ||
                   count != topic->partition_count;
    bool open = count == 0;
    for (int32_t i = 0; i < count; i++) {
        bool known = same_topic && i < topic->partition_count;
        if (known && keep_newer(&fresh[i], &topic->partitions[i]))
            open = true;
        else if (known)
            changed |= !same_leader(&fresh[i], &topic->partitions[i]);
        open |= fresh[i].leader < 0;
    }
    kc_partitions_free(topic->partitions, topic->partition_count);
    topic->partitions = fresh;
    topic->partition_count = count;
    topic->generation += topic->known && !same_topic;
    topic->known = true;
    topic->unheard = false;
    topic->error = 0;
    if (!kb_uuid_is_zero(from->topic_id))
        kc_topic_index(md, topic, from->topic_id);
    if (changed)
        kc_topic_changed(md, topic);
    return open ? OPEN : SETTLED;
}

static enum outcome take_topic_error(struct kc_metadata *md, struct kc_topic *topic, int32_t error)
{
    if (topic->error != error) {
        topic->error = error;
        kc_topic_changed(md, topic);
    }
    return kb_code_classes(error) & KB_RETRIABLE ? OPEN : SETTLED;
}

static void take_topic(struct kc_metadata *md, struct kb_time now, struct kc_topic *topic,
                       const answered_topic *from)
{
    enum outcome outcome = from->error_code ? take_topic_error(md, topic, from->error_code)
                                            : take_partitions(md, topic, from);
    topic->asked = false;
    topic->due_ms = KB_NEVER;
    if (outcome == SETTLED)
        kc_backoff_reset(&topic->backoff);
    else
        topic->due_ms = now.mono_ms + kc_backoff_next_ms(&topic->backoff, md->random);
}

static void take_topics(struct kc_metadata *md, struct kb_time now,
                        const struct kw_metadata_response *response)
{
    for (int32_t i = 0; i < response->topics_count; i++) {
        struct kb_map_entry *entry = kb_map_get(&md->names, response->topics[i].name);
        struct kc_topic *topic = KB_MAP_VALUE(entry, struct kc_topic, by_name);
        if (topic && topic->asked)
            take_topic(md, now, topic, &response->topics[i]);
    }
    static const answered_topic missing = {.error_code = KB_E_UNKNOWN_TOPIC_OR_PARTITION};
    KB_LIST_EACH(it, &md->all) {
        struct kc_topic *topic = KB_CONTAINER(it, struct kc_topic, all);
        if (topic->asked)
            take_topic(md, now, topic, &missing);
    }
}

static void find_next_due(struct kc_metadata *md)
{
    md->due_ms = md->brokers_due_ms;
    KB_LIST_EACH(it, &md->all) {
        struct kc_topic *topic = KB_CONTAINER(it, struct kc_topic, all);
        md->due_ms = KB_MIN(md->due_ms, topic->due_ms);
    }
}

void kc_metadata_answer(struct kc_metadata *md, struct kb_time now,
                        const struct kw_metadata_response *response)
{
    KB_CHECK(md->in_flight);
    if (response->error_code == KB_E_REBOOTSTRAP_REQUIRED)
        kc_metadata_rebootstrap(md);
    if (response->error_code || !take_brokers(md, response)) {
        kc_metadata_failure(md, now, -1);
        return;
    }
    md->in_flight = false;
    take_cluster(md, response);
    take_topics(md, now, response);
    md->answers++;
    md->known = true;
    md->answered_ms = now.mono_ms;
    md->allowed_ms = 0;
    md->bootstrap_left = 0;
    md->failing_since_ms = KB_NEVER;
    kc_backoff_reset(&md->backoff);
    if (md->asked_all)
        md->brokers_due_ms = now.mono_ms + md->options.max_age_ms;
    find_next_due(md);
}
