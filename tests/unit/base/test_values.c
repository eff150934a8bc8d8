/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "base/log.h"
#include "base/random.h"
#include "base/slice.h"
#include "base/time.h"
#include "base/uuid.h"

#include <string.h>
#include <unistd.h>

static void null_and_empty_slices_differ(void **state)
{
    (void)state;
    assert_true(kb_slice_is_null(kb_slice_str(NULL)));
    assert_false(kb_slice_is_null(kb_slice_str("")));
    assert_false(kb_slice_equal(kb_slice_null(), kb_slice_str("")));
    assert_true(kb_slice_equal(kb_slice_null(), kb_slice_null()));
    assert_true(kb_slice_is(kb_slice_of("abcd", 3), "abc"));
    assert_false(kb_slice_is(kb_slice_of("abcd", 3), "abd"));
}

static void deadlines_do_not_overflow(void **state)
{
    (void)state;
    struct kb_time now = {.mono_ms = 1000};
    assert_int_equal(kb_deadline(now, 0), 1000);
    assert_int_equal(kb_deadline(now, 50), 1050);
    assert_int_equal(kb_deadline(now, KB_FOREVER), KB_NEVER);
    assert_int_equal(kb_deadline(now, INT64_MAX), KB_NEVER);
    assert_int_equal(kb_time_left(now, 1050), 50);
    assert_int_equal(kb_time_left(now, 900), 0);
    assert_int_equal(kb_time_left(now, KB_NEVER), KB_FOREVER);
}

static void the_real_clock_goes_forward(void **state)
{
    (void)state;
    struct kb_clock *clock = kb_clock_real();
    struct kb_time before = clock->now(clock), after = clock->now(clock);
    assert_true(before.mono_ms <= after.mono_ms);
    assert_true(before.wall_ms > 1600000000000);
    assert_true(kb_mono_ns() <= kb_mono_ns());
}

static void a_seed_repeats_a_run(void **state)
{
    (void)state;
    struct kb_random a, b, c;
    kb_random_seed(&a, 1);
    kb_random_seed(&b, 1);
    kb_random_seed(&c, 2);
    bool differs = false;
    for (int i = 0; i < 100; i++) {
        uint64_t value = kb_random_next(&a);
        assert_int_equal(value, kb_random_next(&b));
        differs |= value != kb_random_next(&c);
    }
    assert_true(differs);
    assert_int_not_equal(kb_entropy(), kb_entropy());
}

static void random_below_reaches_every_value(void **state)
{
    (void)state;
    struct kb_random random;
    int seen[7] = {0};
    kb_random_seed(&random, 5);
    for (int i = 0; i < 7000; i++)
        seen[kb_random_below(&random, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 800, 1200);
}

static void a_uuid_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct kb_random random;
    kb_random_seed(&random, 9);
    for (int i = 0; i < 2000; i++) {
        struct kb_uuid id = kb_uuid_random(&random), back;
        char text[KB_UUID_TEXT];
        kb_uuid_format(id, text);
        assert_int_equal(strlen(text), 22);
        assert_int_not_equal(text[0], '-');
        assert_true(kb_uuid_parse(text, &back));
        assert_true(kb_uuid_equal(id, back));
    }
}

static void a_uuid_has_the_text_that_everybody_prints(void **state)
{
    (void)state;
    struct kb_uuid one = {{[15] = 1}}, high = {{0xff, 0xff, 0xff, [15] = 0xff}}, back;
    char text[KB_UUID_TEXT];
    kb_uuid_format(one, text);
    assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAQ");
    kb_uuid_format(high, text);
    assert_string_equal(text, "____AAAAAAAAAAAAAAAA_w");
    assert_true(kb_uuid_parse("AAAAAAAAAAAAAAAAAAAAAA", &back));
    assert_true(kb_uuid_is_zero(back));
}

static void what_is_no_uuid_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAA+AAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAB",
    };
    struct kb_uuid id;
    for (size_t i = 0; i < KB_ARRAY_SIZE(bad); i++)
        assert_false(kb_uuid_parse(bad[i], &id));
}

static void a_log_line_is_one_line(void **state)
{
    (void)state;
    int ends[2];
    char line[256] = {0};
    assert_int_equal(pipe(ends), 0);
    struct kb_log *log = kb_log_fd_new(ends[1], KB_LOG_INFO);
    KB_LOG(log, KB_LOG_DEBUG, "store", "silent");
    KB_LOG(log, KB_LOG_WARN, "store", "torn tail topic=%s", "a\nb");
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    assert_non_null(strstr(line, "Z warn  store torn tail topic=a b\n"));
    assert_int_equal(line[10], 'T');
    kb_log_fd_free(log);
    close(ends[0]);
    close(ends[1]);
    KB_LOG((struct kb_log *)NULL, KB_LOG_ERROR, "store", "nobody listens");
}

static void log_levels_have_names(void **state)
{
    (void)state;
    assert_int_equal(kb_log_level_parse("error"), KB_LOG_ERROR);
    assert_int_equal(kb_log_level_parse("debug"), KB_LOG_DEBUG);
    assert_int_equal(kb_log_level_parse("loud"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_and_empty_slices_differ),
        cmocka_unit_test(deadlines_do_not_overflow),
        cmocka_unit_test(the_real_clock_goes_forward),
        cmocka_unit_test(a_seed_repeats_a_run),
        cmocka_unit_test(random_below_reaches_every_value),
        cmocka_unit_test(a_uuid_is_read_as_it_was_written),
        cmocka_unit_test(a_uuid_has_the_text_that_everybody_prints),
        cmocka_unit_test(what_is_no_uuid_is_refused),
        cmocka_unit_test(a_log_line_is_one_line),
        cmocka_unit_test(log_levels_have_names),
    };
    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
