/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The producer's machine against brokers that lose requests and answers, move
 * leaders and refuse at random; a seed is a run. Whatever happens: nothing is
 * written twice or out of order, what was reported as delivered is there, what
 * was reported as not written is not, and each record has one report.
 */
#include "base/error.h"
#include "libclient/core/sender.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEEDS = 1500,
    RECORDS = 300,
    PARTITIONS = 2,
    NODES = 2,
    IN_FLIGHT = 5,
    REMEMBERED = 5, /* batches that a broker knows again */
    BATCH_RECORDS = 64,
    DELIVERY_MS = 2000,
};

/* What went over the wire, as the broker sees it. */
struct batch {
    int32_t partition, count, sequence;
    int64_t producer_id;
    int16_t epoch;
    uint64_t opaques[BATCH_RECORDS];
};

struct request {
    struct kc_flight flights[PARTITIONS];
    struct batch batches[PARTITIONS];
    size_t count;
};

struct log {
    uint64_t opaques[RECORDS * 2];
    int count;
    bool known;
    int64_t producer_id;
    int16_t epoch;
    struct {
        int32_t sequence, count;
        int64_t offset;
    } last[REMEMBERED];
    int remembered;
};

static struct {
    struct kc_sender sender;
    struct kc_send_topic topic;
    struct kb_random random, chaos;
    struct kb_time now;
    bool idempotent;
    int32_t leaders[PARTITIONS];
    struct request *links[NODES][IN_FLIGHT]; /* in flight, oldest first */
    int link_count[NODES];
    struct log logs[PARTITIONS];
    uint64_t next_opaque;
    int32_t sent_to[RECORDS + 1];
    int reports[RECORDS + 1];
    int persisted[RECORDS + 1];
} w;

static uint64_t chance(uint64_t below)
{
    return kb_random_below(&w.chaos, below);
}

static void kick(struct kc_bell *bell)
{
    (void)bell;
}

static void turn(void)
{
    kc_bell_answer(&w.sender.rules.bell);
    do
        kc_sender_step(&w.sender, w.now);
    while (!kc_sender_rest(&w.sender));
    if (kc_sender_wants_id(&w.sender))
        kc_sender_id(&w.sender, w.now, 77, 0);
}

static void tell_leaders(void)
{
    static const struct kb_uuid id = {{1}};
    assert_true(kc_sender_topic_known(&w.sender, w.now, &w.topic, id, 1, w.leaders, PARTITIONS));
}

/* ---- The application ------------------------------------------------------------------ */

static void send(void)
{
    static char value[900];
    if (w.next_opaque > RECORDS)
        return;
    int32_t partition = (int32_t)chance(PARTITIONS);
    struct kc_supply *supply = &w.sender.supply;
    struct kc_send_slot *slot = &w.topic.partitions[partition]->slot;
    struct kc_hand hand = {.now_ms = w.now.mono_ms};
    struct kc_entry entry = {.timestamp_ms = w.now.wall_ms, .opaque = w.next_opaque, .target = -1};
    entry.record.value = kb_slice_of(value, 1 + chance(sizeof value));
    entry.max_bytes = kc_entry_max_bytes(&entry.record);
    enum kc_append lacks;
    while ((lacks = kc_slot_append(slot, &entry, &hand)) != KC_APPENDED) {
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
    w.sent_to[w.next_opaque++] = partition;
}

static void take_reports(void)
{
    struct kc_send_batch *batch;
    while ((batch = kc_reports_take(&w.sender.reports))) {
        struct kc_notes_iter notes;
        kc_notes_iter_init(&notes, batch);
        for (int32_t i = 0; i < batch->record_count; i++) {
            uint64_t opaque = kc_notes_iter_next(&notes);
            w.reports[opaque]++;
            w.persisted[opaque] = batch->outcome.persisted;
            assert_true(batch->outcome.code != 0 || batch->outcome.persisted == KC_WAS_PERSISTED);
        }
        kc_reports_drop(&w.sender.reports, batch);
    }
}

/* ---- The brokers ------------------------------------------------------------------------ */

static void note_batch(const struct kc_flight *flight, struct batch *out)
{
    struct kw_batch_header header;
    struct kc_notes_iter notes;
    kw_batch_peek(flight->batch->chunks[0]->data, &header);
    *out = (struct batch){flight->partition->index, header.record_count,   header.base_sequence,
                          header.producer_id,       header.producer_epoch, {0}};
    assert_true(out->count <= BATCH_RECORDS);
    kc_notes_iter_init(&notes, flight->batch);
    for (int32_t i = 0; i < out->count; i++)
        out->opaques[i] = kc_notes_iter_next(&notes);
}

static void collect(int node)
{
    if (w.link_count[node] == IN_FLIGHT)
        return;
    struct request *r = calloc(1, sizeof *r);
    r->count = kc_sender_collect(&w.sender, w.now, kc_sender_broker(&w.sender, node), r->flights,
                                 PARTITIONS);
    if (r->count == 0) {
        free(r);
        return;
    }
    for (size_t i = 0; i < r->count; i++)
        note_batch(&r->flights[i], &r->batches[i]);
    w.links[node][w.link_count[node]++] = r;
}

static void write_batch(struct log *log, const struct batch *batch, int64_t *offset)
{
    *offset = log->count;
    for (int32_t i = 0; i < batch->count; i++) {
        assert_true(log->count < RECORDS * 2);
        log->opaques[log->count++] = batch->opaques[i];
    }
    memmove(&log->last[1], &log->last[0], sizeof log->last - sizeof log->last[0]);
    log->last[0].sequence = batch->sequence;
    log->last[0].count = batch->count;
    log->last[0].offset = *offset;
    log->remembered = KB_MIN(log->remembered + 1, REMEMBERED);
}

/* What Kafka does with a batch of an idempotent producer. */
static int32_t produce(const struct batch *batch, int64_t *offset)
{
    struct log *log = &w.logs[batch->partition];
    *offset = -1;
    if (batch->producer_id < 0) {
        write_batch(log, batch, offset);
        return 0;
    }
    if (log->known && batch->epoch < log->epoch)
        return KB_E_INVALID_PRODUCER_EPOCH;
    if (log->known && batch->epoch > log->epoch && batch->sequence != 0)
        return KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER;
    if (log->known && batch->epoch == log->epoch) {
        for (int i = 0; i < log->remembered; i++)
            if (log->last[i].sequence == batch->sequence && log->last[i].count == batch->count) {
                *offset = log->last[i].offset;
                return 0;
            }
        int32_t next = kw_sequence_add(log->last[0].sequence, log->last[0].count);
        if (log->remembered > 0 && batch->sequence != next)
            return KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER;
    } else {
        log->remembered = 0;
    }
    log->known = true;
    log->producer_id = batch->producer_id;
    log->epoch = batch->epoch;
    write_batch(log, batch, offset);
    return 0;
}

static int32_t moody_produce(const struct batch *batch, int node, int64_t *offset)
{
    static const int32_t moods[] = {KB_E_NOT_ENOUGH_REPLICAS, KB_E_KAFKA_STORAGE_ERROR,
                                    KB_E_MESSAGE_TOO_LARGE, KB_E_TOPIC_AUTHORIZATION_FAILED};
    *offset = -1;
    if (w.leaders[batch->partition] != node)
        return KB_E_NOT_LEADER_OR_FOLLOWER;
    uint64_t mood = chance(60);
    if (mood < KB_ARRAY_SIZE(moods))
        return moods[mood];
    int32_t code = produce(batch, offset);
    if (code == 0 && chance(40) == 0)
        return KB_E_REQUEST_TIMED_OUT; /* written, but not by all */
    return code;
}

static struct request *unlink_oldest(int node)
{
    struct request *r = w.links[node][0];
    w.link_count[node]--;
    memmove(&w.links[node][0], &w.links[node][1],
            (size_t)w.link_count[node] * sizeof w.links[node][0]);
    return r;
}

static void answer_oldest(int node)
{
    if (w.link_count[node] == 0)
        return;
    struct request *r = unlink_oldest(node);
    for (size_t i = 0; i < r->count; i++) {
        struct kc_produced produced = {.timestamp_ms = -1};
        produced.code = moody_produce(&r->batches[i], node, &produced.offset);
        kc_sender_answer(&w.sender, w.now, &r->flights[i], &produced);
    }
    free(r);
}

/* The connection is cut: some requests had arrived, the rest had not. */
static void cut(int node)
{
    int arrived = (int)chance((uint64_t)w.link_count[node] + 1);
    while (w.link_count[node] > 0) {
        struct request *r = unlink_oldest(node);
        for (size_t i = 0; i < r->count; i++) {
            int64_t offset;
            if (arrived > 0)
                moody_produce(&r->batches[i], node, &offset);
        }
        for (size_t i = 0; i < r->count; i++)
            kc_sender_lost(&w.sender, w.now, &r->flights[i], KB_E_NETWORK_EXCEPTION, true);
        arrived--;
        free(r);
    }
}

/* ---- A run ---------------------------------------------------------------------------------- */

static void step(void)
{
    int node = (int)chance(NODES);
    switch (chance(12)) {
    case 0:
    case 1:
    case 2:
        send();
        break;
    case 3:
    case 4:
        w.now.mono_ms += (int64_t)chance(20);
        break;
    case 5:
    case 6:
        collect(node);
        break;
    case 7:
    case 8:
    case 9:
        answer_oldest(node);
        break;
    case 10:
        if (chance(5) == 0)
            cut(node);
        break;
    default:
        if (chance(10) == 0)
            w.leaders[chance(PARTITIONS)] = (int32_t)chance(NODES);
        if (w.topic.refresh || chance(10) == 0)
            tell_leaders();
        w.topic.refresh = false;
        if (chance(400) == 0)
            w.now.mono_ms += DELIVERY_MS;
    }
    turn();
}

static void finish(void)
{
    for (int i = 0; i < 2000; i++) {
        w.now.mono_ms += 20;
        tell_leaders();
        turn();
        for (int node = 0; node < NODES; node++) {
            collect(node);
            answer_oldest(node);
        }
    }
    take_reports();
}

static void check_logs(void)
{
    static int written[RECORDS + 1];
    memset(written, 0, sizeof written);
    for (int p = 0; p < PARTITIONS; p++) {
        uint64_t last = 0;
        for (int i = 0; i < w.logs[p].count; i++) {
            uint64_t opaque = w.logs[p].opaques[i];
            assert_int_equal(w.sent_to[opaque], p);
            if (w.idempotent)
                assert_int_equal(written[opaque], 0);
            written[opaque]++;
            if (w.idempotent)
                assert_true(opaque > last);
            last = opaque;
        }
    }
    for (uint64_t opaque = 1; opaque < w.next_opaque; opaque++) {
        assert_int_equal(w.reports[opaque], 1);
        if (w.persisted[opaque] == KC_WAS_PERSISTED)
            assert_true(written[opaque] > 0);
        if (w.persisted[opaque] == KC_NOT_PERSISTED)
            assert_int_equal(written[opaque], 0);
    }
}

static void run(uint64_t seed, bool idempotent)
{
    struct kc_send_options options = {.idempotent = idempotent,
                                      .acks = -1,
                                      .in_flight = idempotent ? 5 : 1,
                                      .retries = INT32_MAX,
                                      .linger_ms = 5,
                                      .delivery_ms = DELIVERY_MS,
                                      .unplaced_ms = 500,
                                      .backoff_ms = 10,
                                      .backoff_max_ms = 100,
                                      .request_bytes = 1 << 20,
                                      .batch_bytes = 3000,
                                      .memory_bytes = 64 << 20};
    memset(&w, 0, sizeof w);
    w.now = (struct kb_time){10000, 10000};
    w.next_opaque = 1;
    w.idempotent = idempotent;
    kb_random_seed(&w.random, seed);
    kb_random_seed(&w.chaos, seed ^ 0xabcdef);
    assert_true(kc_sender_init(&w.sender, &options, &w.random, kick, NULL));
    kc_send_topic_init(&w.topic, &w.sender, "t");
    kc_sender_add(&w.sender, &w.topic);
    tell_leaders();
    turn();
    for (int i = 0; i < 3000; i++)
        step();
    finish();
    check_logs();
    assert_int_equal(w.sender.supply.free_bytes, w.sender.supply.total_bytes);
    kc_send_topic_deinit(&w.topic);
    kc_sender_deinit(&w.sender);
}

static void run_all(bool idempotent)
{
    const char *only = getenv("SEED");
    if (only) {
        run(strtoull(only, NULL, 10), idempotent);
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        if (seed % 100 == 1)
            printf("# from seed %llu\n", (unsigned long long)seed);
        run(seed, idempotent);
    }
}

static void test_idempotent(void **state)
{
    (void)state;
    run_all(true);
}

static void test_plain(void **state)
{
    (void)state;
    run_all(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_idempotent),
                                       cmocka_unit_test(test_plain)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
