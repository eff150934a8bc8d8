/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_PARTITIONER_H
#define KC_PARTITIONER_H
/*
 * Which partition a record goes to. With a key: by its hash, so that equal keys
 * meet; murmur2 as Java's clients do, or CRC-32 as librdkafka does. Without:
 * to the sticky one, which changes once batch.size bytes went there (KIP-794),
 * so that batches fill; the next is chosen by chance, and where it adapts, the
 * less likely the more a partition has waiting. Partitions without a leader are
 * passed over while there are others.
 */
#include "base/random.h"
#include "base/slice.h"
#include "libclient/core/options.h"
#include <stdatomic.h>

uint32_t kc_murmur2(struct kb_slice bytes);
uint32_t kc_crc32(struct kb_slice bytes);

/* By the key; -1: the sticky one is to choose. A key that is null is no key. */
int32_t kc_partition_by_key(enum kc_partitioner kind, struct kb_slice key, int32_t count);

/* What can be known of a partition while choosing. */
struct kc_load {
    int32_t count;
    /* Bytes waiting; UINT32_MAX: it has no leader now. */
    uint32_t (*queued_bytes)(const void *ctx, int32_t partition);
    const void *ctx;
    bool adaptive;
};

int32_t kc_partition_choose(const struct kc_load *load, struct kb_random *random);

/* The topic's sticky partition, shared by its senders. A race costs a switch
 * more or less, nothing else. */
struct kc_sticky {
    atomic_int partition;            /* -1: none yet */
    atomic_uint_fast64_t from_bytes; /* the partition's count when it was chosen */
};

#endif
