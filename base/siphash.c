/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"

static uint64_t load(const uint8_t *from, size_t bytes)
{
    uint64_t word = 0;
    for (size_t i = 0; i < bytes; i++)
        word |= (uint64_t)from[i] << (8 * i);
    return word;
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void rounds(uint64_t v[4], int count)
{
    while (count--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
}

struct kb_siphash kb_siphash(const struct kb_sipkey *key, struct kb_slice bytes)
{
    uint64_t v[4] = {key->k[0] ^ 0x736f6d6570736575, key->k[1] ^ 0x646f72616e646f6d ^ 0xee,
                     key->k[0] ^ 0x6c7967656e657261, key->k[1] ^ 0x7465646279746573};
    struct kb_siphash out;
    size_t at = 0;
    for (; at + 8 <= bytes.size; at += 8)
        absorb(v, load(bytes.data + at, 8));
    uint64_t last = (uint64_t)bytes.size << 56;
    if (at < bytes.size)
        last |= load(bytes.data + at, bytes.size - at);
    absorb(v, last);
    v[2] ^= 0xee;
    rounds(v, 4);
    out.h[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    rounds(v, 4);
    out.h[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
    return out;
}
