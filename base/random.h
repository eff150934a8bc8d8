/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_RANDOM_H
#define KB_RANDOM_H
/* xoshiro256** (Blackman, Vigna), seeded through splitmix64. Passed in
 * wherever chance plays, so that a seed repeats a run. Not for secrets. */
#include <stdint.h>

struct kb_random {
    uint64_t s[4];
};

void kb_random_seed(struct kb_random *random, uint64_t seed);
uint64_t kb_random_next(struct kb_random *random);
uint64_t kb_random_below(struct kb_random *random, uint64_t bound); /* bound > 0 */
uint64_t kb_entropy(void); /* from the kernel: a seed for production */

#endif
