/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into the next request to a broker. */
#include "base/mutant.h"
#include "libclient/core/sender.h"

static struct kc_send_batch *next_batch(struct kc_send_partition *p)
{
    struct kc_sender *sender = p->sender;
    struct kc_send_batch *batch = kc_partition_waiting(p);
    bool overtaken = KB_MUTANT("retry-out-of-order") && kc_slot_peek(&p->slot);
    if (batch && !overtaken)
        return batch;
    if (!kc_slot_peek(&p->slot)) {
        /* Compressing is for the loop only where a batch lingered out: one a turn. */
        if (sender->options.codec != KW_CODEC_NONE && sender->packed > 0) {
            sender->more = true;
            return NULL;
        }
        kc_partition_seal(p, p->due_number);
    }
    return kc_partition_take(p);
}

static void stamp(struct kc_send_partition *p, struct kc_send_batch *batch)
{
    const struct kc_sender *sender = p->sender;
    if (batch->attempts > 0 && batch->stamped)
        return;
    batch->transactional = sender->options.transactional;
    if (sender->options.idempotent) {
        bool next_epoch = sender->options.transactional && (p->epoch != sender->producer_epoch ||
                                                            p->producer_id != sender->producer_id);
        if (p->producer_id < 0 || next_epoch) {
            p->known &= p->producer_id < 0 || p->producer_id == sender->producer_id;
            p->producer_id = sender->producer_id;
            p->epoch = sender->producer_epoch;
            p->next_sequence = 0;
        }
        batch->stamped = true;
        batch->producer_id = p->producer_id;
        batch->producer_epoch = p->epoch;
        batch->base_sequence = p->next_sequence;
        p->next_sequence = kw_sequence_add(p->next_sequence, batch->record_count);
    }
    kc_send_batch_stamp(batch);
}

static void depart(struct kc_send_partition *p, struct kc_send_batch *batch,
                   struct kc_flight *flight)
{
    stamp(p, batch);
    batch->attempts++;
    batch->flight = flight;
    p->in_flight++;
    p->sender->flying++;
    *flight = (struct kc_flight){batch, p};
}

size_t kc_sender_collect(struct kc_sender *sender, struct kb_time now,
                         struct kc_send_broker *broker, struct kc_flight *flights, size_t max)
{
    size_t count = 0, bytes = 0;
    struct kb_list again;
    struct kb_list *it;
    kb_list_init(&again);
    while (count < max && !kb_list_empty(&broker->ring)) {
        struct kc_send_partition *p = KB_LIST_FIRST(&broker->ring, struct kc_send_partition, ring);
        struct kc_send_batch *batch = kc_partition_can_send(p, now) ? next_batch(p) : NULL;
        if (batch && count && bytes + kc_send_batch_bytes(batch) > sender->options.request_bytes)
            break;
        kb_list_remove(&p->ring);
        if (batch) {
            bytes += kc_send_batch_bytes(batch);
            depart(p, batch, &flights[count++]);
            kc_partition_set_timer(p, now);
        }
        if (batch ? kc_partition_can_send(p, now) : sender->more)
            kb_list_push_back(&again, &p->ring);
    }
    while ((it = kb_list_pop_front(&again)))
        kb_list_push_back(&broker->ring, it);
    return count;
}
