/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/producer_state.h"
#include "base/codes.h"
#include "base/mem.h"
#include "base/mutant.h"

void kd_producers_init(struct kd_producers *producers, uint64_t seed)
{
    kb_map_init(&producers->by_id, seed);
}

void kd_producers_deinit(struct kd_producers *producers)
{
    struct kb_map_entry *entry = kb_map_next(&producers->by_id, NULL);
    while (entry) {
        struct kd_producer *producer = KB_CONTAINER(entry, struct kd_producer, by_id);
        entry = kb_map_next(&producers->by_id, entry);
        kb_free(producer);
    }
    kb_map_deinit(&producers->by_id);
}

static struct kb_slice key_of(const int64_t *id)
{
    return kb_slice_of(id, sizeof *id);
}

static struct kd_producer *find(const struct kd_producers *producers, int64_t id)
{
    return KB_MAP_VALUE(kb_map_get(&producers->by_id, key_of(&id)), struct kd_producer, by_id);
}

struct kd_producer *kd_producers_obtain(struct kd_producers *producers, int64_t id, int64_t now_ms)
{
    struct kd_producer *producer = find(producers, id);
    if (producer)
        return producer;
    producer = KB_NEW(struct kd_producer);
    if (!producer)
        return NULL;
    producer->id = id;
    producer->epoch = -1;
    producer->coordinator_epoch = -1;
    producer->txn_first_offset = -1;
    producer->last_seen_ms = now_ms;
    if (!kb_map_put(&producers->by_id, &producer->by_id, key_of(&producer->id))) {
        kb_free(producer);
        return NULL;
    }
    return producer;
}

static void forget(struct kd_producers *producers, struct kd_producer *producer)
{
    kb_map_remove(&producers->by_id, &producer->by_id);
    kb_free(producer);
}

/* ---- The check ---------------------------------------------------------- */

static bool is_repeat(const struct kd_producer *producer, const struct kw_batch_header *batch,
                      int64_t *base_offset)
{
    int32_t last = kw_batch_header_last_sequence(batch);
    for (size_t i = 0; i < producer->count; i++) {
        const struct kd_producer_batch *known = &producer->last[i];
        if (known->first_sequence == batch->base_sequence && known->last_sequence == last) {
            *base_offset = known->last_offset - known->offset_delta;
            return true;
        }
    }
    return false;
}

int kd_producers_check(const struct kd_producers *producers, const struct kw_batch_header *batch,
                       int64_t *base_offset)
{
    *base_offset = -1;
    if (batch->producer_id < 0 || batch->attributes & KW_BATCH_CONTROL)
        return KB_OK;
    if (KB_MUTANT("no-sequence-check"))
        return KB_OK;
    const struct kd_producer *producer = find(producers, batch->producer_id);
    if (!producer || producer->epoch < 0)
        return KB_OK;
    if (batch->producer_epoch < producer->epoch)
        return KB_E_INVALID_PRODUCER_EPOCH;
    if (batch->producer_epoch > producer->epoch || !producer->count)
        return batch->base_sequence == 0 ? KB_OK : KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER;
    if (is_repeat(producer, batch, base_offset))
        return KB_E_DUPLICATE_SEQUENCE_NUMBER;
    int32_t next = kw_sequence_add(producer->last[producer->count - 1].last_sequence, 1);
    return batch->base_sequence == next ? KB_OK : KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

/* ---- Changes ------------------------------------------------------------ */

void kd_producer_push(struct kd_producer *producer, const struct kd_producer_batch *batch)
{
    if (producer->count == KD_PRODUCER_BATCHES) {
        memmove(producer->last, producer->last + 1,
                (KD_PRODUCER_BATCHES - 1) * sizeof *producer->last);
        producer->count--;
    }
    producer->last[producer->count++] = *batch;
}

static void set_epoch(struct kd_producer *producer, int16_t epoch)
{
    if (epoch == producer->epoch)
        return;
    producer->epoch = epoch;
    producer->count = 0;
}

int kd_producers_update(struct kd_producers *producers, const struct kw_batch_header *batch,
                        int64_t now_ms)
{
    if (batch->producer_id < 0)
        return KB_OK;
    struct kd_producer *producer = kd_producers_obtain(producers, batch->producer_id, now_ms);
    if (!producer)
        return KB_E_NO_MEMORY;
    producer->last_seen_ms = now_ms;
    set_epoch(producer, batch->producer_epoch);
    if (batch->attributes & KW_BATCH_CONTROL)
        return KB_OK;
    kd_producer_push(producer, &(struct kd_producer_batch){
                                   .first_sequence = batch->base_sequence,
                                   .last_sequence = kw_batch_header_last_sequence(batch),
                                   .last_offset = kw_batch_header_last_offset(batch),
                                   .offset_delta = batch->last_offset_delta,
                                   .timestamp_ms = batch->max_timestamp_ms,
                               });
    if (batch->attributes & KW_BATCH_TRANSACTIONAL && producer->txn_first_offset < 0)
        producer->txn_first_offset = batch->base_offset;
    return KB_OK;
}

/* Without memory there is no order to be kept. */
static void expect_first(struct kd_producers *producers, int64_t id, int16_t epoch, int64_t now_ms)
{
    struct kd_producer *producer = kd_producers_obtain(producers, id, now_ms);
    if (producer && producer->epoch < epoch)
        set_epoch(producer, epoch);
}

void kd_producers_expect(struct kd_producers *producers, const struct kw_batch_header *batch,
                         int64_t now_ms)
{
    if (batch->producer_id >= 0 && batch->base_sequence == 0)
        expect_first(producers, batch->producer_id, batch->producer_epoch, now_ms);
}

void kd_producers_expect_lost(struct kd_producers *producers, const struct kd_producers *before,
                              int64_t now_ms)
{
    struct kb_map_entry *entry = NULL;
    while ((entry = kb_map_next(&before->by_id, entry))) {
        const struct kd_producer *known = KB_CONTAINER(entry, struct kd_producer, by_id);
        if (!known->count || known->last[0].first_sequence == 0)
            expect_first(producers, known->id, known->epoch, now_ms);
    }
}

void kd_producers_end_txn(struct kd_producers *producers, int64_t producer_id,
                          int32_t coordinator_epoch)
{
    struct kd_producer *producer = find(producers, producer_id);
    if (!producer)
        return;
    producer->txn_first_offset = -1;
    producer->coordinator_epoch = coordinator_epoch;
}

size_t kd_producers_expire(struct kd_producers *producers, int64_t seen_before_ms)
{
    size_t gone = 0;
    struct kb_map_entry *entry = kb_map_next(&producers->by_id, NULL);
    while (entry) {
        struct kd_producer *producer = KB_CONTAINER(entry, struct kd_producer, by_id);
        entry = kb_map_next(&producers->by_id, entry);
        if (producer->last_seen_ms < seen_before_ms && producer->txn_first_offset < 0) {
            forget(producers, producer);
            gone++;
        }
    }
    return gone;
}

int64_t kd_producers_first_unstable(const struct kd_producers *producers)
{
    int64_t first = INT64_MAX;
    struct kb_map_entry *entry = NULL;
    while ((entry = kb_map_next(&producers->by_id, entry))) {
        const struct kd_producer *producer = KB_CONTAINER(entry, struct kd_producer, by_id);
        if (producer->txn_first_offset >= 0)
            first = KB_MIN(first, producer->txn_first_offset);
    }
    return first;
}

size_t kd_producers_count(const struct kd_producers *producers)
{
    return producers->by_id.count;
}

const struct kd_producer *kd_producers_next(const struct kd_producers *producers,
                                            const struct kd_producer *at)
{
    struct kb_map_entry *entry = kb_map_next(&producers->by_id, at ? &at->by_id : NULL);
    return KB_MAP_VALUE(entry, struct kd_producer, by_id);
}
