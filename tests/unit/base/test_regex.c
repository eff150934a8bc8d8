/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/random.h"
#include "base/regex.h"

#include <stdio.h>
#include <string.h>

static struct kb_regex *regex_of(const char *pattern)
{
    struct kb_regex *regex;
    struct kb_error err;
    if (kb_regex_new(kb_slice_str(pattern), &regex, &err))
        fail_msg("%s: %s", pattern, err.text);
    return regex;
}

static void check(const char *pattern, const char *name, bool want)
{
    struct kb_regex *regex = regex_of(pattern);
    if (kb_regex_match(regex, kb_slice_str(name)) != want)
        fail_msg("%s %s %s", pattern, want ? "is not found in" : "is found in", name);
    kb_regex_free(regex);
}

struct names {
    const char *pattern;
    const char *yes[6], *no[6];
};

static const struct names rows[] = {
    {"orders", {"orders"}, {"", "order", "orders2", "my-orders", "Orders"}},
    {"", {""}, {"a"}},
    {"a.c", {"abc", "a.c", "a-c"}, {"ac", "a\nc", "abbc"}},
    {"orders-.*", {"orders-", "orders-eu", "orders-a-b"}, {"orders", "xorders-"}},
    {"(eu|us|)-orders", {"eu-orders", "us-orders", "-orders"}, {"orders", "euus-orders"}},
    {"a|bc|d*", {"a", "bc", "", "ddd"}, {"ac", "abc", "ad"}},
    {"(a*)*b", {"b", "aaab"}, {"", "a", "aaabb"}},
    {"(|a)+", {"", "a", "aaa"}, {"b", "ab"}},
    {"a+?b??c*?", {"a", "ab", "aabcc"}, {"", "b", "abb"}},
    {"a{3}", {"aaa"}, {"aa", "aaaa"}},
    {"(ab){2,}", {"abab", "ababab"}, {"ab", "ababa"}},
    {"a{0,2}b{0}c", {"c", "ac", "aac"}, {"aaac", "bc"}},
    {"(a|b){1,3}", {"a", "ba", "bab"}, {"", "abab"}},
    {"x{,2}y{z", {"x{,2}y{z"}, {"xxyz"}},
    {"[a-c_.]+", {"a", "b_c."}, {"", "d", "A"}},
    {"[^a-c]", {"d", "\n", "-"}, {"a", "", "dd"}},
    {"[]a-]+", {"]", "a-]"}, {"b"}},
    {"[^]]", {"a"}, {"]"}},
    {"[\\d\\-x]+", {"5-x"}, {"a"}},
    {"[[:alpha:]_][[:^digit:]]", {"a_", "_a"}, {"1a", "a1"}},
    {"\\w+\\W\\d\\D\\s\\S", {"ab-1a b", "_.0.\tz"}, {"ab-aa b"}},
    {"\\x41\\x{42}\\103\\0?\\t\\.", {"ABC\t."}, {"ABC\tx"}},
    {"\\Qa.b|(\\Ec", {"a.b|(c"}, {"axb|(c", "c"}},
    {"\\Qab\\E+", {"ab", "abbb"}, {"abab"}},
    {"(?i)Orders-[a-c]", {"orders-A", "ORDERS-c"}, {"orders-d"}},
    {"(?i:a)b", {"ab", "Ab"}, {"AB"}},
    {"((?i)a|b)c", {"Bc", "ac"}, {"BC"}},
    {"(?i)[^a]", {"b"}, {"a", "A"}},
    {"(?s:.)(?-s:.)", {"\na"}, {"a\n"}},
    {"(?P<region>eu|us)-(?<n>\\d)", {"eu-1"}, {"eu-", "as-1"}},
    {"^a$", {"a"}, {"", "ab"}},
    {"\\Aa\\z|^^b$$", {"a", "b"}, {"ab"}},
    {"a^b|a$b", {NULL}, {"ab", "a^b", "a$b"}},
    {"(?m)a$\n^b", {"a\nb"}, {"ab"}},
    {"a\\b-\\Bb|a\\Bb\\b", {"ab"}, {"a-b"}},
    {"orders\\b.*", {"orders", "orders-eu"}, {"orders2"}},
    {"gr\xc3\xbc+n", {"gr\xc3\xbcn", "gr\xc3\xbc\xc3\xbcn"}, {"gr\xc3\xbc\xbcn"}},
    {"a]}", {"a]}"}, {"a"}},
};

static void names_match_as_in_re2(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int k = 0; k < 6 && rows[i].yes[k]; k++)
            check(rows[i].pattern, rows[i].yes[k], true);
        for (int k = 0; k < 6 && rows[i].no[k]; k++)
            check(rows[i].pattern, rows[i].no[k], false);
    }
}

static void a_bad_pattern_is_refused_with_words(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *words;
    } bad[] = {
        {"a(b", "at byte 2: a ( without its )"},
        {"a)b", "at byte 2: a ) without its ("},
        {"[a-", "a [ without its ]"},
        {"[]", "a [ without its ]"},
        {"*a", "at byte 1: nothing that could be repeated"},
        {"a|+", "nothing that could be repeated"},
        {"(?i)*", "nothing that could be repeated"},
        {"{2}", "nothing that could be repeated"},
        {"a**", "a repetition of a repetition"},
        {"a{2}{3}", "a repetition of a repetition"},
        {"a{3,2}", "ends before it begins"},
        {"a{1001}", "at most 1000 times"},
        {"a{99999999999}", "at most 1000 times"},
        {"[z-a]", "ends before it begins"},
        {"[[:nope:]]", "no class has this name"},
        {"a\\", "nothing behind the backslash"},
        {"(a)\\1", "back references are not known"},
        {"\\pL", "classes of Unicode are not known"},
        {"\\y", "not a letter that means something"},
        {"\\x4", "two hexadecimal digits"},
        {"\\x{100}", "beyond"},
        {"[\xc3\xbc]", "beyond"},
        {"(?=a)", "not a group that is known here"},
        {"(?<!a)", "looks behind are not known"},
        {"(?P<a-b>c)", "not a name for a group"},
        {"(?)", "no flags"},
        {"(?i", "not a group that is known here"},
        {"((a{100}){100}){100}", "too large"},
        {"(((a{1000}){1000}){1000}){1000}", "too large"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kb_regex *regex;
        struct kb_error err;
        int rc = kb_regex_new(kb_slice_str(bad[i].pattern), &regex, &err);
        if (rc != KB_E_INVALID_REGULAR_EXPRESSION || !strstr(err.text, bad[i].words))
            fail_msg("%s: %d, %s", bad[i].pattern, rc, rc ? err.text : "accepted");
        assert_null(regex);
    }
}

static void depth_and_classes_are_bounded(void **state)
{
    (void)state;
    char pattern[4096];
    struct kb_regex *regex;
    memset(pattern, '(', sizeof pattern);
    assert_int_equal(kb_regex_new(kb_slice_of(pattern, sizeof pattern), &regex, NULL),
                     KB_E_INVALID_REGULAR_EXPRESSION);
    size_t size = 0;
    for (int i = 0; i < 257; i++) /* 257 different ones */
        size +=
            (size_t)sprintf(pattern + size, "[%c\\x%02x%s]", 'A' + i % 2, i / 4, i & 2 ? "z" : "");
    assert_int_equal(kb_regex_new(kb_slice_of(pattern, size), &regex, NULL),
                     KB_E_INVALID_REGULAR_EXPRESSION);
}

/* What takes others 2^n moves takes this one n * n. */
static void no_pattern_takes_long(void **state)
{
    (void)state;
    static const char *const evil[] = {
        "(a+)+", "(a|aa)+", "(a*)*", "(.*)*x?(.*)*", "(a?){500}a{0,248}", "((a{0,9}){0,9}){0,9}",
    };
    char name[250];
    memset(name, 'a', sizeof name);
    name[249] = '!';
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        struct kb_regex *regex = regex_of(evil[i]);
        assert_in_range(kb_regex_steps(regex), 1, KB_REGEX_STEPS_MAX);
        assert_int_equal(kb_regex_match(regex, kb_slice_of(name, 250)), i == 3);
        assert_true(kb_regex_match(regex, kb_slice_of(name, 249)) || i == 5);
        kb_regex_free(regex);
    }
}

/* Nothing but bytes that mean something, in any order. */
static void any_text_is_taken_or_refused(void **state)
{
    (void)state;
    static const char alphabet[] = "aab()()[]|*+?{}1,2^$.\\QE-:d\xc3";
    struct kb_random random;
    kb_random_seed(&random, 848);
    int taken = 0;
    for (int i = 0; i < 20000; i++) {
        char pattern[24];
        size_t size = kb_random_below(&random, sizeof pattern);
        for (size_t k = 0; k < size; k++)
            pattern[k] = alphabet[kb_random_below(&random, sizeof alphabet - 1)];
        struct kb_regex *regex;
        if (kb_regex_new(kb_slice_of(pattern, size), &regex, NULL))
            continue;
        kb_regex_match(regex, kb_slice_str("aabab"));
        kb_regex_free(regex);
        taken++;
    }
    assert_in_range(taken, 1000, 19000);
}

static void without_memory(void *ctx)
{
    (void)ctx;
    struct kb_regex *regex;
    int rc = kb_regex_new(kb_slice_str("(?i)[a-z]{9}-(x|yy|zzz)*[^k]"), &regex, NULL);
    assert_true(rc == 0 || rc == KB_E_NO_MEMORY);
    kb_regex_free(regex);
}

static void out_of_memory_is_an_error(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(without_memory, NULL), 5, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_match_as_in_re2),
        cmocka_unit_test(a_bad_pattern_is_refused_with_words),
        cmocka_unit_test(depth_and_classes_are_bounded),
        cmocka_unit_test(no_pattern_takes_long),
        cmocka_unit_test(any_text_is_taken_or_refused),
        cmocka_unit_test(out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
