/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slot and the memory behind it under real threads that yield at each
 * step: what the interleavings test proves for a few steps, here for many, and
 * with the processor's own memory order.
 */
#include "tests/unit/producer/yields.h"

#include "libclient/core/bell.c"
#include "libclient/core/slot.c"
#include "libclient/core/supply.c"

#include "tests/unit/unit.h"
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    SENDERS = 4,
    RECORDS = 2000,
    PARTITIONS = 2,
    BATCH_BYTES = 2000,
    MEMORY_BYTES = 20 * 16 * 1024,
    LARGE_EVERY = 97,
    LARGE_BYTES = 20000,
    PATIENCE_MS = 60000,
};

struct table {
    int count;
    struct kc_send_slot *slots[PARTITIONS];
};

static struct {
    struct kc_slot_rules rules;
    struct kc_supply supply;
    struct kc_send_slot slots[PARTITIONS], unplaced;
    struct table all;
    _Atomic(struct table *) table;
    int kicked;        /* eventfd */
    int room[SENDERS]; /* eventfds of those who wait for memory */
    atomic_int running;
    bool known;
    int total;
    int last[PARTITIONS][SENDERS]; /* record number delivered last */
} w;

static void ring_fd(int fd)
{
    uint64_t one = 1;
    KB_CHECK(write(fd, &one, sizeof one) == sizeof one);
}

static void wait_fd(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    uint64_t count;
    KB_CHECK(poll(&poll_fd, 1, PATIENCE_MS) == 1);
    KB_CHECK(read(fd, &count, sizeof count) == sizeof count);
}

static void kick(struct kc_bell *bell)
{
    (void)bell;
    ring_fd(w.kicked);
}

static void freed(struct kc_supply *supply)
{
    (void)supply;
    for (int i = 0; i < SENDERS; i++)
        ring_fd(w.room[i]);
}

static void seal(struct kc_slot_rules *rules, struct kc_send_batch *batch)
{
    (void)rules;
    kc_send_batch_sum(batch);
}

/* ---- Senders -------------------------------------------------------------------- */

/* s -1: the loop, which takes by force. */
static void get(int s, struct kc_hand *hand, enum kc_append lacks, size_t bytes)
{
    static const enum kc_part parts[] = {
        [KC_APPEND_LACKS_BATCH] = KC_PART_BATCH,
        [KC_APPEND_LACKS_CHUNK] = KC_PART_CHUNK,
        [KC_APPEND_LACKS_NOTES] = KC_PART_NOTES,
    };
    int64_t cost = kc_supply_cost(&w.supply, parts[lacks], bytes);
    if (s < 0) {
        kc_supply_pay_by_force(&w.supply, cost);
    } else if (!kc_supply_pay(&w.supply, cost)) {
        struct kc_claim claim;
        kc_supply_claim(&w.supply, &claim, cost);
        ring_fd(w.kicked); /* seal all: somebody waits */
        while (!atomic_load(&claim.granted))
            wait_fd(w.room[s]);
        kc_supply_unclaim(&w.supply, &claim);
    }
    if (lacks == KC_APPEND_LACKS_BATCH)
        hand->batch = kc_supply_batch(&w.supply);
    else if (lacks == KC_APPEND_LACKS_CHUNK)
        hand->chunk = kc_supply_chunk(&w.supply, bytes);
    else
        hand->notes = kc_supply_notes(&w.supply);
    KB_CHECK(hand->batch || hand->chunk || hand->notes);
}

static void put_back(struct kc_hand *hand)
{
    if (hand->batch)
        kc_supply_drop_batch(&w.supply, hand->batch);
    if (hand->chunk)
        kc_supply_drop_chunk(&w.supply, hand->chunk);
    if (hand->notes)
        kc_supply_drop_notes(&w.supply, hand->notes);
    *hand = (struct kc_hand){0};
}

static struct kc_entry entry_of(uint64_t opaque, const uint8_t *bytes)
{
    size_t size = opaque % LARGE_EVERY == 0 ? LARGE_BYTES : 50;
    struct kc_entry entry = {.opaque = opaque, .timestamp_ms = 1000};
    entry.record.value = kb_slice_of(bytes, size);
    entry.max_bytes = kc_entry_max_bytes(&entry.record);
    return entry;
}

static void *sender(void *ctx)
{
    static const uint8_t bytes[LARGE_BYTES];
    int s = (int)(intptr_t)ctx;
    kb_random_seed(&yield_random, (uint64_t)s + 100);
    for (int r = 0; r < RECORDS; r++) {
        struct kc_entry entry = entry_of((uint64_t)(s * RECORDS + r + 1), bytes);
        struct kc_hand hand = {0};
        enum kc_append outcome;
        do {
            struct table *table = atomic_load(&w.table);
            entry.target = r % PARTITIONS;
            outcome =
                kc_slot_append(table ? table->slots[entry.target] : &w.unplaced, &entry, &hand);
            if (outcome >= KC_APPEND_LACKS_BATCH) {
                /* a chunk may be of the wrong size for another slot's lack */
                get(s, &hand, outcome, entry.max_bytes);
            }
        } while (outcome != KC_APPENDED);
        put_back(&hand);
    }
    atomic_fetch_sub(&w.running, 1);
    ring_fd(w.kicked);
    return NULL;
}

/* ---- The loop ------------------------------------------------------------------- */

static void deliver(int partition, uint64_t opaque)
{
    int s = (int)(opaque - 1) / RECORDS, r = (int)(opaque - 1) % RECORDS;
    assert_true(r > w.last[partition][s]);
    w.last[partition][s] = r;
    w.total++;
}

static void place(uint64_t opaque, uint64_t target)
{
    static const uint8_t bytes[LARGE_BYTES];
    struct kc_entry entry = entry_of(opaque, bytes);
    struct kc_hand hand = {0};
    enum kc_append outcome;
    while ((outcome = kc_slot_append(&w.slots[target], &entry, &hand)) != KC_APPENDED)
        get(-1, &hand, outcome, entry.max_bytes);
    put_back(&hand);
}

static void drain(struct kc_send_slot *slot)
{
    struct kc_send_batch *batch;
    while ((batch = kc_slot_pop(slot))) {
        uint32_t crc = batch->records_crc;
        kc_send_batch_sum(batch);
        assert_int_equal(crc, batch->records_crc); /* nobody wrote since it was sealed */
        struct kc_notes_iter notes;
        kc_notes_iter_init(&notes, batch);
        for (int32_t i = 0; i < batch->record_count; i++) {
            uint64_t opaque = kc_notes_iter_next(&notes);
            if (slot == &w.unplaced)
                place(opaque, kc_notes_iter_next(&notes));
            else
                deliver((int)(slot - w.slots), opaque);
        }
        kc_supply_drop_batch(&w.supply, batch);
    }
}

static void seal_now(struct kc_send_slot *slot)
{
    struct kc_send_batch *batch = kc_slot_seal(slot, atomic_load(&slot->number));
    if (batch) {
        seal(&w.rules, batch);
        kc_slot_ready(batch);
    }
    if (slot != &w.unplaced)
        drain(slot);
}

static void publish(void *table)
{
    atomic_store(&w.table, table);
}

static void move(void)
{
    struct kc_send_batch *unsealed;
    do {
        drain(&w.unplaced);
        if (kc_slot_close(&w.unplaced, publish, &w.all, &unsealed))
            return;
        if (unsealed) {
            seal(&w.rules, unsealed);
            kc_slot_ready(unsealed);
        }
    } while (unsealed);
}

static void look(void)
{
    struct kc_rung *rung = kc_bell_take(&w.rules.bell);
    while (rung) {
        struct kc_send_slot *slot = KB_CONTAINER(rung, struct kc_send_slot, rung);
        rung = kc_bell_release(rung);
        if (slot != &w.unplaced)
            drain(slot);
        else if (w.known && slot->open)
            move();
    }
}

static void turn(int turns)
{
    kc_bell_answer(&w.rules.bell);
    if (!w.known && (turns >= 5 || atomic_load(&w.supply.claims) > 0)) {
        w.known = true;
        move();
    }
    if (atomic_load(&w.supply.claims) > 0 || atomic_load(&w.running) == 0)
        for (int i = 0; i < PARTITIONS; i++)
            seal_now(&w.slots[i]);
    do
        look();
    while (!kc_bell_rest(&w.rules.bell, false));
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[SENDERS];
    memset(&w, 0, sizeof w);
    kb_random_seed(&yield_random, 1);
    assert_true(kc_supply_init(&w.supply, MEMORY_BYTES, BATCH_BYTES));
    w.supply.freed = freed;
    w.rules = (struct kc_slot_rules){BATCH_BYTES, w.supply.chunk_bytes, seal, {.kick = kick}};
    for (int i = 0; i < PARTITIONS; i++) {
        kc_slot_init(&w.slots[i], &w.rules, NULL);
        w.all.slots[i] = &w.slots[i];
        for (int s = 0; s < SENDERS; s++)
            w.last[i][s] = -1;
    }
    w.all.count = PARTITIONS;
    kc_slot_init(&w.unplaced, &w.rules, NULL);
    w.unplaced.words = 2;
    w.kicked = eventfd(0, EFD_CLOEXEC);
    w.running = SENDERS;
    for (int s = 0; s < SENDERS; s++)
        w.room[s] = eventfd(0, EFD_CLOEXEC);
    for (int s = 0; s < SENDERS; s++)
        assert_int_equal(pthread_create(&threads[s], NULL, sender, (void *)(intptr_t)s), 0);

    for (int turns = 0; w.total < SENDERS * RECORDS; turns++) {
        wait_fd(w.kicked);
        turn(turns);
    }

    for (int s = 0; s < SENDERS; s++)
        pthread_join(threads[s], NULL);
    for (int s = 0; s < SENDERS; s++)
        close(w.room[s]);
    close(w.kicked);
    for (int i = 0; i < PARTITIONS; i++)
        kc_slot_deinit(&w.slots[i]);
    kc_slot_deinit(&w.unplaced);
    assert_int_equal(w.supply.free_bytes, w.supply.total_bytes);
    kc_supply_deinit(&w.supply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
