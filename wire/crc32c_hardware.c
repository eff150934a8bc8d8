/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crc instruction takes three cycles but starts every cycle: three streams
 * side by side keep it busy. Their sums are joined by carry-less products with
 * x^(bits that follow); the product of two words stands for a * b * x, and
 * running it through the crc multiplies by x^32: hence the constants' -33.
 */
#include "wire/crc32c_impl.h"

#include <string.h>

#if defined __x86_64__
#include <nmmintrin.h>
#include <wmmintrin.h>
#define HARDWARE __attribute__((target("sse4.2,pclmul")))

bool kw_crc32c_hardware_here(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

HARDWARE static inline uint32_t add64(uint32_t state, uint64_t v)
{
    return (uint32_t)_mm_crc32_u64(state, v);
}

HARDWARE static inline uint32_t add8(uint32_t state, uint8_t v)
{
    return _mm_crc32_u8(state, v);
}

HARDWARE static inline uint64_t product(uint32_t a, uint32_t b)
{
    __m128i wide = _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)a), _mm_cvtsi32_si128((int)b), 0);
    return (uint64_t)_mm_cvtsi128_si64(wide);
}

#elif defined __aarch64__ && defined __linux__ && !defined __AARCH64EB__
#include <arm_neon.h>
#include <sys/auxv.h>
#define HARDWARE

bool kw_crc32c_hardware_here(void)
{
    enum { HAS_PMULL = 1 << 4, HAS_CRC32 = 1 << 7 };
    unsigned long has = getauxval(AT_HWCAP);
    return (has & HAS_PMULL) && (has & HAS_CRC32);
}

static inline uint32_t add64(uint32_t state, uint64_t v)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(state) : "r"(v));
    return state;
}

static inline uint32_t add8(uint32_t state, uint8_t v)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(state) : "r"(v));
    return state;
}

static inline uint64_t product(uint32_t a, uint32_t b)
{
    uint64x2_t wide;
    __asm__(".arch_extension aes\n\tpmull %0.1q, %1.1d, %2.1d"
            : "=w"(wide)
            : "w"(vcreate_u64(a)), "w"(vcreate_u64(b)));
    return vgetq_lane_u64(wide, 0);
}

#endif

#ifdef HARDWARE

static inline uint64_t load64(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* Three blocks of `block` bytes; once, twice: x^(8 * block - 33), x^(16 * block - 33). */
HARDWARE static inline uint32_t add_three(uint32_t a, const uint8_t *at, size_t block,
                                          uint32_t once, uint32_t twice)
{
    uint32_t b = 0, c = 0;
    for (const uint8_t *end = at + block; at < end; at += 8) {
        a = add64(a, load64(at));
        b = add64(b, load64(at + block));
        c = add64(c, load64(at + 2 * block));
    }
    return add64(0, product(a, twice)) ^ add64(0, product(b, once)) ^ c;
}

HARDWARE uint32_t kw_crc32c_hardware(uint32_t state, const uint8_t *at, size_t size)
{
    for (; size >= 3 * 2048; at += 3 * 2048, size -= 3 * 2048)
        state = add_three(state, at, 2048, 0xa51b6135u, 0x82f89c77u);
    for (; size >= 3 * 256; at += 3 * 256, size -= 3 * 256)
        state = add_three(state, at, 256, 0xb9e02b86u, 0xdd7e3b0cu);
    for (; size >= 8; at += 8, size -= 8)
        state = add64(state, load64(at));
    for (; size; at++, size--)
        state = add8(state, *at);
    return state;
}

#else

bool kw_crc32c_hardware_here(void)
{
    return false;
}

uint32_t kw_crc32c_hardware(uint32_t state, const uint8_t *at, size_t size)
{
    return kw_crc32c_table(state, at, size);
}

#endif
