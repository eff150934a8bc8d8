/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_FINISHED_H
#define KC_FINISHED_H
/*
 * Of one partition: which of the batches handed out are finished, and so what
 * may be committed. Batches are handed out in order and finished in any; what
 * counts is the end of the unbroken finished run.
 *
 *     run_end          a: in hand        b: finished       c: in hand
 *   ─────────┤ ├──────────────────────┤ ├──────────────┤ ├─────────────┤
 *            ^ committable                       a.run_end ^
 *
 * Each batch carries a ticket. A finished one leaves the list and hands what it
 * knew, the end of the finished run behind it, to the one before it: so nothing
 * is allocated, nothing is searched, and a batch's memory may go at once.
 *
 * A batch given back unfinished leaves a wall in its place, beyond which nothing
 * counts until the partition is sought, retried from before it, or assigned
 * anew.
 *
 * For transactions it also knows where the open one began: what is finished since then
 * is committed with it or had again. `torn`: something handed out since then came back
 * unfinished, so that nobody knows what of it was done.
 *
 * `version` is the one that data is fetched under. begin starts anew under a
 * version: what is in hand then is stale, and finishing it changes nothing. In
 * version 0 nothing is handed out.
 *
 * Guarded by its owner's lock, but for kc_ticket_reach.
 */
#include "base/list.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct kc_spot {
    int64_t offset;       /* -1: not known */
    int32_t leader_epoch; /* of what lies before it; -1: not known */
};

struct kc_ticket {
    struct kb_list node;
    atomic_bool live;        /* in hand, and it counts; any thread may look */
    uint64_t turn;           /* which came first */
    int64_t from, next;      /* the batch's offsets */
    int32_t leader_epoch;    /* and epoch */
    _Atomic int64_t reached; /* finished below this */
    struct kc_spot run_end;  /* behind it, finished below this */
};

struct kc_finished {
    struct kb_list in_hand; /* oldest first */
    struct kc_ticket wall;
    uint64_t version, turns;
    uint64_t begun;         /* the version of the last begin */
    struct kc_spot run_end; /* not known before something is handed out */
    struct kc_spot began;   /* of the transaction; likewise */
    bool torn;
    uint32_t held; /* live tickets, but for the wall's */
};

void kc_finished_init(struct kc_finished *finished); /* version 0 */

/* A new assignment, or a seek. Offset -1: where the first batch will begin. */
void kc_finished_begin(struct kc_finished *finished, uint64_t version, struct kc_spot from);
/* Hands out no more; what is in hand still counts. */
void kc_finished_halt(struct kc_finished *finished);
/* Goes on under a new version; what is in hand still counts. */
void kc_finished_go_on(struct kc_finished *finished, uint64_t version);

/* A batch [from, next). False: of another version, so it must not be handed out. */
bool kc_finished_hand(struct kc_finished *finished, struct kc_ticket *ticket, uint64_t version,
                      int64_t from, int64_t next, int32_t leader_epoch);
void kc_finished_done(struct kc_finished *finished, struct kc_ticket *ticket);
/* Given back; what was not reached holds the run back. */
void kc_finished_release(struct kc_finished *finished, struct kc_ticket *ticket);
/* It from where it was reached on, and what followed, will be handed out again:
 * answers that offset and halts. -1: it does not count any more. */
int64_t kc_finished_retry(struct kc_finished *finished, struct kc_ticket *ticket);

/* Finished below `offset`; one thread at a time, which has the batch in hand. */
static inline void kc_ticket_reach(struct kc_ticket *ticket, int64_t offset)
{
    atomic_store_explicit(&ticket->reached, offset, memory_order_release);
}

/* What may be committed; not known: nothing was handed out yet. */
struct kc_spot kc_finished_position(const struct kc_finished *finished);
/* [from, next) holds nothing for the application, and is finished as it comes. False: as
 * for hand. */
bool kc_finished_pass(struct kc_finished *finished, uint64_t version, int64_t from, int64_t next,
                      int32_t leader_epoch);
/* Everything handed out is finished; `but` (or NULL) as far as it has to be. */
bool kc_finished_is_whole(const struct kc_finished *finished, const struct kc_ticket *but);
/* Something was handed out since the transaction began. */
bool kc_finished_is_open(const struct kc_finished *finished);
/* The next transaction begins there, unless it was sought since it was `begun`. */
void kc_finished_mark(struct kc_finished *finished, uint64_t begun, struct kc_spot spot);
/* A released batch is all that stands behind that position. */
bool kc_finished_is_walled(const struct kc_finished *finished);

#endif
