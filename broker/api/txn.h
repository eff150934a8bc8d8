/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_API_TXN_H
#define KD_API_TXN_H
/* What the requests to the coordinator of a transactional id have in common. */
#include "broker/api/step.h"
#include "broker/server/txn/topic.h"

static inline struct kd_step *kd_txn_begin(struct kd_request *request, struct kb_slice id,
                                           int *code)
{
    return kd_step_for(&request->shard->txns->topic, id, code);
}

/* With a producer id in hand, if the next step for that transactional id may need one:
 * then(wait, code, fresh), perhaps at once; fresh -1: none is needed. The request is
 * parked, its op is `wait`'s owner and `reply` what it holds later. */
struct kd_txn_id_wait {
    struct kd_reply reply;
    struct kd_id_wait wait;
    void (*then)(struct kd_txn_id_wait *wait, int code, int64_t fresh);
};
void kd_txn_take_id(struct kd_request *request, struct kb_slice id, struct kd_txn_id_wait *wait);

/* As that version of the request knows it: PRODUCER_FENCED came with `since`. */
int16_t kd_txn_code(int code, int16_t version, int16_t since);

#endif
