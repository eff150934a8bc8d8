/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "cli/histogram.h"

static void nothing_has_no_percentiles(void **state)
{
    static struct histogram h;
    (void)state;
    assert_int_equal(histogram_at(&h, 500), 0);
    assert_int_equal(histogram_at(&h, 1000), 0);
    assert_true(histogram_mean(&h) == 0);
}

static void small_values_are_exact(void **state)
{
    static struct histogram h;
    (void)state;
    for (uint64_t i = 1; i <= 20; i++)
        histogram_add(&h, i);
    assert_int_equal(histogram_at(&h, 50), 1);
    assert_int_equal(histogram_at(&h, 500), 10);
    assert_int_equal(histogram_at(&h, 950), 19);
    assert_int_equal(histogram_at(&h, 951), 20);
    assert_int_equal(histogram_at(&h, 1000), 20);
    assert_true(histogram_mean(&h) == 10.5);
}

static void large_values_are_near(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < (uint64_t)1 << 38; value = value * 3 + 1) {
        struct histogram h = {0};
        histogram_add(&h, value);
        histogram_add(&h, UINT64_MAX >> 20); /* so that the largest does not help */
        uint64_t at = histogram_at(&h, 500);
        assert_true(at >= value && at - value <= value / 32);
    }
}

static void what_is_beyond_counts_as_the_largest(void **state)
{
    static struct histogram h;
    (void)state;
    histogram_add(&h, 7);
    histogram_add(&h, UINT64_MAX);
    assert_int_equal(histogram_at(&h, 500), 7);
    assert_true(histogram_at(&h, 1000) >= (uint64_t)1 << 38);
}

static void percentiles_rise(void **state)
{
    static struct histogram h;
    uint64_t value = 1, last = 0;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        value = value * 6364136223846793005u + 1442695040888963407u;
        histogram_add(&h, value >> (24 + value % 24));
    }
    for (unsigned per_mille = 1; per_mille <= 1000; per_mille++) {
        uint64_t at = histogram_at(&h, per_mille);
        assert_true(at >= last);
        last = at;
    }
    assert_int_equal(last, h.max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_no_percentiles),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(large_values_are_near),
        cmocka_unit_test(what_is_beyond_counts_as_the_largest),
        cmocka_unit_test(percentiles_rise),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
