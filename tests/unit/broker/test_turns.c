/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"
#include "broker/core/turns.h"
#include <string.h>

enum { MOST = 5 };

struct line {
    struct kd_turns *turns;
    struct kd_turn turn[MOST];
    char went[MOST + 1];
    int count;
};

static void go(struct line *line, struct kd_turn *turn)
{
    while (turn) {
        line->went[line->count++] = (char)('a' + (turn - line->turn));
        turn = kd_turn_leave(turn);
    }
}

static void ready(struct line *line, int i)
{
    if (kd_turn_ready(&line->turn[i]))
        go(line, &line->turn[i]);
}

/* "cab": c becomes ready first, then a, then b. */
static void play(struct kd_turns *turns, const char *order, size_t abandon_at, const char *want[])
{
    struct line line = {.turns = turns};
    size_t count = strlen(order);
    for (size_t i = 0; i < count; i++)
        kd_turns_enter(turns, &line.turn[i]);
    for (size_t i = 0; i < count; i++) {
        if (i == abandon_at)
            kd_turns_abandon(turns);
        ready(&line, order[i] - 'a');
        assert_string_equal(line.went, want[i]);
    }
    assert_null(turns->last);
}

static void they_go_in_the_order_of_their_coming(void **state)
{
    struct kd_turns turns = {0};
    (void)state;
    play(&turns, "abc", MOST, (const char *[]){"a", "ab", "abc"});
    play(&turns, "cba", MOST, (const char *[]){"", "", "abc"});
    play(&turns, "bac", MOST, (const char *[]){"", "ab", "abc"});
    play(&turns, "cab", MOST, (const char *[]){"", "a", "abc"});
    play(&turns, "edcba", MOST, (const char *[]){"", "", "", "", "abcde"});
}

static void they_keep_it_when_the_queue_has_gone(void **state)
{
    (void)state;
    for (size_t at = 0; at < 3; at++) {
        struct kd_turns turns = {0};
        play(&turns, "cab", at, (const char *[]){"", "a", "abc"});
        play(&turns, "cba", at, (const char *[]){"", "", "abc"});
    }
}

static void who_comes_later_waits_for_who_is_inside(void **state)
{
    struct kd_turns turns = {0};
    struct line line = {.turns = &turns};
    (void)state;
    kd_turns_enter(&turns, &line.turn[0]);
    kd_turns_enter(&turns, &line.turn[1]);
    ready(&line, 0);
    kd_turns_enter(&turns, &line.turn[2]);
    ready(&line, 2);
    assert_string_equal(line.went, "a");
    ready(&line, 1);
    assert_string_equal(line.went, "abc");
    kd_turns_enter(&turns, &line.turn[3]);
    ready(&line, 3);
    assert_string_equal(line.went, "abcd");
}

/* It comes while the one before goes on. */
static void nobody_overtakes_from_within(void **state)
{
    struct kd_turns turns = {0};
    struct line line = {.turns = &turns};
    (void)state;
    kd_turns_enter(&turns, &line.turn[0]);
    kd_turns_enter(&turns, &line.turn[1]);
    ready(&line, 1);
    assert_true(kd_turn_ready(&line.turn[0]));
    struct kd_turn *next = kd_turn_leave(&line.turn[0]);
    assert_ptr_equal(next, &line.turn[1]);
    kd_turns_enter(&turns, &line.turn[2]);
    ready(&line, 2);
    assert_string_equal(line.went, "");
    go(&line, next);
    assert_string_equal(line.went, "bc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_go_in_the_order_of_their_coming),
        cmocka_unit_test(they_keep_it_when_the_queue_has_gone),
        cmocka_unit_test(who_comes_later_waits_for_who_is_inside),
        cmocka_unit_test(nobody_overtakes_from_within),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
