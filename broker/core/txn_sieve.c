/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/txn_sieve.h"
#include "base/mem.h"
#include <stdlib.h>

struct left {
    struct kb_map_entry by_id;
    int64_t id;
};

void kd_txn_sieve_init(struct kd_txn_sieve *sieve, uint64_t seed)
{
    *sieve = (struct kd_txn_sieve){0};
    kb_map_init(&sieve->left, seed);
}

void kd_txn_sieve_deinit(struct kd_txn_sieve *sieve)
{
    struct kb_map_entry *entry = kb_map_next(&sieve->left, NULL);
    while (entry) {
        struct left *left = KB_CONTAINER(entry, struct left, by_id);
        entry = kb_map_next(&sieve->left, entry);
        kb_free(left);
    }
    kb_map_deinit(&sieve->left);
    kb_free(sieve->aborted);
    sieve->aborted = NULL;
    sieve->count = 0;
}

static int by_producer(const void *a, const void *b)
{
    const struct kd_aborted *x = a, *y = b;
    if (x->producer_id != y->producer_id)
        return x->producer_id < y->producer_id ? -1 : 1;
    return (x->first_offset > y->first_offset) - (x->first_offset < y->first_offset);
}

void kd_txn_sieve_learn(struct kd_txn_sieve *sieve, struct kd_aborted *aborted, size_t count)
{
    kb_free(sieve->aborted);
    sieve->aborted = aborted;
    sieve->count = count;
    if (count)
        qsort(aborted, count, sizeof *aborted, by_producer);
}

const struct kd_aborted *kd_txn_sieve_find(const struct kd_txn_sieve *sieve,
                                           const struct kw_batch_header *header)
{
    struct kd_aborted key = {header->producer_id, header->base_offset, 0, 0};
    size_t low = 0, high = sieve->count; /* the first that begins behind it */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_producer(&sieve->aborted[middle], &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct kd_aborted *at = low ? &sieve->aborted[low - 1] : NULL;
    bool inside =
        at && at->producer_id == header->producer_id && header->base_offset <= at->last_offset;
    return inside && header->attributes & KW_BATCH_TRANSACTIONAL ? at : NULL;
}

static struct kb_slice key_of(const int64_t *id)
{
    return kb_slice_of(id, sizeof *id);
}

bool kd_txn_sieve_leave(struct kd_txn_sieve *sieve, int64_t producer_id)
{
    if (kb_map_get(&sieve->left, key_of(&producer_id)))
        return true;
    struct left *left = KB_NEW(struct left);
    if (!left)
        return false;
    left->id = producer_id;
    if (kb_map_put(&sieve->left, &left->by_id, key_of(&left->id)))
        return true;
    kb_free(left);
    return false;
}

bool kd_txn_sieve_end(struct kd_txn_sieve *sieve, int64_t producer_id)
{
    struct kb_map_entry *entry = kb_map_get(&sieve->left, key_of(&producer_id));
    if (!entry)
        return false;
    kb_map_remove(&sieve->left, entry);
    kb_free(KB_CONTAINER(entry, struct left, by_id));
    return true;
}
