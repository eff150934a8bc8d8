/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the batches handed out are finished: told as stories, then in random
 * orders against a model that keeps a flag for each record. */
#include "tests/unit/unit.h"

#include "base/random.h"
#include "libclient/core/group/finished.h"
#include <string.h>

enum { VERSION = 7, LENGTH = 10 };

struct story {
    struct kc_finished f;
    struct kc_ticket t[4]; /* 100-110, 110-120 ... */
};

static const struct kc_spot nowhere = {-1, -1};

static int64_t position(const struct kc_finished *f)
{
    return kc_finished_position(f).offset;
}

static int begin(void **state)
{
    static struct story s;
    kc_finished_init(&s.f);
    kc_finished_begin(&s.f, VERSION, (struct kc_spot){100, 3});
    for (int i = 0; i < 4; i++)
        assert_true(
            kc_finished_hand(&s.f, &s.t[i], VERSION, 100 + i * LENGTH, 100 + (i + 1) * LENGTH, 3));
    *state = &s;
    return 0;
}

static void the_unbroken_run_counts(void **state)
{
    struct story *s = *state;
    assert_int_equal(position(&s->f), 100);
    kc_finished_done(&s->f, &s->t[2]);
    kc_finished_done(&s->f, &s->t[1]);
    assert_int_equal(position(&s->f), 100);
    kc_finished_done(&s->f, &s->t[0]);
    assert_int_equal(position(&s->f), 130);
    assert_int_equal(s->f.held, 1);
    kc_finished_done(&s->f, &s->t[3]);
    kc_finished_done(&s->f, &s->t[3]);
    assert_int_equal(position(&s->f), 140);
    assert_int_equal(s->f.held, 0);
}

static void a_part_counts(void **state)
{
    struct story *s = *state;
    kc_ticket_reach(&s->t[0], 104);
    kc_ticket_reach(&s->t[1], 113);
    assert_int_equal(position(&s->f), 104);
    kc_finished_done(&s->f, &s->t[0]);
    assert_int_equal(position(&s->f), 113);
}

static void a_released_one_holds_back(void **state)
{
    struct story *s = *state;
    kc_ticket_reach(&s->t[1], 112);
    kc_finished_release(&s->f, &s->t[2]);
    kc_finished_release(&s->f, &s->t[1]);
    kc_finished_done(&s->f, &s->t[0]);
    kc_finished_done(&s->f, &s->t[3]);
    assert_int_equal(position(&s->f), 112);
    assert_true(kc_finished_is_walled(&s->f));
    assert_int_equal(s->f.held, 0);
}

static void the_epoch_is_that_of_what_was_finished_last(void **state)
{
    struct story *s = *state;
    struct kc_ticket later;
    assert_true(kc_finished_hand(&s->f, &later, VERSION, 140, 150, 4));
    for (int i = 0; i < 4; i++)
        kc_finished_done(&s->f, &s->t[i]);
    assert_int_equal(kc_finished_position(&s->f).leader_epoch, 3);
    kc_ticket_reach(&later, 141);
    assert_int_equal(kc_finished_position(&s->f).leader_epoch, 4);
}

static void released_but_reached_is_finished(void **state)
{
    struct story *s = *state;
    kc_ticket_reach(&s->t[0], 110);
    kc_finished_release(&s->f, &s->t[0]);
    assert_int_equal(position(&s->f), 110);
    assert_false(kc_finished_is_walled(&s->f));
}

static void a_retry_takes_what_followed_with_it(void **state)
{
    struct story *s = *state;
    kc_ticket_reach(&s->t[1], 115);
    kc_finished_done(&s->f, &s->t[2]);
    assert_int_equal(kc_finished_retry(&s->f, &s->t[1]), 115);
    assert_true(atomic_load(&s->t[0].live));
    assert_false(atomic_load(&s->t[3].live));
    assert_int_equal(kc_finished_retry(&s->f, &s->t[3]), -1);
    kc_finished_done(&s->f, &s->t[3]);
    assert_false(kc_finished_hand(&s->f, &s->t[3], VERSION, 140, 150, 3)); /* before it goes on */
    kc_finished_go_on(&s->f, VERSION + 1);
    assert_false(kc_finished_hand(&s->f, &s->t[3], VERSION, 140, 150, 3));
    assert_true(kc_finished_hand(&s->f, &s->t[1], VERSION + 1, 115, 130, 3));
    kc_finished_done(&s->f, &s->t[1]);
    assert_int_equal(position(&s->f), 100);
    kc_finished_done(&s->f, &s->t[0]);
    assert_int_equal(position(&s->f), 130);
}

static void what_was_taken_away_counts_for_nothing(void **state)
{
    struct story *s = *state;
    kc_finished_begin(&s->f, 0, nowhere);
    kc_ticket_reach(&s->t[0], 105);
    kc_finished_done(&s->f, &s->t[0]);
    kc_finished_release(&s->f, &s->t[1]);
    assert_int_equal(kc_finished_retry(&s->f, &s->t[2]), -1);
    assert_int_equal(position(&s->f), -1);
    assert_int_equal(s->f.held, 0);
    assert_false(kc_finished_hand(&s->f, &s->t[3], 0, 0, 1, 3));
    kc_finished_begin(&s->f, VERSION + 1, nowhere); /* ours again, from where it begins */
    assert_true(kc_finished_hand(&s->f, &s->t[0], VERSION + 1, 500, 510, 3));
    assert_int_equal(position(&s->f), 500);
}

static void halted_it_still_counts(void **state)
{
    struct story *s = *state;
    struct kc_ticket late;
    kc_finished_halt(&s->f);
    assert_false(kc_finished_hand(&s->f, &late, VERSION, 140, 150, 3));
    kc_finished_done(&s->f, &s->t[0]);
    assert_int_equal(position(&s->f), 110);
    assert_int_equal(s->f.held, 3);
}

/* ---- Random orders ------------------------------------------------------------*/

enum { TICKETS = 24, OFFSETS = 4000, STEPS = 3000 };

struct model {
    struct kb_random random;
    struct kc_finished f;
    struct kc_ticket tickets[TICKETS];
    bool used[TICKETS], counts[TICKETS];
    int64_t from[TICKETS], next[TICKETS], reached[TICKETS];
    bool finished[OFFSETS];
    int64_t start, end; /* committed from; handed out to */
    uint64_t version;
};

static int64_t expected(const struct model *m)
{
    int64_t at = m->start;
    while (at < m->end && m->finished[at])
        at++;
    return at;
}

static uint32_t in_hand(const struct model *m)
{
    uint32_t n = 0;
    for (int i = 0; i < TICKETS; i++)
        n += m->used[i] && m->counts[i];
    return n;
}

static void hand(struct model *m, int i)
{
    int64_t next = m->end + 1 + (int64_t)kb_random_below(&m->random, 6);
    if (next >= OFFSETS)
        return;
    assert_true(kc_finished_hand(&m->f, &m->tickets[i], m->version, m->end, next, 3));
    m->used[i] = m->counts[i] = true;
    m->from[i] = m->reached[i] = m->end;
    m->next[i] = next;
    m->end = next;
}

static void finish_to(struct model *m, int i, int64_t to)
{
    if (m->counts[i])
        for (int64_t at = m->from[i]; at < to; at++)
            m->finished[at] = true;
    m->reached[i] = to;
}

static void retry(struct model *m, int i)
{
    int64_t from = kc_finished_retry(&m->f, &m->tickets[i]);
    assert_int_equal(from, m->counts[i] ? m->reached[i] : -1);
    m->used[i] = false;
    if (!m->counts[i])
        return;
    for (int j = 0; j < TICKETS; j++)
        m->counts[j] = m->counts[j] && m->from[j] < m->from[i];
    memset(&m->finished[from], 0, (size_t)(OFFSETS - from));
    m->end = from;
    kc_finished_go_on(&m->f, ++m->version);
}

static void anew(struct model *m)
{
    m->start = m->end = (int64_t)kb_random_below(&m->random, OFFSETS / 2);
    memset(m->finished, 0, sizeof m->finished);
    memset(m->counts, 0, sizeof m->counts);
    kc_finished_begin(&m->f, ++m->version, (struct kc_spot){m->start, -1});
}

static void take_back(struct model *m, int i)
{
    switch (kb_random_below(&m->random, 16)) {
    case 0:
        kc_finished_release(&m->f, &m->tickets[i]);
        m->used[i] = false;
        break;
    case 1:
        retry(m, i);
        break;
    case 2:
    case 3:
    case 4:
        finish_to(m, i,
                  m->reached[i] + (int64_t)kb_random_below(
                                      &m->random, (uint64_t)(m->next[i] - m->reached[i] + 1)));
        kc_ticket_reach(&m->tickets[i], m->reached[i]);
        break;
    default:
        finish_to(m, i, m->next[i]);
        kc_finished_done(&m->f, &m->tickets[i]);
        m->used[i] = false;
    }
}

static void random_orders_agree_with_the_model(void **state)
{
    (void)state;
    static struct model m;
    for (uint64_t seed = 0; seed < 200; seed++) {
        m = (struct model){0};
        kb_random_seed(&m.random, seed);
        kc_finished_init(&m.f);
        anew(&m);
        for (int step = 0; step < STEPS; step++) {
            int i = (int)kb_random_below(&m.random, TICKETS);
            if (kb_random_below(&m.random, 200) == 0)
                anew(&m);
            else if (!m.used[i])
                hand(&m, i);
            else
                take_back(&m, i);
            if (position(&m.f) != expected(&m) || m.f.held != in_hand(&m))
                fail_msg("seed %d, step %d: %lld, not %lld; held %u, not %u", (int)seed, step,
                         (long long)position(&m.f), (long long)expected(&m), m.f.held, in_hand(&m));
        }
    }
}

/* ---- Transactions -------------------------------------------------------------------*/

static void done_with_all(struct story *s)
{
    for (int i = 0; i < 4; i++)
        kc_finished_done(&s->f, &s->t[i]);
}

static void a_transaction_is_open_until_it_is_settled(void **state)
{
    struct story *s = *state;
    assert_true(kc_finished_is_open(&s->f));
    assert_false(kc_finished_is_whole(&s->f, NULL));
    done_with_all(s);
    assert_true(kc_finished_is_open(&s->f));
    assert_true(kc_finished_is_whole(&s->f, NULL));
    assert_int_equal(s->f.began.offset, 100);
    kc_finished_mark(&s->f, s->f.begun, kc_finished_position(&s->f));
    assert_false(kc_finished_is_open(&s->f));
}

static void one_may_be_in_the_middle(void **state)
{
    struct story *s = *state;
    kc_ticket_reach(&s->t[3], 135);
    for (int i = 0; i < 3; i++)
        kc_finished_done(&s->f, &s->t[i]);
    assert_false(kc_finished_is_whole(&s->f, NULL));
    assert_true(kc_finished_is_whole(&s->f, &s->t[3]));
    assert_int_equal(position(&s->f), 135);
}

/* What came back may have had effects: only the next transaction is whole again. */
static void what_came_back_tears_it(void **state)
{
    struct story *s = *state;
    kc_finished_release(&s->f, &s->t[3]);
    for (int i = 0; i < 3; i++)
        kc_finished_done(&s->f, &s->t[i]);
    assert_false(kc_finished_is_whole(&s->f, NULL));
    kc_finished_mark(&s->f, s->f.begun, kc_finished_position(&s->f));
    assert_true(kc_finished_is_whole(&s->f, NULL));
    begin(state);
    assert_int_equal(kc_finished_retry(&s->f, &s->t[0]), 100);
    kc_finished_go_on(&s->f, VERSION + 1);
    assert_false(kc_finished_is_whole(&s->f, NULL));
    assert_true(kc_finished_is_open(&s->f));
}

static void a_seek_with_batches_in_hand_tears_it_too(void **state)
{
    struct story *s = *state;
    uint64_t before = s->f.begun;
    kc_finished_begin(&s->f, VERSION + 1, (struct kc_spot){500, -1});
    assert_false(kc_finished_is_whole(&s->f, NULL));
    assert_int_equal(s->f.began.offset, 500);
    kc_finished_mark(&s->f, before, (struct kc_spot){140, 3}); /* of what was sought away from */
    assert_int_equal(s->f.began.offset, 500);
    assert_false(kc_finished_is_open(&s->f));
}

static void what_is_passed_opens_none(void **state)
{
    struct story *s = *state;
    done_with_all(s);
    kc_finished_mark(&s->f, s->f.begun, kc_finished_position(&s->f));
    assert_true(kc_finished_pass(&s->f, VERSION, 140, 143, 3));
    assert_false(kc_finished_is_open(&s->f));
    assert_int_equal(position(&s->f), 143);
    assert_false(kc_finished_pass(&s->f, VERSION + 1, 143, 144, 3)); /* of another version */
    begin(state);
    assert_true(kc_finished_pass(&s->f, VERSION, 140, 143, 3));
    assert_int_equal(position(&s->f), 100);
    done_with_all(s);
    assert_int_equal(position(&s->f), 143);
    assert_int_equal(s->f.began.offset, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_unbroken_run_counts, begin),
        cmocka_unit_test_setup(a_part_counts, begin),
        cmocka_unit_test_setup(a_released_one_holds_back, begin),
        cmocka_unit_test_setup(the_epoch_is_that_of_what_was_finished_last, begin),
        cmocka_unit_test_setup(released_but_reached_is_finished, begin),
        cmocka_unit_test_setup(a_retry_takes_what_followed_with_it, begin),
        cmocka_unit_test_setup(what_was_taken_away_counts_for_nothing, begin),
        cmocka_unit_test_setup(halted_it_still_counts, begin),
        cmocka_unit_test_setup(a_transaction_is_open_until_it_is_settled, begin),
        cmocka_unit_test_setup(one_may_be_in_the_middle, begin),
        cmocka_unit_test_setup(what_came_back_tears_it, begin),
        cmocka_unit_test_setup(a_seek_with_batches_in_hand_tears_it_too, begin),
        cmocka_unit_test_setup(what_is_passed_opens_none, begin),
        cmocka_unit_test(random_orders_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
