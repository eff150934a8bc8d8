/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TXN_TOPIC_H
#define KD_TXN_TOPIC_H
/* __transaction_state, and the coordinators of transactions that its partitions are. */
#include "broker/core/txn/txns.h"
#include "broker/server/coordinator/topic.h"
#include "broker/server/txn/join.h"
#include "broker/server/txn/send.h"

#define KD_TXN_TOPIC "__transaction_state"

struct kd_txn_topic {
    struct kd_coordinator_topic topic;
    struct kd_txn_limits limits;
};

struct kd_txn_coordinator {
    struct kd_coordinator coordinator;
    struct kd_txns txns;
    struct kd_sends sends;
    struct kd_joins joins;
};

void kd_txn_topic_init(struct kd_txn_topic *txns, struct kd_shard *shard);

static inline struct kd_txn_coordinator *kd_txn_coordinator_of(struct kd_coordinator *c)
{
    return KB_CONTAINER(c, struct kd_txn_coordinator, coordinator);
}

static inline struct kd_txns *kd_txns_of(struct kd_coordinator *c)
{
    return &kd_txn_coordinator_of(c)->txns;
}

#endif
