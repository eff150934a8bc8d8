/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_SHARE_H
#define KC_SHARE_H
/*
 * One assigned partition as the loop and the consuming threads both know it:
 * what may be handed out of it, and what of that is finished.
 *
 *   loop                          share                    application
 *   begin, go_on, halt ────────> version, finished <────── hand, done, release
 *        <──── kick: none is in hand ──┘    └── retry ──> rewound on the loop
 *
 * Data carries the version that it was fetched under; of another one it is
 * stale, and in version 0 nothing is handed out. Lives as long as the consumer
 * and every batch of it.
 */
#include "libclient/core/group/finished.h"
#include "libclient/drive/feed.h"

struct kc_fetch;

struct kc_share {
    atomic_uint refs;
    struct kc_feed *feed;
    char *topic, *key; /* key: "topic-partition" */
    int32_t partition;
    atomic_ullong version; /* changed under the feed's lock */
    atomic_ullong begun;   /* the version it began under; what is older is stale */
    atomic_llong handed;   /* offset behind what was handed out; -1: nothing yet */
    atomic_bool paused;
    atomic_size_t waiting_bytes; /* fetched and not handed out */

    /* guarded by the feed's lock */
    struct kc_finished finished; /* only where the feed tracks */
    bool draining;               /* the loop waits until none is in hand */
    struct kn_mail rewind;
    bool rewinding, rewind_slowly; /* rewinding: the mail is on its way */
    int64_t rewind_to;
    unsigned long long rewind_version; /* 0: it has nothing to do */

    /* the loop's */
    struct kc_fetch *fetch; /* NULL: not assigned now */
    struct kb_map_entry by_key;
    bool keep;           /* marked, while an assignment is being changed */
    bool halted;         /* on its way to another member */
    uint32_t untold;     /* calls of the listener, still to come, that say it is ours */
    uint64_t assignment; /* counts them; 0: not assigned */
    int64_t committed;   /* as far as we know; -1 */
};

/* "topic-partition", as snprintf counts. */
size_t kc_share_key(const char *topic, int32_t partition, char *out, size_t size);
struct kc_share *kc_share_new(struct kc_feed *feed, const char *topic, int32_t partition);
struct kc_share *kc_share_ref(struct kc_share *share);
void kc_share_unref(struct kc_share *share);

/* ---- On the loop -------------------------------------------------------------*/
/* Assigned, or sought: see kc_finished_begin. Version 0: not assigned any more. */
void kc_share_begin(struct kc_share *share, unsigned long long version, struct kc_spot from);
/* The same assignment under another version: what is in hand still counts. */
void kc_share_go_on(struct kc_share *share, unsigned long long version);
/* Nothing more is handed out, and the feed's owner is kicked once nothing is in
 * hand. True: nothing is. */
bool kc_share_halt(struct kc_share *share);
/* Finished up to there; offset -1: nothing was handed out yet. walled: a released
 * batch is all that holds it there. */
struct kc_spot kc_share_finished(struct kc_share *share, bool *walled);
uint32_t kc_share_held(struct kc_share *share);

/* For transactions, see finished.h. */
struct kc_account {
    unsigned long long begun;
    struct kc_spot began, finished;
};
bool kc_share_is_open(struct kc_share *share);
/* False: something that was handed out is not finished; `but` may be in hand. */
bool kc_share_account(struct kc_share *share, const struct kc_ticket *but, struct kc_account *out);
void kc_share_mark(struct kc_share *share, unsigned long long begun, struct kc_spot spot);

/* ---- Any thread --------------------------------------------------------------*/
/* False: it is stale by now, and must not be handed out. */
bool kc_share_hand(struct kc_share *share, struct kc_ticket *ticket, unsigned long long version,
                   int64_t from, int64_t next, int32_t leader_epoch);
/* [from, next) holds nothing for the application: it counts as finished. False: stale. */
bool kc_share_pass(struct kc_share *share, unsigned long long version, int64_t from, int64_t next,
                   int32_t leader_epoch);
void kc_share_done(struct kc_share *share, struct kc_ticket *ticket);
void kc_share_release(struct kc_share *share, struct kc_ticket *ticket);

/* Fetches again from `offset` on, unless `version` is stale. slowly: after a
 * backoff, since what came was bad. */
typedef void kc_rewind_fn(struct kn_loop *loop, struct kn_mail *mail);
void kc_share_rewind(struct kc_share *share, unsigned long long version, int64_t offset,
                     bool slowly, kc_rewind_fn *fn);
/* The same from where the ticket was reached on, unless it does not count any more. */
void kc_share_retry(struct kc_share *share, struct kc_ticket *ticket, kc_rewind_fn *fn);

#endif
