/* SPDX-License-Identifier: Apache-2.0 */
/* The producer's machine as timed stories: no sockets, no threads, no clock. */
#include "libclient/core/sender.h"
#include "base/error.h"
#include "tests/unit/unit.h"
#include <string.h>

enum { FLIGHTS = 8, REQUESTS = 8, LINGER_MS = 5, DELIVERY_MS = 1000, BATCH = 1000 };

struct request {
    struct kc_flight flights[FLIGHTS];
    size_t count;
};

static struct story {
    struct kc_sender sender;
    struct kc_send_topic topic;
    struct kb_random random;
    struct kb_time now;
    struct request requests[REQUESTS];
    int request_count;
} s;

static void kick(struct kc_bell *bell)
{
    (void)bell;
}

static const struct kb_uuid topic_id = {{1}};

static struct kc_send_options defaults(void)
{
    return (struct kc_send_options){.idempotent = true,
                                    .acks = -1,
                                    .in_flight = 5,
                                    .retries = 100,
                                    .linger_ms = LINGER_MS,
                                    .delivery_ms = DELIVERY_MS,
                                    .unplaced_ms = 500,
                                    .backoff_ms = 10,
                                    .backoff_max_ms = 100,
                                    .request_bytes = 1 << 20,
                                    .batch_bytes = BATCH,
                                    .memory_bytes = 4 << 20,
                                    .partitioner = KC_MURMUR2,
                                    .adaptive = true};
}

static void begin_unknown(struct kc_send_options options)
{
    memset(&s, 0, sizeof s);
    s.now = (struct kb_time){10000, 10000};
    kb_random_seed(&s.random, 1);
    assert_true(kc_sender_init(&s.sender, &options, &s.random, kick, NULL));
    kc_send_topic_init(&s.topic, &s.sender, "t");
    kc_sender_add(&s.sender, &s.topic);
    if (options.idempotent) {
        assert_true(kc_sender_wants_id(&s.sender));
        kc_sender_id(&s.sender, s.now, 77, 0);
    }
}

static void know(int32_t count, int32_t leader)
{
    int32_t leaders[8];
    for (int32_t i = 0; i < count; i++)
        leaders[i] = leader;
    assert_true(kc_sender_topic_known(&s.sender, s.now, &s.topic, topic_id, 1, leaders, count));
}

/* The brokers have met the producer. */
static void begin(struct kc_send_options options, int32_t partitions)
{
    begin_unknown(options);
    know(partitions, 1);
    for (int32_t i = 0; i < partitions; i++)
        s.topic.partitions[i]->known = true;
}

static void end(void)
{
    kc_send_topic_deinit(&s.topic);
    kc_sender_deinit(&s.sender);
}

/* ---- What the story says ---------------------------------------------------------- */

static void append(struct kc_send_slot *slot, uint64_t opaque, size_t size, const char *key,
                   int32_t target)
{
    static char value[20000];
    struct kc_supply *supply = &s.sender.supply;
    struct kc_entry entry = {.timestamp_ms = s.now.wall_ms, .opaque = opaque, .target = target};
    struct kc_hand hand = {.now_ms = s.now.mono_ms};
    memset(value, (int)('a' + opaque % 26), size);
    entry.record.value = kb_slice_of(value, size);
    entry.record.key = kb_slice_str(key);
    entry.max_bytes = kc_entry_max_bytes(&entry.record);
    for (;;) {
        enum kc_append lacks = kc_slot_append(slot, &entry, &hand);
        if (lacks == KC_APPENDED)
            break;
        assert_int_not_equal(lacks, KC_APPEND_CLOSED);
        enum kc_part part = lacks == KC_APPEND_LACKS_BATCH   ? KC_PART_BATCH
                            : lacks == KC_APPEND_LACKS_CHUNK ? KC_PART_CHUNK
                                                             : KC_PART_NOTES;
        assert_true(kc_supply_pay(supply, kc_supply_cost(supply, part, entry.max_bytes)));
        if (part == KC_PART_BATCH)
            hand.batch = kc_supply_batch(supply);
        else if (part == KC_PART_CHUNK)
            hand.chunk = kc_supply_chunk(supply, entry.max_bytes);
        else
            hand.notes = kc_supply_notes(supply);
    }
    assert_null(hand.batch);
}

static void send(int32_t partition, uint64_t opaque)
{
    append(&s.topic.partitions[partition]->slot, opaque, 50, NULL, -1);
}

/* A batch of its own. */
static void send_full(int32_t partition, uint64_t opaque)
{
    append(&s.topic.partitions[partition]->slot, opaque, BATCH, NULL, -1);
}

static void turn(void)
{
    kc_bell_answer(&s.sender.rules.bell);
    do
        kc_sender_step(&s.sender, s.now);
    while (!kc_sender_rest(&s.sender));
}

static void after(int64_t ms)
{
    s.now.mono_ms += ms;
    s.now.wall_ms += ms;
    turn();
}

/* The next request to that broker; it stays where it is. */
static struct request *request_to(int32_t node)
{
    assert_true(s.request_count < REQUESTS);
    struct request *r = &s.requests[s.request_count++];
    struct kc_send_broker *broker = kc_sender_broker(&s.sender, node);
    r->count = kc_sender_collect(&s.sender, s.now, broker, r->flights, FLIGHTS);
    return r;
}

static void expect_nothing_for(int32_t node)
{
    assert_int_equal(request_to(node)->count, 0);
    s.request_count--;
}

static void answer(struct request *r, size_t i, int32_t code, int64_t offset)
{
    kc_sender_answer(&s.sender, s.now, &r->flights[i], &(struct kc_produced){code, offset, -1});
}

static struct kw_batch_header header_of(const struct kc_flight *flight)
{
    struct kw_batch_header header;
    kw_batch_peek(flight->batch->chunks[0]->data, &header);
    return header;
}

static void expect_stamp(const struct request *r, size_t i, int16_t epoch, int32_t sequence,
                         int32_t records)
{
    struct kw_batch_header header = header_of(&r->flights[i]);
    assert_int_equal(header.producer_id, 77);
    assert_int_equal(header.producer_epoch, epoch);
    assert_int_equal(header.base_sequence, sequence);
    assert_int_equal(header.record_count, records);
}

/* The next batch that is done. */
static void expect_report(uint64_t opaque, int32_t code, int persisted)
{
    struct kc_send_batch *batch = kc_reports_take(&s.sender.reports);
    assert_non_null(batch);
    struct kc_notes_iter notes;
    kc_notes_iter_init(&notes, batch);
    assert_int_equal(kc_notes_iter_next(&notes), opaque);
    assert_int_equal(batch->outcome.code, code);
    assert_int_equal(batch->outcome.persisted, persisted);
    kc_reports_drop(&s.sender.reports, batch);
}

static void expect_no_report(void)
{
    assert_false(kc_reports_any(&s.sender.reports));
}

/* ---- Batches -------------------------------------------------------------------------- */

static void test_lingers(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send(0, 1);
    turn();
    expect_nothing_for(1);
    assert_int_equal(kc_sender_deadline_ms(&s.sender), s.now.mono_ms + LINGER_MS);
    after(2);
    send(0, 2);
    after(LINGER_MS - 2);
    struct request *r = request_to(1);
    assert_int_equal(r->count, 1);
    expect_stamp(r, 0, 0, 0, 2);
    answer(r, 0, 0, 40);
    struct kc_send_batch *batch = kc_reports_take(&s.sender.reports);
    assert_int_equal(batch->outcome.offset, 40);
    assert_int_equal(batch->record_count, 2);
    assert_int_equal(batch->chunk_count, 0); /* its records' memory is back */
    kc_reports_drop(&s.sender.reports, batch);
    assert_int_equal(s.sender.supply.free_bytes, s.sender.supply.total_bytes);
    assert_int_equal(kc_sender_deadline_ms(&s.sender), KB_NEVER);
    end();
}

static void test_full_goes_at_once(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send_full(0, 1);
    send_full(0, 2);
    turn();
    struct request *r = request_to(1);
    assert_int_equal(r->count, 1);
    expect_stamp(r, 0, 0, 0, 1);
    expect_nothing_for(1); /* the second is open, and lingers */
    after(LINGER_MS);
    struct request *next = request_to(1);
    expect_stamp(next, 0, 0, 1, 1);
    end();
}

/* Every partition gets its turn: a request begins where the last one stopped. */
static void test_ring(void **state)
{
    (void)state;
    struct kc_send_options options = defaults();
    options.request_bytes = 400;
    begin(options, 4);
    for (int32_t p = 0; p < 4; p++)
        for (int i = 0; i < 3; i++)
            append(&s.topic.partitions[p]->slot, (uint64_t)(p + 1), 100, NULL, -1);
    after(LINGER_MS);
    for (int i = 0; i < 4; i++) {
        struct request *r = request_to(1);
        assert_int_equal(r->count, 1);
        assert_int_equal(r->flights[0].partition->index, i);
    }
    end();
}

/* A request takes one batch of each partition. */
static void test_one_of_each(void **state)
{
    (void)state;
    begin(defaults(), 2);
    for (int i = 0; i < 3; i++) {
        send_full(0, 1);
        send_full(1, 2);
    }
    after(LINGER_MS);
    for (int i = 0; i < 3; i++)
        assert_int_equal(request_to(1)->count, 2);
    expect_nothing_for(1);
    end();
}

/* A broker takes any sequence from a producer that it does not know: were two
 * batches on their way and the first refused, the second would overtake it. */
static void test_one_until_known(void **state)
{
    (void)state;
    begin(defaults(), 1);
    s.topic.partitions[0]->known = false;
    send_full(0, 1);
    send_full(0, 2);
    send_full(0, 3);
    after(LINGER_MS);
    struct request *r = request_to(1);
    expect_nothing_for(1);
    answer(r, 0, 0, 1);
    assert_int_equal(request_to(1)->count, 1);
    assert_int_equal(request_to(1)->count, 1);
    end();
}

/* ---- Again, in order ------------------------------------------------------------------ */

static void test_retry_in_order(void **state)
{
    (void)state;
    begin(defaults(), 1);
    for (uint64_t i = 1; i <= 3; i++)
        send_full(0, i);
    after(LINGER_MS);
    struct request *a = request_to(1), *b = request_to(1), *c = request_to(1);
    expect_stamp(c, 0, 0, 2, 1);
    answer(a, 0, KB_E_NOT_ENOUGH_REPLICAS, -1);
    expect_nothing_for(1);
    answer(b, 0, KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    answer(c, 0, KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    expect_nothing_for(1); /* not before the backoff is over */
    after(100);
    struct request *again = request_to(1);
    expect_stamp(again, 0, 0, 0, 1);
    expect_nothing_for(1); /* nothing else while the oldest is in doubt */
    answer(again, 0, 0, 10);
    after(100);
    struct request *second = request_to(1);
    expect_stamp(second, 0, 0, 1, 1);
    answer(second, 0, 0, 11);
    after(100);
    struct request *third = request_to(1);
    expect_stamp(third, 0, 0, 2, 1);
    answer(third, 0, 0, 12);
    for (uint64_t i = 1; i <= 3; i++)
        expect_report(i, 0, KC_WAS_PERSISTED);
    end();
}

static void test_lost_answer(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send_full(0, 1);
    after(LINGER_MS);
    struct request *r = request_to(1);
    kc_sender_lost(&s.sender, s.now, &r->flights[0], KB_E_NETWORK_EXCEPTION, true);
    assert_true(s.topic.refresh);
    after(100);
    struct request *again = request_to(1);
    expect_stamp(again, 0, 0, 0, 1);
    assert_int_equal(again->flights[0].batch->attempts, 2);
    answer(again, 0, KB_E_DUPLICATE_SEQUENCE_NUMBER, -1);
    expect_report(1, 0, KC_WAS_PERSISTED);
    end();
}

static void test_without_idempotence_one_at_a_time(void **state)
{
    (void)state;
    struct kc_send_options options = defaults();
    options.idempotent = false;
    options.in_flight = 1;
    begin(options, 1);
    send_full(0, 1);
    send_full(0, 2);
    after(LINGER_MS);
    struct request *r = request_to(1);
    assert_int_equal(header_of(&r->flights[0]).producer_id, -1);
    expect_nothing_for(1);
    answer(r, 0, KB_E_REQUEST_TIMED_OUT, -1);
    after(100);
    struct request *again = request_to(1);
    assert_int_equal(again->flights[0].batch->attempts, 2);
    answer(again, 0, 0, 1);
    expect_report(1, 0, KC_WAS_PERSISTED);
    assert_int_equal(request_to(1)->count, 1);
    end();
}

static void test_retries_end(void **state)
{
    (void)state;
    struct kc_send_options options = defaults();
    options.retries = 1;
    begin(options, 1);
    send_full(0, 1);
    after(LINGER_MS);
    struct request *r = request_to(1);
    answer(r, 0, KB_E_NOT_ENOUGH_REPLICAS, -1);
    after(100);
    struct request *again = request_to(1);
    answer(again, 0, KB_E_NOT_ENOUGH_REPLICAS, -1);
    expect_report(1, KB_E_NOT_ENOUGH_REPLICAS, KC_NOT_PERSISTED);
    end();
}

static void test_new_leader(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send_full(0, 1);
    after(LINGER_MS);
    struct request *r = request_to(1);
    answer(r, 0, KB_E_NOT_LEADER_OR_FOLLOWER, -1);
    assert_true(s.topic.refresh);
    know(1, 2);
    after(100);
    expect_nothing_for(1);
    struct request *again = request_to(2);
    expect_stamp(again, 0, 0, 0, 1);
    answer(again, 0, 0, 5);
    expect_report(1, 0, KC_WAS_PERSISTED);
    end();
}

static void test_refused(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send_full(0, 1);
    after(LINGER_MS);
    answer(request_to(1), 0, KB_E_TOPIC_AUTHORIZATION_FAILED, -1);
    expect_report(1, KB_E_TOPIC_AUTHORIZATION_FAILED, KC_NOT_PERSISTED);
    send_full(0, 2);
    after(LINGER_MS);
    struct request *r = request_to(1);
    expect_stamp(r, 0, 1, 0, 1); /* its sequence never came: the next epoch */
    end();
}

/* ---- Deadlines, epochs ------------------------------------------------------------------ */

static void test_too_old_unsent(void **state)
{
    (void)state;
    begin(defaults(), 1);
    know(1, -1);
    send(0, 1);
    after(LINGER_MS);
    assert_int_equal(kc_sender_deadline_ms(&s.sender), 10000 + DELIVERY_MS);
    after(DELIVERY_MS);
    expect_report(1, KB_E_TIMED_OUT, KC_NOT_PERSISTED);
    know(1, 1);
    send_full(0, 2);
    after(LINGER_MS);
    expect_stamp(request_to(1), 0, 0, 0, 1); /* no sequence was spent */
    end();
}

/* In flight when its time is up: it may have been written. The partition drains,
 * then goes on under the next epoch. */
/* A leader that takes nothing: time runs for what no request has taken, whether its
 * batch was full or lingered out. */
static void test_too_old_untaken(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send_full(0, 1);
    turn();
    after(100);
    send(0, 2);
    turn();
    after(LINGER_MS);
    assert_int_equal(kc_sender_deadline_ms(&s.sender), 10000 + DELIVERY_MS);
    after(DELIVERY_MS - 100 - LINGER_MS);
    expect_report(1, KB_E_TIMED_OUT, KC_NOT_PERSISTED);
    expect_no_report();
    after(100);
    expect_report(2, KB_E_TIMED_OUT, KC_NOT_PERSISTED);
    assert_int_equal(kc_sender_deadline_ms(&s.sender), KB_NEVER);
    end();
}

/* The batch that was to be sent again is given up; the one behind it goes when the
 * wait is over, and nobody has to ring. */
static void test_given_up_while_waiting(void **state)
{
    struct kc_send_options options = defaults();
    (void)state;
    options.backoff_ms = options.backoff_max_ms = 500;
    begin(options, 1);
    send_full(0, 1);
    after(LINGER_MS);
    struct request *r = request_to(1);
    after(DELIVERY_MS - 20);
    kc_sender_lost(&s.sender, s.now, &r->flights[0], KB_E_TRANSPORT, true);
    send_full(0, 2);
    after(20);
    expect_report(1, KB_E_TIMED_OUT, KC_POSSIBLY_PERSISTED);
    expect_nothing_for(1);
    int64_t due_ms = kc_sender_deadline_ms(&s.sender);
    assert_in_range(due_ms, s.now.mono_ms + 1, s.now.mono_ms + 700);
    after(due_ms - s.now.mono_ms);
    r = request_to(1);
    assert_int_equal(r->count, 1);
    answer(r, 0, KB_E_NONE, 0);
    expect_report(2, 0, KC_WAS_PERSISTED);
    end();
}

static void test_too_old_in_flight(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send_full(0, 1);
    after(LINGER_MS);
    struct request *r = request_to(1);
    after(DELIVERY_MS);
    expect_report(1, KB_E_TIMED_OUT, KC_POSSIBLY_PERSISTED);
    send_full(0, 2);
    after(LINGER_MS);
    expect_nothing_for(1);
    answer(r, 0, 0, 3);
    expect_no_report();
    struct request *next = request_to(1);
    expect_stamp(next, 0, 1, 0, 1);
    answer(next, 0, 0, 4);
    expect_report(2, 0, KC_WAS_PERSISTED);
    end();
}

static void test_out_of_order_bumps(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send_full(0, 1);
    send_full(0, 2);
    after(LINGER_MS);
    struct request *a = request_to(1), *b = request_to(1);
    answer(a, 0, KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    expect_nothing_for(1);
    answer(b, 0, KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    after(200);
    struct request *again = request_to(1);
    expect_stamp(again, 0, 1, 0, 1);
    answer(again, 0, 0, 1);
    after(200);
    struct request *next = request_to(1);
    expect_stamp(next, 0, 1, 1, 1);
    end();
}

/* The broker forgot the producer, and whether it had the batch. */
static void test_unknown_producer_and_outcome(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send_full(0, 1);
    after(LINGER_MS);
    struct request *r = request_to(1);
    kc_sender_lost(&s.sender, s.now, &r->flights[0], KB_E_NETWORK_EXCEPTION, true);
    after(100);
    answer(request_to(1), 0, KB_E_UNKNOWN_PRODUCER_ID, -1);
    expect_report(1, KB_E_UNKNOWN_PRODUCER_ID, KC_POSSIBLY_PERSISTED);
    send_full(0, 2);
    after(LINGER_MS + 100);
    expect_stamp(request_to(1), 0, 1, 0, 1);
    end();
}

static void test_epochs_end(void **state)
{
    (void)state;
    begin(defaults(), 1);
    struct kc_send_partition *p = s.topic.partitions[0];
    p->producer_id = 77;
    p->epoch = 32765;
    send_full(0, 1);
    after(LINGER_MS);
    answer(request_to(1), 0, KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_true(kc_sender_wants_id(&s.sender));
    after(200);
    expect_nothing_for(1);
    kc_sender_id(&s.sender, s.now, 78, 0);
    struct request *r = request_to(1);
    assert_int_equal(header_of(&r->flights[0]).producer_id, 78);
    assert_int_equal(header_of(&r->flights[0]).producer_epoch, 0);
    end();
}

static void test_sequence_wraps(void **state)
{
    (void)state;
    begin(defaults(), 1);
    struct kc_send_partition *p = s.topic.partitions[0];
    p->producer_id = 77;
    p->next_sequence = INT32_MAX;
    send(0, 1);
    send(0, 2);
    after(LINGER_MS);
    expect_stamp(request_to(1), 0, 0, INT32_MAX, 2);
    send_full(0, 3);
    after(LINGER_MS);
    expect_stamp(request_to(1), 0, 0, 1, 1);
    end();
}

/* A partition whose broker takes nothing gets no more of what can go elsewhere. */
static void test_stuck(void **state)
{
    (void)state;
    struct kc_send_options options = defaults();
    options.available_ms = 50;
    begin(options, 2);
    send_full(0, 1);
    after(LINGER_MS);
    struct request *r = request_to(1);
    assert_int_not_equal(kc_partition_queued_bytes(s.topic.partitions[0]), UINT32_MAX);
    assert_int_equal(kc_sender_deadline_ms(&s.sender), 10000 + 50);
    after(50);
    assert_int_equal(kc_partition_queued_bytes(s.topic.partitions[0]), UINT32_MAX);
    assert_int_equal(kc_sender_deadline_ms(&s.sender), 10000 + DELIVERY_MS);
    answer(r, 0, 0, 1);
    assert_int_equal(kc_partition_queued_bytes(s.topic.partitions[0]), 0);
    end();
}

/* ---- Too large ------------------------------------------------------------------------------ */

static void test_split(void **state)
{
    (void)state;
    begin(defaults(), 1);
    for (uint64_t i = 1; i <= 5; i++)
        send(0, i);
    after(LINGER_MS);
    struct request *r = request_to(1);
    expect_stamp(r, 0, 0, 0, 5);
    answer(r, 0, KB_E_MESSAGE_TOO_LARGE, -1);
    after(100);
    struct request *first = request_to(1);
    expect_stamp(first, 0, 0, 0, 2);
    answer(first, 0, 0, 100);
    struct request *second = request_to(1);
    expect_stamp(second, 0, 0, 2, 3);
    answer(second, 0, 0, 102);
    expect_report(1, 0, KC_WAS_PERSISTED);
    expect_report(3, 0, KC_WAS_PERSISTED);
    assert_true(s.topic.partitions[0]->slot.batch_bytes < BATCH);
    assert_int_equal(s.sender.supply.free_bytes, s.sender.supply.total_bytes);
    end();
}

static void test_single_record_too_large(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send_full(0, 1);
    after(LINGER_MS);
    answer(request_to(1), 0, KB_E_MESSAGE_TOO_LARGE, -1);
    expect_report(1, KB_E_MESSAGE_TOO_LARGE, KC_NOT_PERSISTED);
    end();
}

/* ---- Topics ----------------------------------------------------------------------------------- */

static void test_unplaced(void **state)
{
    (void)state;
    begin_unknown(defaults());
    append(&s.topic.unplaced.slot, 1, 50, NULL, 1);
    append(&s.topic.unplaced.slot, 2, 50, "key", -1);
    append(&s.topic.unplaced.slot, 3, 50, NULL, 1);
    append(&s.topic.unplaced.slot, 4, 50, NULL, 9); /* there is no such partition */
    turn();
    know(2, 1);
    assert_false(s.topic.unplaced.slot.open);
    expect_report(4, KB_E_UNKNOWN_TOPIC_OR_PARTITION, KC_NOT_PERSISTED);
    after(2 * LINGER_MS);
    struct request *r = request_to(1);
    int32_t by_key = kc_partition_by_key(KC_MURMUR2, kb_slice_str("key"), 2);
    int32_t records = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct kc_send_batch *batch = r->flights[i].batch;
        records += batch->record_count;
        struct kc_notes_iter notes;
        kc_notes_iter_init(&notes, batch);
        if (r->flights[i].partition->index != 1)
            continue;
        assert_int_equal(kc_notes_iter_next(&notes), 1);
        if (by_key == 1)
            assert_int_equal(kc_notes_iter_next(&notes), 2);
        assert_int_equal(kc_notes_iter_next(&notes), 3);
    }
    assert_int_equal(records, 3);
    end();
}

static void test_unplaced_for_ever(void **state)
{
    (void)state;
    begin_unknown(defaults());
    append(&s.topic.unplaced.slot, 1, 50, NULL, -1);
    turn();
    kc_sender_topic_failed(&s.sender, s.now, &s.topic, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    after(LINGER_MS);
    expect_no_report(); /* it may still be made */
    after(500);
    expect_report(1, KB_E_UNKNOWN_TOPIC_OR_PARTITION, KC_NOT_PERSISTED);
    append(&s.topic.unplaced.slot, 2, 50, NULL, -1);
    kc_sender_topic_failed(&s.sender, s.now, &s.topic, KB_E_TOPIC_AUTHORIZATION_FAILED);
    expect_report(2, KB_E_TOPIC_AUTHORIZATION_FAILED, KC_NOT_PERSISTED);
    end();
}

static void test_growth(void **state)
{
    (void)state;
    begin(defaults(), 1);
    struct kc_table *before = s.topic.table;
    know(3, 1);
    assert_int_equal(((struct kc_table *)s.topic.table)->count, 3);
    assert_ptr_equal(before->partitions[0], s.topic.partitions[0]);
    send(2, 1);
    after(LINGER_MS);
    assert_int_equal(request_to(1)->flights[0].partition->index, 2);
    end();
}

/* Made anew with fewer partitions: what was never sent goes on, what is unknown
 * cannot, and what has no partition any more fails. */
static void test_made_anew(void **state)
{
    (void)state;
    begin(defaults(), 2);
    send_full(0, 1);
    after(LINGER_MS);
    struct request *r = request_to(1);
    kc_sender_lost(&s.sender, s.now, &r->flights[0], KB_E_NETWORK_EXCEPTION, true);
    send_full(0, 2);
    send_full(1, 3);
    turn();
    int32_t leader = 1;
    struct kb_uuid other = {{2}};
    assert_true(kc_sender_topic_known(&s.sender, s.now, &s.topic, other, 2, &leader, 1));
    expect_report(1, KB_E_NETWORK_EXCEPTION, KC_POSSIBLY_PERSISTED);
    expect_report(3, KB_E_UNKNOWN_TOPIC_OR_PARTITION, KC_NOT_PERSISTED);
    after(200);
    expect_stamp(request_to(1), 0, 1, 0, 1);
    end();
}

/* ---- Flush, giving up --------------------------------------------------------------------------- */

static void test_flush(void **state)
{
    (void)state;
    struct kc_flush flush;
    begin(defaults(), 2);
    send(0, 1);
    turn();
    assert_true(kc_flush_begin(&s.sender, s.now, &flush));
    assert_false(flush.done);
    send(1, 2); /* after it: lingers as ever */
    turn();
    struct request *r = request_to(1);
    assert_int_equal(r->count, 1);
    assert_int_equal(r->flights[0].partition->index, 0);
    answer(r, 0, 0, 1);
    assert_true(flush.done);
    assert_false(flush.failed);
    kc_flush_end(&flush);
    end();
}

static void test_flush_unplaced(void **state)
{
    (void)state;
    struct kc_flush flush;
    begin_unknown(defaults());
    append(&s.topic.unplaced.slot, 1, 50, NULL, -1);
    turn();
    assert_true(kc_flush_begin(&s.sender, s.now, &flush));
    know(1, 1);
    assert_false(flush.done);
    turn();
    answer(request_to(1), 0, KB_E_TOPIC_AUTHORIZATION_FAILED, -1);
    assert_true(flush.done);
    assert_true(flush.failed);
    kc_flush_end(&flush);
    end();
}

static void test_flush_of_nothing(void **state)
{
    (void)state;
    struct kc_flush flush;
    begin(defaults(), 2);
    assert_true(kc_flush_begin(&s.sender, s.now, &flush));
    assert_true(flush.done);
    kc_flush_end(&flush);
    end();
}

static void test_give_up(void **state)
{
    (void)state;
    begin(defaults(), 1);
    send_full(0, 1);
    after(LINGER_MS);
    struct request *r = request_to(1);
    send(0, 2);
    assert_int_equal(kc_sender_give_up(&s.sender, s.now, KB_E_PURGED, false), 1);
    expect_report(2, KB_E_PURGED, KC_NOT_PERSISTED);
    assert_int_equal(kc_sender_give_up(&s.sender, s.now, KB_E_PURGED, true), 1);
    expect_report(1, KB_E_PURGED, KC_POSSIBLY_PERSISTED);
    answer(r, 0, 0, 1);
    expect_no_report();
    end();
}

static void test_acks_0(void **state)
{
    (void)state;
    struct kc_send_options options = defaults();
    options.idempotent = false;
    options.acks = 0;
    begin(options, 1);
    send_full(0, 1);
    after(LINGER_MS);
    answer(request_to(1), 0, 0, -1);
    expect_report(1, 0, KC_POSSIBLY_PERSISTED);
    end();
}

/* Nobody asked to hear of them: failures wait in a ring, and cost no memory. */
static void test_silent_failures(void **state)
{
    (void)state;
    begin(defaults(), 1);
    know(1, -1);
    for (int i = 0; i < 200; i++) {
        append(&s.topic.partitions[0]->slot, 0, 10000, NULL, -1);
        after(LINGER_MS);
        kc_sender_give_up(&s.sender, s.now, KB_E_PURGED, true);
    }
    assert_int_equal(s.sender.supply.free_bytes, s.sender.supply.total_bytes);
    size_t kept = kc_reports_undelivered(&s.sender.reports);
    assert_true(kept > 10 && kept < 200);
    assert_int_equal(s.sender.reports.finished, 200 - kept);
    end();
}

/* ---- Out of memory --------------------------------------------------------------- */

static bool try_append(struct kc_send_slot *slot, uint64_t opaque)
{
    struct kc_supply *supply = &s.sender.supply;
    struct kc_entry entry = {.timestamp_ms = 1, .opaque = opaque, .target = -1};
    struct kc_hand hand = {.now_ms = s.now.mono_ms};
    static char value[400];
    entry.record.value = kb_slice_of(value, sizeof value);
    entry.max_bytes = kc_entry_max_bytes(&entry.record);
    enum kc_append lacks;
    bool got = true;
    while (got && (lacks = kc_slot_append(slot, &entry, &hand)) > KC_APPEND_CLOSED) {
        enum kc_part part = lacks == KC_APPEND_LACKS_BATCH   ? KC_PART_BATCH
                            : lacks == KC_APPEND_LACKS_CHUNK ? KC_PART_CHUNK
                                                             : KC_PART_NOTES;
        assert_true(kc_supply_pay(supply, kc_supply_cost(supply, part, entry.max_bytes)));
        got = part == KC_PART_BATCH ? (hand.batch = kc_supply_batch(supply)) != NULL
              : part == KC_PART_CHUNK
                  ? (hand.chunk = kc_supply_chunk(supply, entry.max_bytes)) != NULL
                  : (hand.notes = kc_supply_notes(supply)) != NULL;
    }
    if (hand.batch)
        kc_supply_drop_batch(supply, hand.batch);
    if (hand.chunk)
        kc_supply_drop_chunk(supply, hand.chunk);
    if (hand.notes)
        kc_supply_drop_notes(supply, hand.notes);
    return got;
}

/* Whatever allocation fails: each record that was accepted has one report. */
static void run_short_of_memory(void *ctx)
{
    struct kc_send_options options = defaults();
    (void)ctx;
    memset(&s, 0, sizeof s);
    s.now = (struct kb_time){10000, 10000};
    kb_random_seed(&s.random, 1);
    if (!kc_sender_init(&s.sender, &options, &s.random, kick, NULL))
        return;
    kc_send_topic_init(&s.topic, &s.sender, "t");
    kc_sender_add(&s.sender, &s.topic);
    kc_sender_id(&s.sender, s.now, 77, 0);
    uint64_t accepted = 0, reported = 0;
    for (uint64_t i = 1; i <= 4; i++)
        accepted += try_append(&s.topic.unplaced.slot, i);
    turn();
    int32_t leader = 1;
    bool known = kc_sender_topic_known(&s.sender, s.now, &s.topic, topic_id, 1, &leader, 1) ||
                 kc_sender_topic_known(&s.sender, s.now, &s.topic, topic_id, 1, &leader, 1);
    after(100);
    struct kc_send_broker *broker = kc_sender_broker(&s.sender, 1);
    struct request *r = &s.requests[0];
    if (known && broker && (r->count = kc_sender_collect(&s.sender, s.now, broker, r->flights, 1)))
        answer(r, 0, KB_E_MESSAGE_TOO_LARGE, -1);
    after(100);
    kc_sender_give_up(&s.sender, s.now, KB_E_PURGED, true);
    struct kc_send_batch *batch;
    while ((batch = kc_reports_take(&s.sender.reports))) {
        reported += (uint64_t)batch->record_count;
        kc_reports_drop(&s.sender.reports, batch);
    }
    assert_int_equal(reported, accepted);
    assert_int_equal(s.sender.supply.free_bytes, s.sender.supply.total_bytes);
    end();
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_true(unit_each_failure(run_short_of_memory, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lingers),
        cmocka_unit_test(test_full_goes_at_once),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_one_of_each),
        cmocka_unit_test(test_one_until_known),
        cmocka_unit_test(test_retry_in_order),
        cmocka_unit_test(test_lost_answer),
        cmocka_unit_test(test_without_idempotence_one_at_a_time),
        cmocka_unit_test(test_retries_end),
        cmocka_unit_test(test_new_leader),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_old_unsent),
        cmocka_unit_test(test_too_old_untaken),
        cmocka_unit_test(test_given_up_while_waiting),
        cmocka_unit_test(test_too_old_in_flight),
        cmocka_unit_test(test_out_of_order_bumps),
        cmocka_unit_test(test_unknown_producer_and_outcome),
        cmocka_unit_test(test_epochs_end),
        cmocka_unit_test(test_sequence_wraps),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_single_record_too_large),
        cmocka_unit_test(test_unplaced),
        cmocka_unit_test(test_unplaced_for_ever),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_made_anew),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_flush_unplaced),
        cmocka_unit_test(test_flush_of_nothing),
        cmocka_unit_test(test_give_up),
        cmocka_unit_test(test_acks_0),
        cmocka_unit_test(test_silent_failures),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
