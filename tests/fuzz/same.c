/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/same.h"

bool same_epochs(const struct kd_epochs *a, const struct kd_epochs *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = a->entries[i].epoch == b->entries[i].epoch &&
               a->entries[i].start_offset == b->entries[i].start_offset;
    return same;
}

static bool same_batch(const struct kd_producer_batch *a, const struct kd_producer_batch *b)
{
    return a->first_sequence == b->first_sequence && a->last_sequence == b->last_sequence &&
           a->last_offset == b->last_offset && a->offset_delta == b->offset_delta &&
           a->timestamp_ms == b->timestamp_ms;
}

static bool same_producer(const struct kd_producer *a, const struct kd_producer *b)
{
    bool same = a->epoch == b->epoch && a->count == b->count &&
                a->coordinator_epoch == b->coordinator_epoch &&
                a->txn_first_offset == b->txn_first_offset;
    for (int i = 0; same && i < a->count; i++)
        same = same_batch(&a->last[i], &b->last[i]);
    return same;
}

static const struct kd_producer *find(const struct kd_producers *producers, int64_t id)
{
    const struct kd_producer *at = NULL;
    while ((at = kd_producers_next(producers, at)) && at->id != id)
        ;
    return at;
}

bool same_producers(const struct kd_producers *a, const struct kd_producers *b)
{
    const struct kd_producer *one = NULL;
    bool same = kd_producers_count(a) == kd_producers_count(b);
    while (same && (one = kd_producers_next(a, one))) {
        const struct kd_producer *other = find(b, one->id);
        same = other && same_producer(one, other);
    }
    return same;
}
