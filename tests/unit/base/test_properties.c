/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/check.h"
#include "base/options.h"

#include <stdio.h>
#include <string.h>

static int append(void *ctx, const char *key, const char *value, int line, struct kb_error *err)
{
    char *out = ctx;
    if (!strcmp(key, "stop"))
        return kb_error_set(err, KB_E_BAD_CONFIG, "line %d", line);
    sprintf(out + strlen(out), "%d[%s][%s]", line, key, value);
    return 0;
}

static int parse(const char *text, size_t size, char *out, struct kb_error *err)
{
    char *copy = kb_malloc(size + 1); /* on the heap, for the sanitizer */
    memcpy(copy, text, size);
    copy[size] = '\0';
    out[0] = '\0';
    int rc = kb_properties_parse(copy, size, append, out, err);
    kb_free(copy);
    return rc;
}

static void text_is_read_as_java_does(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a=b", "1[a][b]"},
        {"a=b\n", "1[a][b]"},
        {"a = b c \r\nd:e\rf g", "1[a][b c ]2[d][e]3[f][g]"},
        {"# no\n  ! no\n\n\n  a\t=\tb", "5[a][b]"},
        {"a", "1[a][]"},
        {"a=", "1[a][]"},
        {"a\nb", "1[a][]2[b][]"},
        {"=b", "1[][b]"},
        {"a==b", "1[a][=b]"},
        {"a\\=\\:\\ b = c", "1[a=: b][c]"},
        {"list = x,\\\n    y,\\\r\n  z\nnext=1", "1[list][x,y,z]4[next][1]"},
        {"a=\\t\\n\\\\\\q", "1[a][\t\n\\q]"},
        {"a=\\u00e9\\u20AC", "1[a][\xc3\xa9\xe2\x82\xac]"},
        {"a=b\\", "1[a][b]"},
        {"log.dirs=/tmp/a#b", "1[log.dirs][/tmp/a#b]"},
    };
    for (size_t i = 0; i < KB_ARRAY_SIZE(cases); i++) {
        char out[200];
        assert_int_equal(parse(cases[i][0], strlen(cases[i][0]), out, NULL), KB_OK);
        assert_string_equal(out, cases[i][1]);
    }
}

static void what_cannot_be_read_names_the_line(void **state)
{
    (void)state;
    static const char *const bad[] = {"\na=\\u12", "\na=\\u12xy", "\na=\\u0000"};
    struct kb_error err;
    char out[200];
    for (size_t i = 0; i < KB_ARRAY_SIZE(bad); i++) {
        assert_int_equal(parse(bad[i], strlen(bad[i]), out, &err), KB_E_BAD_CONFIG);
        assert_non_null(strstr(err.text, "line 2"));
    }
    assert_int_equal(parse("a=\0b", 4, out, &err), KB_E_BAD_CONFIG);
}

static void the_callers_answer_stops(void **state)
{
    (void)state;
    struct kb_error err;
    char out[200];
    assert_int_equal(parse("a=1\nstop=1\nb=2", 14, out, &err), KB_E_BAD_CONFIG);
    assert_string_equal(out, "1[a][1]");
    assert_string_equal(err.text, "line 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_read_as_java_does),
        cmocka_unit_test(what_cannot_be_read_names_the_line),
        cmocka_unit_test(the_callers_answer_stops),
    };
    return cmocka_run_group_tests_name("properties", tests, NULL, NULL);
}
