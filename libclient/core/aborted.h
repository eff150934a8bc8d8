/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_ABORTED_H
#define KC_ABORTED_H
/*
 * Which batches of an answer to a read_committed Fetch belong to transactions
 * that were aborted (KIP-98). The broker names, for each, its producer and the
 * offset of its first record; it ends with that producer's abort marker, which
 * lies in the log behind it:
 *
 *    named: 7 from 10        [7: 10..12] [9: 13] [7: 14] {abort 7 @15} [7: 16]
 *                              hidden     told    hidden                told
 *
 * Nothing is believed about the list's order, or that its rows do not overlap.
 */
#include "base/slice.h"
#include "wire/batch.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kw_fetch_response_aborted_transaction;

struct kc_aborted_row {
    int64_t producer, first;
    bool over; /* its marker was passed */
};

struct kc_aborted {
    struct kc_aborted_row *rows; /* by producer, then by first; NULL: none */
    size_t count;
};

/* Copies what the broker said. False: no memory, nothing is held. */
bool kc_aborted_init(struct kc_aborted *aborted,
                     const struct kw_fetch_response_aborted_transaction *told, int32_t count);
void kc_aborted_deinit(struct kc_aborted *aborted);

/* Is it a batch of data that must not be handed out? */
bool kc_aborted_hides(const struct kc_aborted *aborted, const struct kw_batch_header *header);
/* A control batch is passed: what it aborts is over. Others, and such that cannot be
 * read, change nothing; doing it again neither. */
void kc_aborted_pass(struct kc_aborted *aborted, const struct kw_batch *control);

#endif
