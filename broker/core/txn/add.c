/* SPDX-License-Identifier: Apache-2.0 */
/* Which partitions take part in a transaction. */
#include "broker/core/txn/txn.h"

static bool has_all(const struct kd_txn *txn, const struct kd_txn_place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!kd_txn_part(txn, places[i].topic, places[i].partition))
            return false;
    return true;
}

int kd_txns_add(struct kd_txns *txns, const struct kd_txn_producer *who, int version,
                const struct kd_txn_place *places, size_t count, struct kb_time now,
                struct kd_outcome *out)
{
    struct kd_txn *txn;
    int code = kd_txn_identify(txns, who, &txn);
    bool ongoing = !code && txn->state == KD_TXN_ONGOING;
    if (code || (ongoing && has_all(txn, places, count)))
        return code;
    struct kd_txn_change change = kd_txn_change_of(txn);
    change.state = KD_TXN_ONGOING;
    change.version = (int16_t)version;
    change.more = places;
    change.more_count = count;
    change.alone = !ongoing;
    if (!ongoing)
        change.started_ms = now.wall_ms;
    kd_txn_turn(txn, &change, now, out);
    return KB_OK;
}

int kd_txns_verify(const struct kd_txns *txns, const struct kd_txn_producer *who,
                   struct kd_txn_place *places, size_t count)
{
    struct kd_txn *txn;
    int code = kd_txn_identify(txns, who, &txn);
    for (size_t i = 0; i < count; i++)
        places[i].code =
            code ? code
            : txn->state == KD_TXN_ONGOING && kd_txn_part(txn, places[i].topic, places[i].partition)
                ? KB_OK
                : KB_E_TRANSACTION_ABORTABLE;
    return code;
}
