/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "libclient/drive/producer.h"

void kc_syncs_init(struct kc_syncs *syncs, uint64_t seed)
{
    memset(syncs, 0, sizeof *syncs);
    kb_list_init(&syncs->waiting);
    kb_random_seed(&syncs->random, seed);
    syncs->told = kb_random_next(&syncs->random) | 1;
}

void kc_syncs_deinit(struct kc_syncs *syncs)
{
    KB_LIST_EACH_SAFE(it, &syncs->waiting)
        kb_free(KB_CONTAINER(it, struct kc_sync, link));
}

struct kc_sync *kc_sync_new(struct kc_syncs *syncs, uint64_t opaque)
{
    struct kc_sync *sync = KB_NEW(struct kc_sync);
    if (!sync)
        return NULL;
    sync->opaque = opaque;
    kb_lock_enter(&syncs->lock);
    sync->token = kb_random_next(&syncs->random) | 1;
    kb_list_push_back(&syncs->waiting, &sync->link);
    atomic_fetch_add(&syncs->count, 1);
    kb_lock_leave(&syncs->lock);
    return sync;
}

static void forget(struct kc_syncs *syncs, struct kc_sync *sync)
{
    kb_list_remove(&sync->link);
    atomic_fetch_sub(&syncs->count, 1);
}

bool kc_sync_end(struct kc_syncs *syncs, struct kc_sync *sync, bool sent, struct kc_sync *out)
{
    kb_lock_enter(&syncs->lock);
    bool done = atomic_load(&sync->done);
    if (done)
        *out = *sync;
    else if (sent)
        sync->left = true;
    else
        forget(syncs, sync);
    kb_lock_leave(&syncs->lock);
    if (done || !sent)
        kb_free(sync);
    return done;
}

static struct kc_sync *find(struct kc_syncs *syncs, uint64_t token)
{
    KB_LIST_EACH(it, &syncs->waiting) {
        struct kc_sync *sync = KB_CONTAINER(it, struct kc_sync, link);
        if (sync->token == token)
            return sync;
    }
    return NULL;
}

static void tell(struct kc_sync *sync, const struct kc_send_batch *batch, int32_t at)
{
    const struct kc_send_partition *p = batch->home;
    sync->outcome = batch->outcome;
    if (sync->outcome.offset >= 0)
        sync->outcome.offset += at;
    sync->partition = p->index;
    sync->attempts = batch->attempts;
    kc_reports_finished(&p->sender->reports, 1);
    atomic_store(&sync->done, true); /* it may be gone from here on */
}

int32_t kc_syncs_finished(struct kc_syncs *syncs, struct kc_send_batch *batch)
{
    const struct kc_send_partition *p = batch->home;
    struct kc_notes_iter notes;
    int32_t told = 0;
    if (!batch->notes || atomic_load(&syncs->count) == 0)
        return 0;
    kc_notes_iter_init(&notes, batch);
    kb_lock_enter(&syncs->lock);
    for (int32_t at = batch->first_noted; at < batch->record_count; at++) {
        uint64_t *word = kc_notes_iter_at(&notes);
        if (p->slot.words > 1)
            kc_notes_iter_at(&notes);
        struct kc_sync *sync = find(syncs, *word);
        if (!sync)
            continue;
        forget(syncs, sync);
        *word = sync->left ? sync->opaque : syncs->told;
        if (sync->left) {
            kb_free(sync);
        } else {
            tell(sync, batch, at);
            told++;
        }
    }
    kb_lock_leave(&syncs->lock);
    return told;
}
