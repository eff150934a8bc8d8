/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/partitioner.h"
#include "tests/unit/unit.h"
#include <string.h>

/* What Kafka's Java client 4.3.0 answers: murmur2, and the partition of 7. */
static void test_murmur2(void **state)
{
    static const struct {
        const char *key;
        int32_t hash, of_7;
    } java[] = {
        {"", 275646681, 2},
        {"a", -1563381124, 5},
        {"ab", 316155434, 0},
        {"abc", 479470107, 4},
        {"abcd", -1323649548, 5},
        {"21", -973932308, 3},
        {"foobar", -790332482, 0},
        {"a-little-bit-long-string", -985981536, 1},
        {"a-little-bit-longer-string", -1486304829, 0},
        {"kurier", -1567961275, 3},
        {"\xc3\xa9\xe2\x82\xac", 1912689889, 5},
        {"0123456789abcdef0123456789abcdef0", 1847735118, 5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof java / sizeof java[0]; i++) {
        struct kb_slice key = kb_slice_str(java[i].key);
        assert_int_equal((int32_t)kc_murmur2(key), java[i].hash);
        assert_int_equal(kc_partition_by_key(KC_MURMUR2, key, 7), java[i].of_7);
        assert_int_equal(kc_partition_by_key(KC_MURMUR2_RANDOM, key, 7), java[i].of_7);
    }
}

/* zlib's CRC-32, which librdkafka's consistent partitioners use. */
static void test_crc32(void **state)
{
    static const struct {
        const char *key;
        uint32_t crc;
    } zlib[] = {
        {"", 0x00000000},       {"a", 0xe8b7be43},
        {"ab", 0x9e83486d},     {"abc", 0x352441c2},
        {"abcd", 0xed82cd11},   {"foobar", 0x9ef61f95},
        {"kurier", 0xc27226cf}, {"0123456789abcdef0", 0x4b637ac7},
    };
    (void)state;
    for (size_t i = 0; i < sizeof zlib / sizeof zlib[0]; i++) {
        struct kb_slice key = kb_slice_str(zlib[i].key);
        assert_int_equal(kc_crc32(key), zlib[i].crc);
        assert_int_equal(kc_partition_by_key(KC_CONSISTENT, key, 5), zlib[i].crc % 5);
    }
}

/* Which records have no key, in each partitioner's eyes. */
static void test_no_key(void **state)
{
    (void)state;
    struct kb_slice null = kb_slice_null(), empty = kb_slice_str("");
    assert_int_equal(kc_partition_by_key(KC_MURMUR2, null, 7), -1);
    assert_int_equal(kc_partition_by_key(KC_MURMUR2, empty, 7), 2);
    assert_int_equal(kc_partition_by_key(KC_CONSISTENT, null, 7), 0);
    assert_int_equal(kc_partition_by_key(KC_CONSISTENT_RANDOM, null, 7), -1);
    assert_int_equal(kc_partition_by_key(KC_CONSISTENT_RANDOM, empty, 7), -1);
    assert_int_equal(kc_partition_by_key(KC_RANDOM, kb_slice_str("k"), 7), -1);
}

static uint32_t from_array(const void *ctx, int32_t partition)
{
    return ((const uint32_t *)ctx)[partition];
}

static void choose_many(const uint32_t *queued, int32_t count, bool adaptive, int *hits, int times)
{
    struct kb_random random;
    struct kc_load load = {count, from_array, queued, adaptive};
    kb_random_seed(&random, 5);
    memset(hits, 0, (size_t)count * sizeof *hits);
    for (int i = 0; i < times; i++)
        hits[kc_partition_choose(&load, &random)]++;
}

static void test_uniform(void **state)
{
    (void)state;
    const uint32_t queued[] = {0, 100000, 5};
    int hits[3];
    choose_many(queued, 3, false, hits, 3000);
    for (int i = 0; i < 3; i++)
        assert_in_range(hits[i], 900, 1100);
}

/* The more waits at a partition, the less comes on top. */
static void test_adaptive(void **state)
{
    (void)state;
    const uint32_t queued[] = {0, 50000, 100000};
    int hits[3];
    choose_many(queued, 3, true, hits, 3000);
    assert_true(hits[0] > hits[1] && hits[1] > hits[2] && hits[2] > 0);
}

static void test_without_leader(void **state)
{
    (void)state;
    const uint32_t some[] = {UINT32_MAX, 0, UINT32_MAX}, none[] = {UINT32_MAX, UINT32_MAX};
    int hits[3];
    choose_many(some, 3, true, hits, 100);
    assert_int_equal(hits[1], 100);
    choose_many(none, 2, true, hits, 100);
    assert_int_equal(hits[0] + hits[1], 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_murmur2),  cmocka_unit_test(test_crc32),
        cmocka_unit_test(test_no_key),   cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_adaptive), cmocka_unit_test(test_without_leader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
