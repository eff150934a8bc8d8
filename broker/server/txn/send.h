/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TXN_SEND_H
#define KD_TXN_SEND_H
/*
 * Carries out what the coordinator's machine has decided: the markers of each
 * transaction, to every partition that takes part.
 *
 *     decided --its record is committed--> writing --all are there--> told the machine
 *                                           ^   |
 *                                           +---+ what fails is written again, later
 *
 * A partition that is no more needs none. Where the coordinator is dropped meanwhile,
 * its sends are forgotten: loaded again, it decides nothing anew and sends again, which
 * does no harm.
 */
#include "broker/server/coordinator/coordinator.h"

struct kd_txns;

struct kd_sends {
    struct kd_coordinator *coordinator;
    struct kd_txns *txns;
    struct kb_list open;
    struct kb_list waiting, written; /* partitions that are due: again, to be told */
    struct kn_task collect;          /* markers were written */
    struct kn_timer again;
    int64_t backoff_ms;
};

void kd_sends_init(struct kd_sends *sends, struct kd_coordinator *c, struct kd_txns *txns);
/* Forgets all of them. */
void kd_sends_drop(struct kd_sends *sends);
/* Takes what the machine has decided; each begins once the step is committed. */
void kd_sends_take(struct kd_sends *sends, struct kd_step *step);

#endif
