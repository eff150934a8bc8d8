/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/producer_state.h"
#include "base/codes.h"
#include "base/mem.h"
#include "base/mutant.h"

void kd_producers_init(struct kd_producers *producers, uint64_t seed)
{
    kb_map_init(&producers->by_id, seed);
    kb_list_init(&producers->open);
    kb_list_init(&producers->ended);
    producers->marks = 0;
    producers->strict = false;
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
    kd_producers_committed(producers, INT64_MAX);
}

static void take_list(struct kb_list *to, struct kb_list *from)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(from)))
        kb_list_push_back(to, node);
}

void kd_producers_move(struct kd_producers *to, struct kd_producers *from)
{
    uint64_t marks = KB_MAX(to->marks, from->marks);
    bool strict = to->strict || from->strict;
    kd_producers_deinit(to);
    kd_producers_init(to, 0);
    to->by_id = from->by_id;
    to->marks = marks;
    to->strict = strict;
    take_list(&to->open, &from->open);
    take_list(&to->ended, &from->ended);
    kd_producers_init(from, 0);
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
    producer->refused_epoch = -1;
    producer->last_seen_ms = now_ms;
    kb_list_init(&producer->open);
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

static int check_again(const struct kd_producer *producer, const struct kw_batch_header *batch)
{
    bool behind = batch->producer_epoch == producer->refused_epoch &&
                  batch->base_sequence > producer->refused_sequence;
    return behind ? KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER : KB_OK;
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
    if (!producer)
        return producers->strict && batch->base_sequence > 0 ? KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER
                                                             : KB_OK;
    if (producer->epoch < 0)
        return check_again(producer, batch);
    if (batch->producer_epoch < producer->epoch && !KB_MUTANT("no-fencing"))
        return KB_E_INVALID_PRODUCER_EPOCH;
    if (batch->base_sequence < 0)
        return KB_OK;
    if (batch->producer_epoch > producer->epoch || !producer->count)
        return batch->base_sequence == 0 ? KB_OK : KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER;
    if (is_repeat(producer, batch, base_offset))
        return KB_E_DUPLICATE_SEQUENCE_NUMBER;
    int32_t next = kw_sequence_add(producer->last[producer->count - 1].last_sequence, 1);
    return batch->base_sequence == next ? KB_OK : KB_E_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

/* ---- Transactions ------------------------------------------------------- */

static bool in_txn(const struct kd_producer *producer, int16_t epoch)
{
    return producer && producer->txn_first_offset >= 0 && producer->epoch == epoch;
}

bool kd_producers_in_txn(const struct kd_producers *producers, int64_t id, int16_t epoch)
{
    return in_txn(find(producers, id), epoch);
}

uint64_t kd_producers_guard(const struct kd_producers *producers, int64_t id)
{
    const struct kd_producer *producer = find(producers, id);
    return producer ? producer->mark : 0;
}

int kd_producers_check_txn(const struct kd_producers *producers,
                           const struct kw_batch_header *batch, const struct kd_txn_claim *claim)
{
    if (batch->producer_id < 0)
        return KB_OK;
    const struct kd_producer *producer = find(producers, batch->producer_id);
    if (!(batch->attributes & KW_BATCH_TRANSACTIONAL))
        return producer && producer->txn_first_offset >= 0 ? KB_E_INVALID_TXN_STATE : KB_OK;
    if (in_txn(producer, batch->producer_epoch))
        return KB_OK;
    if (!claim->joined)
        return KB_E_INVALID_TXN_STATE;
    return claim->guard == (producer ? producer->mark : 0) ? KB_OK : KB_E_NOT_ENOUGH_REPLICAS;
}

/* A marker of version 2 has an epoch that nothing was written with before, unless it
 * comes a second time. */
int kd_producers_check_end(const struct kd_producers *producers,
                           const struct kw_batch_header *batch, const struct kd_txn_end *end)
{
    const struct kd_producer *producer = find(producers, batch->producer_id);
    if (!producer)
        return KB_OK;
    if (batch->producer_epoch < producer->epoch ||
        (end->version >= 2 && in_txn(producer, batch->producer_epoch)))
        return KB_E_INVALID_PRODUCER_EPOCH;
    if (end->coordinator_epoch < producer->coordinator_epoch)
        return KB_E_TRANSACTION_COORDINATOR_FENCED;
    return KB_OK;
}

/* One that has ended. */
struct ended {
    struct kb_list link;
    int64_t first_offset, last_offset;
};

void kd_producers_committed(struct kd_producers *producers, int64_t high_watermark)
{
    while (!kb_list_empty(&producers->ended)) {
        struct ended *ended = KB_LIST_FIRST(&producers->ended, struct ended, link);
        if (ended->last_offset >= high_watermark)
            return;
        kb_list_remove(&ended->link);
        kb_free(ended);
    }
}

static int64_t first_open(const struct kd_producers *producers)
{
    const struct kd_producer *first = KB_LIST_FIRST(&producers->open, struct kd_producer, open);
    return first ? first->txn_first_offset : INT64_MAX;
}

/* Of those that have ended few wait for the disk at a time. */
int64_t kd_producers_first_unstable(const struct kd_producers *producers)
{
    int64_t first = first_open(producers);
    KB_LIST_EACH(it, &producers->ended)
        first = KB_MIN(first, KB_CONTAINER(it, struct ended, link)->first_offset);
    return first;
}

/* They are opened in the order of their offsets, except by a snapshot. */
void kd_producer_open(struct kd_producers *producers, struct kd_producer *producer,
                      int64_t first_offset)
{
    struct kb_list *before = &producers->open;
    while (before->prev != &producers->open &&
           KB_CONTAINER(before->prev, struct kd_producer, open)->txn_first_offset > first_offset)
        before = before->prev;
    kb_list_remove(&producer->open);
    kb_list_insert(before, &producer->open);
    producer->txn_first_offset = first_offset;
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
    producer->refused_epoch = -1;
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
    if (batch->base_sequence >= 0)
        kd_producer_push(producer, &(struct kd_producer_batch){
                                       .first_sequence = batch->base_sequence,
                                       .last_sequence = kw_batch_header_last_sequence(batch),
                                       .last_offset = kw_batch_header_last_offset(batch),
                                       .offset_delta = batch->last_offset_delta,
                                       .timestamp_ms = batch->max_timestamp_ms,
                                   });
    if (batch->attributes & KW_BATCH_TRANSACTIONAL && producer->txn_first_offset < 0)
        kd_producer_open(producers, producer, batch->base_offset);
    return KB_OK;
}

/* What was lost of a newer epoch than an open transaction's is that one's marker, which
 * comes again. */
static void expect_first(struct kd_producers *producers, int64_t id, int16_t epoch, int64_t now_ms)
{
    struct kd_producer *producer = kd_producers_obtain(producers, id, now_ms);
    if (!producer)
        producers->strict = true;
    else if (producer->epoch < epoch && producer->txn_first_offset < 0)
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

void kd_producers_expect_again(struct kd_producers *producers, const struct kw_batch_header *batch,
                               int64_t now_ms)
{
    struct kd_producer *producer = kd_producers_obtain(producers, batch->producer_id, now_ms);
    if (!producer || producer->epoch >= 0)
        return;
    if (producer->refused_epoch == batch->producer_epoch &&
        producer->refused_sequence <= batch->base_sequence)
        return;
    producer->refused_epoch = batch->producer_epoch;
    producer->refused_sequence = batch->base_sequence;
}

static void close_txn(struct kd_producers *producers, struct kd_producer *producer,
                      struct ended *ended, struct kd_aborted *out)
{
    kb_list_remove(&producer->open);
    ended->first_offset = out->first_offset = producer->txn_first_offset;
    ended->last_offset = out->last_offset;
    producer->txn_first_offset = -1;
    kb_list_push_back(&producers->ended, &ended->link);
    out->stable_offset = KB_MIN(first_open(producers), out->last_offset + 1);
}

int kd_producers_end(struct kd_producers *producers, const struct kw_batch_header *batch,
                     const struct kd_txn_end *end, int64_t now_ms, struct kd_aborted *out)
{
    struct kd_producer *producer = find(producers, batch->producer_id);
    bool open = producer && producer->txn_first_offset >= 0;
    struct ended *ended = open ? KB_NEW(struct ended) : NULL;
    int code = open && !ended ? KB_E_NO_MEMORY : kd_producers_update(producers, batch, now_ms);
    if (code) {
        kb_free(ended);
        return code;
    }
    *out = (struct kd_aborted){.producer_id = batch->producer_id,
                               .first_offset = -1,
                               .last_offset = kw_batch_header_last_offset(batch),
                               .stable_offset = -1};
    producer = find(producers, batch->producer_id);
    if (!producer) /* nobody's */
        return KB_OK;
    producer->coordinator_epoch = end->coordinator_epoch;
    producer->mark = ++producers->marks;
    if (open)
        close_txn(producers, producer, ended, out);
    return KB_OK;
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

size_t kd_producers_count(const struct kd_producers *producers)
{
    size_t count = 0;
    const struct kd_producer *at = NULL;
    while ((at = kd_producers_next(producers, at)))
        count++;
    return count;
}

const struct kd_producer *kd_producers_next(const struct kd_producers *producers,
                                            const struct kd_producer *at)
{
    const struct kd_producer *next = at;
    do {
        struct kb_map_entry *entry = kb_map_next(&producers->by_id, next ? &next->by_id : NULL);
        next = KB_MAP_VALUE(entry, struct kd_producer, by_id);
    } while (next && next->epoch < 0);
    return next;
}
