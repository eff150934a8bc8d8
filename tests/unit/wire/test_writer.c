/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "wire/gen/fetch.h"
#include "wire/gen/list_groups.h"
#include "wire/gen/metadata.h"
#include "wire/reader.h"
#include "wire/writer.h"

#include <string.h>

static struct kw_writer fixed(void *to, size_t size)
{
    struct kw_writer w;
    kw_writer_init_fixed(&w, to, size);
    return w;
}

#define assert_written(w, ...)                                                                     \
    do {                                                                                           \
        const uint8_t want[] = {__VA_ARGS__};                                                      \
        assert_true(kw_writer_ok(w));                                                              \
        assert_int_equal(kw_writer_size(w), sizeof want);                                          \
        assert_memory_equal((w)->start, want, sizeof want);                                        \
    } while (0)

static void numbers_are_big_endian(void **state)
{
    (void)state;
    uint8_t room[64];
    struct kw_writer w = fixed(room, sizeof room);
    kw_write_bool(&w, true);
    kw_write_i8(&w, -2);
    kw_write_i16(&w, INT16_MIN);
    kw_write_i32(&w, 0x01020304);
    kw_write_i64(&w, -1);
    kw_write_f64(&w, -2.5);
    assert_written(&w, 1, 0xfe, 0x80, 0, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                   0xc0, 0x04, 0, 0, 0, 0, 0, 0);
}

static void varints_take_what_they_need(void **state)
{
    (void)state;
    uint8_t room[64];
    struct kw_writer w = fixed(room, sizeof room);
    kw_write_uvarint(&w, 0);
    kw_write_uvarint(&w, 127);
    kw_write_uvarint(&w, 128);
    kw_write_uvarint(&w, UINT32_MAX);
    kw_write_varint(&w, -1);
    assert_written(&w, 0, 0x7f, 0x80, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1);
}

static void strings_and_bytes_have_both_forms(void **state)
{
    (void)state;
    uint8_t room[64];
    struct kb_slice hi = kb_slice_str("hi");
    struct kw_writer w = fixed(room, sizeof room);
    kw_write_str(&w, false, false, hi);
    kw_write_str(&w, true, false, hi);
    kw_write_bytes(&w, false, false, hi);
    kw_write_str(&w, false, true, kb_slice_null());
    kw_write_str(&w, true, true, kb_slice_null());
    kw_write_bytes(&w, false, true, kb_slice_null());
    kw_write_bytes(&w, true, true, kb_slice_of("", 0));
    assert_written(&w, 0, 2, 'h', 'i', 3, 'h', 'i', 0, 0, 0, 2, 'h', 'i', 0xff, 0xff, 0, 0xff, 0xff,
                   0xff, 0xff, 1);
}

static void null_where_none_may_be_is_a_fault(void **state)
{
    (void)state;
    uint8_t room[64];
    struct kw_writer w = fixed(room, sizeof room);
    kw_write_str(&w, true, false, kb_slice_null());
    assert_string_equal(w.fault, "null where none may be");
    w = fixed(room, sizeof room);
    assert_int_equal(kw_write_array(&w, true, false, -1), 0);
    assert_string_equal(w.fault, "null where none may be");
}

static void a_string_has_32767_bytes_at_most(void **state)
{
    (void)state;
    static char text[KW_STRING_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    for (int flex = 0; flex < 2; flex++) {
        struct kw_writer w;
        kw_writer_init(&w, 1 << 20);
        kw_write_str(&w, flex, false, kb_slice_of(text, KW_STRING_MAX));
        assert_true(kw_writer_ok(&w));
        kw_write_str(&w, flex, false, kb_slice_of(text, KW_STRING_MAX + 1));
        assert_string_equal(w.fault, "longer than the protocol can say");
        kw_writer_deinit(&w);
    }
}

static void it_grows_up_to_its_maximum(void **state)
{
    (void)state;
    enum { MAX = 100000 };
    struct kw_writer w;
    kw_writer_init(&w, MAX);
    for (int32_t i = 0; i < MAX / 4; i++)
        kw_write_i32(&w, i);
    assert_true(kw_writer_ok(&w));
    kw_write_i8(&w, 0);
    assert_string_equal(w.fault, "message too large");
    assert_null(kw_writer_take(&w));

    kw_writer_init(&w, MAX);
    for (int32_t i = 0; i < MAX / 4; i++)
        kw_write_i32(&w, i);
    struct kb_buf *buf = kw_writer_take(&w);
    assert_int_equal(buf->size, MAX);
    struct kw_reader r = kw_reader_of(kb_buf_view(buf));
    for (int32_t i = 0; i < MAX / 4; i++)
        assert_int_equal(kw_read_i32(&r), i);
    kb_buf_unref(buf);
}

static void nothing_written_is_an_empty_buffer(void **state)
{
    (void)state;
    struct kw_writer w;
    kw_writer_init(&w, 0);
    struct kb_buf *buf = kw_writer_take(&w);
    assert_non_null(buf);
    assert_int_equal(buf->size, 0);
    kb_buf_unref(buf);
}

static void fixed_memory_is_a_limit(void **state)
{
    (void)state;
    uint8_t room[8] = {0};
    struct kw_writer w = fixed(room, 7);
    kw_write_i32(&w, 1);
    kw_write_i32(&w, 2);
    assert_string_equal(w.fault, "message too large");
    kw_write_i8(&w, 3); /* would fit, but the fault sticks */
    assert_int_equal(kw_writer_size(&w), 4);
    assert_int_equal(room[7], 0);
}

static void write_and_drop(void *ctx)
{
    (void)ctx;
    struct kw_writer w;
    kw_writer_init(&w, 100000);
    for (int i = 0; i < 1000; i++)
        kw_write_i64(&w, i);
    struct kb_buf *buf = kw_writer_take(&w);
    assert_true(buf || true);
    kb_buf_unref(buf);
}

static void no_memory_is_a_fault(void **state)
{
    (void)state;
    assert_true(unit_each_failure(write_and_drop, NULL) > 2);
}

static void a_tag_has_its_size_in_front(void **state)
{
    (void)state;
    uint8_t room[512];
    struct kw_writer w = fixed(room, sizeof room);
    size_t mark = kw_tag_open(&w, 3);
    kw_write_i16(&w, 0x0102);
    kw_tag_close(&w, mark);
    mark = kw_tag_open(&w, 4);
    for (int i = 0; i < 200; i++)
        kw_write_i8(&w, (int8_t)i);
    kw_tag_close(&w, mark);
    assert_int_equal(kw_writer_size(&w), 4 + 3 + 200);
    assert_memory_equal(room, ((uint8_t[]){3, 2, 1, 2, 4, 200, 1, 0, 1, 2}), 10);
    assert_int_equal(room[4 + 3 + 199], 199);
}

static void a_tag_nests(void **state)
{
    (void)state;
    uint8_t room[1024];
    struct kw_writer w = fixed(room, sizeof room);
    size_t outer = kw_tag_open(&w, 0), inner = kw_tag_open(&w, 1);
    kw_write_raw(&w, 300);
    kw_tag_close(&w, inner);
    kw_tag_close(&w, outer);
    struct kw_reader r = kw_reader_of(kb_slice_of(room, kw_writer_size(&w)));
    assert_int_equal(kw_read_uvarint(&r), 0);
    assert_int_equal(kw_read_uvarint(&r), 303);
    assert_int_equal(kw_read_uvarint(&r), 1);
    assert_int_equal(kw_read_uvarint(&r), 300);
    assert_int_equal(kw_reader_left(&r), 300);
}

static void what_a_version_cannot_say_is_a_fault(void **state)
{
    (void)state;
    uint8_t room[256];
    struct kw_metadata_request request;
    kw_metadata_request_init(&request);
    request.allow_auto_topic_creation = false;
    struct kw_writer w = fixed(room, sizeof room);
    assert_true(kw_metadata_request_encode(&w, 4, &request));
    w = fixed(room, sizeof room);
    assert_false(kw_metadata_request_encode(&w, 3, &request));
    assert_string_equal(w.fault, "allow_auto_topic_creation: not in this version");

    request.allow_auto_topic_creation = true;
    request.topics_count = -1; /* null: all topics, since version 1 */
    w = fixed(room, sizeof room);
    assert_true(kw_metadata_request_encode(&w, 1, &request));
    w = fixed(room, sizeof room);
    assert_false(kw_metadata_request_encode(&w, 0, &request));
    assert_string_equal(w.fault, "null where none may be");
}

static void an_ignorable_field_is_dropped(void **state)
{
    (void)state;
    uint8_t room[256];
    struct kw_fetch_request request;
    kw_fetch_request_init(&request);
    request.session_id = 7; /* since version 7 */
    struct kw_writer w = fixed(room, sizeof room);
    assert_true(kw_fetch_request_encode(&w, 7, &request));
    size_t size = kw_writer_size(&w);
    w = fixed(room, sizeof room);
    assert_true(kw_fetch_request_encode(&w, 6, &request));
    assert_int_equal(size - kw_writer_size(&w), 4 + 4 + 4); /* id, epoch, forgotten topics */
}

static void a_version_beyond_the_schema_is_not_decoded(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0};
    struct kw_fetch_request request;
    struct kw_reader r = kw_reader_of(kb_slice_of(bytes, sizeof bytes));
    assert_false(kw_fetch_request_decode(&r, 3, NULL, &request));
    assert_string_equal(r.fault, "no such version");
    r = kw_reader_of(kb_slice_of(bytes, sizeof bytes));
    assert_false(kw_fetch_request_decode(&r, 19, NULL, &request));
    assert_string_equal(r.fault, "no such version");
}

/* No body swells more than a list of groups without names: 64 bytes for 3. */
static void the_arena_budget_holds_the_most_swollen_body(void **state)
{
    (void)state;
    enum { GROUPS = 100000, BODY_MAX = 8 + 3 * GROUPS };
    struct kw_list_groups_response response, back;
    struct kw_list_groups_response_group *groups = kb_calloc(GROUPS, sizeof *groups);
    uint8_t *body = kb_malloc(BODY_MAX + 64);
    for (int i = 0; i < GROUPS; i++)
        kw_list_groups_response_group_init(&groups[i]);
    kw_list_groups_response_init(&response);
    response.groups = groups;
    response.groups_count = GROUPS;
    struct kw_writer w = fixed(body, BODY_MAX + 64);
    assert_true(kw_list_groups_response_encode(&w, 3, &response));

    struct kb_arena arena;
    kb_arena_init(&arena, kw_arena_budget(kw_writer_size(&w)));
    struct kw_reader r = kw_reader_of(kb_slice_of(body, kw_writer_size(&w)));
    assert_true(kw_list_groups_response_decode(&r, 3, &arena, &back));
    assert_int_equal(back.groups_count, GROUPS);
    kb_arena_deinit(&arena);
    kb_free(body);
    kb_free(groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(varints_take_what_they_need),
        cmocka_unit_test(strings_and_bytes_have_both_forms),
        cmocka_unit_test(null_where_none_may_be_is_a_fault),
        cmocka_unit_test(a_string_has_32767_bytes_at_most),
        cmocka_unit_test(it_grows_up_to_its_maximum),
        cmocka_unit_test(nothing_written_is_an_empty_buffer),
        cmocka_unit_test(fixed_memory_is_a_limit),
        cmocka_unit_test(no_memory_is_a_fault),
        cmocka_unit_test(a_tag_has_its_size_in_front),
        cmocka_unit_test(a_tag_nests),
        cmocka_unit_test(what_a_version_cannot_say_is_a_fault),
        cmocka_unit_test(an_ignorable_field_is_dropped),
        cmocka_unit_test(a_version_beyond_the_schema_is_not_decoded),
        cmocka_unit_test(the_arena_budget_holds_the_most_swollen_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
