/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "wire/reader.h"

#define READER(...)                                                                                \
    kw_reader_of(kb_slice_of((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})))

static void numbers_are_big_endian(void **state)
{
    (void)state;
    struct kw_reader r = READER(0xff, 0x80, 0x01, 0x80, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 2, 0xff,
                                0xfe, 0xff, 0xff, 0xff, 0xfd, 2, 0);
    assert_int_equal(kw_read_i8(&r), -1);
    assert_int_equal(kw_read_i16(&r), INT16_MIN + 1);
    assert_int_equal(kw_read_i32(&r), INT32_MIN + 1);
    assert_int_equal(kw_read_i64(&r), INT64_MIN + 2);
    assert_int_equal(kw_read_u16(&r), 65534);
    assert_int_equal(kw_read_u32(&r), 4294967293);
    assert_true(kw_read_bool(&r)); /* anything but 0 */
    assert_false(kw_read_bool(&r));
    assert_true(kw_reader_end(&r));
}

static void floats_and_ids_are_read_as_they_lie(void **state)
{
    (void)state;
    struct kw_reader r =
        READER(0xc0, 0x04, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    assert_true(kw_read_f64(&r) == -2.5);
    struct kb_uuid id = kw_read_uuid(&r);
    for (int i = 0; i < 16; i++)
        assert_int_equal(id.bytes[i], i + 1);
    assert_true(kw_reader_end(&r));
}

static void the_first_fault_sticks(void **state)
{
    (void)state;
    struct kw_reader r = READER(1, 2, 3);
    assert_int_equal(kw_read_i32(&r), 0);
    assert_string_equal(r.fault, "cut off");
    assert_int_equal(kw_read_i8(&r), 0); /* though a byte would be there */
    kw_reader_fail(&r, "another");
    assert_string_equal(r.fault, "cut off");
    assert_false(kw_reader_end(&r));
}

static void bytes_left_over_are_a_fault(void **state)
{
    (void)state;
    struct kw_reader r = READER(1, 2);
    kw_read_i8(&r);
    assert_true(kw_reader_ok(&r));
    assert_false(kw_reader_end(&r));
    assert_string_equal(r.fault, "bytes left over");
}

static void varints_have_five_bytes_at_most(void **state)
{
    (void)state;
    struct kw_reader r = READER(0, 0x7f, 0x80, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 3);
    assert_int_equal(kw_read_uvarint(&r), 0);
    assert_int_equal(kw_read_uvarint(&r), 127);
    assert_int_equal(kw_read_uvarint(&r), 128);
    assert_int_equal(kw_read_uvarint(&r), UINT32_MAX);
    assert_int_equal(kw_read_varint(&r), -2);
    assert_true(kw_reader_end(&r));
    r = READER(0x80, 0x80, 0x80, 0x80, 0x80, 0);
    kw_read_uvarint(&r);
    assert_string_equal(r.fault, "bad varint");
    r = READER(0x80);
    kw_read_uvarint(&r);
    assert_string_equal(r.fault, "bad varint");
}

static void strings_are_views_in_both_forms(void **state)
{
    (void)state;
    struct kw_reader r = READER(0, 2, 'h', 'i', 3, 'h', 'i', 0, 0, 1, 0xff, 0xff, 0);
    const uint8_t *start = r.next;
    struct kb_slice plain = kw_read_str(&r, false, false), compact = kw_read_str(&r, true, false);
    assert_true(kb_slice_is(plain, "hi") && plain.data == start + 2);
    assert_true(kb_slice_is(compact, "hi") && compact.data == start + 5);
    assert_true(kb_slice_is(kw_read_str(&r, false, false), ""));
    assert_true(kb_slice_is(kw_read_str(&r, true, false), ""));
    assert_true(kb_slice_is_null(kw_read_str(&r, false, true)));
    assert_true(kb_slice_is_null(kw_read_str(&r, true, true)));
    assert_true(kw_reader_end(&r));
}

static void assert_str_fault(struct kw_reader r, bool flex, bool nullable, const char *fault)
{
    assert_true(kb_slice_is(kw_read_str(&r, flex, nullable), ""));
    assert_string_equal(r.fault, fault);
}

static void bad_strings_are_faults(void **state)
{
    (void)state;
    assert_str_fault(READER(0xff, 0xff), false, false, "null where none may be");
    assert_str_fault(READER(0), true, false, "null where none may be");
    assert_str_fault(READER(0xff, 0xfe), false, true, "negative length");
    assert_str_fault(READER(0, 3, 'h', 'i'), false, false, "cut off");
    assert_str_fault(READER(0x81, 0x80, 0x02), true, true, "string too long"); /* 32768 */
    assert_str_fault(READER(0xff, 0xff, 0xff, 0xff, 0x0f), true, true, "negative length");
}

static void bytes_have_wide_lengths(void **state)
{
    (void)state;
    struct kw_reader r = READER(0, 0, 0, 1, 7, 2, 8, 0xff, 0xff, 0xff, 0xff, 0);
    assert_int_equal(kw_read_bytes(&r, false, false).data[0], 7);
    assert_int_equal(kw_read_bytes(&r, true, false).data[0], 8);
    assert_true(kb_slice_is_null(kw_read_bytes(&r, false, true)));
    assert_true(kb_slice_is_null(kw_read_bytes(&r, true, true)));
    assert_true(kw_reader_end(&r));
    r = READER(0x7f, 0xff, 0xff, 0xff, 1, 2, 3);
    kw_read_bytes(&r, false, false);
    assert_string_equal(r.fault, "cut off");
}

/* Reads an array of i32 with `budget` bytes of arena. */
static int32_t read_array(struct kw_reader *r, bool flex, bool nullable, size_t budget)
{
    struct kb_arena arena;
    int32_t count = 99;
    kb_arena_init(&arena, budget);
    int32_t *xs = kw_read_array(r, flex, nullable, 4, &arena, sizeof *xs, &count);
    assert_int_equal(xs != NULL, count > 0);
    kb_arena_deinit(&arena);
    return count;
}

static void arrays_tell_null_from_empty(void **state)
{
    (void)state;
    struct kw_reader r = READER(0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0);
    assert_int_equal(read_array(&r, false, true, 1000), 0);
    assert_int_equal(read_array(&r, true, true, 1000), 0);
    assert_int_equal(read_array(&r, false, true, 1000), -1);
    assert_int_equal(read_array(&r, true, true, 1000), -1);
    assert_true(kw_reader_end(&r));
    r = READER(0);
    assert_int_equal(read_array(&r, true, false, 1000), 0);
    assert_string_equal(r.fault, "null where none may be");
}

static void an_array_is_held_against_what_is_left(void **state)
{
    (void)state;
    struct kw_reader r = READER(3, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(read_array(&r, true, false, 1000), 2);
    r = READER(4, 0, 0, 0, 0, 0, 0, 0, 0); /* 3 elements, room for 2 */
    assert_int_equal(read_array(&r, true, false, 1000), 0);
    assert_string_equal(r.fault, "impossible array length");
    r = READER(0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0);
    assert_int_equal(read_array(&r, false, false, 1000), 0);
    assert_string_equal(r.fault, "impossible array length");
    r = READER(0xff, 0xff, 0xff, 0xfe);
    assert_int_equal(read_array(&r, false, true, 1000), 0);
    assert_string_equal(r.fault, "impossible array length");
}

static void an_array_is_held_against_the_arena(void **state)
{
    (void)state;
    struct kw_reader r = READER(3, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(read_array(&r, true, false, 4), 0);
    assert_string_equal(r.fault, "more than the arena may hold");
}

static void a_nullable_struct_has_a_byte_in_front(void **state)
{
    (void)state;
    struct kb_arena arena;
    kb_arena_init(&arena, 1000);
    struct kw_reader r = READER(0xff, 1);
    assert_null(kw_read_present(&r, &arena, 8));
    assert_non_null(kw_read_present(&r, &arena, 8));
    assert_true(kw_reader_end(&r));
    assert_null(kw_read_present(&r, &arena, 8));
    assert_string_equal(r.fault, "cut off");
    kb_arena_deinit(&arena);
}

/* Reads a tag section whose tag 1 is an i16. */
static int16_t read_tags(struct kw_reader *r)
{
    int16_t value = -1;
    struct kw_tags tags = kw_tags_open(r);
    while (kw_tags_next(&tags, r))
        if (tags.tag == 1)
            value = kw_read_i16(r);
    return value;
}

static void unknown_tags_are_skipped(void **state)
{
    (void)state;
    struct kw_reader r = READER(3, 0, 1, 0xaa, 1, 2, 0, 5, 9, 3, 0xbb, 0xbb, 0xbb);
    assert_int_equal(read_tags(&r), 5);
    assert_true(kw_reader_end(&r));
    r = READER(0);
    assert_int_equal(read_tags(&r), -1);
    assert_true(kw_reader_end(&r));
    r = READER(1, 7, 0); /* empty value, at the very end */
    read_tags(&r);
    assert_true(kw_reader_end(&r));
}

static void assert_tags_fault(struct kw_reader r, const char *fault)
{
    read_tags(&r);
    assert_non_null(r.fault);
    assert_string_equal(r.fault, fault);
}

static void bad_tags_are_faults(void **state)
{
    (void)state;
    assert_tags_fault(READER(1, 1, 3, 0, 5, 0), "tagged field of the wrong size");
    assert_tags_fault(READER(1, 1, 1, 0, 5), "tagged field of the wrong size");
    assert_tags_fault(READER(2, 1, 2, 0, 5, 1, 2, 0, 6), "tags out of order");
    assert_tags_fault(READER(2, 3, 0, 2, 0), "tags out of order");
    assert_tags_fault(READER(1, 5, 9, 0), "cut off");
    assert_tags_fault(READER(2, 0, 0), "bad varint");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(floats_and_ids_are_read_as_they_lie),
        cmocka_unit_test(the_first_fault_sticks),
        cmocka_unit_test(bytes_left_over_are_a_fault),
        cmocka_unit_test(varints_have_five_bytes_at_most),
        cmocka_unit_test(strings_are_views_in_both_forms),
        cmocka_unit_test(bad_strings_are_faults),
        cmocka_unit_test(bytes_have_wide_lengths),
        cmocka_unit_test(arrays_tell_null_from_empty),
        cmocka_unit_test(an_array_is_held_against_what_is_left),
        cmocka_unit_test(an_array_is_held_against_the_arena),
        cmocka_unit_test(a_nullable_struct_has_a_byte_in_front),
        cmocka_unit_test(unknown_tags_are_skipped),
        cmocka_unit_test(bad_tags_are_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
