/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out: JSON, escapes, packed numbers, the buffer in front of the output. */
#include "tests/unit/unit.h"

#include "cli/js.h"
#include "cli/pack.h"
#include "cli/text.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct out out;

/* What was printed since, as text. */
static const char *printed(void)
{
    out.data[out.at] = '\0';
    out.at = 0;
    return out.data;
}

static const char *quoted(const char *data, size_t size)
{
    struct js json = js_to(&out);
    js_bytes(&json, NULL, kurier_bytes_of(data, size));
    return printed();
}

/* ---- JSON ------------------------------------------------------------------------------*/

static void values_stand_in_their_places(void **state)
{
    struct js json = js_to(&out);
    (void)state;
    js_open(&json, NULL, '{');
    js_text(&json, "text", "a\"b");
    js_text(&json, "none", NULL);
    js_number(&json, "least", INT64_MIN);
    js_number(&json, "most", INT64_MAX);
    js_real(&json, "half", 0.5);
    js_bool(&json, "yes", true);
    js_open(&json, "list", '[');
    js_open(&json, NULL, '{');
    js_close(&json, '}');
    js_number(&json, NULL, 0);
    js_close(&json, ']');
    js_close(&json, '}');
    js_end(&json);
    assert_string_equal(
        printed(), "{\"text\":\"a\\\"b\",\"none\":null,\"least\":-9223372036854775808,"
                   "\"most\":9223372036854775807,\"half\":0.500,\"yes\":true,\"list\":[{},0]}\n");
}

static void letters_that_json_escapes(void **state)
{
    (void)state;
    assert_string_equal(quoted("\"\\\n\r\t\b\f/\x7f\x01\x1f\0", 12),
                        "\"\\\"\\\\\\n\\r\\t\\b\\f/\x7f\\u0001\\u001F\\u0000\"");
    assert_string_equal(quoted("", 0), "\"\"");
    assert_string_equal(quoted(NULL, 0), "null");
}

static void utf8_is_kept_and_all_else_replaced(void **state)
{
    static const struct {
        const char *bytes, *text; /* text NULL: as it is */
    } cases[] = {
        {"\xc3\xa9", NULL},
        {"\xe2\x82\xac", NULL},
        {"\xf0\x9f\x98\x80", NULL},
        {"\xf4\x8f\xbf\xbf", NULL},
        {"\xff", "\\ufffd"},
        {"a\xc3", "a\\ufffd"},
        {"\xc3(", "\\ufffd("},
        {"\xc0\x80", "\\ufffd\\ufffd"},                       /* too long for what it is */
        {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},            /* half of a pair */
        {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"}, /* beyond the last */
        {"\xe2\x82", "\\ufffd\\ufffd"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *bytes = cases[i].bytes, *text = cases[i].text ? cases[i].text : bytes;
        char wanted[64];
        snprintf(wanted, sizeof wanted, "\"%s\"", text);
        assert_string_equal(quoted(bytes, strlen(bytes)), wanted);
        assert_int_equal(js_is_utf8(kurier_bytes_of(bytes, strlen(bytes))), cases[i].text == NULL);
    }
}

static void base64_of_every_length(void **state)
{
    static const char *const wanted[] = {"\"\"", "\"Zg==\"", "\"Zm8=\"", "\"Zm9v\"",
                                         "\"Zm9vYg==\""};
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct js json = js_to(&out);
        js_base64(&json, NULL, kurier_bytes_of("foob", i));
        assert_string_equal(printed(), wanted[i]);
    }
}

/* ---- Escapes and packs --------------------------------------------------------------------*/

static void escapes_become_bytes(void **state)
{
    static const struct {
        const char *text, *bytes;
        size_t size;
    } cases[] = {
        {"plain", "plain", 5}, {"\\n\\t\\r\\\\", "\n\t\r\\", 4},
        {"\\0", "\0", 1},      {"\\x41\\xfF", "A\xff", 2},
        {"\\x9", "\t", 1},     {"\\x00z", "\0z", 2},
        {"\\q\\", "\\q\\", 3}, {"\\xg", "\\xg", 3},
        {"", "", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kurier_bytes bytes;
        assert_true(text_unescape(cases[i].text, strlen(cases[i].text), &bytes));
        assert_int_equal(bytes.size, cases[i].size);
        assert_memory_equal(bytes.data, cases[i].bytes, bytes.size + 1);
        free((void *)bytes.data);
    }
}

static void packs_fit_or_say_why(void **state)
{
    static const char eight[] = "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8";
    (void)state;
    assert_true(pack_is_valid("<bBhHiIqQ >cs$") && !pack_is_valid("") && !pack_is_valid("x"));
    assert_null(pack_check("q", 8));
    assert_null(pack_check("hs$", 9));
    assert_null(pack_check("b", 2));
    assert_string_equal(pack_check("q", 7), "too short for its pack string");
    assert_string_equal(pack_check("b$", 2), "longer than its pack string");
    pack_print("q", kurier_bytes_of(eight, 8), &out);
    assert_string_equal(printed(), "-283686952306184");
    pack_print("<Q", kurier_bytes_of(eight, 8), &out);
    assert_string_equal(printed(), "17940646550795321087");
    pack_print("h <H >B b", kurier_bytes_of(eight, 6), &out);
    assert_string_equal(printed(), "-2 64765 251 -6");
}

/* ---- The buffer --------------------------------------------------------------------------------*/

static void bytes_of_any_size_come_out_whole(void **state)
{
    char path[] = "/tmp/kurier-out-XXXXXX", *data = calloc(1, 3 * OUT_BYTES), *read_back;
    int fd = mkstemp(path);
    size_t total = 0;
    (void)state;
    assert_true(fd >= 0 && data);
    unlink(path);
    out_init(&out, fd);
    for (size_t size = 1; size < 3 * OUT_BYTES; size = size * 3 + 1) {
        memset(data, (int)('a' + size % 26), size);
        out_bytes(&out, data, size);
        total += size;
    }
    out_flush(&out);
    read_back = malloc(total + 1);
    assert_int_equal(pread(fd, read_back, total + 1, 0), (ssize_t)total);
    size_t at = 0;
    for (size_t size = 1; size < 3 * OUT_BYTES; at += size, size = size * 3 + 1)
        for (size_t i = 0; i < size; i++)
            assert_int_equal(read_back[at + i], 'a' + size % 26);
    assert_int_equal(out.error, 0);
    free(read_back);
    free(data);
    close(fd);
}

static void the_first_error_sticks(void **state)
{
    int fd = open("/dev/full", O_WRONLY);
    (void)state;
    assert_true(fd >= 0);
    out_init(&out, fd);
    out_format(&out, "%*s", 5000, "x");
    assert_int_equal(out.error, 0);
    out_flush(&out);
    assert_int_not_equal(out.error, 0);
    out_text(&out, "more");
    out_flush(&out);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_in_their_places),
        cmocka_unit_test(letters_that_json_escapes),
        cmocka_unit_test(utf8_is_kept_and_all_else_replaced),
        cmocka_unit_test(base64_of_every_length),
        cmocka_unit_test(escapes_become_bytes),
        cmocka_unit_test(packs_fit_or_say_why),
        cmocka_unit_test(bytes_of_any_size_come_out_whole),
        cmocka_unit_test(the_first_error_sticks),
    };
    out_init(&out, -1);
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
