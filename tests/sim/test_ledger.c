/* SPDX-License-Identifier: Apache-2.0 */
/* What the book of a group calls wrong, and what not. */
#include "tests/unit/unit.h"

#include "tests/sim/ledger.h"

enum { LOG = 3 };

static void hold(struct ledger *l, int life, int32_t generation, bool holds, int64_t now_ms)
{
    bool logs[HISTORY_LOGS] = {false};
    logs[LOG] = holds;
    ledger_hold(l, life, generation, logs, now_ms);
}

/* Two in one generation; the first one hears in turns. */
static int share(struct ledger *l, bool turns)
{
    int first = ledger_enter(l, turns), second = ledger_enter(l, false);
    hold(l, first, 6, true, 10);
    hold(l, second, 6, true, 20);
    return first;
}

static void who_is_told_at_once_shares_at_once(void **state)
{
    struct ledger l = {0};
    (void)state;
    share(&l, false);
    assert_int_equal(l.shared, 1);
    ledger_deinit(&l);
}

static void who_was_not_told_yet_may_hear_of_the_loss(void **state)
{
    struct ledger l = {0};
    (void)state;
    int first = share(&l, true);
    assert_int_equal(l.shared, 0);
    hold(&l, first, 6, false, 30);
    ledger_stay(&l, first);
    assert_int_equal(l.shared, 0);
    ledger_deinit(&l);
}

static void who_is_handed_more_shares(void **state)
{
    struct ledger l = {0};
    (void)state;
    int first = share(&l, true);
    ledger_hand(&l, first, LOG + 1);
    assert_int_equal(l.shared, 0);
    ledger_hand(&l, first, LOG);
    assert_int_equal(l.shared, 1);
    ledger_deinit(&l);
}

static void who_holds_it_still_in_its_next_turn_shares(void **state)
{
    struct ledger l = {0};
    (void)state;
    ledger_stay(&l, share(&l, true));
    assert_int_equal(l.shared, 1);
    ledger_deinit(&l);
}

static void offsets_do_not_go_back(void **state)
{
    enum { ECHO_MS = 100 };
    struct ledger l = {0};
    (void)state;
    ledger_audit(&l, LOG, 7, 10, 11, ECHO_MS);
    ledger_audit(&l, LOG + 1, 0, 200, 201, ECHO_MS);
    ledger_audit(&l, LOG, 9, 200, 201, ECHO_MS);
    ledger_audit(&l, LOG, 7, 250, 251, ECHO_MS); /* sent before the last, and late */
    assert_int_equal(l.forgotten, 0);
    ledger_audit(&l, LOG, 7, 302, 303, ECHO_MS);
    assert_int_equal(l.forgotten, 1);
    ledger_audit(&l, LOG, -1, 304, 305, ECHO_MS);
    assert_int_equal(l.forgotten, 2);
    ledger_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_told_at_once_shares_at_once),
        cmocka_unit_test(who_was_not_told_yet_may_hear_of_the_loss),
        cmocka_unit_test(who_is_handed_more_shares),
        cmocka_unit_test(who_holds_it_still_in_its_next_turn_shares),
        cmocka_unit_test(offsets_do_not_go_back),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
