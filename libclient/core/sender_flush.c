/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flush knows, for each partition, the number of the batch that was opened
 * last when it began. It is over when each has come that far; what is sent
 * meanwhile lingers as ever. Records that were unplaced count once they have a
 * partition: that topic's partitions then join.
 */
#include "base/mem.h"
#include "libclient/core/sender.h"

static bool add(struct kc_flush *flush, struct kc_send_partition *p)
{
    uint64_t number = atomic_load(&p->slot.number);
    if (number <= p->done_number)
        return true;
    if (flush->count == flush->room) {
        size_t room = flush->room ? flush->room * 2 : 16;
        struct kc_flush_item *items = kb_realloc(flush->items, room * sizeof *items);
        if (!items)
            return false;
        flush->items = items;
        flush->room = room;
    }
    flush->items[flush->count++] = (struct kc_flush_item){p, number};
    p->due_number = KB_MAX(p->due_number, number);
    return true;
}

static bool add_partitions(struct kc_flush *flush, struct kc_send_topic *topic, struct kb_time now)
{
    for (int32_t i = 0; i < topic->count; i++) {
        if (!add(flush, topic->partitions[i]))
            return false;
        kc_partition_look(topic->partitions[i], now);
    }
    return true;
}

static void advance(struct kc_flush *flush)
{
    while (flush->at < flush->count) {
        struct kc_flush_item *item = &flush->items[flush->at];
        struct kc_send_partition *p = item->partition;
        if (p->done_number < item->number)
            return;
        flush->at++;
        if (p->index < 0) /* placed now: those partitions have to come as far */
            for (int32_t i = 0; i < p->topic->count; i++)
                if (!add(flush, p->topic->partitions[i]))
                    flush->failed = true;
    }
    flush->done = true;
}

bool kc_flush_begin(struct kc_sender *sender, struct kb_time now, struct kc_flush *flush)
{
    *flush = (struct kc_flush){0};
    kb_list_init(&flush->link);
    kb_list_push_back(&sender->flushes, &flush->link);
    KB_LIST_EACH(it, &sender->topics) {
        struct kc_send_topic *topic = KB_CONTAINER(it, struct kc_send_topic, link);
        if (!add(flush, &topic->unplaced) || !add_partitions(flush, topic, now)) {
            kc_flush_end(flush);
            return false;
        }
        kc_topic_place(topic, now);
    }
    advance(flush);
    return true;
}

void kc_flush_end(struct kc_flush *flush)
{
    kb_list_remove(&flush->link);
    kb_free(flush->items);
    flush->items = NULL;
}

void kc_flushes_look(struct kc_sender *sender)
{
    KB_LIST_EACH(it, &sender->flushes) {
        struct kc_flush *flush = KB_CONTAINER(it, struct kc_flush, link);
        if (!flush->done)
            advance(flush);
    }
}
