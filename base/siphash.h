/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_SIPHASH_H
#define KB_SIPHASH_H
/*
 * SipHash-2-4 with 128 bits (Aumasson, Bernstein): a hash under a secret key,
 * so that nobody outside can choose two inputs that collide. Where bytes are
 * known by their hash alone, 128 bits make an accident a matter of 2^-64 among
 * four thousand million.
 */
#include "base/slice.h"

struct kb_sipkey {
    uint64_t k[2];
};

struct kb_siphash {
    uint64_t h[2];
};

struct kb_siphash kb_siphash(const struct kb_sipkey *key, struct kb_slice bytes);

#endif
