/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/partition.h"
#include "base/codes.h"
#include "base/mutant.h"

void kd_partition_init(struct kd_partition *p, uint64_t seed)
{
    *p =
        (struct kd_partition){.leader_epoch = -1, .active = {.first_time_ms = -1, .latest_ms = -1}};
    kd_epochs_init(&p->epochs);
    kd_producers_init(&p->producers, seed);
}

void kd_partition_deinit(struct kd_partition *p)
{
    kd_epochs_deinit(&p->epochs);
    kd_producers_deinit(&p->producers);
}

/* ---- High watermark ----------------------------------------------------- */

static bool advance(struct kd_partition *p)
{
    int64_t mark = p->relaxed ? p->written_end : p->flushed_end;
    mark = KB_MUTANT("watermark-from-log-end") ? p->log_end : mark;
    for (size_t i = 0; i < p->isr_count; i++)
        mark = KB_MIN(mark, p->isr[i].end);
    if (mark <= p->high_watermark)
        return false;
    p->high_watermark = mark;
    kd_producers_committed(&p->producers, mark);
    return true;
}

void kd_partition_found(struct kd_partition *p, int64_t log_start, int64_t log_end)
{
    p->log_start = log_start;
    p->log_end = p->written_end = p->flushed_end = log_end;
    p->high_watermark =
        KB_MAX(log_start, p->isr_count ? KB_MIN(p->high_watermark, log_end) : log_end);
    kd_producers_committed(&p->producers, p->high_watermark);
}

int kd_partition_lead(struct kd_partition *p, int32_t leader_epoch, bool *changed)
{
    int code = kd_epochs_assign(&p->epochs, leader_epoch, p->log_end, changed);
    if (!code)
        p->leader_epoch = leader_epoch;
    return code;
}

void kd_partition_set_isr(struct kd_partition *p, const int32_t *nodes, size_t count)
{
    struct kd_follower next[KD_ISR_MAX];
    KB_CHECK(count <= KD_ISR_MAX);
    for (size_t i = 0; i < count; i++) {
        next[i] = (struct kd_follower){nodes[i], p->log_start};
        for (size_t k = 0; k < p->isr_count; k++)
            if (p->isr[k].node == nodes[i])
                next[i] = p->isr[k];
    }
    memcpy(p->isr, next, count * sizeof *next);
    p->isr_count = count;
    (void)advance(p);
}

bool kd_partition_written(struct kd_partition *p, int64_t end)
{
    p->written_end = KB_MAX(p->written_end, end);
    return advance(p);
}

bool kd_partition_flushed(struct kd_partition *p, int64_t end)
{
    p->flushed_end = KB_MAX(p->flushed_end, end);
    return advance(p);
}

bool kd_partition_follower(struct kd_partition *p, int32_t node, int64_t end)
{
    for (size_t i = 0; i < p->isr_count; i++)
        if (p->isr[i].node == node)
            p->isr[i].end = KB_MAX(p->isr[i].end, end);
    return advance(p);
}

int64_t kd_partition_stable_end(const struct kd_partition *p)
{
    int64_t unstable = KB_MAX(p->log_start, kd_producers_first_unstable(&p->producers));
    return KB_MIN(p->high_watermark, unstable);
}

/* ---- Append ------------------------------------------------------------- */

int kd_partition_check(const struct kd_partition *p, const struct kw_batch_header *batch,
                       int64_t *base_offset)
{
    return kd_producers_check(&p->producers, batch, base_offset);
}

int kd_partition_check_txn(const struct kd_partition *p, const struct kw_batch_header *batch,
                           const struct kd_txn_terms *terms)
{
    return terms->ends ? kd_producers_check_end(&p->producers, batch, &terms->end)
                       : kd_producers_check_txn(&p->producers, batch, &terms->claim);
}

/* How long the segment has waited: by the records' time where they have one,
 * else by ours. */
static int64_t age_ms(const struct kd_active *active, const struct kw_batch_header *batch,
                      int64_t now_ms)
{
    if (active->first_time_ms >= 0 && batch->max_timestamp_ms >= 0)
        return batch->max_timestamp_ms - active->first_time_ms;
    return now_ms - active->created_ms;
}

bool kd_partition_roll_due(const struct kd_partition *p, const struct kd_roll_limits *limits,
                           const struct kw_batch_header *batch, int64_t now_ms)
{
    const struct kd_active *active = &p->active;
    int64_t size = (int64_t)kw_batch_header_size(batch);
    if (!active->bytes)
        return false;
    if (size > limits->segment_bytes - active->bytes ||
        age_ms(active, batch, now_ms) > limits->segment_ms - active->jitter_ms ||
        active->index_entries >= limits->index_bytes / KD_INDEX_ENTRY_BYTES)
        return true;
    return p->log_end + batch->last_offset_delta - active->base_offset > INT32_MAX;
}

void kd_partition_rolled(struct kd_partition *p, int64_t now_ms, int64_t jitter_ms)
{
    p->active = (struct kd_active){.base_offset = p->log_end,
                                   .first_time_ms = -1,
                                   .latest_ms = -1,
                                   .created_ms = now_ms,
                                   .jitter_ms = jitter_ms};
}

static void extend(struct kd_active *active, const struct kw_batch_header *batch,
                   int64_t index_interval_bytes, int64_t now_ms)
{
    int64_t size = (int64_t)kw_batch_header_size(batch), time_ms = batch->max_timestamp_ms;
    if (!active->bytes)
        active->first_time_ms = time_ms;
    active->latest_ms = KB_MAX(active->latest_ms, time_ms >= 0 ? time_ms : now_ms);
    active->bytes += size;
    if (active->unindexed_bytes > index_interval_bytes) {
        active->index_entries++;
        active->unindexed_bytes = 0;
    }
    active->unindexed_bytes += size;
}

static void give_offsets(struct kd_partition *p, struct kw_batch_header *batch)
{
    batch->base_offset = p->log_end;
    batch->leader_epoch = p->leader_epoch;
}

static void grow(struct kd_partition *p, uint8_t *bytes, const struct kw_batch_header *batch,
                 int64_t index_interval_bytes, int64_t now_ms)
{
    kw_batch_place(bytes, batch->base_offset, batch->leader_epoch);
    extend(&p->active, batch, index_interval_bytes, now_ms);
    p->log_end += (int64_t)batch->last_offset_delta + 1;
}

int kd_partition_place(struct kd_partition *p, uint8_t *bytes, struct kw_batch_header *batch,
                       int64_t index_interval_bytes, int64_t now_ms)
{
    give_offsets(p, batch);
    int code = kd_producers_update(&p->producers, batch, now_ms);
    if (!code)
        grow(p, bytes, batch, index_interval_bytes, now_ms);
    return code;
}

int kd_partition_place_end(struct kd_partition *p, uint8_t *bytes, struct kw_batch_header *batch,
                           const struct kd_txn_end *end, int64_t index_interval_bytes,
                           int64_t now_ms, struct kd_aborted *ended)
{
    give_offsets(p, batch);
    int code = kd_producers_end(&p->producers, batch, end, now_ms, ended);
    if (!code)
        grow(p, bytes, batch, index_interval_bytes, now_ms);
    return code;
}

/* ---- Retention ---------------------------------------------------------- */

bool kd_partition_retires(const struct kd_partition *p, struct kd_retention *retention)
{
    struct kd_segment_facts facts = {p->active.base_offset, p->log_end, p->active.bytes,
                                     p->active.latest_ms, p->active.first_time_ms};
    return p->active.bytes && kd_retention_takes(retention, &facts);
}
