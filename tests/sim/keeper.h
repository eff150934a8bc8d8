/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_KEEPER_H
#define SIM_KEEPER_H
/*
 * Who administers: makes topics, grows them, deletes them and makes them anew, or
 * deletes records, one request after the other. What it asked and what came of it
 * goes into the book; an outcome that it did not hear of is asked for again, also
 * by its next life. In the end every topic is there.
 */
#include "tests/sim/client.h"

enum keeper_task { KEEPER_IDLE, KEEPER_MAKE, KEEPER_GROW, KEEPER_DELETE, KEEPER_TRIM };

/* What outlives a death. */
struct keeper_plan {
    struct run *run;
    const client_topics *topics;
    bool trims; /* deletes records; else grows topics, and deletes them */
    enum keeper_task task;
    int topic; /* that it is about */
    int32_t partition;
    int64_t number; /* of partitions, or the offset */
    bool there[CLIENT_TOPICS];
};

void keeper_plan_init(struct keeper_plan *plan, struct run *run, const client_topics *topics);
/* Nothing is under way, and every topic is there. */
bool keeper_is_done(const struct keeper_plan *plan);

extern const struct program program_keeper; /* ctx: its plan */

#endif
