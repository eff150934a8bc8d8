/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/mem.h"

enum { FIRST_BUCKETS = 16 };

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const uint8_t *data, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, data, size);
    return word;
}

/* Multiply and fold, 8 bytes a step; without the seed nobody can choose keys
 * that meet in one bucket. */
static uint64_t hash_of(struct kb_slice key, uint64_t seed)
{
    uint64_t hash = seed ^ (key.size * 0x9e3779b97f4a7c15u);
    const uint8_t *at = key.data;
    size_t left = key.size;
    for (; left > 8; at += 8, left -= 8)
        hash = mix(hash ^ load(at, 8), seed ^ 0xd6e8feb86659fd93u);
    if (left)
        hash = mix(hash ^ load(at, left), seed ^ 0xa0761d6478bd642fu);
    return mix(hash ^ seed, 0xe7037ed1a0b428dbu);
}

void kb_map_init(struct kb_map *map, uint64_t seed)
{
    *map = (struct kb_map){.seed = seed};
}

void kb_map_deinit(struct kb_map *map)
{
    kb_free(map->buckets);
    kb_map_init(map, map->seed);
}

static void link_entry(struct kb_map_entry **buckets, size_t mask, struct kb_map_entry *entry)
{
    struct kb_map_entry **bucket = &buckets[entry->hash & mask];
    entry->next = *bucket;
    *bucket = entry;
}

static bool grow(struct kb_map *map)
{
    size_t size = map->buckets ? (map->mask + 1) * 2 : FIRST_BUCKETS;
    struct kb_map_entry **buckets = KB_NEW_ARRAY(struct kb_map_entry *, size);
    if (!buckets)
        return false;
    for (size_t i = 0; map->buckets && i <= map->mask; i++) {
        struct kb_map_entry *entry = map->buckets[i];
        while (entry) {
            struct kb_map_entry *next = entry->next;
            link_entry(buckets, size - 1, entry);
            entry = next;
        }
    }
    kb_free(map->buckets);
    map->buckets = buckets;
    map->mask = size - 1;
    return true;
}

bool kb_map_put(struct kb_map *map, struct kb_map_entry *entry, struct kb_slice key)
{
    KB_CHECK(!kb_map_get(map, key));
    /* A table that could not grow works on, only slower. */
    if ((!map->buckets || map->count > map->mask) && !grow(map) && !map->buckets)
        return false;
    entry->key = key;
    entry->hash = hash_of(key, map->seed);
    link_entry(map->buckets, map->mask, entry);
    map->count++;
    return true;
}

static bool same_key(struct kb_slice a, struct kb_slice b)
{
    return a.size == b.size && (a.size == 0 || !memcmp(a.data, b.data, a.size));
}

struct kb_map_entry *kb_map_get(const struct kb_map *map, struct kb_slice key)
{
    if (!map->buckets)
        return NULL;
    uint64_t hash = hash_of(key, map->seed);
    struct kb_map_entry *entry = map->buckets[hash & map->mask];
    while (entry && (entry->hash != hash || !same_key(entry->key, key)))
        entry = entry->next;
    return entry;
}

void kb_map_remove(struct kb_map *map, struct kb_map_entry *entry)
{
    KB_CHECK(map->buckets);
    struct kb_map_entry **link = &map->buckets[entry->hash & map->mask];
    while (*link && *link != entry)
        link = &(*link)->next;
    KB_CHECK(*link == entry);
    *link = entry->next;
    entry->next = NULL;
    map->count--;
}

struct kb_map_entry *kb_map_next(const struct kb_map *map, const struct kb_map_entry *at)
{
    if (at && at->next)
        return at->next;
    if (!map->buckets)
        return NULL;
    for (size_t i = at ? (at->hash & map->mask) + 1 : 0; i <= map->mask; i++)
        if (map->buckets[i])
            return map->buckets[i];
    return NULL;
}
