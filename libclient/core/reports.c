/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/reports.h"

void kc_reports_init(struct kc_reports *reports, struct kc_supply *supply)
{
    *reports = (struct kc_reports){.supply = supply};
    kb_list_init(&reports->waiting);
}

void kc_reports_deinit(struct kc_reports *reports)
{
    struct kc_send_batch *batch;
    while ((batch = kc_reports_take(reports)))
        kc_reports_drop(reports, batch);
}

static bool is_silent(const struct kc_send_batch *batch)
{
    return batch->repaid;
}

static size_t held_bytes(const struct kc_send_batch *batch)
{
    size_t bytes = sizeof *batch;
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        bytes += batch->chunks[i]->capacity;
    return bytes;
}

void kc_reports_finished(struct kc_reports *reports, uint64_t records)
{
    atomic_fetch_add_explicit(&reports->finished, records, memory_order_relaxed);
}

static void unlink_batch(struct kc_reports *reports, struct kc_send_batch *batch)
{
    kb_list_remove(&batch->link);
    if (is_silent(batch))
        reports->silent_bytes -= held_bytes(batch);
}

/* The oldest silent failure that is too much; the newest one always stays. */
static struct kc_send_batch *overflow(struct kc_reports *reports)
{
    if (reports->keep_all || reports->silent_bytes <= KC_SILENT_BYTES)
        return NULL;
    KB_LIST_EACH(it, &reports->waiting) {
        struct kc_send_batch *batch = KB_CONTAINER(it, struct kc_send_batch, link);
        if (is_silent(batch) && it->next != &reports->waiting) {
            unlink_batch(reports, batch);
            return batch;
        }
    }
    return NULL;
}

static void put_silent(struct kc_reports *reports, struct kc_send_batch *batch)
{
    struct kc_send_batch *old;
    kc_supply_release(reports->supply, batch);
    kb_lock_enter(&reports->lock);
    reports->silent_bytes += held_bytes(batch);
    kb_list_push_back(&reports->waiting, &batch->link);
    while ((old = overflow(reports))) {
        kb_lock_leave(&reports->lock);
        kc_reports_finished(reports, (uint64_t)old->record_count);
        kc_reports_drop(reports, old);
        kb_lock_enter(&reports->lock);
    }
    kb_lock_leave(&reports->lock);
}

bool kc_reports_put(struct kc_reports *reports, struct kc_send_batch *batch)
{
    if (batch->outcome.code == 0) {
        kc_supply_drop_payload(reports->supply, batch);
        if (!batch->notes) {
            kc_reports_finished(reports, (uint64_t)batch->record_count);
            kc_supply_drop_batch(reports->supply, batch);
            return false;
        }
    } else if (!batch->notes) {
        put_silent(reports, batch);
        return true;
    }
    kb_lock_enter(&reports->lock);
    kb_list_push_back(&reports->waiting, &batch->link);
    kb_lock_leave(&reports->lock);
    return true;
}

struct kc_send_batch *kc_reports_take(struct kc_reports *reports)
{
    kb_lock_enter(&reports->lock);
    struct kc_send_batch *batch = KB_LIST_FIRST(&reports->waiting, struct kc_send_batch, link);
    if (batch)
        unlink_batch(reports, batch);
    kb_lock_leave(&reports->lock);
    return batch;
}

void kc_reports_drop(struct kc_reports *reports, struct kc_send_batch *batch)
{
    kc_supply_drop_batch(reports->supply, batch);
}

bool kc_reports_any(struct kc_reports *reports)
{
    kb_lock_enter(&reports->lock);
    bool any = !kb_list_empty(&reports->waiting);
    kb_lock_leave(&reports->lock);
    return any;
}

void kc_reports_keep_all(struct kc_reports *reports)
{
    kb_lock_enter(&reports->lock);
    reports->keep_all = true;
    kb_lock_leave(&reports->lock);
}

size_t kc_reports_undelivered(struct kc_reports *reports)
{
    size_t records = 0;
    kb_lock_enter(&reports->lock);
    KB_LIST_EACH(it, &reports->waiting) {
        const struct kc_send_batch *batch = KB_CONTAINER(it, struct kc_send_batch, link);
        if (batch->outcome.code)
            records += (size_t)batch->record_count;
    }
    kb_lock_leave(&reports->lock);
    return records;
}
