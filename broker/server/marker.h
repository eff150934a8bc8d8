/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_MARKER_H
#define KD_MARKER_H
/*
 * The end of a transaction, in one partition: a control batch that the broker
 * itself appends, told once it is below the high watermark. Who decides is the
 * transaction coordinator, or WriteTxnMarkers; a marker must not be written before
 * the decision is durable.
 *
 * In a partition of __consumer_offsets it goes by the group coordinator that the
 * partition is, which hears in it what its groups have committed.
 *
 * It may be written again and again: where the producer has no open transaction it
 * changes nothing but the epoch that is known of it.
 */
#include "broker/server/coordinator/coordinator.h"

/*
 * Lies in its owner's struct; the fields above the line are the owner's to fill.
 * done is called once, perhaps before the write returns, with
 *   KB_OK                           it is in the log and committed
 *   INVALID_PRODUCER_EPOCH          a newer epoch of the producer has written there: of
 *                                   version 2 also one as new, while its transaction is open
 *   TRANSACTION_COORDINATOR_FENCED  a newer epoch of its coordinator has written there
 *   NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR, NO_MEMORY   to be tried again
 */
struct kd_marker {
    int64_t producer;
    int16_t epoch;   /* of version 2 the bumped one, that the producer goes on with */
    int16_t version; /* transaction.version of its client: 0, 1, 2 */
    int32_t coordinator_epoch;
    bool commit;
    void (*done)(struct kd_marker *marker, int code);
    void *owner;
    /* ---- The function's own ---- */
    struct kd_append append;
    struct kd_reply reply; /* of a coordinator */
    struct kd_place *place;
};

void kd_marker_write(struct kd_shard *shard, struct kd_place *place, struct kd_marker *marker);
/* One that is not done: done is not called any more, the struct may go. What was
 * placed is written nevertheless. */
void kd_marker_forget(struct kd_marker *marker);

#endif
