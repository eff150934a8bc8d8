/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/slot.h"
#include "base/check.h"

#define KC_EVERY_BATCH UINT64_MAX /* as seal_wanted: the loop wants to close */

/* What is left to do once the lock is free. */
struct after {
    struct kc_send_batch *full; /* detached: drop the slot's part in it */
    bool opened;
    struct kc_record_place large; /* where the large record goes; at NULL: there is none */
};

void kc_slot_init(struct kc_send_slot *slot, struct kc_slot_rules *rules, void *home)
{
    *slot = (struct kc_send_slot){.open = true, .rules = rules, .home = home, .words = 1};
    atomic_init(&slot->batch_bytes, rules->batch_bytes);
}

static void free_chain(struct kc_send_batch *batch)
{
    while (batch) {
        struct kc_send_batch *next = batch->next;
        kc_send_batch_free(batch);
        batch = next;
    }
}

void kc_slot_deinit(struct kc_send_slot *slot)
{
    kc_send_batch_free(slot->batch);
    free_chain(slot->sealed);
    free_chain(slot->queue);
}

/* ---- Under the lock ------------------------------------------------------- */

static bool is_large(const struct kc_send_slot *slot, const struct kc_entry *entry)
{
    return KW_BATCH_HEADER_BYTES + entry->max_bytes > slot->rules->chunk_bytes;
}

static bool is_full(const struct kc_send_slot *slot, const struct kc_send_batch *batch,
                    const struct kc_entry *entry)
{
    if (batch->record_count == 0)
        return false;
    size_t most = atomic_load_explicit(&slot->batch_bytes, memory_order_relaxed);
    if (KW_BATCH_HEADER_BYTES + batch->plain_bytes + entry->max_bytes > most)
        return true;
    return batch->chunk_count == batch->chunk_max && kc_send_batch_room(batch) < entry->max_bytes;
}

/* The open batch joins the queue; it is ready once sealed. */
static struct kc_send_batch *detach(struct kc_send_slot *slot)
{
    struct kc_send_batch *batch = slot->batch;
    struct kc_send_batch *top = atomic_load_explicit(&slot->sealed, memory_order_relaxed);
    slot->batch = NULL;
    do
        batch->next = top;
    while (!atomic_compare_exchange_strong(&slot->sealed, &top, batch));
    return batch;
}

static void open_batch(struct kc_send_slot *slot, const struct kc_entry *entry,
                       struct kc_hand *hand)
{
    struct kc_send_batch *batch = hand->batch;
    hand->batch = NULL;
    batch->home = slot->home;
    batch->opened_ms = hand->now_ms;
    batch->base_timestamp_ms = batch->max_timestamp_ms = entry->timestamp_ms;
    batch->number = atomic_load_explicit(&slot->number, memory_order_relaxed) + 1;
    slot->batch = batch;
    atomic_store_explicit(&slot->opened_ms, hand->now_ms, memory_order_relaxed);
    atomic_store_explicit(&slot->number, batch->number, memory_order_release);
}

static bool needs_notes(const struct kc_send_slot *slot, const struct kc_send_batch *batch,
                        const struct kc_entry *entry)
{
    if (slot->words == 1 && entry->opaque == 0 && (!batch || !batch->notes))
        return false;
    return !batch || kc_send_batch_notes_full(batch, slot->words);
}

/* Makes the open batch able to take the record, or says what it lacks. */
static enum kc_append prepare(struct kc_send_slot *slot, const struct kc_entry *entry,
                              struct kc_hand *hand, struct after *after)
{
    hand->filled = slot->batch && is_full(slot, slot->batch, entry);
    if (hand->filled)
        after->full = detach(slot);

    struct kc_send_batch *batch = slot->batch;
    bool chunk = !batch || kc_send_batch_room(batch) < entry->max_bytes;
    bool notes = needs_notes(slot, batch, entry);
    if (!batch && !hand->batch)
        return KC_APPEND_LACKS_BATCH;
    if (chunk && !hand->chunk)
        return KC_APPEND_LACKS_CHUNK;
    if (notes && !hand->notes)
        return KC_APPEND_LACKS_NOTES;

    if (!batch) {
        open_batch(slot, entry, hand);
        batch = slot->batch;
        after->opened = true;
    }
    if (chunk) {
        kc_send_batch_add_chunk(batch, hand->chunk);
        hand->chunk = NULL;
        KB_CHECK(kc_send_batch_room(batch) >= entry->max_bytes);
    }
    if (notes) {
        kc_send_batch_add_notes(batch, hand->notes);
        hand->notes = NULL;
    }
    return KC_APPENDED;
}

/* Only holders of the lock write: no atomic addition is needed. */
static void count(atomic_uint_fast64_t *counter, uint64_t more)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + more, memory_order_relaxed);
}

static void put_record(struct kc_send_slot *slot, struct kc_entry *entry, struct after *after)
{
    struct kc_send_batch *batch = slot->batch;
    struct kc_record_place place = kc_send_batch_reserve(batch, entry, slot->words);
    count(&slot->accepted, 1);
    count(&slot->bytes, kw_record_size(place.body_bytes));
    if (is_large(slot, entry)) {
        atomic_fetch_add(&batch->writers, 1);
        after->large = place;
    } else {
        kw_record_write(place.at, &entry->record, place.body_bytes);
    }
}

/* ---- Without the lock ----------------------------------------------------- */

/* One writer less; the last one seals. */
static void drop_writer(struct kc_send_slot *slot, struct kc_send_batch *batch)
{
    if (atomic_fetch_sub(&batch->writers, 1) != 1)
        return;
    slot->rules->seal(slot->rules, batch);
    kc_slot_ready(batch);
    kc_bell_ring(&slot->rules->bell, &slot->rung, true);
}

/*
 * The loop stores seal_wanted, then tries the lock. It was refused while we
 * held it; so now that it is free, we see what it stored. Refused in our turn,
 * we leave it to whoever holds the lock now: that one will look, too.
 */
static void honour(struct kc_send_slot *slot, uint64_t open_number)
{
    for (;;) {
        uint64_t wanted = atomic_load(&slot->seal_wanted);
        bool closing = wanted == KC_EVERY_BATCH;
        if (!closing && (open_number == 0 || open_number > wanted))
            return;
        if (!kb_lock_try(&slot->lock))
            return;
        struct kc_send_batch *batch = NULL;
        if (slot->batch && slot->batch->number <= wanted)
            batch = detach(slot);
        open_number = slot->batch ? slot->batch->number : 0;
        kb_lock_leave(&slot->lock);
        if (batch)
            drop_writer(slot, batch);
        if (closing) {
            kc_bell_ring(&slot->rules->bell, &slot->rung, true);
            return;
        }
    }
}

enum kc_append kc_slot_append(struct kc_send_slot *slot, struct kc_entry *entry,
                              struct kc_hand *hand)
{
    struct after after = {0};
    enum kc_append outcome = KC_APPEND_CLOSED;

    kb_lock_enter(&slot->lock);
    if (slot->open)
        outcome = prepare(slot, entry, hand, &after);
    if (outcome == KC_APPENDED)
        put_record(slot, entry, &after);
    struct kc_send_batch *batch = slot->batch;
    uint64_t open_number = batch ? batch->number : 0;
    kb_lock_leave(&slot->lock);

    honour(slot, open_number);
    if (after.opened)
        kc_bell_ring(&slot->rules->bell, &slot->rung, false);
    if (after.full)
        drop_writer(slot, after.full);
    if (after.large.at) {
        kw_record_write(after.large.at, &entry->record, after.large.body_bytes);
        drop_writer(slot, batch);
    }
    return outcome;
}

/* ---- The loop -------------------------------------------------------------- */

struct kc_send_batch *kc_slot_seal(struct kc_send_slot *slot, uint64_t upto)
{
    if (upto > atomic_load_explicit(&slot->seal_wanted, memory_order_relaxed))
        atomic_store(&slot->seal_wanted, upto);
    if (!kb_lock_try(&slot->lock))
        return NULL;
    struct kc_send_batch *batch = NULL;
    if (slot->batch && slot->batch->number <= upto)
        batch = detach(slot);
    kb_lock_leave(&slot->lock);
    return batch && atomic_fetch_sub(&batch->writers, 1) == 1 ? batch : NULL;
}

void kc_slot_ready(struct kc_send_batch *batch)
{
    atomic_store(&batch->ready, true);
}

/* The stack's batches, oldest first, behind those that came before. */
static void gather(struct kc_send_slot *slot)
{
    struct kc_send_batch *newest = atomic_exchange(&slot->sealed, NULL), *oldest = NULL;
    struct kc_send_batch *last = newest;
    while (newest) {
        struct kc_send_batch *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    if (!oldest)
        return;
    if (slot->queue)
        slot->queue_last->next = oldest;
    else
        slot->queue = oldest;
    slot->queue_last = last;
}

struct kc_send_batch *kc_slot_peek(struct kc_send_slot *slot)
{
    gather(slot);
    return slot->queue && atomic_load(&slot->queue->ready) ? slot->queue : NULL;
}

struct kc_send_batch *kc_slot_pop(struct kc_send_slot *slot)
{
    struct kc_send_batch *batch = kc_slot_peek(slot);
    if (batch) {
        slot->queue = batch->next;
        batch->next = NULL;
    }
    return batch;
}

bool kc_slot_close(struct kc_send_slot *slot, void (*publish)(void *ctx), void *ctx,
                   struct kc_send_batch **unsealed)
{
    *unsealed = NULL;
    gather(slot);
    if (slot->queue)
        return false;
    atomic_store(&slot->seal_wanted, KC_EVERY_BATCH);
    if (!kb_lock_try(&slot->lock))
        return false;
    atomic_store(&slot->seal_wanted, 0);
    struct kc_send_batch *batch = slot->batch ? detach(slot) : NULL;
    gather(slot);
    bool closed = !slot->queue;
    if (closed) {
        slot->open = false;
        publish(ctx);
    }
    kb_lock_leave(&slot->lock);
    if (batch && atomic_fetch_sub(&batch->writers, 1) == 1)
        *unsealed = batch;
    return closed;
}
