/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that were sent before their topic's partitions were known: placed in
 * the order of their sending, into slots that no sender sees yet.
 */
#include "libclient/core/sender.h"

static bool fill(struct kc_supply *supply, enum kc_append lacks, size_t bytes, struct kc_hand *hand)
{
    enum kc_part part = lacks == KC_APPEND_LACKS_BATCH   ? KC_PART_BATCH
                        : lacks == KC_APPEND_LACKS_CHUNK ? KC_PART_CHUNK
                                                         : KC_PART_NOTES;
    kc_supply_pay_by_force(supply, kc_supply_cost(supply, part, bytes));
    if (part == KC_PART_BATCH)
        return (hand->batch = kc_supply_batch(supply)) != NULL;
    if (part == KC_PART_CHUNK)
        return (hand->chunk = kc_supply_chunk(supply, bytes)) != NULL;
    return (hand->notes = kc_supply_notes(supply)) != NULL;
}

static void put_back(struct kc_supply *supply, struct kc_hand *hand)
{
    if (hand->batch)
        kc_supply_drop_batch(supply, hand->batch);
    if (hand->chunk)
        kc_supply_drop_chunk(supply, hand->chunk);
    if (hand->notes)
        kc_supply_drop_notes(supply, hand->notes);
}

/* What it still lacks is memory. */
static enum kc_append place_record(struct kc_send_topic *topic, const struct kc_table *table,
                                   const struct kc_send_reader *from)
{
    struct kc_supply *supply = &topic->sender->supply;
    struct kc_hand hand = {.now_ms = from->batch->opened_ms};
    struct kc_entry entry = {.timestamp_ms = from->record.timestamp_ms, .opaque = from->opaque};
    entry.record.key = from->record.key;
    entry.record.value = from->record.value;
    entry.record.raw_headers = from->record.raw_headers;
    entry.max_bytes = kc_entry_max_bytes(&entry.record);
    bool sticky = false;
    int32_t to = from->target;
    if (to < 0)
        to = kc_topic_choose(topic, table, entry.record.key, &sticky);
    enum kc_append outcome;
    do {
        outcome = kc_slot_append(&table->partitions[to]->slot, &entry, &hand);
        if (outcome == KC_APPEND_LACKS_BATCH && sticky)
            to = kc_topic_stick_on(topic, table, to, hand.filled);
    } while (outcome >= KC_APPEND_LACKS_BATCH && fill(supply, outcome, entry.max_bytes, &hand));
    put_back(supply, &hand);
    return outcome;
}

/* It has no place: a batch of its own tells so. */
static bool reject_record(struct kc_send_partition *p, const struct kc_send_reader *from)
{
    struct kc_supply *supply = &p->sender->supply;
    struct kc_send_batch *alone = kc_batch_like(supply, from->batch);
    if (!alone || !kc_batch_copy(supply, alone, from)) {
        if (alone)
            kc_supply_drop_batch(supply, alone);
        return false;
    }
    alone->attempts = 0;
    kc_partition_fail(p, alone, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    return true;
}

/* Placed, or told that it cannot be; false: no memory. */
static bool settle_record(struct kc_send_topic *topic, const struct kc_table *table,
                          const struct kc_send_reader *from)
{
    enum kc_append outcome = place_record(topic, table, from);
    if (outcome >= KC_APPEND_LACKS_BATCH)
        return false;
    if (outcome != KC_APPENDED)
        return reject_record(&topic->unplaced, from);
    atomic_fetch_add_explicit(&topic->sender->placed, 1, memory_order_relaxed);
    return true;
}

/* False: no memory for the record that is at turn. */
static bool place_batch(struct kc_send_topic *topic, const struct kc_table *table,
                        struct kc_send_batch *batch)
{
    struct kc_send_reader reader;
    bool placed = kc_send_reader_init(&reader, batch, topic->unplaced.slot.words);
    while (placed && kc_send_reader_next(&reader)) {
        if (reader.at <= batch->attempts)
            continue; /* was placed when memory ran out before */
        placed = reader.target < table->count ? settle_record(topic, table, &reader)
                                              : reject_record(&topic->unplaced, &reader);
        batch->attempts += placed;
    }
    kc_send_reader_deinit(&reader);
    return placed;
}

static bool place_batches(struct kc_send_topic *topic)
{
    struct kc_send_partition *p = &topic->unplaced;
    struct kc_send_batch *batch;
    while ((batch = KB_LIST_FIRST(&p->batches, struct kc_send_batch, link))) {
        if (!place_batch(topic, topic->pending, batch))
            return false;
        kb_list_remove(&batch->link);
        kc_supply_drop_batch(&p->sender->supply, batch);
    }
    p->done_number = p->taken_number;
    return true;
}

static void publish(void *ctx)
{
    struct kc_table *table = ctx;
    atomic_store(&table->partitions[0]->topic->table, table);
}

/* Who was placed has waited long enough: it does not linger on top. */
static void let_go(struct kc_send_topic *topic, struct kb_time now)
{
    for (int32_t i = 0; i < topic->count; i++) {
        topic->partitions[i]->due_number = atomic_load(&topic->partitions[i]->slot.number);
        kc_partition_look(topic->partitions[i], now);
    }
}

void kc_topic_place(struct kc_send_topic *topic, struct kb_time now)
{
    struct kc_send_partition *p = &topic->unplaced;
    struct kc_send_batch *unsealed = NULL;
    while (topic->pending) {
        if (unsealed)
            kc_sender_pack(topic->sender, unsealed);
        kc_partition_take_all(p, false);
        if (!place_batches(topic)) {
            topic->sender->blind = true; /* no memory: soon again */
            return;
        }
        if (kc_slot_close(&p->slot, publish, topic->pending, &unsealed)) {
            topic->pending = NULL;
            let_go(topic, now);
        } else if (!unsealed) {
            return; /* it will ring */
        }
    }
}
