/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include "base/check.h"
#include "base/time.h"

#include <sys/random.h>

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void kb_random_seed(struct kb_random *random, uint64_t seed)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(random->s); i++)
        random->s[i] = splitmix(&seed);
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

uint64_t kb_random_next(struct kb_random *random)
{
    uint64_t *s = random->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t kb_random_below(struct kb_random *random, uint64_t bound)
{
    KB_CHECK(bound > 0);
    /* Values below 2^64 mod bound would make some answers likelier. */
    uint64_t skip = -bound % bound;
    uint64_t value;
    do
        value = kb_random_next(random);
    while (value < skip);
    return value % bound;
}

uint64_t kb_entropy(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = (uint64_t)kb_mono_ns(); /* no getrandom: a sandbox */
    return seed;
}
