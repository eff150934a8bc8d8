/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/feed.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "libclient/drive/client.h"
#include "libclient/drive/share.h"

static void on_kick(struct kn_loop *loop, struct kn_mail *mail)
{
    (void)loop;
    struct kc_feed *feed = KB_CONTAINER(mail, struct kc_feed, kick);
    pthread_mutex_lock(&feed->lock);
    feed->kicking = false;
    void (*kicked)(void *) = feed->client ? feed->kicked : NULL;
    pthread_mutex_unlock(&feed->lock);
    if (kicked) /* detach happens on the loop, so the owner is still there */
        kicked(feed->owner);
    kc_feed_unref(feed);
}

struct kc_feed *kc_feed_new(int64_t total_bytes)
{
    struct kc_feed *feed = KB_NEW(struct kc_feed);
    if (!feed)
        return NULL;
    atomic_init(&feed->refs, 1);
    feed->fork = kc_fork_mark();
    feed->total_bytes = total_bytes;
    atomic_init(&feed->free_bytes, total_bytes);
    pthread_mutex_init(&feed->lock, NULL);
    kb_list_init(&feed->chunks);
    feed->kick.fn = on_kick;
    return feed;
}

void kc_feed_unref(struct kc_feed *feed)
{
    if (!feed || atomic_fetch_sub(&feed->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&feed->lock);
    kb_free(feed);
}

void kc_feed_attach(struct kc_feed *feed, struct kurier_client *client, void (*kicked)(void *owner),
                    void *owner)
{
    pthread_mutex_lock(&feed->lock);
    feed->client = client;
    feed->kicked = kicked;
    feed->owner = owner;
    pthread_mutex_unlock(&feed->lock);
}

void kc_feed_detach(struct kc_feed *feed)
{
    struct kb_list gone, *it;
    kb_list_init(&gone);
    pthread_mutex_lock(&feed->lock);
    feed->client = NULL;
    while ((it = kb_list_pop_front(&feed->chunks)))
        kb_list_push_back(&gone, it);
    pthread_mutex_unlock(&feed->lock);
    while ((it = kb_list_pop_front(&gone)))
        kc_chunk_free(KB_CONTAINER(it, struct kc_chunk, link));
}

/* ---- Credit ----------------------------------------------------------------*/

bool kc_feed_take(struct kc_feed *feed, int64_t bytes)
{
    long long have = atomic_load(&feed->free_bytes);
    while (have >= bytes)
        if (atomic_compare_exchange_weak(&feed->free_bytes, &have, have - bytes))
            return true;
    return false;
}

void kc_feed_give(struct kc_feed *feed, int64_t bytes)
{
    atomic_fetch_add(&feed->free_bytes, bytes);
    atomic_store(&feed->held_up, false);
    kc_feed_kick(feed);
}

int64_t kc_feed_free_bytes(const struct kc_feed *feed)
{
    return atomic_load(&feed->free_bytes);
}

void kc_feed_kick(struct kc_feed *feed)
{
    if (kc_forked(&feed->fork) || !atomic_load(&feed->hungry) ||
        !atomic_exchange(&feed->hungry, false))
        return;
    pthread_mutex_lock(&feed->lock);
    kc_feed_kick_locked(feed);
    pthread_mutex_unlock(&feed->lock);
}

void kc_feed_kick_locked(struct kc_feed *feed)
{
    if (!feed->client || feed->kicking)
        return;
    feed->kicking = true;
    atomic_fetch_add(&feed->refs, 1);
    kn_loop_post(kc_client_loop(feed->client), &feed->kick);
}

/* What hangs on a charged buffer, and how it was released before. */
struct charge {
    struct kc_feed *feed;
    int64_t bytes;
    bool unpacked;
    void (*release)(struct kb_buf *);
    void *owner;
};

static void release_charged(struct kb_buf *buf)
{
    struct charge charge = *(struct charge *)buf->owner;
    kb_free(buf->owner);
    buf->release = charge.release;
    buf->owner = charge.owner;
    buf->release(buf);
    atomic_fetch_sub(&charge.feed->unpacked, charge.unpacked);
    kc_feed_give(charge.feed, charge.bytes);
    kc_feed_unref(charge.feed);
}

static bool hang(struct kc_feed *feed, struct kb_buf *buf, int64_t bytes, bool unpacked)
{
    struct charge *charge = KB_NEW(struct charge);
    if (!charge)
        return false;
    *charge = (struct charge){feed, bytes, unpacked, buf->release, buf->owner};
    atomic_fetch_add(&feed->refs, 1);
    buf->release = release_charged;
    buf->owner = charge;
    return true;
}

bool kc_feed_charge(struct kc_feed *feed, struct kb_buf *buf, int64_t bytes)
{
    return hang(feed, buf, bytes, false);
}

bool kc_feed_overdraw(struct kc_feed *feed, struct kb_buf *buf)
{
    if (!hang(feed, buf, (int64_t)buf->capacity, true))
        return false;
    atomic_fetch_sub(&feed->free_bytes, (long long)buf->capacity);
    atomic_fetch_add(&feed->unpacked, 1);
    return true;
}

/* ---- Chunks ----------------------------------------------------------------*/

struct kc_chunk *kc_chunk_new(enum kc_chunk_kind kind, struct kc_share *share,
                              unsigned long long version, struct kb_buf *frame)
{
    struct kc_chunk *chunk = KB_NEW(struct kc_chunk);
    if (!chunk)
        return NULL;
    chunk->kind = kind;
    chunk->share = kc_share_ref(share);
    chunk->version = version;
    chunk->frame = frame ? kb_buf_ref(frame) : NULL;
    kb_list_init(&chunk->link);
    return chunk;
}

void kc_chunk_free(struct kc_chunk *chunk)
{
    if (!chunk)
        return;
    atomic_fetch_sub(&chunk->share->waiting_bytes, chunk->bytes);
    kc_aborted_deinit(&chunk->aborted);
    kb_buf_unref(chunk->frame);
    kc_share_unref(chunk->share);
    kb_free(chunk);
}

bool kc_chunk_is_stale(const struct kc_chunk *chunk)
{
    return atomic_load(&chunk->share->version) != chunk->version &&
           !KB_MUTANT("revoked-handed-out");
}

void kc_feed_push(struct kc_feed *feed, struct kc_chunk *chunk)
{
    atomic_fetch_add(&chunk->share->waiting_bytes, chunk->bytes);
    pthread_mutex_lock(&feed->lock);
    kb_list_push_back(&feed->chunks, &chunk->link);
    pthread_mutex_unlock(&feed->lock);
}

void kc_feed_put_back(struct kc_feed *feed, struct kc_chunk *chunk)
{
    pthread_mutex_lock(&feed->lock);
    kb_list_push_front(&feed->chunks, &chunk->link);
    pthread_mutex_unlock(&feed->lock);
}

/* An error is handed out even where its partition is paused. */
static bool may_go(const struct kc_chunk *chunk)
{
    return chunk->kind == KC_CHUNK_ERROR || !atomic_load(&chunk->share->paused);
}

struct kc_chunk *kc_feed_pop(struct kc_feed *feed)
{
    struct kc_chunk *found = NULL;
    struct kb_list stale, *it;
    kb_list_init(&stale);
    pthread_mutex_lock(&feed->lock);
    KB_LIST_EACH_SAFE(at, &feed->chunks) {
        struct kc_chunk *chunk = KB_CONTAINER(at, struct kc_chunk, link);
        bool old = kc_chunk_is_stale(chunk);
        if (!old && !may_go(chunk))
            continue;
        kb_list_remove(at);
        if (!old) {
            found = chunk;
            break;
        }
        kb_list_push_back(&stale, at);
    }
    pthread_mutex_unlock(&feed->lock);
    while ((it = kb_list_pop_front(&stale)))
        kc_chunk_free(KB_CONTAINER(it, struct kc_chunk, link));
    return found;
}

bool kc_feed_has(struct kc_feed *feed)
{
    bool has = false;
    pthread_mutex_lock(&feed->lock);
    for (struct kb_list *at = feed->chunks.next; at != &feed->chunks && !has; at = at->next) {
        const struct kc_chunk *chunk = KB_CONTAINER(at, struct kc_chunk, link);
        has = !kc_chunk_is_stale(chunk) && may_go(chunk);
    }
    pthread_mutex_unlock(&feed->lock);
    return has;
}

void kc_feed_drop_paused(struct kc_feed *feed,
                         void (*each)(void *ctx, struct kc_share *share, int64_t from), void *ctx)
{
    struct kb_list dropped, *it;
    kb_list_init(&dropped);
    pthread_mutex_lock(&feed->lock);
    KB_LIST_EACH_SAFE(at, &feed->chunks) {
        if (may_go(KB_CONTAINER(at, struct kc_chunk, link)))
            continue;
        kb_list_remove(at);
        kb_list_push_back(&dropped, at);
    }
    pthread_mutex_unlock(&feed->lock);
    while ((it = kb_list_pop_front(&dropped))) {
        struct kc_chunk *chunk = KB_CONTAINER(it, struct kc_chunk, link);
        if (!kc_chunk_is_stale(chunk)) /* the first of a partition makes the others stale */
            each(ctx, chunk->share, chunk->from);
        kc_chunk_free(chunk);
    }
}
