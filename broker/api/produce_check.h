/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_PRODUCE_CHECK_H
#define KD_PRODUCE_CHECK_H
/*
 * The batches of one Produce request are checked: on the loop where that is
 * short, else by a thread. Either way the request goes on after those that
 * came before it on its connection, so that batches are appended in the order
 * of their requests; connections do not wait for each other.
 */
#include "broker/api/produce_batch.h"
#include "broker/core/turns.h"
#include "broker/server/checkers.h"

/* Lies in the request's arena. */
struct kd_produce_check {
    struct kd_admission *batches; /* one per partition, also of the refused */
    size_t count;
    void (*done)(struct kd_produce_check *check); /* all are checked, and it is their turn */
    void *owner;
    struct kd_turn turn;
    struct kd_check check;
};

/* done() may come before it returns. The frame stays until then. Of a broker
 * that was halted they are done as refused. */
void kd_produce_check_start(struct kd_produce_check *check, struct kd_shard *shard,
                            struct kd_turns *turns);

#endif
