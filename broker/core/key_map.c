/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/key_map.h"
#include "base/check.h"
#include "base/mem.h"

struct kd_key_slot {
    struct kb_siphash hash;
    int64_t next_offset; /* the key's offset + 1; 0: the slot is free */
};

/* At most nine of ten slots are taken, so that a search stays short. */
enum { LOAD = 9, LOAD_OF = 10 };

bool kd_key_map_init(struct kd_key_map *map, int64_t keys, size_t max_bytes,
                     struct kb_sipkey secret)
{
    size_t most = KB_MAX(max_bytes / sizeof(struct kd_key_slot), 2);
    size_t wanted = (size_t)keys <= most ? (size_t)keys * LOAD_OF / LOAD + 2 : most;
    *map = (struct kd_key_map){.secret = secret, .capacity = KB_MIN(wanted, most)};
    map->max_count = map->capacity * LOAD / LOAD_OF;
    map->slots = KB_NEW_ARRAY(struct kd_key_slot, map->capacity);
    return map->slots != NULL;
}

void kd_key_map_deinit(struct kd_key_map *map)
{
    kb_free(map->slots);
    *map = (struct kd_key_map){0};
}

bool kd_key_map_has_room(const struct kd_key_map *map, int64_t keys)
{
    return (uint64_t)keys <= map->max_count - map->count;
}

/* The key's slot, or the free one where it would go. */
static struct kd_key_slot *find(const struct kd_key_map *map, struct kb_siphash hash)
{
    size_t at = (size_t)((unsigned __int128)hash.h[0] * map->capacity >> 64);
    for (;; at = at + 1 == map->capacity ? 0 : at + 1) {
        struct kd_key_slot *slot = &map->slots[at];
        if (!slot->next_offset || (slot->hash.h[0] == hash.h[0] && slot->hash.h[1] == hash.h[1]))
            return slot;
    }
}

void kd_key_map_put(struct kd_key_map *map, struct kb_slice key, int64_t offset)
{
    struct kb_siphash hash = kb_siphash(&map->secret, key);
    struct kd_key_slot *slot = find(map, hash);
    if (!slot->next_offset) {
        KB_CHECK(map->count < map->max_count);
        map->count++;
        slot->hash = hash;
    }
    slot->next_offset = offset + 1;
}

int64_t kd_key_map_get(const struct kd_key_map *map, struct kb_slice key)
{
    return find(map, kb_siphash(&map->secret, key))->next_offset - 1;
}
