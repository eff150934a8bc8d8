/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RAW_MEMBER_H
#define SIM_RAW_MEMBER_H
/*
 * A member of a classic group in a few lines, to hold the broker alone to its
 * promises:
 *
 *     OUT ── join ── sync ── IN ── heartbeats, commits ── leave ── OUT
 *                             └── told to join again, or lost ──┘
 *
 * While faults go on it is restless: it leaves and comes back, is silent for
 * longer than its session, says things twice, and commits while its group moves
 * on. Every other one is static. Whoever leads deals the partitions out in turn.
 */
#include "tests/sim/raw.h"
#include "tests/sim/run.h"

enum { RAW_MEMBER_TOPICS = 2, RAW_MEMBER_LOGS = RAW_MEMBER_TOPICS * WORLD_PARTITIONS };
extern const char *const raw_member_topics[RAW_MEMBER_TOPICS];

/* What outlives a death. */
struct raw_member_plan {
    struct run *run;
    char instance[24]; /* empty: dynamic */
    char id[96];       /* of a static one; the broker knows it by its instance */
    bool settled;      /* it is in, and knows what is committed for what it holds */
};

extern const struct program program_raw_member; /* ctx: its plan */

#endif
