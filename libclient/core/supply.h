/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_SUPPLY_H
#define KC_SUPPLY_H
/*
 * What a producer may hold: buffer.memory, counted in whole parts (chunks,
 * blocks of notes, batches), so that a record costs no accounting.
 *
 * Parts are taken with no lock held. Whoever is refused either goes away (and
 * `freed` is called once there is room) or queues a claim: claims are granted
 * in order, and nobody overtakes one. The loop takes by force where it must go
 * on (placing records, splitting a batch): the account then falls below zero
 * until what it replaces is given back.
 *
 * Any thread.
 */
#include "base/list.h"
#include "base/lock.h"
#include "libclient/core/send_batch.h"

struct kc_supply {
    atomic_int_fast64_t free_bytes;
    int64_t total_bytes;
    atomic_bool refused;  /* somebody went away with nothing */
    atomic_size_t claims; /* queued */
    /* Memory came back for somebody who was refused, or a claim was granted. */
    void (*freed)(struct kc_supply *supply);
    void *ctx;

    size_t chunk_bytes;
    uint32_t chunk_max; /* chunks of a batch */
    struct kb_pool *chunks, *notes;
    struct kb_lock lock;
    struct kb_list queue;       /* of claims, under the lock */
    struct kc_send_batch *idle; /* batches, under the lock */
};

struct kc_claim {
    struct kb_list link;
    int64_t bytes;
    atomic_bool granted;
};

/* False: no memory. */
bool kc_supply_init(struct kc_supply *supply, int64_t total_bytes, size_t batch_bytes);
void kc_supply_deinit(struct kc_supply *supply);

enum kc_part { KC_PART_BATCH, KC_PART_CHUNK, KC_PART_NOTES };
/* Bytes that a part costs; record_bytes: of the record that it is for. */
int64_t kc_supply_cost(const struct kc_supply *supply, enum kc_part part, size_t record_bytes);

/* Pays now. False: refused, and remembered. */
bool kc_supply_pay(struct kc_supply *supply, int64_t bytes);
void kc_supply_pay_by_force(struct kc_supply *supply, int64_t bytes);
void kc_supply_repay(struct kc_supply *supply, int64_t bytes);

/* Queues; may be granted at once. A claim ends by unclaim in any case: true if
 * it was granted, the bytes are then paid. */
void kc_supply_claim(struct kc_supply *supply, struct kc_claim *claim, int64_t bytes);
bool kc_supply_unclaim(struct kc_supply *supply, struct kc_claim *claim);

/* The parts themselves, paid for. NULL: no memory, and repaid. */
struct kc_send_batch *kc_supply_batch(struct kc_supply *supply);
struct kb_buf *kc_supply_chunk(struct kc_supply *supply, size_t record_bytes);
struct kc_notes *kc_supply_notes(struct kc_supply *supply);

/* Give back and repay. */
void kc_supply_drop_chunk(struct kc_supply *supply, struct kb_buf *chunk);
void kc_supply_drop_notes(struct kc_supply *supply, struct kc_notes *notes);
void kc_supply_drop_payload(struct kc_supply *supply, struct kc_send_batch *batch); /* its chunks */
void kc_supply_release(struct kc_supply *supply,
                       struct kc_send_batch *batch); /* repays, keeps it */
void kc_supply_drop_batch(struct kc_supply *supply, struct kc_send_batch *batch);

#endif
