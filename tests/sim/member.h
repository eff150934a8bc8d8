/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MEMBER_H
#define SIM_MEMBER_H
/*
 * A member of a group that reads along: it holds what it was handed for a while,
 * finishes it in no order, commits by itself or has it done, leaves and comes back,
 * and is slow now and then. A record counts as read once it is finished by somebody
 * whose it still was. What it holds goes into the run's ledger.
 */
#include "tests/sim/client.h"

#define MEMBER_GROUP "readers"

/* What outlives a death. */
struct member_plan {
    struct run *run;
    const client_topics *topics;
    const char *protocol;   /* group.protocol; NULL: each life has its own */
    const char *strategy;   /* partition.assignment.strategy; NULL: the default */
    const char *instance;   /* NULL: dynamic */
    bool graceful;          /* never slower than its group bears */
    int64_t pause_until_ms; /* it is out of the group until then */
};

extern const struct program program_member; /* ctx: its plan */

/* Every record that was acknowledged was read by somebody. */
bool member_all_read(struct run *run);

#endif
