/* SPDX-License-Identifier: Apache-2.0 */
/* The latest assignment: ids of topics, and their names as soon as they are known. */
#include "libclient/core/group/modern.h"

/* ---- Names ---- */

static struct kb_slice name_in(const struct kc_partitions *set, struct kb_uuid id)
{
    for (size_t i = 0; i < set->count; i++)
        if (kb_uuid_equal(set->rows[i].id, id))
            return kb_slice_str(set->rows[i].topic);
    return kb_slice_null();
}

static struct kb_slice name_told(const struct kw_metadata_response *response, struct kb_uuid id)
{
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_metadata_response_topic *topic = &response->topics[i];
        if (!topic->error_code && topic->name.size > 0 && kb_uuid_equal(topic->topic_id, id))
            return topic->name;
    }
    return kb_slice_null();
}

/* Null: nobody knows. What is owned knows topics that metadata has forgotten, or
 * knows under a newer id. */
static struct kb_slice name_of(const struct kc_member *member, struct kb_uuid id,
                               const struct kw_metadata_response *response)
{
    const struct kc_topic *topic = kc_metadata_topic_by_id(member->metadata, id);
    struct kb_slice name = topic ? kb_slice_str(topic->name) : name_in(&member->owned, id);
    if (!name.data)
        name = name_in(&kc_modern_of(member)->target, id);
    return name.data || !response ? name : name_told(response, id);
}

/* An assignment as two sets: with a name, and without. */
struct sets {
    struct kc_partitions named, unnamed;
};

static bool add(struct sets *sets, struct kb_slice name, struct kb_uuid id, int32_t partition)
{
    struct kc_partitions *set = name.data ? &sets->named : &sets->unnamed;
    return kc_partitions_add(set, name.data ? name : kb_slice_str(""), id, partition);
}

static void keep(struct kc_modern *modern, struct sets *sets)
{
    kc_partitions_move(&modern->target, &sets->named);
    kc_partitions_move(&modern->unnamed, &sets->unnamed);
}

static void drop(struct sets *sets)
{
    kc_partitions_deinit(&sets->named);
    kc_partitions_deinit(&sets->unnamed);
}

/* ---- The assignment ---- */

static bool add_topic(const struct kc_member *member, struct sets *sets,
                      const struct kw_consumer_group_heartbeat_response_topic *topic)
{
    struct kb_slice name = name_of(member, topic->topic_id, NULL);
    bool whole = true;
    for (int32_t i = 0; i < topic->partitions_count && whole; i++)
        if (topic->partitions[i] >= 0)
            whole = add(sets, name, topic->topic_id, topic->partitions[i]);
    return whole;
}

bool kc_modern_assigned(struct kc_member *member,
                        const struct kw_consumer_group_heartbeat_response_assignment *assignment)
{
    struct kc_modern *modern = kc_modern_of(member);
    struct sets sets = {{0}, {0}};
    bool whole = true;
    for (int32_t i = 0; i < assignment->topic_partitions_count && whole; i++)
        whole = add_topic(member, &sets, &assignment->topic_partitions[i]);
    if (whole) {
        keep(modern, &sets);
        modern->assigned = true;
        modern->heard++;
        modern->names_ms = 0;
        kc_backoff_reset(&modern->names_backoff);
    }
    drop(&sets);
    return whole;
}

void kc_modern_forget(struct kc_modern *modern)
{
    kc_partitions_clear(&modern->target);
    kc_partitions_clear(&modern->unnamed);
    modern->assigned = false;
}

bool kc_modern_name(struct kc_member *member, const struct kw_metadata_response *response)
{
    struct kc_modern *modern = kc_modern_of(member);
    struct sets sets = {{0}, {0}};
    if (modern->unnamed.count == 0)
        return true;
    bool whole = kc_partitions_copy(&sets.named, &modern->target);
    for (size_t i = 0; i < modern->unnamed.count && whole; i++) {
        const struct kc_place *row = &modern->unnamed.rows[i];
        whole = add(&sets, name_of(member, row->id, response), row->id, row->partition);
    }
    if (whole)
        keep(modern, &sets);
    drop(&sets);
    return whole;
}

bool kc_modern_settled(const struct kc_member *member)
{
    const struct kc_modern *modern = kc_modern_of(member);
    return modern->phase == KC_MODERN_IN && modern->assigned && member->change == KC_CHANGE_NONE &&
           modern->unnamed.count == 0 && kc_partitions_equal(&member->owned, &modern->target);
}
