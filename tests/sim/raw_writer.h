/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RAW_WRITER_H
#define SIM_RAW_WRITER_H
/*
 * A transactional producer in a few lines, one request after another, to hold the
 * broker alone to its promises:
 *
 *     find ── init ──┬─> add ── send ──┬── ... ── end ──┬── idle ──┐
 *                    │    └── modern: send alone        └── bump ──┤
 *                    └─────────────────────────────────────────────┘
 *
 * It commits only what was acknowledged, and ends before it begins anew. While faults go
 * on it says things twice (at once, or when they are no longer true), leaves transactions
 * open until their time is over, or forgets them. Two may go by the same transactional
 * id: each fences the other, and the older one goes on until it is told.
 *
 * Modern ones speak version 2 of `transaction.version`: produce adds the partition, and
 * each end is a new epoch. A classic one has to ask for a new epoch wherever something
 * of the last one may still be on its way, since nobody could tell it from the next.
 */
#include "tests/sim/raw.h"
#include "tests/sim/run.h"

#define RAW_WRITER_TOPIC "deeds"

/* What outlives a death. */
struct raw_writer_plan {
    struct run *run;
    char id[24]; /* transactional.id */
    bool modern;
    bool done; /* nothing more is to be sent, and nothing is open that could be ended */
};

extern const struct program program_raw_writer; /* ctx: its plan */

#endif
