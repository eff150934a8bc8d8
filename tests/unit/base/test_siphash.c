/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash against the vectors of its authors: the key 00 01 .. 0f, messages that
 * count up from 00. */
#include "tests/unit/unit.h"

#include "base/siphash.h"

#include <string.h>

static const struct {
    size_t size;
    uint8_t hash[16];
} vectors[] = {
    {0,
     {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
      0x93}},
    {1,
     {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
      0x45}},
    {15,
     {0x54, 0x93, 0xe9, 0x99, 0x33, 0xb0, 0xa8, 0x11, 0x7e, 0x08, 0xec, 0x0f, 0x97, 0xcf, 0xc3,
      0xd9}},
};

static uint64_t little_endian(const uint8_t *from)
{
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--)
        word = word << 8 | from[i];
    return word;
}

static void it_is_siphash(void **state)
{
    (void)state;
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    struct kb_sipkey key = {{little_endian(bytes), little_endian(bytes + 8)}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct kb_siphash hash = kb_siphash(&key, kb_slice_of(bytes, vectors[i].size));
        assert_int_equal(hash.h[0], little_endian(vectors[i].hash));
        assert_int_equal(hash.h[1], little_endian(vectors[i].hash + 8));
    }
}

static void every_byte_and_the_key_count(void **state)
{
    (void)state;
    uint8_t bytes[40] = {0};
    struct kb_sipkey key = {{1, 2}}, other = {{1, 3}};
    struct kb_siphash before = kb_siphash(&key, kb_slice_of(bytes, sizeof bytes));
    struct kb_siphash keyed = kb_siphash(&other, kb_slice_of(bytes, sizeof bytes));
    assert_true(memcmp(&before, &keyed, sizeof before) != 0);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = 1;
        struct kb_siphash after = kb_siphash(&key, kb_slice_of(bytes, sizeof bytes));
        assert_true(before.h[0] != after.h[0] && before.h[1] != after.h[1]);
        bytes[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_siphash),
        cmocka_unit_test(every_byte_and_the_key_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
