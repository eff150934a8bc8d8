/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_TXN_H
#define KC_TXN_H
/*
 * A transactional producer's side of the transaction protocol, as a pure machine.
 *
 *          INITIALISING ─> READY <───────────────────────────┐
 *                            │ begin                         │ ended
 *                            v         commit                │
 *               ┌────────── OPEN ────────────> COMMITTING ───┤
 *               │ abort      │ a record failed     │         │
 *               │            v                     │         │
 *               │          FAILED <────────────────┘         │
 *               │            │ abort   ^                     │
 *               └────────────┴──> ABORTING <──> RECOVERING ──┘
 *                                                    │ refused
 *   from anywhere: FATAL  <──────────────────────────┘
 *
 * FAILED: the transaction cannot be committed any more; what waits is thrown away,
 * and only abort leads on. RECOVERING: InitProducerId under the id and epoch that we
 * hold (KIP-360), for a new epoch:
 *   where a sequence was lost;
 *   where a request of version 1 was not answered: it may still arrive, and in the
 *      same epoch it would be the next transaction's, which an EndTxn would end;
 *   where the coordinator calls ours old. That is either a newer producer, then it
 *      is refused and FATAL, or the coordinator gave the transaction up after
 *      transaction.timeout.ms, then we go on (KIP-588).
 *
 * How partitions and offsets come into the transaction:
 *   version 1: AddPartitionsToTxn before a partition's first batch may leave;
 *      AddOffsetsToTxn before TxnOffsetCommit.
 *   version 2 (KIP-890): by themselves, with Produce 12 and TxnOffsetCommit 5. The
 *      answer of EndTxn 5 is the next epoch. It holds where the brokers have
 *      finalized transaction.version >= 2, looked at when a transaction begins.
 *
 * One request is in flight at a time; what comes out is looked at after each call:
 * plan, joined, `state`. What time heals is asked again, with a backoff and
 * without an end: whoever waits has a deadline. EndTxn may be repeated: its outcome
 * is the same.
 *
 * No clock, no I/O, one thread.
 */
#include "base/error.h"
#include "base/random.h"
#include "base/time.h"
#include "libclient/core/backoff.h"
#include "libclient/core/group/finder.h"
#include "libclient/core/txn/part.h"

struct kb_arena;
struct kw_reader;
struct kw_writer;
struct kc_txn_response; /* txn_response.h */

enum kc_txn_state {
    KC_TXN_INITIALISING,
    KC_TXN_READY,
    KC_TXN_OPEN,
    KC_TXN_COMMITTING,
    KC_TXN_FAILED,
    KC_TXN_ABORTING,
    KC_TXN_RECOVERING,
    KC_TXN_FATAL,
    KC_TXN_STATES
};

/* Positions of a group on their way into the transaction. Lies in its owner's
 * struct until `done`; names are borrowed as long. Rows of a topic stand together. */
struct kc_txn_offset {
    const char *topic;
    int32_t partition, leader_epoch;
    int64_t offset;
    const char *metadata; /* NULL: none */
};
struct kc_txn_offsets {
    const char *group, *member, *instance; /* instance NULL: dynamic */
    int32_t generation;                    /* or the member epoch */
    struct kc_txn_offset *rows;
    size_t count;
    int64_t deadline_ms;
    bool done;
    struct kb_error err; /* code 0: they are in the transaction */
};

struct kc_txn_options {
    const char *id; /* transactional.id; borrowed */
    int32_t timeout_ms;
    int32_t backoff_ms, backoff_max_ms;
};

struct kc_txn {
    struct kc_txn_options options;
    struct kb_random *random;

    /* for the driver to look at */
    enum kc_txn_state state;
    struct kb_error err;     /* FAILED, FATAL: why, with that class */
    struct kb_error trouble; /* what it tries again; code 0: nothing */
    int64_t producer_id;     /* -1: none */
    int16_t epoch;
    bool implicit; /* the open transaction is of version 2 */
    bool decided;  /* COMMITTING: EndTxn has been sent: it cannot be aborted any more */

    /* the machine's */
    struct kc_finder finder, group_finder;
    char *group; /* that group_finder looks for, and has been added if group_added */
    bool group_added, group_maybe; /* maybe: asked for, and not answered well */
    int version;                   /* of transactions, as the coordinator said last */
    bool touched;                  /* brokers may know of the open transaction */
    bool torn;                     /* a sequence was lost: the next epoch, at the end */
    bool late;      /* a request may still arrive: the next epoch, if it can be had */
    bool to_failed; /* RECOVERING: to FAILED, since it has no end yet */
    bool drained;   /* nothing of the transaction is on its way */
    struct kb_list wanted, joined, members; /* of parts */
    struct kc_txn_offsets *offsets;         /* NULL: none */
    int flight;                             /* enum kc_txn_ask; 0: none */
    int64_t not_before_ms;
    struct kc_backoff backoff, brief;
};

/* The id is borrowed. Begins at once: an older producer with it is fenced. */
void kc_txn_init(struct kc_txn *txn, const struct kc_txn_options *options,
                 struct kb_random *random);
void kc_txn_deinit(struct kc_txn *txn);

/* ---- What the application does: 0, or why not ----------------------------------- */

/* READY: opens. INITIALISING and the states that come to READY by themselves:
 * KB_E_TIMED_OUT, come again. */
int kc_txn_begin(struct kc_txn *txn, struct kb_error *err);
/* OPEN: to COMMITTING. Everything accepted has to be sent now; then _drained. */
int kc_txn_commit(struct kc_txn *txn, struct kb_error *err);
/* OPEN, FAILED, and COMMITTING before it is decided: to ABORTING. What was not sent is
 * thrown away; once nothing is on its way, _drained. */
int kc_txn_abort(struct kc_txn *txn, struct kb_error *err);
/* OPEN. One at a time; none is kept past the end of the transaction. False: no memory. */
bool kc_txn_send_offsets(struct kc_txn *txn, struct kc_txn_offsets *offsets);
/* Nobody waits for them any more; they are part of the transaction all the same. */
void kc_txn_forget_offsets(struct kc_txn *txn);

/* ---- What the sender tells -------------------------------------------------------- */

/* Has something to send. It is told by _joined that it may, at once or later. */
void kc_txn_want(struct kc_txn *txn, struct kc_txn_part *part);
/* The next that is IN since this was asked last; NULL: none. */
struct kc_txn_part *kc_txn_joined(struct kc_txn *txn);
/* A batch of this transaction leaves. */
static inline void kc_txn_sent(struct kc_txn *txn)
{
    txn->touched = true;
}
/* A record will not be in the transaction. torn: a sequence was used up for it. */
void kc_txn_lost(struct kc_txn *txn, int32_t code, bool torn, const char *what);
/* COMMITTING: all is delivered. ABORTING: all has its outcome, nothing is on its way. */
void kc_txn_drained(struct kc_txn *txn);

/* ---- Requests ------------------------------------------------------------------------ */

enum kc_txn_ask {
    KC_TXN_ASK_NONE,
    KC_TXN_FIND,
    KC_TXN_FIND_GROUP,
    KC_TXN_INIT,
    KC_TXN_ADD_PARTITIONS,
    KC_TXN_ADD_OFFSETS,
    KC_TXN_COMMIT_OFFSETS,
    KC_TXN_END,
    KC_TXN_ASKS
};

struct kc_txn_request {
    enum kc_txn_ask ask;
    int16_t api_key, min_version, max_version;
    int32_t node; /* -1: any broker */
};

/* True: this is to be sent now; it is in flight until _answer or _failure. */
bool kc_txn_plan(struct kc_txn *txn, struct kb_time now, struct kc_txn_request *out);
/* Arrays come from the arena. 0, or KB_E_NO_MEMORY, KB_E_UNSUPPORTED. */
int kc_txn_encode(struct kc_txn *txn, struct kb_arena *arena, int16_t version, struct kw_writer *w);
void kc_txn_answer(struct kc_txn *txn, struct kb_time now, const struct kc_txn_response *response);
/* No answer came; the request may have arrived. */
void kc_txn_failure(struct kc_txn *txn, struct kb_time now, const struct kb_error *why);
/* Gives up offsets whose time is over. */
void kc_txn_tick(struct kc_txn *txn, struct kb_time now);
int64_t kc_txn_deadline_ms(const struct kc_txn *txn); /* of plan and tick; KB_NEVER */

/* ---- Between its files ------------------------------------------------------------------ */
void kc_txn_move(struct kc_txn *txn, enum kc_txn_state to);
/* `what` came to nothing with that code. */
void kc_txn_fail(struct kc_txn *txn, int32_t code, const char *what);
void kc_txn_die(struct kc_txn *txn, const struct kb_error *why);
void kc_txn_recover(struct kc_txn *txn);
void kc_txn_recovered(struct kc_txn *txn);
void kc_txn_ended(struct kc_txn *txn);
void kc_txn_offsets_done(struct kc_txn *txn, const struct kb_error *err); /* NULL: well */
struct kc_finder *kc_txn_finder_of(struct kc_txn *txn, enum kc_txn_ask ask);

#endif
