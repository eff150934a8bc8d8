/* SPDX-License-Identifier: Apache-2.0 */
/* How a transaction ends: by its producer, by its time, by another producer. */
#include "base/mutant.h"
#include "broker/core/txn/txn.h"

enum { BUMPS = 2 }; /* from this transaction.version on each transaction has its epoch */

static enum kd_txn_state complete_of(bool commit)
{
    return commit ? KD_TXN_COMPLETE_COMMIT : KD_TXN_COMPLETE_ABORT;
}

static enum kd_txn_state prepare_of(bool commit)
{
    return commit ? KD_TXN_PREPARE_COMMIT : KD_TXN_PREPARE_ABORT;
}

void kd_txn_complete(struct kd_txn *txn, struct kb_time now, struct kd_outcome *out)
{
    struct kd_txn_change change = kd_txn_change_of(txn);
    change.state = complete_of(txn->state == KD_TXN_PREPARE_COMMIT);
    change.alone = true;
    if (change.next != KD_NO_PRODUCER) {
        change.previous = change.producer;
        change.producer = change.next;
        change.next = KD_NO_PRODUCER;
        change.epoch = 0;
    }
    kd_txn_turn(txn, &change, now, out);
}

void kd_txn_decide(struct kd_txn *txn, bool commit, struct kd_txn_change *change,
                   struct kb_time now, struct kd_outcome *out)
{
    change->state = prepare_of(commit);
    kd_txn_turn(txn, change, now, out);
    if (out->failed)
        return;
    if (txn->unmarked)
        kb_list_push_back(&txn->txns->prepared, &txn->prepared);
    else
        kd_txn_complete(txn, now, out);
}

static void abort_past(struct kd_txn *txn, int by, struct kb_time now, struct kd_outcome *out)
{
    struct kd_txn_change change = kd_txn_change_of(txn);
    int past = txn->epoch + by;
    change.epoch = (int16_t)(past > INT16_MAX ? INT16_MAX : past);
    kd_txn_decide(txn, false, &change, now, out);
}

/* Past the epoch that the producer itself would go on with. */
void kd_txn_fence(struct kd_txn *txn, struct kb_time now, struct kd_outcome *out)
{
    txn->last_epoch = KD_NO_EPOCH;
    abort_past(txn, txn->version >= BUMPS ? 2 : 1, now, out);
}

/* Nobody else has come, so its producer may go on: told of the epoch when it aborts, or
 * when it asks for one with what it holds (KIP-588). */
void kd_txn_give_up(struct kd_txn *txn, struct kb_time now, struct kd_outcome *out)
{
    txn->last_epoch = txn->epoch;
    abort_past(txn, 1, now, out);
}

/* ---- EndTxn ------------------------------------------------------------------ */

/* The epoch was bumped when it was told before, and the answer may have been lost. One
 * whose time was over at the last epoch has to ask for another id instead. */
static bool is_told_again(const struct kd_txn *txn, const struct kd_txn_producer *who)
{
    bool ended = txn->state != KD_TXN_ONGOING && txn->state != KD_TXN_EMPTY;
    bool goes_on = !kd_txn_is_spent(txn) || kd_txn_is_prepared(txn);
    bool before = who->producer == txn->producer && who->epoch == txn->epoch - 1 && goes_on;
    bool rotated = who->producer == txn->previous && who->epoch == KD_LAST_EPOCH && txn->epoch == 0;
    return txn->version >= BUMPS && ended && (before || rotated);
}

/* With the next one's epoch, while this one is being ended. */
static bool is_too_early(const struct kd_txn *txn, int version)
{
    return version >= BUMPS && txn->version >= BUMPS && kd_txn_is_prepared(txn);
}

static void go_on_as(const struct kd_txn *txn, struct kd_txn_producer *who)
{
    bool rotates = txn->next != KD_NO_PRODUCER;
    who->producer = rotates ? txn->next : txn->producer;
    who->epoch = rotates ? 0 : txn->epoch;
}

/* It is over, or decided: was it so? */
static int end_again(const struct kd_txn *txn, bool commit)
{
    if (txn->state == prepare_of(commit))
        return KB_E_CONCURRENT_TRANSACTIONS;
    return txn->state == complete_of(commit) ? KB_OK : KB_E_INVALID_TXN_STATE;
}

/* With an epoch of its own for the next one. */
static int end_and_bump(struct kd_txn *txn, struct kd_txn_producer *who, bool commit, int64_t fresh,
                        struct kb_time now, struct kd_outcome *out)
{
    struct kd_txn_change change = kd_txn_change_of(txn);
    if (kd_txn_is_exhausted(txn) && fresh < 0)
        return KB_E_COORDINATOR_NOT_AVAILABLE;
    if (kd_txn_is_exhausted(txn))
        change.next = fresh;
    change.epoch++;
    change.version = BUMPS;
    change.alone = txn->state != KD_TXN_ONGOING;
    /* Before the change, since one without partitions is complete at once. */
    who->producer = change.next != KD_NO_PRODUCER ? change.next : change.producer;
    who->epoch = change.next != KD_NO_PRODUCER ? 0 : change.epoch;
    kd_txn_decide(txn, commit, &change, now, out);
    return KB_OK;
}

static int end(struct kd_txn *txn, struct kd_txn_producer *who, int version, bool commit,
               int64_t fresh, struct kb_time now, struct kd_outcome *out)
{
    struct kd_txn_change change = kd_txn_change_of(txn);
    bool bumps = version >= BUMPS;
    if (kd_txn_is_prepared(txn))
        return end_again(txn, commit);
    if (txn->state != KD_TXN_ONGOING && !bumps)
        return end_again(txn, commit);
    if (txn->state != KD_TXN_ONGOING && commit)
        return KB_E_INVALID_TXN_STATE;
    if (bumps)
        return end_and_bump(txn, who, commit, fresh, now, out);
    /* Whatever it began as: its markers have the epoch that it wrote with. */
    change.version = (int16_t)version;
    kd_txn_decide(txn, commit, &change, now, out);
    return KB_OK;
}

int kd_txns_end(struct kd_txns *txns, struct kd_txn_producer *who, int version, bool commit,
                int64_t fresh, struct kb_time now, struct kd_outcome *out)
{
    struct kd_txn *txn = who->id.size ? kd_txn_find(txns, who->id) : NULL;
    if (txn && version >= BUMPS && is_told_again(txn, who)) {
        int code = end_again(txn, commit);
        if (!code)
            go_on_as(txn, who);
        return code;
    }
    int code = kd_txn_find_producer(txns, who, &txn);
    bool fenced = !code && txn->epoch != who->epoch && !KB_MUTANT("no-fencing");
    if (!code && (fenced || is_too_early(txn, version)))
        code = KB_E_PRODUCER_FENCED;
    return code ? code : end(txn, who, version, commit, fresh, now, out);
}

/* ---- Markers ----------------------------------------------------------------- */

void kd_txns_marked(struct kd_txns *txns, const struct kd_txn_marker *marker,
                    const struct kd_txn_place *place, struct kb_time now, struct kd_outcome *out)
{
    struct kd_txn *txn = kd_txn_find(txns, marker->id);
    bool same = txn && txn->producer == marker->producer && txn->epoch == marker->epoch &&
                txn->state == prepare_of(marker->commit);
    struct kd_txn_part *part = same ? kd_txn_part(txn, place->topic, place->partition) : NULL;
    if (!part || part->marked)
        return;
    part->marked = true;
    if (!--txn->unmarked)
        kd_txn_complete(txn, now, out);
}
