/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits are reflected: bit 31 of a word is the coefficient of x^0. The constants
 * are powers of x modulo the Castagnoli polynomial, in that form.
 */
#include "wire/crc32c.h"

#include "wire/be.h"
#include "wire/crc32c_impl.h"

#define POLYNOMIAL 0x82f63b78u

/* A table is linear in its index: the entries of single bits give all the others. */
#define ENTRY(i, a, b, c, d, e, f, g, h)                                                           \
    (((i)&128 ? a : 0) ^ ((i)&64 ? b : 0) ^ ((i)&32 ? c : 0) ^ ((i)&16 ? d : 0) ^                  \
     ((i)&8 ? e : 0) ^ ((i)&4 ? f : 0) ^ ((i)&2 ? g : 0) ^ ((i)&1 ? h : 0))
#define ROW4(i, ...)                                                                               \
    ENTRY(i, __VA_ARGS__), ENTRY(i + 1, __VA_ARGS__), ENTRY(i + 2, __VA_ARGS__),                   \
        ENTRY(i + 3, __VA_ARGS__)
#define ROW16(i, ...)                                                                              \
    ROW4(i, __VA_ARGS__), ROW4(i + 4, __VA_ARGS__), ROW4(i + 8, __VA_ARGS__),                      \
        ROW4(i + 12, __VA_ARGS__)
#define ROW64(i, ...)                                                                              \
    ROW16(i, __VA_ARGS__), ROW16(i + 16, __VA_ARGS__), ROW16(i + 32, __VA_ARGS__),                 \
        ROW16(i + 48, __VA_ARGS__)
#define ROW(...)                                                                                   \
    {                                                                                              \
        ROW64(0, __VA_ARGS__), ROW64(64, __VA_ARGS__), ROW64(128, __VA_ARGS__),                    \
            ROW64(192, __VA_ARGS__)                                                                \
    }

/* table[k][byte]: what is left of a byte after k more bytes; x^32 to x^95. */
/* clang-format off */
static const uint32_t table[8][256] = {
    ROW(0x82f63b78, 0x417b1dbc, 0x20bd8ede, 0x105ec76f,
        0x8ad958cf, 0xc79a971f, 0xe13b70f7, 0xf26b8303),
    ROW(0xfbc3faf9, 0xff17c604, 0x7f8be302, 0x3fc5f181,
        0x9d14c3b8, 0x4e8a61dc, 0x274530ee, 0x13a29877),
    ROW(0x8b277743, 0xc76580d9, 0xe144fb14, 0x70a27d8a,
        0x38513ec5, 0x9edea41a, 0x4f6f520d, 0xa541927e),
    ROW(0x52a0c93f, 0xaba65fe7, 0xd725148b, 0xe964b13d,
        0xf64463e6, 0x7b2231f3, 0xbf672381, 0xdd45aab8),
    ROW(0x6ea2d55c, 0x37516aae, 0x1ba8b557, 0x8f2261d3,
        0xc5670b91, 0xe045beb0, 0x7022df58, 0x38116fac),
    ROW(0x1c08b7d6, 0x0e045beb, 0x85f4168d, 0xc00c303e,
        0x6006181f, 0xb2f53777, 0xdb8ca0c3, 0xef306b19),
    ROW(0xf56e0ef4, 0x7ab7077a, 0x3d5b83bd, 0x9c5bfaa6,
        0x4e2dfd53, 0xa5e0c5d1, 0xd0065990, 0x68032cc8),
    ROW(0x34019664, 0x1a00cb32, 0x0d006599, 0x847609b4,
        0x423b04da, 0x211d826d, 0x9278fa4e, 0x493c7d27),
};

/* x^(2^k); the 32nd would be the first again. */
static const uint32_t squares[31] = {
    0x40000000, 0x20000000, 0x08000000, 0x00800000, 0x00008000, 0x82f63b78,
    0x6ea2d55c, 0x18b8ea18, 0x510ac59a, 0xb82be955, 0xb8fdb1e7, 0x88e56f72,
    0x74c360a4, 0xe4172b16, 0x0d65762a, 0x35d73a62, 0x28461564, 0xbf455269,
    0xe2ea32dc, 0xfe7740e6, 0xf946610b, 0x3c204f8f, 0x538586e3, 0x59726915,
    0x734d5309, 0xbc1ac763, 0x7d0722cc, 0xd289cabe, 0xe94ca9bc, 0x05b74f3f,
    0xa51e1f42,
};
/* clang-format on */

static uint64_t load_le64(const uint8_t *at)
{
    return __builtin_bswap64(kw_get_be64(at));
}

uint32_t kw_crc32c_table(uint32_t state, const uint8_t *at, size_t size)
{
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t v = load_le64(at) ^ state;
        state = 0;
        for (int k = 7; k >= 0; k--, v >>= 8)
            state ^= table[k][v & 0xff];
    }
    for (; size; at++, size--)
        state = table[0][(state ^ *at) & 0xff] ^ (state >> 8);
    return state;
}

uint32_t kw_crc32c(uint32_t crc, const void *data, size_t size)
{
    uint32_t state = ~crc;
    state = kw_crc32c_hardware_here() ? kw_crc32c_hardware(state, data, size)
                                      : kw_crc32c_table(state, data, size);
    return ~state;
}

/* a * b modulo the polynomial. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (; a; a <<= 1) {
        product ^= b & (0 - (a >> 31));
        b = (b >> 1) ^ (POLYNOMIAL & (0 - (b & 1)));
    }
    return product;
}

/* a followed by b is a times x^(bits of b), plus b. */
uint32_t kw_crc32c_combine(uint32_t crc_a, uint32_t crc_b, size_t size_b)
{
    for (unsigned k = 3; size_b; k = k == 30 ? 0 : k + 1, size_b >>= 1)
        if (size_b & 1)
            crc_a = multiply(squares[k], crc_a);
    return crc_a ^ crc_b;
}
