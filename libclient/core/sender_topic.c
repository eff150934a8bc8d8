/* SPDX-License-Identifier: Apache-2.0 */
/* Topics: the table of their partitions, and who leads those. */
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
    p->part.topic = topic->name;
    p->part.index = index;
    kb_list_init(&p->part.link);
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
    kb_list_remove(&p->part.link);
    kb_list_remove(&p->linger);
    kb_heap_remove(&p->sender->timers, &p->timer);
    kc_slot_deinit(&p->slot);
}

static struct kc_table *new_table(struct kc_send_topic *topic, int32_t count)
{
    struct kc_table *table = kb_malloc(sizeof *table + (size_t)count * sizeof table->partitions[0]);
    if (!table)
        return NULL;
    table->count = count;
    table->older = atomic_load(&topic->table);
    memcpy(table->partitions, topic->partitions, (size_t)count * sizeof table->partitions[0]);
    return table;
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

bool kc_sender_topic_known(struct kc_sender *sender, struct kb_time now,
                           struct kc_send_topic *topic, struct kb_uuid id, uint32_t generation,
                           const int32_t *leaders, int32_t count)
{
    if (count < 1 || !grow(topic, count) || !publish_count(topic, count))
        return false;
    bool anew = generation != topic->generation && !kb_uuid_is_zero(topic->id), whole = true;
    topic->generation = generation;
    topic->id = id;
    topic->error = 0;
    for (int32_t i = 0; i < topic->count; i++) {
        struct kc_send_partition *p = topic->partitions[i];
        kb_list_remove(&p->ring);
        p->gone = i >= count;
        p->broker = p->gone ? NULL : kc_sender_broker(sender, leaders[i]);
        whole &= p->gone || p->broker || leaders[i] < 0;
        p->bump |= anew;
    }
    kc_topic_place(topic, now);
    for (int32_t i = 0; i < topic->count; i++)
        kc_partition_look(topic->partitions[i], now);
    kc_flushes_look(sender);
    return whole;
}

void kc_sender_topic_failed(struct kc_sender *sender, struct kb_time now,
                            struct kc_send_topic *topic, int32_t code)
{
    topic->error = code;
    kc_partition_look(&topic->unplaced, now);
    kc_flushes_look(sender);
}
