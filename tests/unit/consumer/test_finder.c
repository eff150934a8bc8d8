/* SPDX-License-Identifier: Apache-2.0 */
/* Where a group's coordinator is: asked at once, believed until lost, and again later
 * only where an answer did not help. */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "libclient/core/group/finder.h"
#include "wire/gen/find_coordinator.h"
#include "wire/reader.h"
#include "wire/writer.h"

struct story {
    struct kc_finder finder;
    struct kb_random random;
    struct kb_time now;
};

static int begin(void **state)
{
    static struct story s;
    s = (struct story){.now = {1000, 1000}};
    kb_random_seed(&s.random, 2);
    kc_finder_init(&s.finder, KC_FIND_GROUP, "g", 100, 1000, &s.random);
    *state = &s;
    return 0;
}

static int end(void **state)
{
    kc_finder_deinit(&((struct story *)*state)->finder);
    return 0;
}

/* code 0: it is node, at k:9092. */
static void answer(struct story *s, int16_t version, int16_t code, int32_t node)
{
    struct kw_find_coordinator_response response;
    struct kw_find_coordinator_response_coordinator row;
    kw_find_coordinator_response_init(&response);
    kw_find_coordinator_response_coordinator_init(&row);
    row.error_code = response.error_code = code;
    row.node_id = response.node_id = node;
    row.host = response.host = kb_slice_str("k");
    row.port = response.port = 9092;
    response.coordinators = &row;
    response.coordinators_count = version >= 4;
    kc_finder_answer(&s->finder, s->now, version, &response);
}

static void it_is_asked_at_once_and_believed(void **state)
{
    struct story *s = *state;
    assert_false(kc_finder_ask(&s->finder, s->now));
    kc_finder_want(&s->finder);
    for (int16_t version = KC_FIND_MIN; version <= KC_FIND_MAX; version++) {
        assert_true(kc_finder_ask(&s->finder, s->now));
        assert_false(kc_finder_ask(&s->finder, s->now)); /* one at a time */
        answer(s, version, 0, version);
        assert_int_equal(s->finder.node, version);
        assert_string_equal(s->finder.host, "k");
        assert_int_equal(s->finder.port, 9092);
        assert_int_equal(kc_finder_deadline_ms(&s->finder), KB_NEVER);
        kc_finder_lost(&s->finder);
        assert_int_equal(s->finder.node, -1);
    }
}

static void what_does_not_help_is_asked_later(void **state)
{
    static const int16_t codes[] = {KB_E_COORDINATOR_NOT_AVAILABLE, KB_E_UNKNOWN_SERVER_ERROR,
                                    KB_E_COORDINATOR_LOAD_IN_PROGRESS};
    struct kb_error cut;
    struct story *s = *state;
    kc_finder_want(&s->finder);
    for (int16_t version = KC_FIND_MIN; version <= KC_FIND_MAX; version++) {
        assert_true(kc_finder_ask(&s->finder, s->now));
        answer(s, version, codes[version % 3], -1);
        assert_false(kc_finder_ask(&s->finder, s->now));
        assert_int_equal(s->finder.err.code, codes[version % 3]);
        assert_true(kc_finder_deadline_ms(&s->finder) > s->now.mono_ms);
        s->now.mono_ms = kc_finder_deadline_ms(&s->finder);
    }
    assert_true(kc_finder_ask(&s->finder, s->now));
    kb_error_set(&cut, KB_E_TRANSPORT, "cut");
    kc_finder_failure(&s->finder, s->now, &cut);
    assert_false(s->finder.refused);
    s->now.mono_ms += 2000;
    assert_true(kc_finder_ask(&s->finder, s->now));
    answer(s, 4, 0, 7);
    assert_int_equal(s->finder.err.code, 0);
}

static void a_refusal_is_not_asked_again_unless_wanted(void **state)
{
    struct story *s = *state;
    kc_finder_want(&s->finder);
    assert_true(kc_finder_ask(&s->finder, s->now));
    answer(s, 4, KB_E_GROUP_AUTHORIZATION_FAILED, -1);
    assert_true(s->finder.refused);
    assert_int_equal(kc_finder_deadline_ms(&s->finder), KB_NEVER);
    assert_string_equal(s->finder.err.text,
                        "group g: its coordinator is not told: not allowed on this group");
    kc_finder_want(&s->finder);
    s->now.mono_ms += 2000;
    assert_true(kc_finder_ask(&s->finder, s->now));
}

static void no_coordinator_at_all_is_no_answer(void **state)
{
    struct kw_find_coordinator_response response;
    struct story *s = *state;
    kc_finder_want(&s->finder);
    assert_true(kc_finder_ask(&s->finder, s->now));
    kw_find_coordinator_response_init(&response);
    kc_finder_answer(&s->finder, s->now, 4, &response);
    assert_int_equal(s->finder.err.code, KB_E_COORDINATOR_NOT_AVAILABLE);
}

static void each_version_names_the_group(void **state)
{
    struct story *s = *state;
    for (int16_t version = KC_FIND_MIN; version <= KC_FIND_MAX; version++) {
        struct kw_find_coordinator_request request;
        struct kb_arena arena;
        struct kw_writer w;
        kb_arena_init(&arena, 1 << 20);
        kw_writer_init(&w, 1 << 10);
        assert_true(kc_finder_encode(&s->finder, &w, version));
        struct kb_buf *buf = kw_writer_take(&w);
        struct kw_reader r = kw_reader_of(kb_buf_view(buf));
        assert_true(kw_find_coordinator_request_decode(&r, version, &arena, &request));
        assert_true(kb_slice_is(version < 4 ? request.key : request.coordinator_keys[0], "g"));
        kb_buf_unref(buf);
        kw_writer_deinit(&w);
        kb_arena_deinit(&arena);
    }
}

static void a_find(void *ctx)
{
    void *state;
    (void)ctx;
    begin(&state);
    struct story *s = state;
    kc_finder_want(&s->finder);
    while (s->finder.node < 0) {
        if (kc_finder_ask(&s->finder, s->now))
            answer(s, 4, 0, 3);
        s->now.mono_ms += 100;
    }
    assert_string_equal(s->finder.host, "k");
    end(&state);
}

static void a_lack_of_memory_only_delays(void **state)
{
    (void)state;
    assert_int_equal(unit_each_failure(a_find, NULL), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(it_is_asked_at_once_and_believed),
        TEST(what_does_not_help_is_asked_later),
        TEST(a_refusal_is_not_asked_again_unless_wanted),
        TEST(no_coordinator_at_all_is_no_answer),
        TEST(each_version_names_the_group),
        cmocka_unit_test(a_lack_of_memory_only_delays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
