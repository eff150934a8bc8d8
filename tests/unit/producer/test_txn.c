/* SPDX-License-Identifier: Apache-2.0 */
/* A producer's transactions as timed stories: what it asks, what answers do to it. */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "libclient/core/txn/txn_response.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { PARTS = 3, NODE = 4, GROUP_NODE = 5, FIRST_ID = 700 };

static struct story {
    struct kc_txn txn;
    struct kb_random random;
    struct kb_time now;
    struct kc_txn_part parts[PARTS];
    struct kc_txn_request request;
    struct kc_txn_offset row;
    struct kc_txn_offsets offsets;
    struct kb_error err;
    int version; /* of transactions, as the brokers say */
} s;

static void begin_story(int version)
{
    memset(&s, 0, sizeof s);
    s.now = (struct kb_time){10000, 10000};
    s.version = version;
    kb_random_seed(&s.random, 3);
    kc_txn_init(&s.txn,
                &(struct kc_txn_options){
                    .id = "x", .timeout_ms = 60000, .backoff_ms = 100, .backoff_max_ms = 1000},
                &s.random);
    for (int i = 0; i < PARTS; i++) {
        s.parts[i] = (struct kc_txn_part){.topic = i < 2 ? "a" : "b", .index = i};
        kb_list_init(&s.parts[i].link);
    }
}

static void end_story(void)
{
    kc_txn_deinit(&s.txn);
}

/* ---- What the story says ---------------------------------------------------------- */

static bool asks(enum kc_txn_ask ask)
{
    return kc_txn_plan(&s.txn, s.now, &s.request) && s.request.ask == ask;
}

static void nothing_due(void)
{
    assert_false(kc_txn_plan(&s.txn, s.now, &s.request));
}

static void pass(int64_t ms)
{
    s.now.mono_ms += ms;
    kc_txn_tick(&s.txn, s.now);
}

static void give(struct kc_txn_response *response)
{
    response->transactions = s.version;
    kc_txn_answer(&s.txn, s.now, response);
}

static void found(int32_t node)
{
    struct kc_txn_response r = {.version = 3};
    kw_find_coordinator_response_init(&r.find);
    r.find.node_id = node;
    r.find.host = kb_slice_str("k");
    r.find.port = 9092;
    give(&r);
}

static void find_refused(int16_t code)
{
    struct kc_txn_response r = {.version = 3};
    kw_find_coordinator_response_init(&r.find);
    r.find.error_code = code;
    give(&r);
}

static void initialised(int16_t code, int16_t epoch)
{
    struct kc_txn_response r = {.version = 5};
    kw_init_producer_id_response_init(&r.init);
    r.init.error_code = code;
    r.init.producer_id = code ? -1 : FIRST_ID;
    r.init.producer_epoch = epoch;
    give(&r);
}

/* The first of the topic's partitions has this code, the others were not looked at. */
static void partitions_added(int16_t code)
{
    struct kc_txn_response r = {.version = 3};
    struct kw_add_partitions_to_txn_response_partition rows[2];
    struct kw_add_partitions_to_txn_response_topic topic;
    kw_add_partitions_to_txn_response_init(&r.partitions);
    kw_add_partitions_to_txn_response_topic_init(&topic);
    topic.name = kb_slice_str("a");
    for (int i = 0; i < 2; i++) {
        kw_add_partitions_to_txn_response_partition_init(&rows[i]);
        rows[i].partition_index = 1 - i;
        rows[i].partition_error_code =
            i == 1 ? code : (int16_t)(code ? KB_E_OPERATION_NOT_ATTEMPTED : 0);
    }
    topic.results_by_partition = rows;
    topic.results_by_partition_count = 2;
    r.partitions.results_by_topic_v3_and_below = &topic;
    r.partitions.results_by_topic_v3_and_below_count = 1;
    give(&r);
}

static void group_added(int16_t code)
{
    struct kc_txn_response r = {.version = 3};
    kw_add_offsets_to_txn_response_init(&r.offsets);
    r.offsets.error_code = code;
    give(&r);
}

static void offsets_taken(int16_t code)
{
    struct kc_txn_response r = {.version = 3};
    struct kw_txn_offset_commit_response_partition row;
    struct kw_txn_offset_commit_response_topic topic;
    kw_txn_offset_commit_response_init(&r.commit);
    kw_txn_offset_commit_response_topic_init(&topic);
    kw_txn_offset_commit_response_partition_init(&row);
    row.error_code = code;
    topic.partitions = &row;
    topic.partitions_count = 1;
    r.commit.topics = &topic;
    r.commit.topics_count = 1;
    give(&r);
}

/* epoch -1: an answer below version 5, without one. */
static void ended(int16_t code, int16_t epoch)
{
    struct kc_txn_response r = {.version = 5};
    kw_end_txn_response_init(&r.end);
    r.end.error_code = code;
    r.end.producer_id = epoch < 0 ? -1 : FIRST_ID;
    r.end.producer_epoch = epoch;
    give(&r);
}

static void cut(void)
{
    struct kb_error why;
    kb_error_set(&why, KB_E_TRANSPORT, "the connection broke");
    kc_txn_failure(&s.txn, s.now, &why);
}

/* As it is: whatever was asked goes to the coordinator that was found again. */
static void find_again(void)
{
    pass(2000);
    assert_true(asks(KC_TXN_FIND));
    found(NODE);
}

static void ready(void)
{
    assert_true(asks(KC_TXN_FIND));
    assert_int_equal(s.request.node, -1);
    found(NODE);
    assert_true(asks(KC_TXN_INIT));
    assert_int_equal(s.request.node, NODE);
    initialised(0, 0);
    assert_int_equal(s.txn.state, KC_TXN_READY);
}

static void opened(void)
{
    assert_int_equal(kc_txn_begin(&s.txn, &s.err), 0);
    assert_int_equal(s.txn.state, KC_TXN_OPEN);
}

static int joined(void)
{
    int n = 0;
    while (kc_txn_joined(&s.txn))
        n++;
    return n;
}

static void want(int i)
{
    kc_txn_want(&s.txn, &s.parts[i]);
}

static bool offer_offsets(const char *group)
{
    s.row = (struct kc_txn_offset){.topic = "a", .partition = 0, .leader_epoch = -1, .offset = 7};
    s.offsets = (struct kc_txn_offsets){.group = group,
                                        .member = "m",
                                        .generation = 3,
                                        .rows = &s.row,
                                        .count = 1,
                                        .deadline_ms = s.now.mono_ms + 5000};
    return kc_txn_send_offsets(&s.txn, &s.offsets);
}

static void commits(void)
{
    assert_int_equal(kc_txn_commit(&s.txn, &s.err), 0);
    nothing_due();
    kc_txn_drained(&s.txn);
}

static void aborts(void)
{
    assert_int_equal(kc_txn_abort(&s.txn, &s.err), 0);
    nothing_due();
    kc_txn_drained(&s.txn);
}

/* A transaction with a partition in it, which has sent. */
static void opened_and_sent(void)
{
    opened();
    want(0);
    if (s.version < 2) {
        assert_true(asks(KC_TXN_ADD_PARTITIONS));
        partitions_added(0);
    }
    assert_int_equal(joined(), 1);
    kc_txn_sent(&s.txn);
}

/* ---- Stories ------------------------------------------------------------------------- */

static void a_transaction_of_version_1(void **state)
{
    (void)state;
    begin_story(1);
    ready();
    opened();
    want(0);
    assert_int_equal(joined(), 0); /* not before it was added */
    assert_true(asks(KC_TXN_ADD_PARTITIONS));
    assert_int_equal(s.request.max_version, 3);
    want(1); /* while that is on its way */
    nothing_due();
    partitions_added(0);
    assert_int_equal(joined(), 1);
    assert_true(asks(KC_TXN_ADD_PARTITIONS));
    partitions_added(0);
    assert_int_equal(joined(), 1);
    kc_txn_sent(&s.txn);
    commits();
    assert_true(asks(KC_TXN_END));
    assert_int_equal(s.request.max_version, 4);
    ended(0, -1);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    assert_int_equal(s.txn.epoch, 0);
    assert_int_equal(s.parts[0].place, KC_TXN_OUT); /* to be added anew */
    end_story();
}

static void a_transaction_of_version_2(void **state)
{
    (void)state;
    begin_story(2);
    ready();
    opened_and_sent();
    nothing_due();
    commits();
    assert_true(asks(KC_TXN_END));
    assert_int_equal(s.request.min_version, 5);
    ended(0, 1);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    assert_int_equal(s.txn.epoch, 1);
    end_story();
}

static void the_version_holds_for_a_whole_transaction(void **state)
{
    (void)state;
    begin_story(1);
    ready();
    opened_and_sent();
    s.version = 2;
    commits();
    assert_true(asks(KC_TXN_END));
    assert_int_equal(s.request.max_version, 4);
    ended(0, -1);
    opened();
    assert_true(s.txn.implicit);
    end_story();
}

static void an_empty_one_asks_nobody(void **state)
{
    (void)state;
    begin_story(1);
    ready();
    opened();
    commits();
    assert_int_equal(s.txn.state, KC_TXN_READY);
    opened();
    aborts();
    assert_int_equal(s.txn.state, KC_TXN_READY);
    nothing_due();
    end_story();
}

static void positions_of_version_1(void **state)
{
    (void)state;
    begin_story(1);
    ready();
    opened();
    assert_true(offer_offsets("g"));
    assert_true(asks(KC_TXN_ADD_OFFSETS));
    group_added(0);
    assert_true(asks(KC_TXN_FIND_GROUP));
    found(GROUP_NODE);
    assert_true(asks(KC_TXN_COMMIT_OFFSETS));
    assert_int_equal(s.request.node, GROUP_NODE);
    assert_int_equal(s.request.max_version, 4);
    offsets_taken(KB_E_COORDINATOR_LOAD_IN_PROGRESS);
    nothing_due();
    pass(2000);
    assert_true(asks(KC_TXN_COMMIT_OFFSETS));
    offsets_taken(0);
    assert_true(s.offsets.done && !s.offsets.err.code);
    assert_true(offer_offsets("g")); /* the group is in it already */
    assert_true(asks(KC_TXN_COMMIT_OFFSETS));
    offsets_taken(0);
    commits();
    assert_true(asks(KC_TXN_END));
    ended(0, -1);
    end_story();
}

static void positions_of_version_2_join_by_themselves(void **state)
{
    (void)state;
    begin_story(2);
    ready();
    opened();
    assert_true(offer_offsets("g"));
    assert_true(asks(KC_TXN_FIND_GROUP));
    found(GROUP_NODE);
    assert_true(asks(KC_TXN_COMMIT_OFFSETS));
    assert_int_equal(s.request.min_version, 5);
    cut(); /* and yet it may be there: the transaction has to be ended */
    aborts();
    assert_true(s.offsets.done);
    assert_int_equal(s.offsets.err.code, KB_E_TXN_ABORTED);
    assert_true(asks(KC_TXN_END) || (pass(2000), asks(KC_TXN_END)));
    ended(0, 1);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    end_story();
}

static void a_commit_waits_for_positions(void **state)
{
    (void)state;
    begin_story(2);
    ready();
    opened();
    assert_true(offer_offsets("g"));
    assert_true(asks(KC_TXN_FIND_GROUP));
    assert_int_equal(kc_txn_commit(&s.txn, &s.err), 0);
    kc_txn_drained(&s.txn);
    found(GROUP_NODE);
    assert_true(asks(KC_TXN_COMMIT_OFFSETS));
    nothing_due();
    offsets_taken(0);
    assert_true(asks(KC_TXN_END));
    ended(0, 1);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    end_story();
}

static void a_member_that_is_none_cannot_commit(void **state)
{
    static const int16_t codes[] = {KB_E_ILLEGAL_GENERATION, KB_E_UNKNOWN_MEMBER_ID,
                                    KB_E_FENCED_INSTANCE_ID, KB_E_GROUP_AUTHORIZATION_FAILED};
    (void)state;
    for (size_t i = 0; i < KB_ARRAY_SIZE(codes); i++) {
        begin_story(2);
        ready();
        opened();
        assert_true(offer_offsets("g"));
        assert_true(asks(KC_TXN_FIND_GROUP));
        found(GROUP_NODE);
        assert_true(asks(KC_TXN_COMMIT_OFFSETS));
        offsets_taken(codes[i]);
        assert_int_equal(s.txn.state, KC_TXN_FAILED);
        assert_int_equal(s.offsets.err.code, codes[i]);
        assert_int_equal(s.offsets.err.classes, KB_ABORTABLE);
        assert_int_equal(kc_txn_commit(&s.txn, &s.err), codes[i]);
        aborts();
        assert_true(asks(KC_TXN_END));
        ended(0, 1);
        end_story();
    }
}

static void positions_have_a_time(void **state)
{
    (void)state;
    begin_story(2);
    ready();
    opened();
    assert_true(offer_offsets("g"));
    assert_true(asks(KC_TXN_FIND_GROUP));
    find_refused(KB_E_COORDINATOR_NOT_AVAILABLE);
    pass(5000);
    assert_true(s.offsets.done);
    assert_int_equal(s.offsets.err.code, KB_E_UNDELIVERED); /* not TIMED_OUT: not to be resumed */
    assert_int_equal(s.txn.state, KC_TXN_FAILED);
    end_story();
}

static void a_lost_record_fails_the_transaction(void **state)
{
    (void)state;
    begin_story(1);
    ready();
    opened_and_sent();
    kc_txn_lost(&s.txn, KB_E_TIMED_OUT, true, "a [0]");
    assert_int_equal(s.txn.state, KC_TXN_FAILED);
    assert_int_equal(kc_txn_commit(&s.txn, &s.err), KB_E_UNDELIVERED);
    assert_int_equal(s.err.classes, KB_ABORTABLE);
    assert_int_equal(kc_txn_begin(&s.txn, &s.err), KB_E_UNDELIVERED);
    aborts();
    assert_true(asks(KC_TXN_END));
    ended(0, -1);
    /* A sequence was lost with it: the next transaction needs an epoch of its own. */
    assert_int_equal(s.txn.state, KC_TXN_RECOVERING);
    assert_true(asks(KC_TXN_INIT));
    assert_int_equal(s.request.min_version, 3);
    initialised(0, 1);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    assert_int_equal(s.txn.epoch, 1);
    end_story();
}

static void version_2_mends_sequences_by_itself(void **state)
{
    (void)state;
    begin_story(2);
    ready();
    opened_and_sent();
    kc_txn_lost(&s.txn, KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER, true, "a [0]");
    aborts();
    assert_true(asks(KC_TXN_END));
    ended(0, 1);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    end_story();
}

static void a_newer_producer_is_fatal(void **state)
{
    static const int16_t codes[] = {KB_E_PRODUCER_FENCED, KB_E_INVALID_PRODUCER_EPOCH,
                                    KB_E_INVALID_PRODUCER_ID_MAPPING};
    (void)state;
    for (size_t i = 0; i < KB_ARRAY_SIZE(codes); i++) {
        begin_story(2);
        ready();
        opened_and_sent();
        commits();
        assert_true(asks(KC_TXN_END));
        ended(codes[i], -1);
        assert_int_equal(s.txn.state, KC_TXN_RECOVERING);
        assert_int_equal(kc_txn_begin(&s.txn, &s.err), KB_E_TIMED_OUT);
        assert_true(asks(KC_TXN_INIT)); /* with what it holds: is that still the last? */
        initialised(KB_E_PRODUCER_FENCED, -1);
        assert_int_equal(s.txn.state, KC_TXN_FATAL);
        assert_int_equal(kc_txn_begin(&s.txn, &s.err), KB_E_PRODUCER_FENCED);
        assert_int_equal(s.err.classes, KB_FATAL);
        assert_int_equal(kc_txn_commit(&s.txn, &s.err), KB_E_PRODUCER_FENCED);
        assert_int_equal(kc_txn_abort(&s.txn, &s.err), KB_E_PRODUCER_FENCED);
        nothing_due();
        end_story();
    }
}

static void a_transaction_that_took_too_long_is_aborted_and_goes_on(void **state)
{
    (void)state;
    begin_story(1);
    ready();
    opened_and_sent();
    want(1);
    assert_true(asks(KC_TXN_ADD_PARTITIONS));
    partitions_added(KB_E_PRODUCER_FENCED);
    assert_int_equal(s.txn.state, KC_TXN_RECOVERING);
    assert_true(asks(KC_TXN_INIT));
    initialised(0, 2); /* nobody else came: the coordinator had given it up */
    assert_int_equal(s.txn.state, KC_TXN_FAILED);
    assert_int_equal(kc_txn_commit(&s.txn, &s.err), KB_E_TRANSACTION_ABORTABLE);
    aborts();
    assert_int_equal(s.txn.state, KC_TXN_READY); /* nothing is left to abort */
    opened_and_sent();
    assert_int_equal(s.txn.epoch, 2);
    end_story();
}

static void a_commit_that_came_too_late(void **state)
{
    (void)state;
    begin_story(2);
    ready();
    opened_and_sent();
    commits();
    assert_true(asks(KC_TXN_END));
    ended(KB_E_INVALID_TXN_STATE, -1);
    assert_int_equal(s.txn.state, KC_TXN_FAILED);
    aborts();
    assert_true(asks(KC_TXN_END));
    ended(0, 1);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    end_story();
}

static void a_commit_is_asked_until_it_is_answered(void **state)
{
    (void)state;
    begin_story(2);
    ready();
    opened_and_sent();
    commits();
    assert_true(asks(KC_TXN_END));
    cut();
    assert_int_equal(kc_txn_abort(&s.txn, &s.err), KB_E_STATE); /* it may have been heard */
    find_again();
    assert_true(asks(KC_TXN_END));
    ended(KB_E_CONCURRENT_TRANSACTIONS, -1);
    nothing_due();
    pass(20); /* which is soon over */
    assert_true(asks(KC_TXN_END));
    ended(KB_E_NOT_COORDINATOR, -1);
    find_again();
    assert_true(asks(KC_TXN_END));
    ended(0, 1);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    end_story();
}

/* Who is cut off asks again, and the first EndTxn may come after the second was answered. */
static void an_end_that_may_come_late_meets_another_epoch(void **state)
{
    (void)state;
    for (int commit = 0; commit < 2; commit++) {
        begin_story(1);
        ready();
        opened_and_sent();
        commit ? commits() : aborts();
        assert_true(asks(KC_TXN_END));
        cut();
        find_again();
        assert_true(asks(KC_TXN_END));
        ended(0, -1);
        assert_int_equal(s.txn.state, KC_TXN_RECOVERING);
        assert_false(s.txn.to_failed); /* its end was heard */
        assert_int_equal(kc_txn_begin(&s.txn, &s.err), KB_E_TIMED_OUT);
        assert_true(asks(KC_TXN_INIT));
        assert_int_equal(s.request.min_version, 3);
        initialised(KB_E_CONCURRENT_TRANSACTIONS, -1);
        pass(20);
        assert_true(asks(KC_TXN_INIT));
        initialised(0, 1);
        opened_and_sent();
        assert_int_equal(s.txn.epoch, 1);
        commits();
        assert_true(asks(KC_TXN_END));
        ended(0, -1);
        assert_int_equal(s.txn.state, KC_TXN_READY); /* nothing is late of this one */
        end_story();
    }
}

static void so_do_partitions_and_positions_that_may_come_late(void **state)
{
    (void)state;
    begin_story(1);
    ready();
    opened();
    want(0);
    assert_true(asks(KC_TXN_ADD_PARTITIONS));
    cut();
    find_again();
    assert_true(asks(KC_TXN_ADD_PARTITIONS));
    partitions_added(0);
    commits();
    assert_true(asks(KC_TXN_END));
    ended(0, -1);
    assert_int_equal(s.txn.state, KC_TXN_RECOVERING);
    end_story();
}

static void brokers_without_other_epochs_leave_it_the_same(void **state)
{
    (void)state;
    begin_story(1);
    ready();
    opened_and_sent();
    commits();
    assert_true(asks(KC_TXN_END));
    cut();
    find_again();
    assert_true(asks(KC_TXN_END));
    ended(0, -1);
    assert_true(asks(KC_TXN_INIT));
    struct kb_error why;
    kb_error_set(&why, KB_E_UNSUPPORTED, "older than 2.5");
    kc_txn_failure(&s.txn, s.now, &why);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    opened_and_sent();
    assert_int_equal(s.txn.epoch, 0);
    kc_txn_lost(&s.txn, KB_E_TIMED_OUT, true, "a [0]");
    aborts();
    assert_true(asks(KC_TXN_END));
    ended(0, -1);
    assert_true(asks(KC_TXN_INIT)); /* for the sequences there is no other way */
    kc_txn_failure(&s.txn, s.now, &why);
    assert_int_equal(s.txn.state, KC_TXN_FATAL);
    end_story();
}

static void an_abort_takes_the_place_of_a_commit_that_still_flushes(void **state)
{
    (void)state;
    begin_story(2);
    ready();
    opened_and_sent();
    assert_int_equal(kc_txn_commit(&s.txn, &s.err), 0);
    aborts();
    assert_true(asks(KC_TXN_END));
    ended(0, 1);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    end_story();
}

static void what_may_have_been_added_is_aborted_under_another_epoch(void **state)
{
    (void)state;
    begin_story(1);
    ready();
    opened();
    want(0);
    assert_true(asks(KC_TXN_ADD_PARTITIONS));
    cut();
    aborts();
    find_again();
    assert_true(asks(KC_TXN_END));
    ended(KB_E_INVALID_TXN_STATE, -1); /* it was not */
    assert_int_equal(s.txn.state, KC_TXN_RECOVERING);
    assert_true(asks(KC_TXN_INIT));
    initialised(KB_E_CONCURRENT_TRANSACTIONS, -1);
    pass(20);
    assert_true(asks(KC_TXN_INIT));
    initialised(0, 1);
    assert_int_equal(s.txn.state, KC_TXN_READY);
    end_story();
}

static void a_partition_that_is_refused(void **state)
{
    (void)state;
    begin_story(1);
    ready();
    opened();
    want(0);
    want(1);
    assert_true(asks(KC_TXN_ADD_PARTITIONS));
    partitions_added(KB_E_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(s.txn.state, KC_TXN_FAILED);
    assert_int_equal(joined(), 0);
    assert_int_equal(kc_txn_commit(&s.txn, &s.err), KB_E_TOPIC_AUTHORIZATION_FAILED);
    assert_non_null(strstr(s.err.text, "a [0]")); /* not the one that was not looked at */
    aborts();
    assert_int_equal(s.txn.state, KC_TXN_READY);
    end_story();
}

static void rights_and_bounds_are_fatal(void **state)
{
    (void)state;
    begin_story(2);
    assert_true(asks(KC_TXN_FIND));
    find_refused(KB_E_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assert_int_equal(s.txn.state, KC_TXN_FATAL);
    assert_int_equal(s.txn.err.code, KB_E_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    end_story();
    begin_story(2);
    assert_true(asks(KC_TXN_FIND));
    found(NODE);
    assert_true(asks(KC_TXN_INIT));
    initialised(KB_E_INVALID_TRANSACTION_TIMEOUT, -1);
    assert_int_equal(s.txn.state, KC_TXN_FATAL);
    assert_int_equal(s.txn.err.classes, KB_FATAL);
    end_story();
}

static void the_id_is_waited_for(void **state)
{
    (void)state;
    begin_story(2);
    assert_int_equal(kc_txn_begin(&s.txn, &s.err), KB_E_TIMED_OUT);
    assert_true(asks(KC_TXN_FIND));
    find_refused(KB_E_COORDINATOR_NOT_AVAILABLE);
    nothing_due();
    assert_true(kc_txn_deadline_ms(&s.txn) > s.now.mono_ms);
    assert_true(kc_txn_deadline_ms(&s.txn) < s.now.mono_ms + 200);
    find_again();
    assert_true(asks(KC_TXN_INIT));
    initialised(KB_E_CONCURRENT_TRANSACTIONS, -1); /* the one before is being aborted */
    assert_int_equal(kc_txn_begin(&s.txn, &s.err), KB_E_TIMED_OUT);
    assert_non_null(strstr(s.err.text, "CONCURRENT_TRANSACTIONS"));
    pass(20);
    assert_true(asks(KC_TXN_INIT));
    initialised(0, 9);
    opened();
    end_story();
}

static void calls_that_do_not_fit(void **state)
{
    (void)state;
    begin_story(2);
    ready();
    assert_int_equal(kc_txn_commit(&s.txn, &s.err), KB_E_STATE);
    assert_int_equal(kc_txn_abort(&s.txn, &s.err), KB_E_STATE);
    opened();
    assert_int_equal(kc_txn_begin(&s.txn, &s.err), KB_E_STATE);
    assert_int_equal(kc_txn_commit(&s.txn, &s.err), 0);
    assert_int_equal(kc_txn_begin(&s.txn, &s.err), KB_E_STATE);
    assert_int_equal(kc_txn_commit(&s.txn, &s.err), KB_E_STATE);
    end_story();
}

/* ---- Bytes, and no memory ---------------------------------------------------------------- */

/* What was planned, in every version that it may have; answers whether there was memory. */
static bool encodes(void)
{
    bool whole = true;
    for (int16_t v = s.request.min_version; v <= s.request.max_version; v++) {
        struct kb_arena arena;
        struct kw_writer w;
        kb_arena_init(&arena, 1 << 16);
        kw_writer_init(&w, 1 << 16);
        int code = kc_txn_encode(&s.txn, &arena, v, &w);
        if (code && code != KB_E_NO_MEMORY)
            fail_msg("ask %d version %d: %s", s.request.ask, v, kb_code_name(code));
        whole &= !code;
        kw_writer_deinit(&w);
        kb_arena_deinit(&arena);
    }
    return whole;
}

static void a_whole_one(void *ctx)
{
    bool *whole = ctx;
    *whole = true;
    begin_story(1);
    assert_true(asks(KC_TXN_FIND));
    *whole &= encodes();
    found(NODE);
    while (s.txn.finder.node < 0) { /* its name could not be kept */
        *whole = false;
        pass(2000);
        assert_true(asks(KC_TXN_FIND));
        found(NODE);
    }
    assert_true(asks(KC_TXN_INIT));
    *whole &= encodes();
    initialised(0, 0);
    opened();
    for (int i = 0; i < PARTS; i++)
        want(i);
    assert_true(asks(KC_TXN_ADD_PARTITIONS));
    *whole &= encodes();
    partitions_added(0);
    assert_int_equal(joined(), PARTS);
    if (offer_offsets("g")) {
        assert_true(asks(KC_TXN_ADD_OFFSETS));
        *whole &= encodes();
        group_added(0);
        assert_true(asks(KC_TXN_FIND_GROUP));
        *whole &= encodes();
        found(GROUP_NODE);
        if (asks(KC_TXN_COMMIT_OFFSETS)) {
            *whole &= encodes();
            offsets_taken(0);
            commits();
            assert_true(asks(KC_TXN_END));
            *whole &= encodes();
            ended(0, -1);
        }
    } else {
        *whole = false;
    }
    end_story();
}

static void each_request_can_be_written_and_memory_may_lack(void **state)
{
    (void)state;
    bool whole;
    assert_true(unit_each_failure(a_whole_one, &whole) > 5);
    assert_true(whole); /* the last run had all it wanted */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_of_version_1),
        cmocka_unit_test(a_transaction_of_version_2),
        cmocka_unit_test(the_version_holds_for_a_whole_transaction),
        cmocka_unit_test(an_empty_one_asks_nobody),
        cmocka_unit_test(positions_of_version_1),
        cmocka_unit_test(positions_of_version_2_join_by_themselves),
        cmocka_unit_test(a_commit_waits_for_positions),
        cmocka_unit_test(a_member_that_is_none_cannot_commit),
        cmocka_unit_test(positions_have_a_time),
        cmocka_unit_test(a_lost_record_fails_the_transaction),
        cmocka_unit_test(version_2_mends_sequences_by_itself),
        cmocka_unit_test(a_newer_producer_is_fatal),
        cmocka_unit_test(a_transaction_that_took_too_long_is_aborted_and_goes_on),
        cmocka_unit_test(a_commit_that_came_too_late),
        cmocka_unit_test(a_commit_is_asked_until_it_is_answered),
        cmocka_unit_test(an_end_that_may_come_late_meets_another_epoch),
        cmocka_unit_test(so_do_partitions_and_positions_that_may_come_late),
        cmocka_unit_test(brokers_without_other_epochs_leave_it_the_same),
        cmocka_unit_test(an_abort_takes_the_place_of_a_commit_that_still_flushes),
        cmocka_unit_test(what_may_have_been_added_is_aborted_under_another_epoch),
        cmocka_unit_test(a_partition_that_is_refused),
        cmocka_unit_test(rights_and_bounds_are_fatal),
        cmocka_unit_test(the_id_is_waited_for),
        cmocka_unit_test(calls_that_do_not_fit),
        cmocka_unit_test(each_request_can_be_written_and_memory_may_lack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
