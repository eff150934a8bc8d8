/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two senders with up to two records each and the loop, in every order of their
 * steps. SLOT_RECORDS=22 is two of each, SLOT_RUNS=0 goes to the end: hours, and
 * gigabytes of states. By default one sends two and the other one, and each
 * scenario stops after some runs. Whatever the order: no record is lost, doubled, torn or moved before
 * another of the same sender and partition; no batch reaches the loop while
 * somebody writes into it; no request to seal is forgotten; the loop is never
 * left asleep with work waiting.
 */
#define INTERLEAVE_INSTRUMENT
#include "tests/unit/producer/interleave.h"

#include "libclient/core/bell.c"
#include "libclient/core/slot.c"

#include "tests/unit/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SENDERS = 2,
    LOOP = 2,
    RECORDS = 2,
    PARTITIONS = 2,
    PARTS = 12,
    BLOCK = 512,
    SLOTS = 4,
    RUNS = 30000
};

static int sends[SENDERS] = {2, 1}; /* records */

/* What a scenario does beside sending. */
struct plan {
    const char *name;
    size_t batch_bytes, chunk_bytes;
    bool large;               /* the first sender's first record does not fit a chunk */
    bool unplaced;            /* partitions become known on the way */
    bool grow;                /* a second partition appears */
    bool anew;                /* the topic is made anew: its slots close, records move */
    bool flush;               /* somebody asks for everything to be sealed */
    int to[SENDERS][RECORDS]; /* partitions */
};

struct table {
    int count;
    struct kc_send_slot *slots[PARTITIONS];
};

struct parts {
    _Alignas(16) uint8_t batches[PARTS][BLOCK];
    struct kb_buf chunks[PARTS], notes[PARTS];
    uint8_t chunk_bytes[PARTS][BLOCK];
    _Alignas(16) uint8_t note_bytes[PARTS][BLOCK];
    int batch, chunk, note; /* used */
};

static struct world {
    const struct plan *plan;
    struct kc_slot_rules rules;
    /* slots[PARTITIONS] takes what is unplaced; the last two are the new topic's */
    struct kc_send_slot slots[PARTITIONS + 1], renewed;
    _Atomic(struct table *) table;
    struct table one, two, again;
    struct parts parts[IL_THREADS];
    bool kicked, known, grown, remade, flushed;
    bool lingers[SLOTS];
    uint64_t linger_number[SLOTS];
    uint64_t last[PARTITIONS][SENDERS]; /* opaque delivered last */
    int delivered;
} w;

static void no_release(struct kb_buf *buf)
{
    (void)buf;
}

static void kick(struct kc_bell *bell)
{
    (void)bell;
    w.kicked = true;
}

static void seal(struct kc_slot_rules *rules, struct kc_send_batch *batch)
{
    (void)rules;
    batch->records_bytes = batch->plain_bytes;
}

static struct kc_send_batch *batch_at(struct parts *parts, int i)
{
    return (struct kc_send_batch *)(void *)parts->batches[i];
}

static struct kc_send_slot *slot_at(int i)
{
    return i < SLOTS - 1 ? &w.slots[i] : &w.renewed;
}

static struct kc_send_slot *const unplaced = &w.slots[PARTITIONS];

static void reset(void *ctx)
{
    (void)ctx;
    const struct plan *plan = w.plan;
    memset(&w, 0, sizeof w);
    w.plan = plan;
    w.rules = (struct kc_slot_rules){plan->batch_bytes, plan->chunk_bytes, seal, {.kick = kick}};
    for (int i = 0; i < SLOTS; i++) {
        kc_slot_init(slot_at(i), &w.rules, NULL);
        slot_at(i)->rung.next = NULL;
    }
    unplaced->words = 2;
    w.one = (struct table){1, {&w.slots[0]}};
    w.two = (struct table){2, {&w.slots[0], &w.slots[1]}};
    w.again = (struct table){1, {&w.renewed}};
    w.known = !plan->unplaced;
    if (w.known)
        atomic_init(&w.table, plan->grow || plan->anew ? &w.one : &w.two);
}

/* ---- What is shared, as one number ------------------------------------------ */

static uint64_t hash_batch(uint64_t hash, const struct kc_send_batch *batch)
{
    hash = il_mix(hash, (uint64_t)(uintptr_t)batch->next);
    hash = il_mix(hash, batch->number);
    hash = il_mix(hash, batch->writers * 2 + batch->ready);
    hash = il_mix(hash, batch->chunk_count * 100000 + batch->plain_bytes);
    hash = il_mix(hash, (uint64_t)batch->record_count);
    for (const struct kc_notes *n = batch->notes; n; n = n->next)
        for (uint32_t i = 0; i < n->count; i++)
            hash = il_mix(hash, n->words[i]);
    return hash;
}

static uint64_t hash_parts(uint64_t hash, struct parts *parts)
{
    hash = il_mix(hash, (uint64_t)((parts->batch * 100 + parts->chunk) * 100 + parts->note));
    for (int i = 0; i < parts->batch; i++)
        hash = hash_batch(hash, batch_at(parts, i));
    return hash;
}

static uint64_t hash_slot(uint64_t hash, struct kc_send_slot *slot)
{
    hash = il_mix(hash, slot->lock.word * 2 + slot->open);
    hash = il_mix(hash, slot->number);
    hash = il_mix(hash, slot->seal_wanted);
    hash = il_mix(hash, slot->rung.state);
    hash = il_mix(hash, (uint64_t)(uintptr_t)slot->batch);
    hash = il_mix(hash, (uint64_t)(uintptr_t)__atomic_load_n(&slot->sealed, __ATOMIC_RELAXED));
    if (slot->rung.state) /* else what it says is old */
        hash = il_mix(hash, (uint64_t)(uintptr_t)slot->rung.next);
    return il_mix(hash, (uint64_t)(uintptr_t)slot->queue);
}

static uint64_t hash_world(void *ctx)
{
    (void)ctx;
    uint64_t hash = 3;
    for (int i = 0; i < SLOTS; i++) {
        hash = hash_slot(hash, slot_at(i));
        hash = il_mix(hash, w.linger_number[i] * 2 + w.lingers[i]);
    }
    for (int t = 0; t < IL_THREADS; t++)
        hash = hash_parts(hash, &w.parts[t]);
    hash = il_mix(hash, (uint64_t)(uintptr_t)__atomic_load_n(&w.rules.bell.top, __ATOMIC_RELAXED));
    hash = il_mix(hash, (uint64_t)(uintptr_t)__atomic_load_n(&w.table, __ATOMIC_RELAXED));
    hash = il_mix(hash, (uint64_t)(w.kicked | w.known << 1 | w.grown << 2 | w.remade << 3 |
                                   w.flushed << 4 | w.rules.bell.watched << 5 |
                                   w.rules.bell.kicked << 6));
    for (int p = 0; p < PARTITIONS; p++)
        for (int s = 0; s < SENDERS; s++)
            hash = il_mix(hash, w.last[p][s]);
    return il_mix(hash, (uint64_t)w.delivered);
}

/* ---- Senders ------------------------------------------------------------------ */

static void give(struct parts *parts, struct kc_hand *hand, enum kc_append lacks)
{
    struct kb_buf *buf;
    switch (lacks) {
    case KC_APPEND_LACKS_BATCH:
        KB_CHECK(parts->batch < PARTS);
        hand->batch = batch_at(parts, parts->batch++);
        hand->batch->chunk_max = 3;
        hand->batch->writers = 1;
        return;
    case KC_APPEND_LACKS_CHUNK:
        KB_CHECK(parts->chunk < PARTS);
        buf = &parts->chunks[parts->chunk];
        *buf = (struct kb_buf){1, parts->chunk_bytes[parts->chunk++], 0, BLOCK, no_release, NULL};
        hand->chunk = buf;
        return;
    default:
        KB_CHECK(parts->note < PARTS);
        buf = &parts->notes[parts->note];
        *buf = (struct kb_buf){1, parts->note_bytes[parts->note++], 0, 64, no_release, NULL};
        hand->notes = kc_notes_in(buf);
        return;
    }
}

/* Record r of sender s has a letter of its own, and opaque 10 s + r + 1. */
static struct kc_entry entry_of(int s, int r)
{
    static char values[SENDERS][RECORDS][BLOCK];
    char *value = values[s][r];
    size_t size = w.plan->large && s == 0 && r == 0 ? 200 : 20;
    memset(value, 'a' + 10 * s + r, size);
    struct kc_entry entry = {.opaque = (uint64_t)(10 * s + r + 1), .timestamp_ms = 1000};
    entry.record.value = kb_slice_of(value, size);
    entry.max_bytes = kc_entry_max_bytes(&entry.record);
    return entry;
}

/* Frames of their own, so that nothing of one record is left for the next. */
static __attribute__((noinline)) void send_one(int s, int r, struct kc_hand *hand)
{
    struct kc_entry entry = entry_of(s, r);
    enum kc_append outcome;
    do {
        struct table *table = atomic_load(&w.table);
        entry.target = w.plan->to[s][r];
        struct kc_send_slot *slot = table ? table->slots[entry.target % table->count] : unplaced;
        outcome = kc_slot_append(slot, &entry, hand);
        if (outcome >= KC_APPEND_LACKS_BATCH)
            give(&w.parts[s], hand, outcome);
    } while (outcome != KC_APPENDED);
}

static void sender(int s)
{
    struct kc_hand hand = {0};
    for (int r = 0; r < sends[s]; r++)
        send_one(s, r, &hand);
}

static void sender0(void *ctx)
{
    (void)ctx;
    sender(0);
}

static void sender1(void *ctx)
{
    (void)ctx;
    sender(1);
}

/* ---- The loop ------------------------------------------------------------------ */

/* Every byte of the batch is what was appended, and nobody writes any more. */
static void check_bytes(struct kc_send_batch *batch, uint32_t words)
{
    assert_int_equal(batch->writers, 0);
    assert_int_equal(batch->records_bytes, batch->plain_bytes);
    struct kc_notes_iter notes;
    kc_notes_iter_init(&notes, batch);
    uint32_t chunk = 0;
    struct kb_slice rest = kc_send_batch_piece(batch, 0);
    for (int32_t i = 0; i < batch->record_count; i++) {
        uint64_t opaque = kc_notes_iter_next(&notes);
        if (words == 2)
            kc_notes_iter_next(&notes);
        uint8_t want[BLOCK];
        struct kc_entry entry = entry_of((int)(opaque / 10), (int)(opaque % 10) - 1);
        entry.record.offset_delta = i;
        size_t body = kw_record_body_size(&entry.record), size = kw_record_size(body);
        kw_record_write(want, &entry.record, body);
        if (rest.size == 0)
            rest = kc_send_batch_piece(batch, ++chunk);
        assert_true(rest.size >= size);
        assert_memory_equal(rest.data, want, size);
        rest = kb_slice_of(rest.data + size, rest.size - size);
    }
}

static void deliver(int partition, uint64_t opaque)
{
    assert_true(opaque > w.last[partition][opaque / 10]);
    w.last[partition][opaque / 10] = opaque;
    w.delivered++;
}

static void loop_append(struct kc_send_slot *slot, uint64_t opaque)
{
    struct kc_hand hand = {0};
    struct kc_entry entry = entry_of((int)(opaque / 10), (int)(opaque % 10) - 1);
    enum kc_append outcome;
    while ((outcome = kc_slot_append(slot, &entry, &hand)) != KC_APPENDED) {
        assert_int_not_equal(outcome, KC_APPEND_CLOSED);
        give(&w.parts[LOOP], &hand, outcome);
    }
}

/* What was in it makes no difference any more. */
static void forget(struct kc_send_batch *batch)
{
    for (struct kc_notes *notes = batch->notes; notes; notes = notes->next)
        memset(notes->words, 0, notes->count * sizeof notes->words[0]);
    memset(batch, 0, sizeof *batch);
}

/* The batches of one slot go out, or to the slots of the partitions. */
static void drain(struct kc_send_slot *slot, const struct table *move)
{
    struct kc_send_batch *batch;
    while ((batch = kc_slot_pop(slot))) {
        check_bytes(batch, slot->words);
        struct kc_notes_iter notes;
        kc_notes_iter_init(&notes, batch);
        for (int32_t i = 0; i < batch->record_count; i++) {
            uint64_t opaque = kc_notes_iter_next(&notes);
            uint64_t target = slot->words == 2 ? kc_notes_iter_next(&notes) : 0;
            if (move)
                loop_append(move->slots[target % (uint64_t)move->count], opaque);
            else
                deliver(slot == &w.slots[1], opaque);
        }
        forget(batch);
    }
}

static void publish(void *table)
{
    atomic_store(&w.table, table);
}

/* Empties a slot into the table's and closes it; if not now, when it rings. */
static void move(struct kc_send_slot *slot, struct table *to)
{
    struct kc_send_batch *unsealed;
    do {
        drain(slot, to);
        if (kc_slot_close(slot, publish, to, &unsealed))
            return;
        if (unsealed) {
            seal(&w.rules, unsealed);
            kc_slot_ready(unsealed);
        }
    } while (unsealed);
}

static void seal_slot(struct kc_send_slot *slot, uint64_t upto)
{
    struct kc_send_batch *batch = kc_slot_seal(slot, upto);
    if (batch) {
        seal(&w.rules, batch);
        kc_slot_ready(batch);
    }
}

static void serve(struct kc_send_slot *slot)
{
    if (slot == unplaced) {
        if (w.plan->unplaced && w.known && slot->open)
            move(slot, &w.two);
    } else if (slot == &w.slots[0] && w.remade) {
        if (slot->open)
            move(slot, &w.again);
    } else {
        drain(slot, NULL);
    }
}

static void look(void)
{
    struct kc_rung *rung = kc_bell_take(&w.rules.bell);
    while (rung) {
        struct kc_send_slot *slot = KB_CONTAINER(rung, struct kc_send_slot, rung);
        rung = kc_bell_release(rung);
        int i = slot == &w.renewed ? SLOTS - 1 : (int)(slot - w.slots);
        uint64_t number = atomic_load(&slot->number);
        if (number > w.linger_number[i]) {
            w.linger_number[i] = number;
            w.lingers[i] = true;
        }
        serve(slot);
    }
}

static bool any_lingers(void)
{
    for (int i = 0; i < SLOTS; i++)
        if (w.lingers[i])
            return true;
    return false;
}

enum event { KICKED, TIMER, KNOWN, GROWN, REMADE, FLUSH };

static int events(enum event out[6])
{
    int n = 0;
    if (w.kicked)
        out[n++] = KICKED;
    if (any_lingers())
        out[n++] = TIMER;
    if (!w.known)
        out[n++] = KNOWN;
    if (w.plan->grow && !w.grown)
        out[n++] = GROWN;
    if (w.plan->anew && !w.remade)
        out[n++] = REMADE;
    if (w.plan->flush && !w.flushed)
        out[n++] = FLUSH;
    return n;
}

static __attribute__((noinline)) void turn(enum event event)
{
    switch (event) {
    case KICKED:
        w.kicked = false;
        kc_bell_answer(&w.rules.bell);
        break;
    case TIMER:
        look();
        for (int i = 0; i < SLOTS; i++)
            if (w.lingers[i]) {
                w.lingers[i] = false;
                seal_slot(slot_at(i), w.linger_number[i]);
                serve(slot_at(i));
            }
        break;
    case KNOWN:
        w.known = true;
        serve(unplaced);
        break;
    case GROWN:
        w.grown = true;
        atomic_store(&w.table, &w.two);
        break;
    case REMADE:
        w.remade = true;
        serve(&w.slots[0]);
        break;
    case FLUSH:
        w.flushed = true;
        seal_slot(&w.slots[0], atomic_load(&w.slots[0].number));
        serve(&w.slots[0]);
        break;
    }
    do
        look();
    while (!kc_bell_rest(&w.rules.bell, any_lingers()));
}

static bool loop_ready(void *ctx)
{
    (void)ctx;
    enum event out[6];
    return events(out) > 0;
}

static void loop(void *ctx)
{
    (void)ctx;
    for (;;) {
        enum event out[6] = {0};
        int n = events(out);
        if (n == 0)
            il_block();
        else
            turn(out[il_choose(n)]);
    }
}

/* ---- Outcomes ------------------------------------------------------------------ */

static void finished(void *ctx)
{
    (void)ctx;
    assert_int_equal(w.delivered, sends[0] + sends[1]);
    for (int i = 0; i < SLOTS; i++) {
        assert_null(slot_at(i)->batch);
        assert_null(slot_at(i)->queue);
        assert_int_equal(slot_at(i)->lock.word, 0);
    }
    assert_int_equal(unplaced->open, !w.plan->unplaced);
}

static void explore(const struct plan *plan)
{
    const struct il_scenario scenario = {
        reset, {sender0, sender1, loop}, {NULL, NULL, loop_ready}, hash_world, finished, NULL};
    w.plan = plan;
    const char *runs = getenv("SLOT_RUNS");
    struct il_result result = il_explore(&scenario, runs ? strtoull(runs, NULL, 10) : RUNS);
    printf("# %s, %s: %llu states, %llu runs, %llu steps, %llu ends\n", plan->name,
           result.complete ? "all" : "not all", (unsigned long long)result.states,
           (unsigned long long)result.runs, (unsigned long long)result.steps,
           (unsigned long long)result.outcomes);
    fflush(stdout);
    assert_true(result.outcomes > 0);
}

/* Both records of both senders fit one batch: only lingering seals. */
static void test_linger(void **state)
{
    (void)state;
    explore(&(struct plan){"linger", 4096, BLOCK, .to = {{0, 0}, {0, 0}}});
}

/* A batch holds one record: the next one seals it. */
static void test_full(void **state)
{
    (void)state;
    explore(&(struct plan){"full", 140, BLOCK, .to = {{0, 0}, {0, 0}}});
}

static void test_flush(void **state)
{
    (void)state;
    explore(&(struct plan){"flush", 200, BLOCK, .flush = true, .to = {{0, 0}, {0, 0}}});
}

static void test_large(void **state)
{
    (void)state;
    explore(
        &(struct plan){"large", 4096, 160, .large = true, .flush = true, .to = {{0, 0}, {0, 0}}});
}

static void test_unplaced(void **state)
{
    (void)state;
    explore(&(struct plan){"unplaced", 4096, BLOCK, .unplaced = true, .to = {{0, 0}, {0, 1}}});
}

static void test_unplaced_full(void **state)
{
    (void)state;
    explore(&(struct plan){"unplaced, full", 140, BLOCK, .unplaced = true, .to = {{0, 0}, {0, 0}}});
}

static void test_unplaced_large(void **state)
{
    (void)state;
    explore(&(struct plan){"unplaced, large", 4096, 160, .large = true, .unplaced = true,
                           .to = {{0, 0}, {0, 1}}});
}

static void test_growth(void **state)
{
    (void)state;
    explore(&(struct plan){"growth", 4096, BLOCK, .grow = true, .to = {{0, 1}, {1, 1}}});
}

static void test_made_anew(void **state)
{
    (void)state;
    explore(&(struct plan){"made anew", 4096, BLOCK, .anew = true, .to = {{0, 0}, {0, 0}}});
}

int main(void)
{
    const char *wanted = getenv("SLOT_RECORDS");
    for (int i = 0; wanted && i < SENDERS && wanted[i]; i++)
        sends[i] = wanted[i] == '1' ? 1 : RECORDS;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linger),         cmocka_unit_test(test_full),
        cmocka_unit_test(test_flush),          cmocka_unit_test(test_large),
        cmocka_unit_test(test_unplaced),       cmocka_unit_test(test_unplaced_full),
        cmocka_unit_test(test_unplaced_large), cmocka_unit_test(test_growth),
        cmocka_unit_test(test_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
