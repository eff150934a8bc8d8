/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FILL_H
#define TESTS_FILL_H
/*
 * Fills any message by a rule that tests/vectors/Vectors.java follows as well,
 * with nothing shared but the words here. A field's value comes from
 *
 *   hash    FNV-1a (64 bits) of "VARIANT/PATH", then h ^= h >> 33,
 *           h *= 0xff51afd7ed558ccd, h ^= h >> 33
 *   path    "topics.0.partitions.1.records": names and indexes from the top
 *
 * and from its kind, which the variant decides:
 *
 *   full, edge, big   SET, EDGE, BIG everywhere
 *   mix0 .. mix3      OMIT, SET, EDGE or BIG by hash >> 8 & 3; for `records`
 *                     SET in place of OMIT
 *   only:P, edge:P, null:P
 *                     SET, EDGE or NULL at path P; SET inside it, around it and
 *                     for `records`; OMIT elsewhere
 *
 *                  SET                  EDGE          BIG
 *   bool           true                 false         hash >> 40 & 1
 *   i8 .. i64      hash >> 11 (i64:     smallest      largest
 *                  hash), cut to size
 *   u16            hash >> 11 & 65535   0             65535
 *   f64            (i32)(hash >> 11)/8  -1e300        DBL_MAX
 *   uuid           hash, ~hash          zero          all bits set
 *   text, bytes    1 + (hash >> 11) %   empty         127 + (hash >> 11) % 100
 *                  12 of them
 *   elements       2 (1 under only:,    hash >> 16    3 structs, 130 of others
 *                  edge:, null:)        & 1
 *
 * Byte i of a text or bytes is b = (hash >> i % 8 * 8 & 255) ^ (i & 255), of
 * text 'a' + b % 26; a BIG text begins with C3 A9. Elements that are no structs
 * are SET. Nullable values are null under NULL and EDGE, but arrays and
 * structs under EDGE only if hash >> 20 & 1; NULL is like EDGE where null may
 * not be (arrays then have no element). OMIT leaves the default.
 *
 * Fields that the version does not have are left alone; version -1 fills all
 * fields, and takes a field as nullable that is so in any version.
 */
#include "base/arena.h"
#include "wire/layout.h"

/* A message of `layout` with its defaults, filled. Lives in the arena. */
void *fill_message(const struct kw_layout *layout, int version, const char *variant,
                   struct kb_arena *arena);
/* An empty one, for a decoder. */
void *fill_blank(const struct kw_layout *layout, struct kb_arena *arena);

uint64_t fill_fnv(const void *bytes, size_t size);

#endif
