/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_KEY_MAP_H
#define KD_KEY_MAP_H
/*
 * The latest offset of each key in a stretch of a log: what compaction knows
 * when it decides which records stay. A key is known by its 128-bit keyed hash
 * (base/siphash.h), so that an entry takes 24 bytes however long the key is. One
 * table, made once, of a bounded size; full, it takes no more. Pure.
 */
#include "base/siphash.h"
#include <stdbool.h>

struct kd_key_map {
    struct kb_sipkey secret;
    struct kd_key_slot *slots;
    size_t capacity, count, max_count;
};

/* For `keys` different keys, or as many as fit into max_bytes. False: no memory. */
bool kd_key_map_init(struct kd_key_map *map, int64_t keys, size_t max_bytes,
                     struct kb_sipkey secret);
void kd_key_map_deinit(struct kd_key_map *map); /* one that is all zero is fine */

/* Whether it takes so many keys more, all of them new. */
bool kd_key_map_has_room(const struct kd_key_map *map, int64_t keys);
/* The last put of a key counts: offsets rise. There must be room (checked). */
void kd_key_map_put(struct kd_key_map *map, struct kb_slice key, int64_t offset);
int64_t kd_key_map_get(const struct kd_key_map *map, struct kb_slice key); /* -1: not there */

#endif
