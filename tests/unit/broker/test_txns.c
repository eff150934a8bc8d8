/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator of transactions with its log in memory: each step's records go
 * there, and after each step a coordinator made of the log alone is in the same
 * state.
 */
#include "tests/unit/unit.h"
#include "base/codes.h"
#include "broker/core/txn/describe.h"
#include "broker/core/txn/txn.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 60000, DAY_MS = 86400000, FRESH = 7000 };

struct rig {
    struct kd_txn_limits limits;
    struct kb_random random;
    struct kd_txns txns;
    struct kb_time now;
    int64_t ids; /* producer ids given out */
    struct kd_record *log;
    size_t log_count;
    bool failed;
};

static struct kb_slice copy(struct kb_slice from)
{
    uint8_t *bytes = from.data ? malloc(from.size + 1) : NULL;
    if (bytes && from.size)
        memcpy(bytes, from.data, from.size);
    return kb_slice_of(bytes, from.size);
}

static void keep(struct rig *rig, const struct kd_record *record)
{
    rig->log = realloc(rig->log, (rig->log_count + 1) * sizeof *rig->log);
    rig->log[rig->log_count++] = (struct kd_record){copy(record->key), copy(record->value)};
}

/* "ONGOING 5:0 v2 a-0 a-1!" for each id that there is, sorted; '!': marked. */
static const char *picture(const struct kd_txns *txns, char *out, size_t size)
{
    static const char *const names[KD_TXN_STATES] = {
        "EMPTY", "ONGOING", "PREPARE_COMMIT", "PREPARE_ABORT", "COMPLETE_COMMIT", "COMPLETE_ABORT"};
    size_t at = 0;
    out[0] = '\0';
    for (char id = 'A'; id <= 'C'; id++) {
        const struct kd_txn *txn = kd_txn_find(txns, kb_slice_of(&id, 1));
        if (!txn)
            continue;
        at += (size_t)snprintf(out + at, size - at, "%s%c %s %lld:%d", at ? ", " : "", id,
                               names[txn->state], (long long)txn->producer, txn->epoch);
        for (char topic = 'a'; topic <= 'c'; topic++)
            for (int32_t p = 0; p < 3; p++)
                if (kd_txn_part(txn, kb_slice_of(&topic, 1), p))
                    at += (size_t)snprintf(out + at, size - at, " %c-%d", topic, p);
    }
    return out;
}

static void check_replay(struct rig *rig)
{
    char live[512], loaded[512];
    struct kd_txns again;
    struct kd_outcome out;
    struct kb_random random;
    kb_random_seed(&random, 2);
    kd_txns_init(&again, &rig->limits, &random);
    for (size_t i = 0; i < rig->log_count; i++)
        assert_int_equal(kd_txns_replay(&again, &rig->log[i], rig->now), KB_OK);
    kd_outcome_init(&out);
    kd_txns_loaded(&again, rig->now, &out);
    kd_outcome_deinit(&out);
    assert_string_equal(picture(&rig->txns, live, sizeof live),
                        picture(&again, loaded, sizeof loaded));
    kd_txns_deinit(&again);
}

static void end_step(struct rig *rig, struct kd_outcome *out)
{
    rig->failed |= out->failed;
    for (size_t i = 0; i < out->record_count && !out->failed; i++)
        keep(rig, &out->records[i]);
    kd_outcome_deinit(out);
}

static void rig_init(struct rig *rig)
{
    struct kd_outcome out;
    memset(rig, 0, sizeof *rig);
    rig->limits = (struct kd_txn_limits){15 * TIMEOUT_MS, 7LL * DAY_MS};
    rig->now = (struct kb_time){1000, 1700000000000};
    rig->ids = FRESH;
    kb_random_seed(&rig->random, 1);
    kd_txns_init(&rig->txns, &rig->limits, &rig->random);
    kd_outcome_init(&out);
    kd_txns_loaded(&rig->txns, rig->now, &out);
    kd_outcome_deinit(&out);
}

static void rig_deinit(struct rig *rig)
{
    kd_txns_deinit(&rig->txns);
    for (size_t i = 0; i < rig->log_count; i++) {
        free((void *)rig->log[i].key.data);
        free((void *)rig->log[i].value.data);
    }
    free(rig->log);
}

static int64_t fresh(struct rig *rig, struct kb_slice id)
{
    return kd_txns_wants_producer_id(&rig->txns, id) ? rig->ids++ : -1;
}

/* `who` says what it was, and becomes what it is told; producer -1: it says nothing. */
static int begin(struct rig *rig, struct kd_txn_producer *who)
{
    struct kd_outcome out;
    struct kw_init_producer_id_response answer = {0};
    const struct kw_init_producer_id_request in = {who->id, TIMEOUT_MS, who->producer, who->epoch};
    kd_outcome_init(&out);
    int code =
        kd_txns_begin_producer(&rig->txns, &in, fresh(rig, who->id), rig->now, &answer, &out);
    end_step(rig, &out);
    if (!code) {
        who->producer = answer.producer_id;
        who->epoch = answer.producer_epoch;
    }
    return code;
}

static struct kd_txn_producer new_producer(struct rig *rig, const char *id)
{
    struct kd_txn_producer who = {kb_slice_str(id), -1, -1};
    assert_int_equal(begin(rig, &who), KB_OK);
    return who;
}

static int add_by(struct rig *rig, const struct kd_txn_producer *who, int version,
                  const char *topic, int32_t partition)
{
    struct kd_outcome out;
    const struct kd_txn_place place = {kb_slice_str(topic), partition, KB_OK};
    kd_outcome_init(&out);
    int code = kd_txns_add(&rig->txns, who, version, &place, 1, rig->now, &out);
    end_step(rig, &out);
    return code;
}

static int add(struct rig *rig, const struct kd_txn_producer *who, const char *topic, int32_t p)
{
    return add_by(rig, who, 0, topic, p);
}

static int end_by(struct rig *rig, struct kd_txn_producer *who, int version, bool commit)
{
    struct kd_outcome out;
    kd_outcome_init(&out);
    int code = kd_txns_end(&rig->txns, who, version, commit, fresh(rig, who->id), rig->now, &out);
    end_step(rig, &out);
    return code;
}

static int end(struct rig *rig, struct kd_txn_producer *who, bool commit)
{
    return end_by(rig, who, 0, commit);
}

/* Its markers, until all are written; answers how many. */
static size_t mark(struct rig *rig, const struct kd_txn *txn)
{
    size_t n = 0;
    struct kd_txn_place place;
    while (!rig->failed && kd_txn_unmarked(txn, &place, 1) > 0) {
        struct kd_txn_marker marker;
        struct kd_outcome out;
        kd_txn_marker_of(txn, &marker);
        kd_outcome_init(&out);
        kd_txns_marked(&rig->txns, &marker, &place, rig->now, &out);
        end_step(rig, &out);
        n++;
    }
    return n;
}

/* Writes the markers of all that is decided; answers how many. */
static size_t mark_all(struct rig *rig)
{
    size_t n = 0;
    const struct kd_txn *txn;
    while (!rig->failed && (txn = kd_txns_take_prepared(&rig->txns)))
        n += mark(rig, txn);
    return n;
}

static void pass(struct rig *rig, int64_t ms)
{
    struct kd_outcome out;
    rig->now.mono_ms += ms;
    rig->now.wall_ms += ms;
    kd_outcome_init(&out);
    kd_txns_tick(&rig->txns, rig->now, &out);
    end_step(rig, &out);
}

static void expect(struct rig *rig, const char *wanted)
{
    char found[512];
    check_replay(rig);
    assert_string_equal(picture(&rig->txns, found, sizeof found), wanted);
}

/* ---- Beginning ---------------------------------------------------------------- */

static void test_each_beginning_has_the_next_epoch(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer first = new_producer(&rig, "A");
    expect(&rig, "A EMPTY 7000:0");
    struct kd_txn_producer second = new_producer(&rig, "A");
    expect(&rig, "A EMPTY 7000:1");
    assert_int_equal(add(&rig, &first, "a", 0), KB_E_PRODUCER_FENCED);
    assert_int_equal(add(&rig, &second, "a", 0), KB_OK);
    new_producer(&rig, "B");
    expect(&rig, "A ONGOING 7000:1 a-0, B EMPTY 7001:0");
    rig_deinit(&rig);
}

static void test_a_producer_may_ask_for_the_next_epoch_of_its_own(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A"), before = who;
    assert_int_equal(begin(&rig, &who), KB_OK);
    assert_int_equal(who.epoch, 1);
    /* The answer was lost. */
    struct kd_txn_producer again = before;
    assert_int_equal(begin(&rig, &again), KB_OK);
    assert_int_equal(again.epoch, 1);
    /* Others have moved on. */
    assert_int_equal(begin(&rig, &who), KB_OK);
    assert_int_equal(begin(&rig, &before), KB_E_PRODUCER_FENCED);
    struct kd_txn_producer other = {kb_slice_str("A"), 1234, 0};
    assert_int_equal(begin(&rig, &other), KB_E_PRODUCER_FENCED);
    expect(&rig, "A EMPTY 7000:2");
    rig_deinit(&rig);
}

static void test_the_last_epoch_is_followed_by_another_id(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    while (who.epoch < KD_LAST_EPOCH)
        who = new_producer(&rig, "A");
    assert_int_equal(who.producer, FRESH);
    struct kd_txn_producer before = who;
    assert_int_equal(begin(&rig, &who), KB_OK);
    expect(&rig, "A EMPTY 7001:0");
    assert_int_equal(begin(&rig, &before), KB_OK); /* told again */
    expect(&rig, "A EMPTY 7001:0");
    rig_deinit(&rig);
}

static void test_what_cannot_begin_is_refused(void **state)
{
    struct rig rig;
    struct kd_outcome out;
    struct kw_init_producer_id_response answer;
    const struct {
        struct kw_init_producer_id_request in;
        int code;
    } cases[] = {
        {{kb_slice_str("A"), 0, -1, -1}, KB_E_INVALID_TRANSACTION_TIMEOUT},
        {{kb_slice_str("A"), 15 * TIMEOUT_MS + 1, -1, -1}, KB_E_INVALID_TRANSACTION_TIMEOUT},
        {{kb_slice_str(""), TIMEOUT_MS, -1, -1}, KB_E_INVALID_REQUEST},
        {{kb_slice_str("A"), TIMEOUT_MS, 5, -1}, KB_E_INVALID_REQUEST},
        {{kb_slice_str("A"), TIMEOUT_MS, -1, 5}, KB_E_INVALID_REQUEST},
    };
    (void)state;
    rig_init(&rig);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kd_outcome_init(&out);
        assert_int_equal(
            kd_txns_begin_producer(&rig.txns, &cases[i].in, FRESH, rig.now, &answer, &out),
            cases[i].code);
        assert_int_equal(out.record_count, 0);
        kd_outcome_deinit(&out);
    }
    rig_deinit(&rig);
}

static void test_who_begins_ends_what_was_left_open(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer old = new_producer(&rig, "A");
    add(&rig, &old, "a", 0);
    struct kd_txn_producer next = {kb_slice_str("A"), -1, -1};
    assert_int_equal(begin(&rig, &next), KB_E_CONCURRENT_TRANSACTIONS);
    expect(&rig, "A PREPARE_ABORT 7000:1 a-0");
    assert_int_equal(begin(&rig, &next), KB_E_CONCURRENT_TRANSACTIONS);
    assert_int_equal(end(&rig, &old, true), KB_E_PRODUCER_FENCED);
    assert_int_equal(mark_all(&rig), 1);
    expect(&rig, "A COMPLETE_ABORT 7000:1");
    assert_int_equal(begin(&rig, &next), KB_OK);
    expect(&rig, "A EMPTY 7000:2");
    rig_deinit(&rig);
}

/* ---- Partitions ------------------------------------------------------------------ */

static void test_partitions_are_written_down_once(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    assert_int_equal(add(&rig, &who, "b", 2), KB_OK);
    assert_int_equal(add(&rig, &who, "a", 1), KB_OK);
    assert_int_equal(add(&rig, &who, "b", 0), KB_OK);
    size_t before = rig.log_count;
    assert_int_equal(add(&rig, &who, "a", 1), KB_OK);
    assert_int_equal(rig.log_count, before);
    expect(&rig, "A ONGOING 7000:0 a-1 b-0 b-2");
    struct kd_txn_producer other = {kb_slice_str("A"), 1, 0}, nobody = {kb_slice_str("B"), 1, 0};
    assert_int_equal(add(&rig, &other, "a", 0), KB_E_INVALID_PRODUCER_ID_MAPPING);
    assert_int_equal(add(&rig, &nobody, "a", 0), KB_E_INVALID_PRODUCER_ID_MAPPING);
    rig_deinit(&rig);
}

static void test_a_partition_can_be_asked_about(void **state)
{
    struct rig rig;
    struct kd_txn_place places[2] = {{kb_slice_str("a"), 0, -1}, {kb_slice_str("a"), 1, -1}};
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    assert_int_equal(kd_txns_verify(&rig.txns, &who, places, 2), KB_OK);
    assert_int_equal(places[0].code, KB_E_TRANSACTION_ABORTABLE);
    add(&rig, &who, "a", 0);
    assert_int_equal(kd_txns_verify(&rig.txns, &who, places, 2), KB_OK);
    assert_int_equal(places[0].code, KB_OK);
    assert_int_equal(places[1].code, KB_E_TRANSACTION_ABORTABLE);
    end(&rig, &who, true);
    assert_int_equal(kd_txns_verify(&rig.txns, &who, places, 2), KB_E_CONCURRENT_TRANSACTIONS);
    assert_int_equal(places[1].code, KB_E_CONCURRENT_TRANSACTIONS);
    rig_deinit(&rig);
}

/* ---- Ending ------------------------------------------------------------------------ */

static void test_a_transaction_ends_when_all_markers_are_there(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    assert_int_equal(end(&rig, &who, true), KB_E_INVALID_TXN_STATE); /* nothing was begun */
    add(&rig, &who, "a", 0);
    add(&rig, &who, "a", 1);
    assert_int_equal(end(&rig, &who, true), KB_OK);
    expect(&rig, "A PREPARE_COMMIT 7000:0 a-0 a-1");
    assert_int_equal(end(&rig, &who, true), KB_E_CONCURRENT_TRANSACTIONS);
    assert_int_equal(end(&rig, &who, false), KB_E_INVALID_TXN_STATE);
    assert_int_equal(add(&rig, &who, "a", 2), KB_E_CONCURRENT_TRANSACTIONS);
    assert_int_equal(mark_all(&rig), 2);
    expect(&rig, "A COMPLETE_COMMIT 7000:0");
    assert_int_equal(end(&rig, &who, true), KB_OK); /* told again */
    assert_int_equal(end(&rig, &who, false), KB_E_INVALID_TXN_STATE);
    assert_int_equal(add(&rig, &who, "b", 0), KB_OK);
    assert_int_equal(end(&rig, &who, false), KB_OK);
    expect(&rig, "A PREPARE_ABORT 7000:0 b-0");
    mark_all(&rig);
    expect(&rig, "A COMPLETE_ABORT 7000:0");
    rig_deinit(&rig);
}

static void test_each_end_of_version_two_has_its_epoch(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A"), first = who;
    add_by(&rig, &who, 2, "a", 0);
    assert_int_equal(end_by(&rig, &who, 2, true), KB_OK);
    assert_int_equal(who.epoch, 1);
    struct kd_txn_producer again = first;
    assert_int_equal(end_by(&rig, &again, 2, true), KB_E_CONCURRENT_TRANSACTIONS);
    assert_int_equal(end_by(&rig, &again, 2, false), KB_E_INVALID_TXN_STATE);
    again = who; /* the next one's, which has not begun */
    assert_int_equal(end_by(&rig, &again, 2, true), KB_E_PRODUCER_FENCED);
    again = first;
    mark_all(&rig);
    again = first;
    assert_int_equal(end_by(&rig, &again, 2, true), KB_OK);
    assert_int_equal(again.epoch, 1);
    expect(&rig, "A COMPLETE_COMMIT 7000:1");
    /* What is late of the first cannot touch the second. */
    assert_int_equal(add_by(&rig, &who, 2, "a", 1), KB_OK);
    again = first;
    assert_int_equal(end_by(&rig, &again, 2, true), KB_E_PRODUCER_FENCED);
    assert_int_equal(add_by(&rig, &first, 2, "a", 2), KB_E_PRODUCER_FENCED);
    expect(&rig, "A ONGOING 7000:1 a-1");
    rig_deinit(&rig);
}

/* The hole of version 1: the transactions of a producer have the same epoch. */
static void test_a_late_end_of_version_one_ends_the_next(void **state)
{
    (void)state;
    for (int commit = 0; commit < 2; commit++) {
        struct rig rig;
        rig_init(&rig);
        struct kd_txn_producer who = new_producer(&rig, "A");
        add(&rig, &who, "a", 0);
        assert_int_equal(end(&rig, &who, commit), KB_OK);
        assert_int_equal(end(&rig, &who, commit), KB_E_CONCURRENT_TRANSACTIONS);
        mark_all(&rig);
        assert_int_equal(end(&rig, &who, commit), KB_OK); /* told again, which changes nothing */
        expect(&rig, commit ? "A COMPLETE_COMMIT 7000:0" : "A COMPLETE_ABORT 7000:0");
        add(&rig, &who, "a", 1);
        assert_int_equal(end(&rig, &who, commit), KB_OK); /* the same, later */
        expect(&rig, commit ? "A PREPARE_COMMIT 7000:0 a-1" : "A PREPARE_ABORT 7000:0 a-1");
        mark_all(&rig);
        assert_int_equal(end(&rig, &who, !commit), KB_E_INVALID_TXN_STATE);
        rig_deinit(&rig);
    }
}

/* So a client asks for another epoch where one may be late. */
static void test_a_late_end_is_refused_under_another_epoch(void **state)
{
    (void)state;
    for (int commit = 0; commit < 2; commit++) {
        struct rig rig;
        rig_init(&rig);
        struct kd_txn_producer late = new_producer(&rig, "A"), who = late;
        add(&rig, &late, "a", 0);
        assert_int_equal(end(&rig, &late, commit), KB_OK);
        mark_all(&rig);
        assert_int_equal(begin(&rig, &who), KB_OK);
        assert_int_equal(who.epoch, late.epoch + 1);
        add(&rig, &who, "a", 1);
        assert_int_equal(end(&rig, &late, commit), KB_E_PRODUCER_FENCED);
        assert_int_equal(end(&rig, &late, !commit), KB_E_PRODUCER_FENCED);
        assert_int_equal(add(&rig, &late, "a", 2), KB_E_PRODUCER_FENCED);
        expect(&rig, "A ONGOING 7000:1 a-1");
        rig_deinit(&rig);
    }
}

static void test_one_that_is_ended_without_an_epoch_was_of_the_first_version(void **state)
{
    struct rig rig;
    struct kd_txn_marker marker;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    add_by(&rig, &who, 2, "a", 0); /* its Produce is of the newest version, its EndTxn is not */
    assert_int_equal(end(&rig, &who, true), KB_OK);
    kd_txn_marker_of(kd_txns_take_prepared(&rig.txns), &marker);
    assert_int_equal(marker.version, 0);
    assert_int_equal(marker.epoch, who.epoch);
    rig_deinit(&rig);
}

static void test_nothing_can_be_aborted_but_not_committed(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    assert_int_equal(end_by(&rig, &who, 2, true), KB_E_INVALID_TXN_STATE);
    assert_int_equal(end_by(&rig, &who, 2, false), KB_OK);
    assert_int_equal(who.epoch, 1);
    expect(&rig, "A COMPLETE_ABORT 7000:1");
    rig_deinit(&rig);
}

static void test_the_last_epoch_ends_with_another_id(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    while (who.epoch < KD_LAST_EPOCH)
        who = new_producer(&rig, "A");
    struct kd_txn_producer last = who;
    add_by(&rig, &who, 2, "a", 0);
    assert_int_equal(end_by(&rig, &who, 2, true), KB_OK);
    assert_int_equal(who.producer, FRESH + 1);
    assert_int_equal(who.epoch, 0);
    expect(&rig, "A PREPARE_COMMIT 7000:32767 a-0");
    mark_all(&rig);
    expect(&rig, "A COMPLETE_COMMIT 7001:0");
    assert_int_equal(end_by(&rig, &last, 2, true), KB_OK); /* told again */
    assert_int_equal(last.producer, FRESH + 1);
    rig_deinit(&rig);
}

/* A marker may have the epoch behind the last; nobody goes on with it. */
static void test_who_takes_too_long_at_the_last_epoch_gets_another_id(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    while (who.epoch < KD_LAST_EPOCH)
        who = new_producer(&rig, "A");
    struct kd_txn_producer late = who, again = who;
    add_by(&rig, &who, 2, "a", 0);
    pass(&rig, TIMEOUT_MS);
    expect(&rig, "A PREPARE_ABORT 7000:32767 a-0");
    assert_int_equal(end_by(&rig, &late, 2, false), KB_E_CONCURRENT_TRANSACTIONS);
    mark_all(&rig);
    assert_int_equal(end_by(&rig, &late, 2, false), KB_E_PRODUCER_FENCED);
    assert_int_equal(late.epoch, KD_LAST_EPOCH);
    assert_int_equal(begin(&rig, &who), KB_OK); /* two ids were taken for those that ended */
    expect(&rig, "A EMPTY 7003:0");
    assert_int_equal(begin(&rig, &again), KB_OK); /* the answer was lost */
    expect(&rig, "A EMPTY 7003:0");
    rig_deinit(&rig);
}

static void test_a_marker_of_another_decision_counts_for_nothing(void **state)
{
    struct rig rig;
    struct kd_outcome out;
    struct kd_txn_place place;
    struct kd_txn_marker marker;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    add(&rig, &who, "a", 0);
    end(&rig, &who, true);
    const struct kd_txn *txn = kd_txns_take_prepared(&rig.txns);
    assert_int_equal(kd_txn_unmarked(txn, &place, 1), 1);
    kd_txn_marker_of(txn, &marker);
    assert_true(marker.commit);
    marker.commit = false;
    kd_outcome_init(&out);
    kd_txns_marked(&rig.txns, &marker, &place, rig.now, &out);
    end_step(&rig, &out);
    expect(&rig, "A PREPARE_COMMIT 7000:0 a-0");
    rig_deinit(&rig);
}

static void test_what_was_decided_is_taken_once_and_after_a_load_again(void **state)
{
    struct rig rig;
    struct kd_txns again;
    struct kd_outcome out;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A"), other = new_producer(&rig, "B");
    add(&rig, &who, "a", 0);
    add(&rig, &other, "a", 1);
    assert_null(kd_txns_take_prepared(&rig.txns));
    end(&rig, &who, true);
    assert_memory_equal(kd_txns_take_prepared(&rig.txns)->id.data, "A", 1);
    assert_null(kd_txns_take_prepared(&rig.txns));
    kd_txns_init(&again, &rig.limits, &rig.random);
    for (size_t i = 0; i < rig.log_count; i++)
        assert_int_equal(kd_txns_replay(&again, &rig.log[i], rig.now), KB_OK);
    kd_outcome_init(&out);
    kd_txns_loaded(&again, rig.now, &out);
    assert_int_equal(out.record_count, 0);
    kd_outcome_deinit(&out);
    const struct kd_txn *txn = kd_txns_take_prepared(&again);
    assert_memory_equal(txn->id.data, "A", 1);
    assert_null(kd_txns_take_prepared(&again));
    kd_txns_deinit(&again);
    rig_deinit(&rig);
}

/* ---- Time ----------------------------------------------------------------------------- */

static void test_a_transaction_that_takes_too_long_is_aborted(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A"), modern = new_producer(&rig, "B");
    add(&rig, &who, "a", 0);
    pass(&rig, TIMEOUT_MS / 2);
    add_by(&rig, &modern, 2, "a", 1);
    pass(&rig, TIMEOUT_MS / 2);
    expect(&rig, "A PREPARE_ABORT 7000:1 a-0, B ONGOING 7001:0 a-1");
    assert_int_equal(end(&rig, &who, true), KB_E_PRODUCER_FENCED);
    pass(&rig, TIMEOUT_MS / 2);
    mark_all(&rig);
    /* It was not a commit that the coordinator decided on; an abort it was. */
    assert_int_equal(end_by(&rig, &modern, 2, true), KB_E_INVALID_TXN_STATE);
    assert_int_equal(end_by(&rig, &modern, 2, false), KB_OK);
    expect(&rig, "A COMPLETE_ABORT 7000:1, B COMPLETE_ABORT 7001:1");
    assert_int_equal(modern.epoch, 1);
    assert_true(kd_txns_deadline(&rig.txns) == KB_NEVER);
    rig_deinit(&rig);
}

static void test_who_took_too_long_goes_on_unless_another_came(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A"), late = who;
    add(&rig, &who, "a", 0);
    pass(&rig, TIMEOUT_MS);
    assert_int_equal(begin(&rig, &who), KB_E_CONCURRENT_TRANSACTIONS);
    mark_all(&rig);
    assert_int_equal(begin(&rig, &who), KB_OK);
    assert_int_equal(who.epoch, 1);
    expect(&rig, "A EMPTY 7000:1");
    add(&rig, &who, "a", 0);
    pass(&rig, TIMEOUT_MS);
    mark_all(&rig);
    struct kd_txn_producer other = new_producer(&rig, "A");
    assert_int_equal(other.epoch, 3);
    assert_int_equal(begin(&rig, &who), KB_E_PRODUCER_FENCED);
    assert_int_equal(begin(&rig, &late), KB_E_PRODUCER_FENCED);
    assert_int_equal(end_by(&rig, &who, 2, false), KB_E_PRODUCER_FENCED);
    rig_deinit(&rig);
}

static void test_after_a_load_it_has_the_time_that_is_left(void **state)
{
    struct rig rig;
    struct kd_txns again;
    struct kd_outcome out;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    add(&rig, &who, "a", 0);
    rig.now.wall_ms += TIMEOUT_MS / 4;
    rig.now.mono_ms = 50; /* a new process */
    kd_txns_init(&again, &rig.limits, &rig.random);
    for (size_t i = 0; i < rig.log_count; i++)
        assert_int_equal(kd_txns_replay(&again, &rig.log[i], rig.now), KB_OK);
    kd_outcome_init(&out);
    kd_txns_loaded(&again, rig.now, &out);
    assert_int_equal(kd_txns_deadline(&again), 50 + TIMEOUT_MS * 3 / 4);
    kd_outcome_deinit(&out);
    kd_txns_deinit(&again);
    rig_deinit(&rig);
}

static void test_ids_that_do_nothing_are_forgotten(void **state)
{
    struct rig rig;
    struct kd_outcome out;
    (void)state;
    rig_init(&rig);
    new_producer(&rig, "A");
    struct kd_txn_producer busy = new_producer(&rig, "B");
    add(&rig, &busy, "a", 0);
    rig.now.wall_ms += 6LL * DAY_MS;
    new_producer(&rig, "C");
    rig.now.wall_ms += DAY_MS;
    kd_outcome_init(&out);
    kd_txns_expire(&rig.txns, rig.now, &out);
    end_step(&rig, &out);
    expect(&rig, "B ONGOING 7001:0 a-0, C EMPTY 7002:0");
    rig_deinit(&rig);
}

/* More than one step can write down. */
static void test_many_ids_are_forgotten_in_several_steps(void **state)
{
    enum { IDS = 50, ID_BYTES = 32000 };
    char id[ID_BYTES];
    struct rig rig;
    struct kd_outcome out;
    size_t steps = 0;
    (void)state;
    rig_init(&rig);
    memset(id, 'x', sizeof id);
    for (int i = 0; i < IDS; i++) {
        struct kd_txn_producer who = {kb_slice_of(id, sizeof id), -1, -1};
        snprintf(id, sizeof id, "%d", i);
        assert_int_equal(begin(&rig, &who), KB_OK);
    }
    rig.now.wall_ms += 8LL * DAY_MS;
    for (; kd_txns_count(&rig.txns); steps++) {
        kd_outcome_init(&out);
        kd_txns_expire(&rig.txns, rig.now, &out);
        assert_false(out.failed);
        assert_true(out.record_count > 0);
        end_step(&rig, &out);
    }
    assert_true(steps > 1 && steps < IDS);
    rig_deinit(&rig);
}

static void test_one_partition_named_often_is_written_down_once(void **state)
{
    enum { OFTEN = 1000000 };
    struct rig rig;
    struct kd_outcome out;
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    struct kd_txn_place *places = calloc(OFTEN, sizeof *places);
    for (int i = 0; i < OFTEN; i++)
        places[i] = (struct kd_txn_place){kb_slice_str("a"), i % 2, KB_OK};
    kd_outcome_init(&out);
    assert_int_equal(kd_txns_add(&rig.txns, &who, 0, places, OFTEN, rig.now, &out), KB_OK);
    assert_int_equal(out.record_count, 1);
    assert_true(out.records[0].value.size < 100);
    end_step(&rig, &out);
    assert_false(rig.failed);
    expect(&rig, "A ONGOING 7000:0 a-0 a-1");
    free(places);
    rig_deinit(&rig);
}

/* ---- What is told ----------------------------------------------------------------------- */

static void test_a_transaction_is_described(void **state)
{
    struct rig rig;
    struct kb_arena arena;
    struct kw_describe_transactions_response_transaction_state out;
    (void)state;
    rig_init(&rig);
    kb_arena_init(&arena, 1 << 16);
    struct kd_txn_producer who = new_producer(&rig, "A");
    add(&rig, &who, "a", 0);
    add(&rig, &who, "a", 2);
    add(&rig, &who, "b", 1);
    kd_txns_describe(&rig.txns, kb_slice_str("A"), &arena, &out);
    assert_int_equal(out.error_code, KB_OK);
    assert_true(kb_slice_equal(out.transaction_state, kb_slice_str("Ongoing")));
    assert_int_equal(out.transaction_start_time_ms, rig.now.wall_ms);
    assert_int_equal(out.topics_count, 2);
    assert_true(kb_slice_is(out.topics[0].topic, "a"));
    assert_int_equal(out.topics[0].partitions_count, 2);
    assert_int_equal(out.topics[0].partitions[0], 0);
    assert_int_equal(out.topics[0].partitions[1], 2);
    assert_true(kb_slice_is(out.topics[1].topic, "b"));
    assert_int_equal(out.topics[1].partitions_count, 1);
    assert_int_equal(out.topics[1].partitions[0], 1);
    kd_txns_describe(&rig.txns, kb_slice_str("B"), &arena, &out);
    assert_int_equal(out.error_code, KB_E_TRANSACTIONAL_ID_NOT_FOUND);
    kd_txns_describe(&rig.txns, kb_slice_str(""), &arena, &out);
    assert_int_equal(out.error_code, KB_E_INVALID_REQUEST);
    kb_arena_deinit(&arena);
    rig_deinit(&rig);
}

/* The ids that pass, as many as there are. */
static int listed(struct rig *rig, const struct kw_list_transactions_request *filters,
                  const char *pattern)
{
    struct kw_list_transactions_request in = *filters;
    struct kw_list_transactions_response_transaction_state list[4];
    struct kb_regex *regex = NULL;
    struct kb_error err;
    int32_t count = 0;
    if (pattern)
        assert_int_equal(kb_regex_new(kb_slice_str(pattern), &regex, &err), KB_OK);
    assert_true(kd_txns_count(&rig->txns) <= 4);
    const struct kd_txn_filter filter = kd_txn_filter_of(&in, regex);
    kd_txns_list(&rig->txns, &filter, rig->now, list, &count);
    kb_regex_free(regex);
    return count;
}

static void test_transactions_are_listed_by_filters(void **state)
{
    struct rig rig;
    struct kb_slice ongoing = kb_slice_str("Ongoing"), unknown = kb_slice_str("x");
    int64_t second = FRESH + 1, several[] = {9999, FRESH + 1, -1, FRESH, 3};
    (void)state;
    rig_init(&rig);
    struct kd_txn_producer who = new_producer(&rig, "A");
    new_producer(&rig, "B");
    add(&rig, &who, "a", 0);
    pass(&rig, 1000);
    const struct kw_list_transactions_request all = {.duration_filter = -1},
                                              of_state = {.state_filters = &ongoing,
                                                          .state_filters_count = 1,
                                                          .duration_filter = -1},
                                              of_id = {.producer_id_filters = &second,
                                                       .producer_id_filters_count = 1,
                                                       .duration_filter = -1},
                                              of_ids = {.producer_id_filters = several,
                                                        .producer_id_filters_count = 5,
                                                        .duration_filter = -1},
                                              of_none = {.state_filters = &unknown,
                                                         .state_filters_count = 1,
                                                         .duration_filter = -1},
                                              longer = {.duration_filter = 999},
                                              too_long = {.duration_filter = 1000};
    assert_int_equal(listed(&rig, &all, NULL), 2);
    assert_int_equal(listed(&rig, &all, "[BC]"), 1);
    assert_int_equal(listed(&rig, &of_state, NULL), 1);
    assert_int_equal(listed(&rig, &of_id, NULL), 1);
    assert_int_equal(listed(&rig, &of_ids, NULL), 2);
    assert_int_equal(listed(&rig, &of_none, NULL), 0);
    assert_int_equal(listed(&rig, &longer, NULL), 1);
    assert_int_equal(listed(&rig, &too_long, NULL), 0);
    assert_true(kd_txn_state_is_known(ongoing));
    assert_false(kd_txn_state_is_known(kb_slice_str("ongoing")));
    rig_deinit(&rig);
}

/* ---- All together ------------------------------------------------------------------------ */

static void test_what_cannot_be_read_is_an_error(void **state)
{
    struct rig rig;
    (void)state;
    rig_init(&rig);
    new_producer(&rig, "A");
    struct kd_record cut = rig.log[0], newer = rig.log[0], other = rig.log[0];
    cut.value.size -= 3;
    assert_int_equal(kd_txns_replay(&rig.txns, &cut, rig.now), KB_E_CORRUPT_MESSAGE);
    newer.value = kb_slice_of("\0\7", 2);
    assert_int_equal(kd_txns_replay(&rig.txns, &newer, rig.now), KB_E_UNSUPPORTED_VERSION);
    other.key = kb_slice_of("\0\7", 2);
    assert_int_equal(kd_txns_replay(&rig.txns, &other, rig.now), KB_OK);
    rig_deinit(&rig);
}

/* One producer after the other, each a zombie once the next has begun. */
static void step(struct rig *rig, struct kd_txn_producer *producers)
{
    static const char *const ids[] = {"A", "B", "C"};
    static const char *const topics[] = {"a", "b", "c"};
    unsigned which = (unsigned)kb_random_below(&rig->random, 6);
    struct kd_txn_producer *who = &producers[which];
    int version = which % 2 ? 2 : 0;
    who->id = kb_slice_str(ids[which / 2]);
    switch (kb_random_below(&rig->random, 8)) {
    case 0: {
        struct kd_txn_producer anew = {who->id, -1, -1};
        if (!begin(rig, &anew))
            *who = anew;
        break;
    }
    case 1:
        begin(rig, who);
        break;
    case 2:
    case 3:
    case 4:
        add_by(rig, who, version, topics[kb_random_below(&rig->random, 3)],
               (int32_t)kb_random_below(&rig->random, 3));
        break;
    case 5:
        end_by(rig, who, version, kb_random_below(&rig->random, 2));
        break;
    case 6:
        mark_all(rig);
        break;
    default:
        pass(rig, (int64_t)kb_random_below(&rig->random, TIMEOUT_MS / 2));
    }
}

/* What is decided is decided, and an epoch never comes back. */
static void check_step(const struct kd_txn *before, const struct kd_txn *after)
{
    if (before->producer == after->producer)
        assert_true(after->epoch >= before->epoch);
    else
        assert_true(after->producer > before->producer);
    if (before->state == KD_TXN_PREPARE_COMMIT)
        assert_true(after->state == KD_TXN_PREPARE_COMMIT ||
                    after->state == KD_TXN_COMPLETE_COMMIT);
    if (before->state == KD_TXN_PREPARE_ABORT)
        assert_true(after->state == KD_TXN_PREPARE_ABORT || after->state == KD_TXN_COMPLETE_ABORT);
}

static void test_any_order_of_steps_is_replayed(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct rig rig;
        struct kd_txn_producer producers[6];
        rig_init(&rig);
        kb_random_seed(&rig.random, seed);
        for (int i = 0; i < 6; i++)
            producers[i] = (struct kd_txn_producer){kb_slice_str("A"), -1, -1};
        for (int i = 0; i < 100; i++) {
            struct kd_txn before[3] = {{.producer = -2}, {.producer = -2}, {.producer = -2}};
            for (char id = 'A'; id <= 'C'; id++) {
                const struct kd_txn *txn = kd_txn_find(&rig.txns, kb_slice_of(&id, 1));
                if (txn)
                    before[id - 'A'] = *txn;
            }
            step(&rig, producers);
            for (char id = 'A'; id <= 'C'; id++)
                if (before[id - 'A'].producer != -2)
                    check_step(&before[id - 'A'], kd_txn_find(&rig.txns, kb_slice_of(&id, 1)));
        }
        check_replay(&rig);
        rig_deinit(&rig);
    }
}

static void life(void *ctx)
{
    struct rig rig;
    (void)ctx;
    rig_init(&rig);
    struct kd_txn_producer who = {kb_slice_str("A"), -1, -1};
    begin(&rig, &who);
    if (!rig.failed)
        add(&rig, &who, "a", 0);
    if (!rig.failed)
        end_by(&rig, &who, 2, true);
    if (!rig.failed)
        mark_all(&rig);
    rig_deinit(&rig);
}

static void test_without_memory_nothing_breaks(void **state)
{
    (void)state;
    unit_each_failure(life, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_beginning_has_the_next_epoch),
        cmocka_unit_test(test_a_producer_may_ask_for_the_next_epoch_of_its_own),
        cmocka_unit_test(test_the_last_epoch_is_followed_by_another_id),
        cmocka_unit_test(test_what_cannot_begin_is_refused),
        cmocka_unit_test(test_who_begins_ends_what_was_left_open),
        cmocka_unit_test(test_partitions_are_written_down_once),
        cmocka_unit_test(test_a_partition_can_be_asked_about),
        cmocka_unit_test(test_a_transaction_ends_when_all_markers_are_there),
        cmocka_unit_test(test_each_end_of_version_two_has_its_epoch),
        cmocka_unit_test(test_a_late_end_of_version_one_ends_the_next),
        cmocka_unit_test(test_a_late_end_is_refused_under_another_epoch),
        cmocka_unit_test(test_one_that_is_ended_without_an_epoch_was_of_the_first_version),
        cmocka_unit_test(test_nothing_can_be_aborted_but_not_committed),
        cmocka_unit_test(test_the_last_epoch_ends_with_another_id),
        cmocka_unit_test(test_who_takes_too_long_at_the_last_epoch_gets_another_id),
        cmocka_unit_test(test_a_marker_of_another_decision_counts_for_nothing),
        cmocka_unit_test(test_what_was_decided_is_taken_once_and_after_a_load_again),
        cmocka_unit_test(test_a_transaction_that_takes_too_long_is_aborted),
        cmocka_unit_test(test_who_took_too_long_goes_on_unless_another_came),
        cmocka_unit_test(test_after_a_load_it_has_the_time_that_is_left),
        cmocka_unit_test(test_ids_that_do_nothing_are_forgotten),
        cmocka_unit_test(test_many_ids_are_forgotten_in_several_steps),
        cmocka_unit_test(test_one_partition_named_often_is_written_down_once),
        cmocka_unit_test(test_a_transaction_is_described),
        cmocka_unit_test(test_transactions_are_listed_by_filters),
        cmocka_unit_test(test_what_cannot_be_read_is_an_error),
        cmocka_unit_test(test_any_order_of_steps_is_replayed),
        cmocka_unit_test(test_without_memory_nothing_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
