/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch that is larger than the broker takes becomes two, of half its records
 * each. They keep its sequences, so that what comes behind it stays as it is.
 * This must work with buffer.memory full: it takes by force, and gives the
 * batch back.
 */
#include "libclient/core/sender.h"

struct kc_send_batch *kc_batch_like(struct kc_supply *supply, const struct kc_send_batch *batch)
{
    kc_supply_pay_by_force(supply, kc_supply_cost(supply, KC_PART_BATCH, 0));
    struct kc_send_batch *piece = kc_supply_batch(supply);
    if (!piece)
        return NULL;
    kb_list_init(&piece->link);
    piece->home = batch->home;
    piece->number = batch->number;
    piece->opened_ms = batch->opened_ms;
    piece->attempts = batch->attempts;
    piece->stamped = batch->stamped;
    piece->transactional = batch->transactional;
    piece->producer_id = batch->producer_id;
    piece->producer_epoch = batch->producer_epoch;
    return piece;
}

static bool make_room(struct kc_supply *supply, struct kc_send_batch *piece,
                      const struct kc_entry *entry, uint32_t words)
{
    if (kc_send_batch_room(piece) < entry->max_bytes) {
        if (piece->chunk_count == piece->chunk_max)
            return false;
        kc_supply_pay_by_force(supply, kc_supply_cost(supply, KC_PART_CHUNK, entry->max_bytes));
        struct kb_buf *chunk = kc_supply_chunk(supply, entry->max_bytes);
        if (!chunk)
            return false;
        kc_send_batch_add_chunk(piece, chunk);
    }
    if (words > 0 && kc_send_batch_notes_full(piece, words)) {
        kc_supply_pay_by_force(supply, kc_supply_cost(supply, KC_PART_NOTES, 0));
        struct kc_notes *notes = kc_supply_notes(supply);
        if (!notes)
            return false;
        kc_send_batch_add_notes(piece, notes);
    }
    return true;
}

bool kc_batch_copy(struct kc_supply *supply, struct kc_send_batch *to,
                   const struct kc_send_reader *from)
{
    const struct kc_send_partition *home = to->home;
    uint32_t words = from->batch->notes ? home->slot.words : 0;
    struct kc_entry entry = {
        .timestamp_ms = from->record.timestamp_ms, .opaque = from->opaque, .target = from->target};
    entry.record.key = from->record.key;
    entry.record.value = from->record.value;
    entry.record.raw_headers = from->record.raw_headers;
    entry.max_bytes = kc_entry_max_bytes(&entry.record);
    if (!make_room(supply, to, &entry, words))
        return false;
    if (to->record_count == 0)
        to->base_timestamp_ms = to->max_timestamp_ms = entry.timestamp_ms;
    struct kc_record_place place = kc_send_batch_reserve(to, &entry, words);
    kw_record_write(place.at, &entry.record, place.body_bytes);
    return true;
}

static bool copy_records(struct kc_supply *supply, struct kc_send_batch *piece,
                         struct kc_send_reader *from, int32_t count)
{
    while (count-- > 0)
        if (!kc_send_reader_next(from) || !kc_batch_copy(supply, piece, from))
            return false;
    return true;
}

bool kc_batch_split(struct kc_send_partition *p, struct kc_send_batch *batch)
{
    struct kc_sender *sender = p->sender;
    struct kc_supply *supply = &sender->supply;
    struct kc_send_reader reader;
    if (batch->record_count < 2 || !kc_send_reader_init(&reader, batch, 1))
        return false;
    int32_t half = batch->record_count / 2;
    struct kc_send_batch *first = kc_batch_like(supply, batch),
                         *second = kc_batch_like(supply, batch);
    bool copied = first && second && copy_records(supply, first, &reader, half) &&
                  copy_records(supply, second, &reader, batch->record_count - half);
    kc_send_reader_deinit(&reader);
    if (!copied) {
        if (first)
            kc_supply_drop_batch(supply, first);
        if (second)
            kc_supply_drop_batch(supply, second);
        return false;
    }
    first->base_sequence = batch->base_sequence;
    second->base_sequence = kw_sequence_add(batch->base_sequence, half);
    struct kb_list *before = batch->link.next;
    kb_list_remove(&batch->link);
    kb_list_insert(before, &first->link);
    kb_list_insert(before, &second->link);
    kc_sender_pack(sender, first);
    kc_sender_pack(sender, second);
    kc_send_batch_stamp(first);
    kc_send_batch_stamp(second);
    atomic_store(&p->slot.batch_bytes, KB_MAX(batch->plain_bytes / 2, (size_t)1));
    kc_supply_drop_batch(supply, batch);
    return true;
}
