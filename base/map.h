/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_MAP_H
#define KB_MAP_H
/*
 * Intrusive hash map: the entry lies in the value, so that only the table of
 * buckets allocates. Keys are bytes (a name, a topic id, an integer by its
 * address); they are borrowed from the value and must not change while it is
 * in the map. Seeded against chosen collisions.
 */
#include "base/check.h"
#include "base/slice.h"

struct kb_map_entry {
    struct kb_map_entry *next; /* in the bucket */
    struct kb_slice key;
    uint64_t hash;
};

struct kb_map {
    struct kb_map_entry **buckets;
    size_t mask, count;
    uint64_t seed;
};

/* Nothing is allocated before the first put. */
void kb_map_init(struct kb_map *map, uint64_t seed);
void kb_map_deinit(struct kb_map *map); /* the values are the caller's */
/* False: no memory. The key must not be in the map yet (checked). */
bool kb_map_put(struct kb_map *map, struct kb_map_entry *entry, struct kb_slice key);
struct kb_map_entry *kb_map_get(const struct kb_map *map, struct kb_slice key);
void kb_map_remove(struct kb_map *map, struct kb_map_entry *entry);
/* Any order; start with NULL. The current entry must not be removed before
 * the next is asked for: who empties a map goes on so as well, since to begin
 * anew each time would pass all the empty buckets again. */
struct kb_map_entry *kb_map_next(const struct kb_map *map, const struct kb_map_entry *at);

#define KB_MAP_VALUE(entry, type, member) ((entry) ? KB_CONTAINER(entry, type, member) : NULL)

#endif
