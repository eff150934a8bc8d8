/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_FEED_H
#define KC_FEED_H
/*
 * What lies between the loop that fetches and the threads that consume: chunks
 * of fetched records in one direction, memory credit in the other.
 *
 *     loop ── kc_feed_push ──> [chunk][chunk] ── kc_feed_pop ──> poll
 *       ^                                                         │
 *       └── kick: "there is room" <── credit <── last unref <── batches
 *
 * The budget (fetch.memory) is taken before a Fetch is sent and hangs on the
 * buffers until nobody points into them, so it counts what is in flight, what
 * waits and what the application holds. What is handed out, and what comes back
 * finished, is counted by partition: share.h. A feed outlives its consumer for as
 * long as batches do.
 */
#include "base/buf.h"
#include "base/error.h"
#include "base/list.h"
#include "base/map.h"
#include "libclient/core/aborted.h"
#include "libclient/drive/fork.h"
#include "libclient/drive/lease.h"
#include "net/loop.h"
#include <pthread.h>
#include <stdatomic.h>

struct kurier_client;
struct kc_share;

struct kc_feed {
    atomic_uint refs;
    struct kc_fork_mark fork; /* in a child nobody is there to hear, and the lock may be held */
    bool tracks; /* what is finished: positions may be committed. Set before the first share */
    struct kc_lease lease; /* of whoever consumes */
    int64_t total_bytes;
    atomic_llong free_bytes; /* below 0: one batch was unpacked out of the reserve */
    atomic_int unpacked;     /* such batches, not given back yet */
    atomic_bool hungry;      /* the loop waits for credit or for room */
    atomic_bool held_up;     /* ... with nothing in flight: only the application can help */

    pthread_mutex_t lock; /* guards what follows, and of each share what is said to be */
    struct kb_list chunks;
    struct kurier_client *client; /* NULL: the consumer is gone */
    void (*kicked)(void *owner);  /* on the loop: look again */
    void *owner;
    struct kn_mail kick;
    bool kicking;
};

enum kc_chunk_kind { KC_CHUNK_RECORDS, KC_CHUNK_END, KC_CHUNK_ERROR };

/* One partition's share of an answer. */
struct kc_chunk {
    struct kb_list link;
    enum kc_chunk_kind kind;
    struct kc_share *share; /* a reference */
    unsigned long long version;
    struct kb_buf *frame; /* a reference */
    struct kb_slice rest; /* batches not handed out yet */
    size_t bytes;         /* as it came */
    int64_t from;         /* records below are not wanted */
    int64_t passed;       /* behind what was left out since; below `from`: nothing was */
    int32_t passed_epoch;
    struct kc_aborted aborted; /* in read_committed */
    int64_t high_watermark, stable_offset, log_start;
    int64_t end; /* at_end once that is reached */
    struct kb_error err;
};

/* NULL: no memory. One reference. */
struct kc_feed *kc_feed_new(int64_t total_bytes);
void kc_feed_unref(struct kc_feed *feed);
/* Begin and end of the time in which the loop may be kicked. Detaching drops
 * the chunks that wait. */
void kc_feed_attach(struct kc_feed *feed, struct kurier_client *client, void (*kicked)(void *owner),
                    void *owner);
void kc_feed_detach(struct kc_feed *feed);

/* ---- Credit ----------------------------------------------------------------*/
bool kc_feed_take(struct kc_feed *feed, int64_t bytes); /* all of it, or false */
void kc_feed_give(struct kc_feed *feed, int64_t bytes); /* any thread; may kick */
int64_t kc_feed_free_bytes(const struct kc_feed *feed);
/* Hangs `bytes` that were taken on a buffer with one reference: they come back
 * with its last. False: no memory, the caller still has both. */
bool kc_feed_charge(struct kc_feed *feed, struct kb_buf *buf, int64_t bytes);
/* The same for one that was unpacked: its capacity is taken whether it is there
 * or not. False: no memory. */
bool kc_feed_overdraw(struct kc_feed *feed, struct kb_buf *buf);
/* Says to the loop, if it waits for room: look again. Any thread. */
void kc_feed_kick(struct kc_feed *feed);
void kc_feed_kick_locked(struct kc_feed *feed); /* whether it waits or not */

/* ---- Chunks ----------------------------------------------------------------*/
/* NULL: no memory. Takes references of its own. */
struct kc_chunk *kc_chunk_new(enum kc_chunk_kind kind, struct kc_share *share,
                              unsigned long long version, struct kb_buf *frame);
void kc_chunk_free(struct kc_chunk *chunk);
bool kc_chunk_is_stale(const struct kc_chunk *chunk);
void kc_feed_push(struct kc_feed *feed, struct kc_chunk *chunk_give);
/* The oldest that may be handed out; NULL: none. Stale ones are dropped. */
struct kc_chunk *kc_feed_pop(struct kc_feed *feed);
void kc_feed_put_back(struct kc_feed *feed, struct kc_chunk *chunk_give); /* in front */
bool kc_feed_has(struct kc_feed *feed); /* would pop answer one? */
/* Drops what waits for partitions that are paused, to make room for others.
 * each(ctx, share, offset): it has to be fetched from there again. */
void kc_feed_drop_paused(struct kc_feed *feed,
                         void (*each)(void *ctx, struct kc_share *share, int64_t from), void *ctx);

#endif
