/* SPDX-License-Identifier: Apache-2.0 */
/* What the book of transactions calls wrong, and what not. */
#include "tests/unit/unit.h"

#include "tests/sim/deeds.h"

enum { LOGS = 2 };

struct book {
    struct history history;
    struct deeds deeds;
    int64_t ahead_ms;
    int topic, lane, deed;
};

/* One transaction, a record at offset 0 of each of two partitions. */
static void begin(struct book *b)
{
    uint8_t room[HISTORY_VALUE_MAX];
    *b = (struct book){0};
    history_init(&b->history, 1, &b->ahead_ms);
    b->topic = history_topic(&b->history, "deeds");
    b->lane = history_lane(&b->history, &(struct history_lane){.once = true});
    b->deed = deeds_begin(&b->deeds);
    for (int32_t i = 0; i < LOGS; i++) {
        uint64_t id = history_send(&b->history, b->lane, b->topic, i, 1);
        deeds_hold(&b->deeds, b->deed, id);
        history_find(&b->history, b->topic, i, 0, history_value(&b->history, id, room));
    }
}

static struct deeds_findings judge(struct book *b)
{
    struct deeds_findings found;
    deeds_judge(&b->deeds, &b->history, &found);
    deeds_deinit(&b->deeds);
    history_deinit(&b->history);
    return found;
}

static void assert_found(const struct deeds_findings *found, long torn, long leaked, long withheld,
                         long unlike)
{
    assert_int_equal(found->torn, torn);
    assert_int_equal(found->leaked, leaked);
    assert_int_equal(found->withheld, withheld);
    assert_int_equal(found->unlike, unlike);
}

static void show(struct book *b, int logs)
{
    for (int i = 0; i < logs; i++)
        deeds_find(&b->deeds, i, 0, (uint64_t)i + 1);
}

static void what_is_committed_is_seen_whole(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    deeds_ask(&b.deeds, b.deed);
    deeds_tell(&b.deeds, b.deed, DEEDS_COMMITTED);
    show(&b, 2);
    struct deeds_findings found = judge(&b);
    assert_found(&found, 0, 0, 0, 0);
}

static void what_is_committed_and_not_seen_is_withheld(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    deeds_ask(&b.deeds, b.deed);
    deeds_tell(&b.deeds, b.deed, DEEDS_COMMITTED);
    struct deeds_findings found = judge(&b);
    assert_found(&found, 0, 0, 1, 0);
}

static void what_is_not_known_is_seen_whole_or_not_at_all(void **state)
{
    (void)state;
    for (int logs = 0; logs <= LOGS; logs++) {
        struct book b;
        begin(&b);
        deeds_ask(&b.deeds, b.deed);
        show(&b, logs);
        struct deeds_findings found = judge(&b);
        assert_found(&found, logs == 1, 0, 0, 0);
    }
}

static void what_nobody_committed_is_not_seen(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    show(&b, 2);
    struct deeds_findings found = judge(&b);
    assert_found(&found, 0, 1, 0, 0);
}

static void what_was_aborted_is_not_seen(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    deeds_ask(&b.deeds, b.deed);
    deeds_tell(&b.deeds, b.deed, DEEDS_ABORTED);
    show(&b, 2);
    struct deeds_findings found = judge(&b);
    assert_found(&found, 0, 1, 0, 0);
}

/* Seen on the way, or another record than the one that is there. */
static void what_was_seen_stays(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    deeds_ask(&b.deeds, b.deed);
    deeds_serve(&b.deeds, 0, 0, 1);
    struct deeds_findings found = judge(&b);
    assert_found(&found, 0, 0, 0, 1);
    begin(&b);
    deeds_ask(&b.deeds, b.deed);
    deeds_find(&b.deeds, 0, 0, 2);
    deeds_find(&b.deeds, 1, 0, 2);
    found = judge(&b);
    assert_found(&found, 0, 0, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_committed_is_seen_whole),
        cmocka_unit_test(what_is_committed_and_not_seen_is_withheld),
        cmocka_unit_test(what_is_not_known_is_seen_whole_or_not_at_all),
        cmocka_unit_test(what_nobody_committed_is_not_seen),
        cmocka_unit_test(what_was_aborted_is_not_seen),
        cmocka_unit_test(what_was_seen_stays),
    };
    return cmocka_run_group_tests_name("deeds", tests, NULL, NULL);
}
