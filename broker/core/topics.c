/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/topics.h"
#include "base/mem.h"
#include <ctype.h>

bool kd_topic_name_is_valid(struct kb_slice name)
{
    if (name.size == 0 || name.size > KD_TOPIC_NAME_MAX)
        return false;
    if (kb_slice_is(name, ".") || kb_slice_is(name, ".."))
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (c >= 128 || (!isalnum(c) && !memchr("._-", c, 3)))
            return false;
    }
    return true;
}

bool kd_topic_name_is_internal(struct kb_slice name)
{
    return kb_slice_is(name, "__consumer_offsets") || kb_slice_is(name, "__transaction_state") ||
           kb_slice_is(name, "__share_group_state");
}

void kd_topics_init(struct kd_topics *topics, uint64_t seed)
{
    kb_map_init(&topics->by_name, seed);
    kb_map_init(&topics->by_id, seed);
    topics->changes = 1;
}

void kd_topics_deinit(struct kd_topics *topics)
{
    struct kd_topic *topic;
    while ((topic = kd_topics_next(topics, NULL))) {
        kd_topics_remove(topics, topic);
        kd_topic_free(topic);
    }
    kb_map_deinit(&topics->by_name);
    kb_map_deinit(&topics->by_id);
}

struct kd_topic *kd_topics_find(const struct kd_topics *topics, struct kb_slice name)
{
    return KB_MAP_VALUE(kb_map_get(&topics->by_name, name), struct kd_topic, by_name);
}

struct kd_topic *kd_topics_find_id(const struct kd_topics *topics, struct kb_uuid id)
{
    struct kb_slice key = kb_slice_of(&id, sizeof id);
    return KB_MAP_VALUE(kb_map_get(&topics->by_id, key), struct kd_topic, by_id);
}

struct kd_topic *kd_topics_next(const struct kd_topics *topics, const struct kd_topic *at)
{
    struct kb_map_entry *next = kb_map_next(&topics->by_name, at ? &at->by_name : NULL);
    return KB_MAP_VALUE(next, struct kd_topic, by_name);
}

size_t kd_topics_place_count(const struct kd_topics *topics)
{
    size_t count = 0;
    for (struct kd_topic *t = kd_topics_next(topics, NULL); t; t = kd_topics_next(topics, t))
        count += (size_t)t->count;
    return count;
}

static bool is_similar(struct kb_slice a, struct kb_slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        uint8_t x = a.data[i] == '.' ? '_' : a.data[i], y = b.data[i] == '.' ? '_' : b.data[i];
        if (x != y)
            return false;
    }
    return true;
}

struct kd_topic *kd_topics_find_similar(const struct kd_topics *topics, struct kb_slice name)
{
    for (struct kd_topic *t = kd_topics_next(topics, NULL); t; t = kd_topics_next(topics, t))
        if (is_similar(t->by_name.key, name))
            return t;
    return NULL;
}

struct kd_place *kd_topic_place(const struct kd_topic *topic, int32_t index)
{
    return index >= 0 && index < topic->count ? topic->places[index] : NULL;
}

struct kd_topic *kd_topic_new(struct kb_slice name, struct kb_uuid id,
                              const struct kd_config *broker)
{
    struct kd_topic *topic = kb_calloc(1, sizeof *topic + name.size + 1);
    if (!topic)
        return NULL;
    memcpy(topic->name, name.data, name.size);
    topic->id = id;
    topic->config = broker->topic;
    topic->config_version = -1;
    return topic;
}

static void place_free(struct kd_place *place)
{
    KB_CHECK(kb_list_empty(&place->waiting));
    kb_free(place->replicas);
    kb_free(place->isr);
    kb_free(place);
}

void kd_topic_free(struct kd_topic *topic)
{
    for (int32_t i = 0; i < topic->count; i++)
        place_free(topic->places[i]);
    kb_free(topic->places);
    kd_overrides_deinit(&topic->overrides);
    kb_free(topic);
}

static bool set_nodes(int32_t **nodes, int32_t *node_count, const int32_t *from, int32_t count)
{
    int32_t *copy = kb_malloc((size_t)KB_MAX(count, 1) * sizeof *copy);
    if (!copy)
        return false;
    for (int32_t i = 0; i < count; i++)
        copy[i] = from[i];
    kb_free(*nodes);
    *nodes = copy;
    *node_count = count;
    return true;
}

bool kd_place_set_isr(struct kd_place *place, const int32_t *isr, int32_t count)
{
    return set_nodes(&place->isr, &place->isr_count, isr, count);
}

struct kd_place *kd_topic_grow(struct kd_topic *topic, const int32_t *replicas,
                               int32_t replica_count)
{
    size_t size = ((size_t)topic->count + 1) * sizeof *topic->places;
    struct kd_place **places = kb_realloc(topic->places, size);
    if (!places)
        return NULL;
    topic->places = places;
    struct kd_place *place = KB_NEW(struct kd_place);
    if (!place)
        return NULL;
    place->topic = topic;
    place->index = topic->count;
    place->leader = replicas[0];
    kb_list_init(&place->waiting);
    if (!set_nodes(&place->replicas, &place->replica_count, replicas, replica_count) ||
        !kd_place_set_isr(place, replicas, replica_count)) {
        place_free(place);
        return NULL;
    }
    places[topic->count++] = place;
    return place;
}

bool kd_topics_put(struct kd_topics *topics, struct kd_topic *topic)
{
    if (!kb_map_put(&topics->by_name, &topic->by_name, kb_slice_str(topic->name)))
        return false;
    if (!kb_map_put(&topics->by_id, &topic->by_id, kb_slice_of(&topic->id, sizeof topic->id))) {
        kb_map_remove(&topics->by_name, &topic->by_name);
        return false;
    }
    topics->changes++;
    return true;
}

void kd_topics_note_growth(struct kd_topics *topics)
{
    topics->changes++;
}

void kd_topics_remove(struct kd_topics *topics, struct kd_topic *topic)
{
    kb_map_remove(&topics->by_name, &topic->by_name);
    kb_map_remove(&topics->by_id, &topic->by_id);
    topics->changes++;
}
