/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/random.h"
#include "wire/crc32c.h"
#include "wire/crc32c_impl.h"

#include <string.h>

static uint8_t noise[40000];

static int make_noise(void **state)
{
    (void)state;
    struct kb_random random;
    kb_random_seed(&random, 1);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)kb_random_next(&random);
    return 0;
}

/* RFC 3720, B.4. */
static void known_sums(void **state)
{
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(kw_crc32c(0, "", 0), 0);
    assert_int_equal(kw_crc32c(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(kw_crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(kw_crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(kw_crc32c(0, bytes, sizeof bytes), 0x46dd794e);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(kw_crc32c(0, bytes, sizeof bytes), 0x113fdb5c);
}

static size_t next_size(size_t size)
{
    return size < 1600 ? size + 1 : size + 331;
}

static void hardware_and_table_agree(void **state)
{
    (void)state;
    if (!kw_crc32c_hardware_here())
        return;
    for (size_t size = 0; size < sizeof noise - 16; size = next_size(size)) {
        const uint8_t *at = noise + size % 16;
        assert_int_equal(kw_crc32c_hardware(0x12345678, at, size),
                         kw_crc32c_table(0x12345678, at, size));
    }
}

static void a_sum_goes_on(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < 9000; cut = next_size(cut)) {
        uint32_t first = kw_crc32c(0, noise, cut);
        assert_int_equal(kw_crc32c(first, noise + cut, 9000 - cut), kw_crc32c(0, noise, 9000));
    }
}

static void sums_combine(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof noise; size = next_size(size)) {
        size_t cut = size / 3;
        uint32_t a = kw_crc32c(0, noise, cut), b = kw_crc32c(0, noise + cut, size - cut);
        assert_int_equal(kw_crc32c_combine(a, b, size - cut), kw_crc32c(0, noise, size));
    }
}

/* Powers repeat after 2^31 - 1 bits: lengths beyond must wrap as well. */
static void lengths_of_any_size_combine(void **state)
{
    (void)state;
    uint64_t period_bytes = (UINT64_C(1) << 31) - 1; /* in bits, times 8 */
    uint32_t near = kw_crc32c_combine(0xdeadbeef, 1, 12345);
    assert_int_equal(kw_crc32c_combine(0xdeadbeef, 1, 12345 + period_bytes), near);
    assert_int_equal(kw_crc32c_combine(0xdeadbeef, 1, 12345 + 3 * period_bytes), near);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_sums),
        cmocka_unit_test(hardware_and_table_agree),
        cmocka_unit_test(a_sum_goes_on),
        cmocka_unit_test(sums_combine),
        cmocka_unit_test(lengths_of_any_size_combine),
    };
    return cmocka_run_group_tests_name("crc32c", tests, make_noise, NULL);
}
