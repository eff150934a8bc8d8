/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/lookup.h"
#include "base/map.h"
#include "broker/drive/replica.h"

struct kd_place *kd_find_place(const struct kd_shard *shard, struct kb_slice name,
                               struct kb_uuid id, int32_t partition, int16_t *code)
{
    const struct kd_topic *topic =
        name.data ? kd_topics_find(&shard->topics, name) : kd_topics_find_id(&shard->topics, id);
    struct kd_place *place = topic ? kd_topic_place(topic, partition) : NULL;
    if (!topic)
        *code = name.data ? KB_E_UNKNOWN_TOPIC_OR_PARTITION : KB_E_UNKNOWN_TOPIC_ID;
    else if (!place)
        *code = KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    else if (!place->serving)
        *code = KB_E_NOT_LEADER_OR_FOLLOWER;
    else if (kd_replica_is_offline(place->replica))
        *code = KB_E_KAFKA_STORAGE_ERROR;
    else
        *code = KB_OK;
    return *code ? NULL : place;
}

bool kd_place_is_offline(const struct kd_place *place)
{
    return place->serving && kd_replica_is_offline(place->replica);
}

int16_t kd_check_epoch(const struct kd_place *place, int32_t client_epoch)
{
    if (client_epoch < 0 || client_epoch == place->leader_epoch)
        return KB_OK;
    return client_epoch > place->leader_epoch ? KB_E_UNKNOWN_LEADER_EPOCH
                                              : KB_E_FENCED_LEADER_EPOCH;
}

struct kb_slice kd_keep(struct kd_request *request, struct kb_slice text)
{
    if (!text.data)
        return text;
    return kb_slice_of(kb_arena_strdup(&request->arena, text), text.size);
}

bool *kd_find_repeated(struct kd_request *request, const struct kb_slice *keys, size_t count)
{
    struct kb_map seen;
    struct kb_arena *arena = &request->arena;
    bool *repeated = kb_arena_array(arena, count, sizeof *repeated);
    struct kb_map_entry *entries = kb_arena_array(arena, count, sizeof *entries);
    kb_map_init(&seen, kb_random_next(&request->shard->random));
    for (size_t i = 0; !arena->failed && i < count; i++) {
        struct kb_map_entry *known = kb_map_get(&seen, keys[i]);
        if (known)
            repeated[known - entries] = repeated[i] = true;
        else if (!kb_map_put(&seen, &entries[i], keys[i]))
            arena->failed = true;
    }
    kb_map_deinit(&seen);
    return arena->failed ? NULL : repeated;
}
