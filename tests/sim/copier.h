/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_COPIER_H
#define SIM_COPIER_H
/*
 * Consume, transform, produce, by the library's own helper: a member of a group copies what
 * it reads, and commits copies and positions together:
 *
 *     rest ── begin ── copy, copy ... ── end ──┬──> begin
 *      ^                                       │
 *      └── leave <──────── fenced ─────────────┘
 *
 * While faults go on it is too slow now and then, gives batches back, ends with one in hand,
 * and is killed. Several may go by one transactional id: each fences the other, and goes on
 * until it is told.
 */
#include "tests/sim/producer.h"

#define COPIER_GROUP "copiers"

/* What outlives a death. */
struct copier_plan {
    struct run *run;
    const client_topics *from, *to; /* one each */
    const char *protocol;           /* group.protocol */
    char id[24];                    /* transactional.id */
    bool spare;                     /* others have that id: of those that are fenced it gives way */
    bool alone;                     /* nobody else has it */
    int lives;
};

extern const struct program program_copier; /* ctx: its plan */

#endif
