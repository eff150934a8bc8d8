/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_ATTACHMENT_H
#define KC_ATTACHMENT_H
/*
 * A consumer whose finished positions are committed by a producer's transactions
 * alone (kurier_txn_attach):
 *
 *   kurier_txn_end ── account ──> whole: positions ──> into the transaction ── commit ──> settle
 *                          └────> torn, lost ─────────────────────────────── abort ───> rewind
 *
 * Where a transaction begins each partition's tickets know (finished.h): where it was
 * assigned or sought, or where the last one was committed. A partition that is to be
 * given up while one is open waits for settle or rewind (rebalance.c).
 *
 * Made by attach, freed with the producer; the consumer may go first.
 */
#include "libclient/drive/consumer.h"

struct kurier_producer;

enum kc_attachment_step { KC_END_ACCOUNT, KC_END_OFFSETS, KC_END_COMMIT, KC_END_ABORT };

struct kc_attachment {
    struct kurier_consumer *consumer; /* NULL: freed */
    enum kc_attachment_step step;     /* that kurier_txn_end goes on with */
    bool ending;                      /* ... is inside, and calls what is refused to others */
    struct kb_error why;              /* it aborts */

    /* what the transaction commits, and under what it was finished */
    kurier_position *positions;
    unsigned long long *begun;
    size_t count;

    struct kb_error lost; /* the loop's: a partition went in the midst; code 0: none */
};

/* All on the consumer's loop. 0, or why this transaction must be aborted. KB_E_NO_MEMORY:
 * try again. */
int kc_attachment_account(struct kc_attachment *attachment, struct kb_error *why);
/* The positions are committed. */
void kc_attachment_settle(struct kc_attachment *attachment);
/* Back to where it began; what is in hand finishes nothing any more. */
void kc_attachment_rewind(struct kc_attachment *attachment);
/* The consumer gives that partition up, whatever the transaction does. */
void kc_attachment_dropped(struct kurier_consumer *consumer, struct kc_share *share);

/* Any thread. Who is attached to ends transactions by kurier_txn_end alone. */
int kc_attachment_refuses(const struct kurier_producer *producer, struct kb_error *err);
/* The producer is freed. */
void kc_attachment_free(struct kurier_producer *producer);

#endif
