/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

static void codes_have_the_protocols_names_and_numbers(void **state)
{
    (void)state;
    assert_string_equal(kb_code_name(KB_OK), "NONE");
    assert_string_equal(kb_code_name(-1), "UNKNOWN_SERVER_ERROR");
    assert_string_equal(kb_code_name(6), "NOT_LEADER_OR_FOLLOWER");
    assert_string_equal(kb_code_name(36), "TOPIC_ALREADY_EXISTS");
    assert_string_equal(kb_code_name(74), "FENCED_LEADER_EPOCH");
    assert_string_equal(kb_code_name(90), "PRODUCER_FENCED");
    assert_string_equal(kb_code_name(100), "UNKNOWN_TOPIC_ID");
    assert_string_equal(kb_code_name(120), "TRANSACTION_ABORTABLE");
    assert_string_equal(kb_code_name(-100), "_TIMED_OUT");
    assert_string_equal(kb_code_name(-102), "_QUEUE_FULL");
}

#define STATED(name, number, class, text) {number, text},
static void every_row_is_found_by_its_number(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *text;
    } rows[] = {KB_PROTOCOL_CODES(STATED) KB_LOCAL_CODES(STATED)};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(kb_code_text(rows[i].code), rows[i].text);
        assert_null(strchr(rows[i].text, '\n'));
    }
}

static void a_code_of_the_future_is_an_unknown_error(void **state)
{
    (void)state;
    assert_string_equal(kb_code_name(30000), "UNKNOWN_SERVER_ERROR");
    assert_string_equal(kb_code_name(-50), "UNKNOWN_SERVER_ERROR");
    assert_string_equal(kb_code_name(INT32_MIN), "UNKNOWN_SERVER_ERROR");
}

static void classes_say_what_helps(void **state)
{
    (void)state;
    assert_int_equal(kb_code_classes(KB_OK), 0);
    assert_int_equal(kb_code_classes(KB_E_NOT_LEADER_OR_FOLLOWER), KB_RETRIABLE);
    assert_int_equal(kb_code_classes(KB_E_TRANSACTION_ABORTABLE), KB_ABORTABLE);
    assert_int_equal(kb_code_classes(KB_E_PRODUCER_FENCED), KB_FATAL);
    assert_int_equal(kb_code_classes(KB_E_MESSAGE_TOO_LARGE), 0);
}

static void setting_answers_the_code(void **state)
{
    (void)state;
    struct kb_error err;
    kb_error_clear(&err);
    assert_int_equal(err.code, KB_OK);
    assert_int_equal(kb_error_set(&err, KB_E_QUEUE_FULL, "%d bytes", 5), KB_E_QUEUE_FULL);
    assert_int_equal(err.classes, KB_RETRIABLE);
    assert_int_equal(err.broker, -1);
    assert_string_equal(err.text, "5 bytes");
    assert_int_equal(kb_error_set(NULL, KB_E_CLOSED, "nobody listens"), KB_E_CLOSED);
    kb_error_clear(NULL);
}

static void errno_is_put_in_words(void **state)
{
    (void)state;
    struct kb_error err;
    assert_int_equal(kb_error_errno(&err, KB_E_TRANSPORT, ECONNREFUSED, "connect to %s", "a:1"),
                     KB_E_TRANSPORT);
    assert_string_equal(err.text, "connect to a:1: Connection refused");
    assert_int_equal(kb_error_errno(NULL, KB_E_TRANSPORT, EIO, "x"), KB_E_TRANSPORT);
}

static void long_words_are_cut(void **state)
{
    (void)state;
    struct kb_error err;
    kb_error_errno(&err, KB_E_TRANSPORT, EIO, "%0500d", 1);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_the_protocols_names_and_numbers),
        cmocka_unit_test(every_row_is_found_by_its_number),
        cmocka_unit_test(a_code_of_the_future_is_an_unknown_error),
        cmocka_unit_test(classes_say_what_helps),
        cmocka_unit_test(setting_answers_the_code),
        cmocka_unit_test(errno_is_put_in_words),
        cmocka_unit_test(long_words_are_cut),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
