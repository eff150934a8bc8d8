/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/share.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "libclient/drive/client.h"
#include <limits.h>
#include <stdio.h>

/* ---- Life --------------------------------------------------------------------*/

size_t kc_share_key(const char *topic, int32_t partition, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%s-%d", topic, partition);
}

struct kc_share *kc_share_new(struct kc_feed *feed, const char *topic, int32_t partition)
{
    struct kc_share *share = KB_NEW(struct kc_share);
    if (!share)
        return NULL;
    atomic_init(&share->refs, 1);
    atomic_init(&share->handed, -1);
    atomic_fetch_add(&feed->refs, 1);
    kc_finished_init(&share->finished);
    share->feed = feed;
    share->partition = partition;
    size_t size = kc_share_key(topic, partition, NULL, 0) + 1;
    share->topic = kb_strdup(topic);
    share->key = kb_malloc(size);
    if (!share->topic || !share->key) {
        kc_share_unref(share);
        return NULL;
    }
    kc_share_key(topic, partition, share->key, size);
    return share;
}

struct kc_share *kc_share_ref(struct kc_share *share)
{
    atomic_fetch_add(&share->refs, 1);
    return share;
}

void kc_share_unref(struct kc_share *share)
{
    if (!share || atomic_fetch_sub(&share->refs, 1) != 1)
        return;
    kc_feed_unref(share->feed);
    kb_free(share->topic);
    kb_free(share->key);
    kb_free(share);
}

/* ---- What is in hand -----------------------------------------------------------*/

static void lock(struct kc_share *share)
{
    pthread_mutex_lock(&share->feed->lock);
}

static void unlock(struct kc_share *share)
{
    pthread_mutex_unlock(&share->feed->lock);
}

void kc_share_begin(struct kc_share *share, unsigned long long version, struct kc_spot from)
{
    lock(share);
    atomic_store(&share->version, version);
    atomic_store(&share->begun, version ? version : ULLONG_MAX);
    kc_finished_begin(&share->finished, version, from);
    share->draining = false;
    share->rewind_version = 0;
    unlock(share);
    atomic_store(&share->handed, -1);
}

void kc_share_go_on(struct kc_share *share, unsigned long long version)
{
    lock(share);
    atomic_store(&share->version, version);
    kc_finished_go_on(&share->finished, version);
    unlock(share);
}

bool kc_share_halt(struct kc_share *share)
{
    lock(share);
    atomic_store(&share->version, 0);
    kc_finished_halt(&share->finished);
    share->rewind_version = 0;
    share->draining = true;
    bool drained = share->finished.held == 0;
    unlock(share);
    return drained;
}

struct kc_spot kc_share_finished(struct kc_share *share, bool *walled)
{
    lock(share);
    struct kc_spot position = kc_finished_position(&share->finished);
    *walled = kc_finished_is_walled(&share->finished);
    unlock(share);
    return position;
}

bool kc_share_is_open(struct kc_share *share)
{
    lock(share);
    bool open = kc_finished_is_open(&share->finished);
    unlock(share);
    return open;
}

bool kc_share_account(struct kc_share *share, const struct kc_ticket *but, struct kc_account *out)
{
    lock(share);
    out->begun = share->finished.begun;
    out->began = share->finished.began;
    out->finished = kc_finished_position(&share->finished);
    bool whole = kc_finished_is_whole(&share->finished, but);
    unlock(share);
    return whole;
}

void kc_share_mark(struct kc_share *share, unsigned long long begun, struct kc_spot spot)
{
    lock(share);
    kc_finished_mark(&share->finished, begun, spot);
    unlock(share);
}

uint32_t kc_share_held(struct kc_share *share)
{
    lock(share);
    uint32_t held = share->finished.held;
    unlock(share);
    return held;
}

bool kc_share_hand(struct kc_share *share, struct kc_ticket *ticket, unsigned long long version,
                   int64_t from, int64_t next, int32_t leader_epoch)
{
    lock(share);
    bool handed = kc_finished_hand(&share->finished, ticket, version, from, next, leader_epoch);
    unlock(share);
    return handed || KB_MUTANT("revoked-handed-out");
}

bool kc_share_pass(struct kc_share *share, unsigned long long version, int64_t from, int64_t next,
                   int32_t leader_epoch)
{
    lock(share);
    bool passed = atomic_load(&share->version) == version;
    if (passed && share->feed->tracks)
        passed = kc_finished_pass(&share->finished, version, from, next, leader_epoch);
    if (passed)
        atomic_store(&share->handed, next);
    unlock(share);
    return passed;
}

/* In a child nobody commits, and the lock may be held by a thread that is not there. */
static bool enter(struct kc_share *share, const struct kc_ticket *ticket)
{
    if (!atomic_load(&ticket->live) || kc_forked(&share->feed->fork))
        return false;
    lock(share);
    return true;
}

static void leave(struct kc_share *share)
{
    if (share->draining && share->finished.held == 0)
        kc_feed_kick_locked(share->feed);
    unlock(share);
}

void kc_share_done(struct kc_share *share, struct kc_ticket *ticket)
{
    if (!enter(share, ticket))
        return;
    kc_finished_done(&share->finished, ticket);
    leave(share);
}

void kc_share_release(struct kc_share *share, struct kc_ticket *ticket)
{
    if (!enter(share, ticket))
        return;
    kc_finished_release(&share->finished, ticket);
    leave(share);
}

/* ---- Going back ----------------------------------------------------------------*/

/* Nothing is handed out until the loop has gone back. */
static void rewind_locked(struct kc_share *share, unsigned long long version, int64_t offset,
                          bool slowly, kc_rewind_fn *fn)
{
    if (!share->feed->client || !version)
        return;
    if (share->rewind_version == version) {
        share->rewind_to = KB_MIN(share->rewind_to, offset);
        return;
    }
    if (atomic_load(&share->version) != version)
        return;
    share->rewind_slowly = slowly;
    share->rewind_to = offset;
    share->rewind_version = version;
    atomic_store(&share->version, 0);
    kc_finished_halt(&share->finished);
    if (share->rewinding) /* the mail of one that a seek made void is still on its way */
        return;
    share->rewinding = true;
    share->rewind.fn = fn;
    kc_share_ref(share);
    kn_loop_post(kc_client_loop(share->feed->client), &share->rewind);
}

void kc_share_rewind(struct kc_share *share, unsigned long long version, int64_t offset,
                     bool slowly, kc_rewind_fn *fn)
{
    if (kc_forked(&share->feed->fork))
        return;
    lock(share);
    rewind_locked(share, version, offset, slowly, fn);
    unlock(share);
}

void kc_share_retry(struct kc_share *share, struct kc_ticket *ticket, kc_rewind_fn *fn)
{
    if (!enter(share, ticket))
        return;
    unsigned long long version =
        share->rewind_version ? share->rewind_version : atomic_load(&share->version);
    int64_t from = kc_finished_retry(&share->finished, ticket);
    if (from >= 0)
        rewind_locked(share, version, from, false, fn);
    leave(share);
}
