/* SPDX-License-Identifier: Apache-2.0 */
/* Topics: the table of their partitions, leaders, and the unplaced records. */
#include "base/check.h"
#include "base/mem.h"
#include "libclient/core/sender.h"

/* ---- Partitions ---------------------------------------------------------------- */

void kc_partition_init(struct kc_send_partition *p, struct kc_sender *sender,
                       struct kc_send_topic *topic, int32_t index)
{
    memset(p, 0, sizeof *p);
    kc_slot_init(&p->slot, &sender->rules, p);
    p->sender = sender;
    p->topic = topic;
    p->index = index;
    p->producer_id = -1;
    kb_list_init(&p->ring);
    kb_list_init(&p->batches);
    kb_list_init(&p->linger);
    kc_backoff_init(&p->backoff, sender->options.backoff_ms, sender->options.backoff_max_ms);
}

void kc_partition_deinit(struct kc_send_partition *p)
{
    KB_LIST_EACH_SAFE(it, &p->batches)
        kc_send_batch_free(KB_CONTAINER(it, struct kc_send_batch, link));
    kb_list_init(&p->batches);
    kb_list_remove(&p->ring);
    kb_list_remove(&p->linger);
    kb_heap_remove(&p->sender->timers, &p->timer);
    kc_slot_deinit(&p->slot);
}

uint32_t kc_partition_queued_bytes(const struct kc_send_partition *p)
{
    if (!atomic_load_explicit(&p->open_to_all, memory_order_relaxed))
        return UINT32_MAX;
    uint64_t in = atomic_load_explicit(&p->slot.bytes, memory_order_relaxed);
    uint64_t out = atomic_load_explicit(&p->done_bytes, memory_order_relaxed);
    uint64_t queued = in > out ? in - out : 0;
    return queued < UINT32_MAX ? (uint32_t)queued : UINT32_MAX - 1;
}

/* ---- Choosing one: any thread ----------------------------------------------------- */

static uint32_t queued_bytes(const void *ctx, int32_t partition)
{
    const struct kc_table *table = ctx;
    return kc_partition_queued_bytes(table->partitions[partition]);
}

static int32_t choose(struct kc_send_topic *topic, const struct kc_table *table)
{
    struct kc_load load = {table->count, queued_bytes, table, topic->sender->options.adaptive};
    struct kb_random random;
    kb_random_seed(&random, atomic_fetch_add(&topic->chance, 0x9e3779b97f4a7c15));
    return kc_partition_choose(&load, &random);
}

static void stick_to(struct kc_send_topic *topic, const struct kc_table *table, int32_t partition)
{
    uint64_t bytes = atomic_load_explicit(&table->partitions[partition]->slot.bytes,
                                          memory_order_relaxed);
    atomic_store_explicit(&topic->sticky.from_bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&topic->sticky.partition, partition, memory_order_relaxed);
}

int32_t kc_topic_sticky(struct kc_send_topic *topic, const struct kc_table *table)
{
    int32_t partition = atomic_load_explicit(&topic->sticky.partition, memory_order_relaxed);
    if (partition >= 0 && partition < table->count)
        return partition;
    partition = choose(topic, table);
    stick_to(topic, table, partition);
    return partition;
}

int32_t kc_topic_stick_on(struct kc_send_topic *topic, const struct kc_table *table,
                          int32_t partition, bool filled)
{
    int32_t now = kc_topic_sticky(topic, table);
    if (now != partition)
        return now; /* somebody else has switched */
    uint64_t bytes = atomic_load_explicit(&table->partitions[partition]->slot.bytes,
                                          memory_order_relaxed) -
                     atomic_load_explicit(&topic->sticky.from_bytes, memory_order_relaxed);
    size_t enough = topic->sender->options.batch_bytes;
    if (bytes < (filled ? enough / 2 : enough))
        return partition;
    now = choose(topic, table);
    stick_to(topic, table, now);
    return now;
}

int32_t kc_topic_choose(struct kc_send_topic *topic, const struct kc_table *table,
                        struct kb_slice key, bool *sticky)
{
    const struct kc_send_options *options = &topic->sender->options;
    int32_t partition = options->ignore_keys
                            ? -1
                            : kc_partition_by_key(options->partitioner, key, table->count);
    *sticky = partition < 0 && options->partitioner != KC_RANDOM;
    if (partition >= 0)
        return partition;
    return *sticky ? kc_topic_sticky(topic, table) : choose(topic, table);
}

/* ---- Unplaced records --------------------------------------------------------------- */

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

static bool place_record(struct kc_send_topic *topic, const struct kc_table *table,
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
    return outcome == KC_APPENDED;
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

/* False: no memory for the record that is at turn, nor for saying so. */
static bool place_batch(struct kc_send_topic *topic, const struct kc_table *table,
                        struct kc_send_batch *batch)
{
    struct kc_send_reader reader;
    bool placed = kc_send_reader_init(&reader, batch, topic->unplaced.slot.words);
    while (placed && kc_send_reader_next(&reader)) {
        if (reader.at <= batch->attempts)
            continue; /* was placed when memory ran out before */
        if (reader.target < table->count && place_record(topic, table, &reader))
            atomic_fetch_add_explicit(&topic->sender->placed, 1, memory_order_relaxed);
        else
            placed = reject_record(&topic->unplaced, &reader);
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

static struct kc_table *new_table(struct kc_send_topic *topic, int32_t count)
{
    struct kc_table *table =
        kb_malloc(sizeof *table + (size_t)count * sizeof table->partitions[0]);
    if (!table)
        return NULL;
    table->count = count;
    table->older = atomic_load(&topic->table);
    memcpy(table->partitions, topic->partitions, (size_t)count * sizeof table->partitions[0]);
    return table;
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

/* ---- Metadata -------------------------------------------------------------------------- */

void kc_send_topic_init(struct kc_send_topic *topic, struct kc_sender *sender, const char *name)
{
    memset(topic, 0, sizeof *topic);
    kb_list_init(&topic->link);
    topic->sender = sender;
    topic->name = name;
    atomic_init(&topic->sticky.partition, -1);
    kc_partition_init(&topic->unplaced, sender, topic, -1);
    topic->unplaced.slot.words = 2;
}

void kc_sender_add(struct kc_sender *sender, struct kc_send_topic *topic)
{
    atomic_store(&topic->chance, kb_random_next(sender->random));
    kb_list_push_back(&sender->topics, &topic->link);
}

void kc_send_topic_deinit(struct kc_send_topic *topic)
{
    kb_list_remove(&topic->link);
    kc_partition_deinit(&topic->unplaced);
    for (int32_t i = 0; i < topic->count; i++) {
        kc_partition_deinit(topic->partitions[i]);
        kb_free(topic->partitions[i]);
    }
    kb_free(topic->partitions);
    kb_free(topic->pending);
    struct kc_table *table = atomic_load(&topic->table);
    while (table) {
        struct kc_table *older = table->older;
        kb_free(table);
        table = older;
    }
}

/* Partitions once made stay: senders may still hold an older table. */
static bool grow(struct kc_send_topic *topic, int32_t count)
{
    if (count <= topic->count)
        return true;
    struct kc_send_partition **partitions =
        kb_realloc(topic->partitions, (size_t)count * sizeof *partitions);
    if (!partitions)
        return false;
    topic->partitions = partitions;
    for (; topic->count < count; topic->count++) {
        struct kc_send_partition *p = KB_NEW(struct kc_send_partition);
        if (!p)
            return false;
        kc_partition_init(p, topic->sender, topic, topic->count);
        partitions[topic->count] = p;
    }
    return true;
}

static bool publish_count(struct kc_send_topic *topic, int32_t count)
{
    struct kc_table *now = atomic_load(&topic->table);
    if (now ? now->count == count : topic->pending && topic->pending->count == count)
        return true;
    struct kc_table *table = new_table(topic, count);
    if (!table)
        return false;
    if (now) {
        atomic_store(&topic->table, table);
    } else {
        kb_free(topic->pending);
        topic->pending = table;
    }
    return true;
}

bool kc_sender_topic_known(struct kc_sender *sender, struct kb_time now, struct kc_send_topic *topic,
                           struct kb_uuid id, uint32_t generation, const int32_t *leaders,
                           int32_t count)
{
    if (count < 1 || !grow(topic, count) || !publish_count(topic, count))
        return false;
    bool anew = generation != topic->generation && !kb_uuid_is_zero(topic->id);
    topic->generation = generation;
    topic->id = id;
    topic->error = 0;
    for (int32_t i = 0; i < topic->count; i++) {
        struct kc_send_partition *p = topic->partitions[i];
        kb_list_remove(&p->ring);
        p->gone = i >= count;
        p->broker = p->gone ? NULL : kc_sender_broker(sender, leaders[i]);
        p->bump |= anew;
    }
    kc_topic_place(topic, now);
    for (int32_t i = 0; i < topic->count; i++)
        kc_partition_look(topic->partitions[i], now);
    kc_flushes_look(sender);
    return true;
}

void kc_sender_topic_failed(struct kc_sender *sender, struct kb_time now,
                            struct kc_send_topic *topic, int32_t code)
{
    topic->error = code;
    kc_partition_look(&topic->unplaced, now);
    kc_flushes_look(sender);
}
