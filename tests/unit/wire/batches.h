/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BATCHES_H
#define TESTS_BATCHES_H
/*
 * Batches that Kafka's own Java classes wrote, and what they hold: the text in
 * tests/vectors/batches.txt, whose form BatchVectors.java tells.
 */
#include "base/arena.h"
#include "wire/record.h"

struct vector_record {
    int64_t offset, timestamp_ms;
    struct kb_slice key, value;
    struct kw_header *headers;
    uint32_t header_count;
};

struct vector {
    char name[40];
    struct kw_batch_header header;
    struct vector_record *records; /* header.record_count */
    struct kb_slice bytes;
};

/* All of them, in the arena; fails the test where the file makes no sense. */
const struct vector *vectors_load(struct kb_arena *arena, size_t *count);
const struct vector *vectors_find(const struct vector *all, size_t count, const char *name);

/* Stops the test unless the record is the vector's, headers included. */
void vectors_assert_record(const struct kw_record *got, const struct vector_record *want);

#endif
