/* SPDX-License-Identifier: Apache-2.0 */
/* Fetch sessions, and the marks by which fetches wait. */
#include "tests/unit/unit.h"
#include "base/codes.h"
#include "broker/core/sessions.h"
#include "broker/core/waiters.h"

static const struct kb_uuid no_id;

struct world {
    struct kb_random random;
    struct kd_sessions sessions;
    struct kb_time now;
    struct kd_session *session;
    bool incremental;
};

static void begin(struct world *w, size_t slots)
{
    *w = (struct world){.now = {1000, 1000}};
    kb_random_seed(&w->random, 7);
    kd_sessions_init(&w->sessions, slots, &w->random);
}

static int enter(struct world *w, int32_t id, int32_t epoch)
{
    return kd_sessions_enter(&w->sessions, id, epoch, false, w->now, &w->session, &w->incremental);
}

/* Opens a session over `count` partitions of "t"; answers its id, 0: none. */
static int32_t open_session(struct world *w, int32_t count)
{
    assert_int_equal(enter(w, 0, KD_SESSION_NEW), KB_OK);
    for (int32_t i = 0; i < count; i++)
        assert_non_null(kd_session_want(w->session, kb_slice_str("t"), no_id, i));
    int32_t id = w->session->id;
    kd_session_leave(w->session);
    return id;
}

static void a_session_remembers_its_partitions(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 10);
    int32_t id = open_session(&w, 3);
    assert_true(id > 0);
    assert_int_equal(enter(&w, id, 1), KB_OK);
    assert_true(w.incremental);
    assert_int_equal(w.session->count, 3);
    kd_session_forget(w.session, kb_slice_str("t"), no_id, 1);
    assert_int_equal(w.session->count, 2);
    kd_session_leave(w.session);
    assert_int_equal(enter(&w, id, 2), KB_OK);
    assert_int_equal(w.session->count, 2);
    kd_session_leave(w.session);
    kd_sessions_deinit(&w.sessions);
}

static void a_wrong_epoch_is_refused_and_the_next_goes_on(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 10);
    int32_t id = open_session(&w, 1);
    assert_int_equal(enter(&w, id, 2), KB_E_INVALID_FETCH_SESSION_EPOCH);
    assert_int_equal(enter(&w, id + 1, 1), KB_E_FETCH_SESSION_ID_NOT_FOUND);
    assert_int_equal(enter(&w, id, 1), KB_OK);
    assert_int_equal(
        kd_sessions_enter(&w.sessions, id, 2, false, w.now, &w.session, &w.incremental),
        KB_E_INVALID_FETCH_SESSION_EPOCH); /* somebody is inside */
    kd_session_leave(w.session);
    assert_int_equal(kd_sessions_enter(&w.sessions, id, 2, true, w.now, &w.session, &w.incremental),
                     KB_E_FETCH_SESSION_TOPIC_ID_ERROR);
    kd_sessions_deinit(&w.sessions);
}

static void final_ends_the_session_and_fetches_all(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 10);
    int32_t id = open_session(&w, 1);
    assert_int_equal(enter(&w, id, KD_SESSION_FINAL), KB_OK);
    assert_false(w.incremental);
    assert_int_equal(w.session->id, 0);
    kd_session_leave(w.session);
    assert_int_equal(enter(&w, id, 1), KB_E_FETCH_SESSION_ID_NOT_FOUND);
    kd_sessions_deinit(&w.sessions);
}

static void a_full_cache_gives_up_only_idle_sessions(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 2);
    int32_t first = open_session(&w, 1), second = open_session(&w, 1);
    assert_int_equal(open_session(&w, 1), 0);
    w.now.mono_ms += KD_SESSION_IDLE_MS - 1;
    assert_int_equal(enter(&w, first, 1), KB_OK);
    kd_session_leave(w.session);
    w.now.mono_ms += 1;
    assert_true(open_session(&w, 1) > 0);
    assert_int_equal(enter(&w, second, 1), KB_E_FETCH_SESSION_ID_NOT_FOUND);
    assert_int_equal(enter(&w, first, 2), KB_OK);
    kd_session_leave(w.session);
    kd_sessions_deinit(&w.sessions);
}

static void one_that_is_replaced_lives_until_it_is_left(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 10);
    int32_t id = open_session(&w, 1);
    assert_int_equal(enter(&w, id, 1), KB_OK);
    struct kd_session *inside = w.session;
    assert_int_equal(enter(&w, id, KD_SESSION_NEW), KB_OK);
    assert_ptr_not_equal(inside, w.session);
    assert_int_equal(inside->count, 1);
    kd_session_leave(inside);
    kd_session_leave(w.session);
    kd_sessions_deinit(&w.sessions);
}

static void partitions_with_data_go_to_the_end(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 10);
    assert_int_equal(enter(&w, 0, KD_SESSION_FINAL), KB_OK);
    struct kd_session_part *a = kd_session_want(w.session, kb_slice_str("t"), no_id, 0);
    struct kd_session_part *b = kd_session_want(w.session, kb_slice_str("t"), no_id, 1);
    assert_ptr_equal(kd_session_want(w.session, kb_slice_str("t"), no_id, 0), a);
    kd_session_rotate(w.session, a);
    assert_ptr_equal(KB_LIST_FIRST(&w.session->order, struct kd_session_part, link), b);
    kd_session_leave(w.session);
    kd_sessions_deinit(&w.sessions);
}

/* A client that asks again when it was refused, as they all do. */
static void fetch_short_of_memory(void *ctx)
{
    enum { PARTS = 20 };
    struct world w;
    int32_t id = 0, epoch = KD_SESSION_NEW;
    int served = 0;
    (void)ctx;
    begin(&w, 2);
    for (int tries = 0; served < 3 && tries < 5; tries++) {
        int code = enter(&w, id, epoch);
        bool whole = code == KB_OK;
        for (int32_t i = 0; whole && i < PARTS; i++)
            whole = kd_session_want(w.session, kb_slice_str("t"), no_id, i) != NULL;
        assert_true(whole || code == KB_OK || code == KB_E_NO_MEMORY);
        if (whole)
            assert_int_equal(w.session->count, PARTS);
        if (code == KB_OK) {
            id = w.session->id;
            kd_session_leave(w.session);
        }
        epoch = id && whole ? epoch + 1 : KD_SESSION_NEW; /* else anew */
        served += whole;
    }
    assert_int_equal(served, 3);
    kd_sessions_deinit(&w.sessions);
}

static void a_session_is_opened_anew_after_a_lack_of_memory(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(fetch_short_of_memory, NULL), 20, 200);
}

/* ---- Waiters ------------------------------------------------------------ */

static int woken;

static void on_wake(struct kd_waiter *waiter)
{
    (void)waiter;
    woken++;
}

static void the_first_partition_that_moves_wakes_once(void **state)
{
    struct kb_list partitions[3];
    struct kd_mark marks[2][3];
    struct kd_waiter a, b;
    (void)state;
    woken = 0;
    kd_waiter_init(&a, on_wake, marks[0]);
    kd_waiter_init(&b, on_wake, marks[1]);
    for (int i = 0; i < 3; i++) {
        kb_list_init(&partitions[i]);
        kd_waiter_arm(&a, &partitions[i]);
    }
    kd_waiter_arm(&b, &partitions[1]);
    kd_waiters_wake(&partitions[1]);
    assert_int_equal(woken, 2);
    kd_waiters_wake(&partitions[0]);
    kd_waiters_wake(&partitions[1]);
    assert_int_equal(woken, 2);
    kd_waiter_arm(&a, &partitions[2]);
    kd_waiter_disarm(&a);
    kd_waiters_wake(&partitions[2]);
    assert_int_equal(woken, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_remembers_its_partitions),
        cmocka_unit_test(a_wrong_epoch_is_refused_and_the_next_goes_on),
        cmocka_unit_test(final_ends_the_session_and_fetches_all),
        cmocka_unit_test(a_full_cache_gives_up_only_idle_sessions),
        cmocka_unit_test(one_that_is_replaced_lives_until_it_is_left),
        cmocka_unit_test(partitions_with_data_go_to_the_end),
        cmocka_unit_test(a_session_is_opened_anew_after_a_lack_of_memory),
        cmocka_unit_test(the_first_partition_that_moves_wakes_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
