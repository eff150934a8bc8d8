/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/partitioner.h"

/* MurmurHash2 (Austin Appleby), with the seed that Java's clients use. */
uint32_t kc_murmur2(struct kb_slice bytes)
{
    const uint32_t seed = 0x9747b28c, m = 0x5bd1e995;
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    uint32_t hash = seed ^ (uint32_t)bytes.size;
    for (; left >= 4; left -= 4, at += 4) {
        uint32_t k = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        hash = hash * m ^ k;
    }
    uint32_t tail = 0;
    for (size_t i = 0; i < left; i++)
        tail |= (uint32_t)at[i] << (8 * i);
    if (left > 0)
        hash = (hash ^ tail) * m;
    hash ^= hash >> 13;
    hash *= m;
    return hash ^ hash >> 15;
}

/* CRC-32 as in zlib, four bits at a time: keys are short. */
uint32_t kc_crc32(struct kb_slice bytes)
{
    static const uint32_t nibbles[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                         0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                         0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                         0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return ~crc;
}

static int32_t by_murmur2(struct kb_slice key, int32_t count)
{
    return (int32_t)(kc_murmur2(key) & INT32_MAX) % count;
}

static int32_t by_crc32(struct kb_slice key, int32_t count)
{
    return (int32_t)(kc_crc32(key) % (uint32_t)count);
}

int32_t kc_partition_by_key(enum kc_partitioner kind, struct kb_slice key, int32_t count)
{
    switch (kind) {
    case KC_MURMUR2:
    case KC_MURMUR2_RANDOM:
        return key.data ? by_murmur2(key, count) : -1;
    case KC_CONSISTENT:
        return by_crc32(key, count);
    case KC_CONSISTENT_RANDOM:
        return key.size > 0 ? by_crc32(key, count) : -1;
    default:
        return -1;
    }
}

/* Every partition a weight: as much as it has less waiting than the fullest. */
static uint64_t weight(const struct kc_load *load, int32_t partition, uint32_t most,
                       bool any_leader)
{
    uint32_t queued = load->queued_bytes(load->ctx, partition);
    if (queued == UINT32_MAX)
        return any_leader ? 0 : 1;
    uint64_t less = queued < most ? most - queued : 0; /* it may have grown meanwhile */
    return load->adaptive ? less + 1 + most / 16 : 1;
}

int32_t kc_partition_choose(const struct kc_load *load, struct kb_random *random)
{
    uint32_t most = 0;
    bool any_leader = false;
    for (int32_t i = 0; i < load->count; i++) {
        uint32_t queued = load->queued_bytes(load->ctx, i);
        if (queued == UINT32_MAX)
            continue;
        any_leader = true;
        most = queued > most ? queued : most;
    }
    uint64_t total = 0;
    for (int32_t i = 0; i < load->count; i++)
        total += weight(load, i, most, any_leader);
    uint64_t point = kb_random_below(random, total);
    for (int32_t i = 0; i < load->count; i++) {
        uint64_t w = weight(load, i, most, any_leader);
        if (point < w)
            return i;
        point -= w;
    }
    return load->count - 1; /* what waits has changed meanwhile */
}
