/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_SLOT_H
#define KC_SLOT_H
/*
 * Where senders and the loop meet: the open batch of one partition.
 *
 *   senders ── append, under the lock ──> open batch
 *                                           │ full, or seal_wanted
 *   loop <── pop ── sealed, in order <──────┘
 *
 * Any number of threads append. The loop never waits for them: it only tries
 * the lock, and where that is refused it leaves a request (seal_wanted) that
 * the holder honours after unlocking. A large record is copied outside the
 * lock, into a chunk reserved under it; its batch is sealed once it is there.
 * Memory is got with no lock held: append answers what it lacks, the sender
 * comes again with it in hand.
 *
 * A topic has one slot per partition, and one more for records sent before its
 * partitions were known (unplaced). The loop places those in order; when none
 * is left it closes that slot and publishes the table of partitions under its
 * lock, so that whoever finds it closed finds the table. Slots live as long as
 * their topic; closed ones stay closed.
 */
#include "base/lock.h"
#include "libclient/core/bell.h"
#include "libclient/core/send_batch.h"

struct kc_send_slot;

/* Shared by all slots of a producer. */
struct kc_slot_rules {
    size_t batch_bytes; /* batch.size, header included: what slots begin with */
    size_t chunk_bytes; /* a record that does not fit one gets a chunk of its own */
    /* Seals: checksum, compression. Runs on a sender's thread, no lock held. */
    void (*seal)(struct kc_slot_rules *rules, struct kc_send_batch *batch);
    struct kc_bell bell;
};

struct kc_send_slot {
    struct kb_lock lock;
    /* under the lock */
    bool open;
    struct kc_send_batch *batch; /* NULL: none is open */
    /* written under the lock, read anywhere */
    atomic_uint_fast64_t number;   /* of the batch opened last */
    atomic_int_fast64_t opened_ms; /* when */
    atomic_uint_fast64_t accepted; /* records */
    atomic_uint_fast64_t bytes;    /* of all records accepted, as they stand in batches */
    /* written by the loop */
    atomic_size_t batch_bytes;        /* less than batch.size where the broker took no such batch */
    atomic_uint_fast64_t seal_wanted; /* batches up to that number */

    _Atomic(struct kc_send_batch *) sealed; /* newest first */
    struct kc_rung rung;
    struct kc_slot_rules *rules;
    void *home;
    uint32_t words; /* noted per record: the opaque; unplaced, its target too */

    /* the loop's */
    struct kc_send_batch *queue, *queue_last;
};

void kc_slot_init(struct kc_send_slot *slot, struct kc_slot_rules *rules, void *home);
/* Frees what is still in it. Nobody appends any more. */
void kc_slot_deinit(struct kc_send_slot *slot);

/* ---- Senders: any thread ------------------------------------------------- */

/* Parts that an append may use up: what is not NULL afterwards is still the
 * sender's. A chunk for a large record must hold max_bytes and the header. */
struct kc_hand {
    struct kc_send_batch *batch;
    struct kb_buf *chunk;
    struct kc_notes *notes;
    int64_t now_ms; /* mono: when `batch` was got */
    bool filled;    /* out: there was a batch, but it was full */
};

enum kc_append {
    KC_APPENDED,
    KC_APPEND_CLOSED, /* look the table up again */
    KC_APPEND_LACKS_BATCH,
    KC_APPEND_LACKS_CHUNK,
    KC_APPEND_LACKS_NOTES,
};

enum kc_append kc_slot_append(struct kc_send_slot *slot, struct kc_entry *entry,
                              struct kc_hand *hand);

/* ---- The loop ------------------------------------------------------------ */

/* Seals the open batch if its number is at most `upto`. What it answers is to
 * be sealed by the caller, then kc_slot_ready; NULL: there is none, or somebody
 * is writing and will see to it, and ring. */
struct kc_send_batch *kc_slot_seal(struct kc_send_slot *slot, uint64_t upto);
void kc_slot_ready(struct kc_send_batch *batch);
/* The oldest batch, once it is sealed; NULL: not now. */
struct kc_send_batch *kc_slot_peek(struct kc_send_slot *slot);
struct kc_send_batch *kc_slot_pop(struct kc_send_slot *slot);
/* Closes an empty slot, and calls publish under its lock. False: there is
 * something in it, or somebody writes: *unsealed as kc_slot_seal answers it;
 * come again when it rings. */
bool kc_slot_close(struct kc_send_slot *slot, void (*publish)(void *ctx), void *ctx,
                   struct kc_send_batch **unsealed);

#endif
