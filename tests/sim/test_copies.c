/* SPDX-License-Identifier: Apache-2.0 */
/* What the book of copies calls wrong, and what not. */
#include "tests/unit/unit.h"

#include "tests/sim/copies.h"

enum { PARTITIONS = 3, SOURCES = 3 };

/* Three records in partition 2 of the source; the third is copied beside as well. */
struct book {
    struct history history;
    struct deeds deeds;
    struct copies copies;
    int64_t ahead_ms, next[PARTITIONS];
    int lane;
};

static void begin(struct book *b)
{
    uint8_t room[HISTORY_VALUE_MAX];
    *b = (struct book){.copies.partitions = PARTITIONS};
    history_init(&b->history, 1, &b->ahead_ms);
    b->copies.from = history_topic(&b->history, "in");
    b->copies.to = history_topic(&b->history, "out");
    b->lane = history_lane(&b->history, &(struct history_lane){.once = true});
    for (int64_t i = 0; i < SOURCES; i++) {
        uint64_t id = history_send(&b->history, b->lane, b->copies.from, 2, 1);
        assert_int_equal(copies_wants_beside(id), i == SOURCES - 1);
        history_find(&b->history, b->copies.from, 2, i, history_value(&b->history, id, room));
    }
}

/* The copy of that source comes next in that partition. */
static void show(struct book *b, int64_t source, int32_t partition, bool beside)
{
    uint64_t id = history_send(&b->history, b->lane, b->copies.to, partition, 1);
    copies_hold(&b->copies, id, (uint64_t)source + 1, source, beside);
    deeds_find(&b->deeds, b->copies.to * HISTORY_PARTITIONS + partition, b->next[partition]++, id);
}

static void assert_found(struct book *b, long missing, long repeated, long misplaced)
{
    struct copies_findings found;
    copies_judge(&b->copies, &b->history, &b->deeds, true, &found);
    assert_int_equal(found.missing, missing);
    assert_int_equal(found.repeated, repeated);
    assert_int_equal(found.misplaced, misplaced);
    copies_deinit(&b->copies);
    deeds_deinit(&b->deeds);
    history_deinit(&b->history);
}

static void a_whole_copy_is_right(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    for (int64_t i = 0; i < SOURCES; i++)
        show(&b, i, 2, false);
    show(&b, 2, 0, true);
    assert_found(&b, 0, 0, 0);
}

static void what_was_not_copied_is_missing(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    show(&b, 0, 2, false);
    show(&b, 2, 2, false);
    assert_found(&b, 2, 0, 0);
}

static void a_second_copy_is_one_too_many(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    for (int64_t i = 0; i < SOURCES; i++)
        show(&b, i, 2, false);
    show(&b, 2, 0, true);
    show(&b, 1, 2, false);
    show(&b, 2, 0, true);
    assert_found(&b, 0, 2, 0);
}

static void copies_keep_the_order_of_their_sources(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    show(&b, 1, 2, false);
    show(&b, 0, 2, false);
    show(&b, 2, 2, false);
    show(&b, 2, 0, true);
    assert_found(&b, 0, 0, 1);
}

static void a_copy_in_another_partition_is_astray(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    for (int64_t i = 0; i < SOURCES; i++)
        show(&b, i, 2, false);
    show(&b, 2, 1, true);
    assert_found(&b, 0, 0, 1);
}

/* What was sent for it says nothing. */
static void what_is_not_seen_is_no_copy(void **state)
{
    struct book b;
    (void)state;
    begin(&b);
    for (int64_t i = 0; i < SOURCES; i++) {
        uint64_t id = history_send(&b.history, b.lane, b.copies.to, 2, 1);
        copies_hold(&b.copies, id, (uint64_t)i + 1, i, false);
    }
    assert_found(&b, SOURCES + 1, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_copy_is_right),
        cmocka_unit_test(what_was_not_copied_is_missing),
        cmocka_unit_test(a_second_copy_is_one_too_many),
        cmocka_unit_test(copies_keep_the_order_of_their_sources),
        cmocka_unit_test(a_copy_in_another_partition_is_astray),
        cmocka_unit_test(what_is_not_seen_is_no_copy),
    };
    return cmocka_run_group_tests_name("copies", tests, NULL, NULL);
}
