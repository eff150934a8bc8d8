/* SPDX-License-Identifier: Apache-2.0 */
/* A producer begins: InitProducerId of a transactional id (KIP-98, KIP-360). */
#include "broker/core/txn/txn.h"

bool kd_txns_wants_producer_id(const struct kd_txns *txns, struct kb_slice id)
{
    const struct kd_txn *txn = kd_txn_find(txns, id);
    return !txn || kd_txn_is_exhausted(txn);
}

/* What it says to have been is what the id has, or had before its last epoch ran out. */
static bool is_known(const struct kd_txn *txn, const struct kw_init_producer_id_request *in)
{
    return txn->epoch == KD_NO_EPOCH || in->producer_id == txn->producer ||
           (in->producer_id == txn->previous && in->producer_epoch >= KD_LAST_EPOCH);
}

static void rotate(struct kd_txn_change *change, int64_t fresh)
{
    change->previous = change->producer;
    change->producer = fresh;
    change->epoch = 0;
}

/* The next epoch; of who says its own, only if it has the last one or asks again. */
static int renew(struct kd_txn *txn, const struct kw_init_producer_id_request *in, int64_t fresh,
                 struct kb_time now, struct kd_outcome *out)
{
    struct kd_txn_change change = kd_txn_change_of(txn);
    bool says = in->producer_id >= 0 && txn->epoch != KD_NO_EPOCH;
    bool again = says && in->producer_epoch != txn->epoch && in->producer_epoch == txn->last_epoch;
    int16_t last_epoch = says ? in->producer_epoch : KD_NO_EPOCH;
    if (says && !again && in->producer_epoch != txn->epoch)
        return KB_E_PRODUCER_FENCED;
    bool ends = kd_txn_is_exhausted(txn) || txn->producer == KD_NO_PRODUCER;
    if (kd_txn_is_spent(txn) || (!again && ends)) {
        if (fresh < 0)
            return KB_E_COORDINATOR_NOT_AVAILABLE;
        rotate(&change, fresh);
    } else if (!again) {
        change.epoch++;
    }
    change.state = KD_TXN_EMPTY;
    change.timeout_ms = in->transaction_timeout_ms;
    change.started_ms = -1;
    change.alone = true;
    kd_txn_turn(txn, &change, now, out);
    txn->last_epoch = last_epoch;
    return KB_OK;
}

static int check(const struct kd_txns *txns, const struct kw_init_producer_id_request *in)
{
    if (!in->transactional_id.size || (in->producer_id < 0) != (in->producer_epoch < 0))
        return KB_E_INVALID_REQUEST;
    bool fits = in->transaction_timeout_ms > 0 &&
                in->transaction_timeout_ms <= txns->limits->max_timeout_ms;
    return fits ? KB_OK : KB_E_INVALID_TRANSACTION_TIMEOUT;
}

static int begin(struct kd_txn *txn, const struct kw_init_producer_id_request *in, int64_t fresh,
                 struct kb_time now, struct kd_outcome *out)
{
    if (in->producer_id >= 0 && !is_known(txn, in))
        return KB_E_PRODUCER_FENCED;
    if (kd_txn_is_prepared(txn))
        return KB_E_CONCURRENT_TRANSACTIONS;
    if (txn->state != KD_TXN_ONGOING)
        return renew(txn, in, fresh, now, out);
    if (in->producer_id >= 0 && in->producer_epoch != txn->epoch)
        return KB_E_PRODUCER_FENCED;
    kd_txn_fence(txn, now, out);
    return KB_E_CONCURRENT_TRANSACTIONS;
}

int kd_txns_begin_producer(struct kd_txns *txns, const struct kw_init_producer_id_request *in,
                           int64_t fresh, struct kb_time now,
                           struct kw_init_producer_id_response *answer, struct kd_outcome *out)
{
    int code = check(txns, in);
    if (code)
        return code;
    struct kd_txn *txn = kd_txn_find(txns, in->transactional_id);
    bool made = !txn;
    if (made && fresh < 0)
        return KB_E_COORDINATOR_NOT_AVAILABLE;
    if (made)
        txn = kd_txn_obtain(txns, in->transactional_id);
    if (!txn) {
        out->failed = true;
        return KB_E_COORDINATOR_NOT_AVAILABLE;
    }
    code = begin(txn, in, fresh, now, out);
    answer->producer_id = txn->producer;
    answer->producer_epoch = txn->epoch;
    return code;
}
