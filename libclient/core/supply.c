/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/supply.h"
#include "base/mem.h"

enum {
    KC_CHUNK_MIN = 16 * 1024,
    KC_CHUNK_MAX = 64 * 1024,
    KC_NOTES_BYTES = 4096,
    KC_IDLE_NOTES = 256,
};

/* A quarter of a batch, so that what is open but not full stays small. */
static size_t chunk_size(size_t batch_bytes)
{
    size_t size = KC_CHUNK_MIN;
    while (size < KC_CHUNK_MAX && size * 4 < batch_bytes)
        size *= 2;
    return size;
}

bool kc_supply_init(struct kc_supply *supply, int64_t total_bytes, size_t batch_bytes)
{
    *supply = (struct kc_supply){.total_bytes = total_bytes};
    atomic_init(&supply->free_bytes, total_bytes);
    kb_list_init(&supply->queue);
    supply->chunk_bytes = chunk_size(batch_bytes);
    /* Records of half a chunk waste the other half. */
    supply->chunk_max = (uint32_t)(2 * (batch_bytes / supply->chunk_bytes) + 2);
    supply->chunks =
        kb_pool_new(supply->chunk_bytes, (size_t)total_bytes / supply->chunk_bytes + 1);
    supply->notes = kb_pool_new(KC_NOTES_BYTES, KC_IDLE_NOTES);
    if (supply->chunks && supply->notes)
        return true;
    kc_supply_deinit(supply);
    return false;
}

void kc_supply_deinit(struct kc_supply *supply)
{
    while (supply->idle) {
        struct kc_send_batch *batch = supply->idle;
        supply->idle = batch->next;
        kc_send_batch_free(batch);
    }
    kb_pool_unref(supply->chunks);
    kb_pool_unref(supply->notes);
    supply->chunks = supply->notes = NULL;
}

/* ---- The account -------------------------------------------------------------- */

static int64_t batch_cost(const struct kc_supply *supply)
{
    return (int64_t)(sizeof(struct kc_send_batch) + supply->chunk_max * sizeof(struct kb_buf *));
}

static size_t chunk_cost(const struct kc_supply *supply, size_t record_bytes)
{
    size_t needed = record_bytes + KW_BATCH_HEADER_BYTES;
    return needed > supply->chunk_bytes ? needed : supply->chunk_bytes;
}

int64_t kc_supply_cost(const struct kc_supply *supply, enum kc_part part, size_t record_bytes)
{
    switch (part) {
    case KC_PART_BATCH:
        return batch_cost(supply);
    case KC_PART_CHUNK:
        return (int64_t)chunk_cost(supply, record_bytes);
    default:
        return KC_NOTES_BYTES;
    }
}

static bool withdraw(struct kc_supply *supply, int64_t bytes)
{
    int64_t free_bytes = atomic_load(&supply->free_bytes);
    while (free_bytes >= bytes)
        if (atomic_compare_exchange_weak(&supply->free_bytes, &free_bytes, free_bytes - bytes))
            return true;
    return false;
}

/* `refused` is set before the last look at the account, and a repayment fills
 * the account before it looks at `refused`: one of them sees the other. */
bool kc_supply_pay(struct kc_supply *supply, int64_t bytes)
{
    if (atomic_load(&supply->claims) == 0 && withdraw(supply, bytes))
        return true;
    atomic_store(&supply->refused, true);
    return atomic_load(&supply->claims) == 0 && withdraw(supply, bytes);
}

void kc_supply_pay_by_force(struct kc_supply *supply, int64_t bytes)
{
    atomic_fetch_sub(&supply->free_bytes, bytes);
}

/* Under the lock. True: somebody got something. */
static bool grant(struct kc_supply *supply)
{
    bool any = false;
    struct kc_claim *claim;
    while ((claim = KB_LIST_FIRST(&supply->queue, struct kc_claim, link)) &&
           withdraw(supply, claim->bytes)) {
        kb_list_remove(&claim->link);
        atomic_fetch_sub(&supply->claims, 1);
        atomic_store(&claim->granted, true);
        any = true;
    }
    return any;
}

void kc_supply_repay(struct kc_supply *supply, int64_t bytes)
{
    atomic_fetch_add(&supply->free_bytes, bytes);
    bool tell = false;
    if (atomic_load(&supply->claims) > 0) {
        kb_lock_enter(&supply->lock);
        tell = grant(supply);
        kb_lock_leave(&supply->lock);
    }
    if (atomic_load(&supply->claims) == 0 && atomic_load(&supply->refused))
        tell = atomic_exchange(&supply->refused, false) || tell;
    if (tell && supply->freed)
        supply->freed(supply);
}

void kc_supply_claim(struct kc_supply *supply, struct kc_claim *claim, int64_t bytes)
{
    claim->bytes = bytes;
    atomic_init(&claim->granted, false);
    kb_lock_enter(&supply->lock);
    kb_list_push_back(&supply->queue, &claim->link);
    atomic_fetch_add(&supply->claims, 1);
    grant(supply);
    kb_lock_leave(&supply->lock);
}

bool kc_supply_unclaim(struct kc_supply *supply, struct kc_claim *claim)
{
    kb_lock_enter(&supply->lock);
    bool granted = atomic_load(&claim->granted);
    if (!granted) {
        kb_list_remove(&claim->link);
        atomic_fetch_sub(&supply->claims, 1);
    }
    bool others = grant(supply);
    kb_lock_leave(&supply->lock);
    if (others && supply->freed)
        supply->freed(supply);
    return granted;
}

/* ---- Parts ---------------------------------------------------------------------- */

static struct kc_send_batch *take_idle(struct kc_supply *supply)
{
    kb_lock_enter(&supply->lock);
    struct kc_send_batch *batch = supply->idle;
    if (batch)
        supply->idle = batch->next;
    kb_lock_leave(&supply->lock);
    return batch;
}

struct kc_send_batch *kc_supply_batch(struct kc_supply *supply)
{
    struct kc_send_batch *batch = take_idle(supply);
    if (batch)
        kc_send_batch_reset(batch);
    else
        batch = kc_send_batch_new(supply->chunk_max);
    if (!batch)
        kc_supply_repay(supply, batch_cost(supply));
    return batch;
}

struct kb_buf *kc_supply_chunk(struct kc_supply *supply, size_t record_bytes)
{
    size_t cost = chunk_cost(supply, record_bytes);
    struct kb_buf *chunk =
        cost == supply->chunk_bytes ? kb_pool_take(supply->chunks) : kb_buf_new(cost);
    if (!chunk)
        kc_supply_repay(supply, (int64_t)cost);
    return chunk;
}

struct kc_notes *kc_supply_notes(struct kc_supply *supply)
{
    struct kb_buf *buf = kb_pool_take(supply->notes);
    if (!buf)
        kc_supply_repay(supply, KC_NOTES_BYTES);
    return kc_notes_in(buf);
}

void kc_supply_drop_chunk(struct kc_supply *supply, struct kb_buf *chunk)
{
    int64_t cost = (int64_t)chunk->capacity;
    kb_buf_unref(chunk);
    kc_supply_repay(supply, cost);
}

void kc_supply_drop_notes(struct kc_supply *supply, struct kc_notes *notes)
{
    kb_buf_unref(notes->buf);
    kc_supply_repay(supply, KC_NOTES_BYTES);
}

void kc_supply_drop_payload(struct kc_supply *supply, struct kc_send_batch *batch)
{
    int64_t cost = 0;
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        cost += (int64_t)batch->chunks[i]->capacity;
    kc_send_batch_drop_chunks(batch);
    kc_supply_repay(supply, cost);
}

/* What it still counts for. */
static int64_t whole_cost(const struct kc_supply *supply, const struct kc_send_batch *batch)
{
    int64_t cost = batch_cost(supply);
    if (batch->repaid)
        return 0;
    for (const struct kc_notes *notes = batch->notes; notes; notes = notes->next)
        cost += KC_NOTES_BYTES;
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        cost += (int64_t)batch->chunks[i]->capacity;
    return cost;
}

void kc_supply_release(struct kc_supply *supply, struct kc_send_batch *batch)
{
    int64_t cost = whole_cost(supply, batch);
    batch->repaid = true;
    kc_supply_repay(supply, cost);
}

void kc_supply_drop_batch(struct kc_supply *supply, struct kc_send_batch *batch)
{
    int64_t cost = whole_cost(supply, batch);
    kc_send_batch_drop_chunks(batch);
    kc_send_batch_drop_notes(batch);
    kb_lock_enter(&supply->lock);
    batch->next = supply->idle;
    supply->idle = batch;
    kb_lock_leave(&supply->lock);
    kc_supply_repay(supply, cost);
}
