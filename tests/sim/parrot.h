/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_PARROT_H
#define SIM_PARROT_H
/*
 * Overhears what some processes ask the broker in their transactions, and says a part of it
 * again, over a connection of its own and up to seconds later: what a network does that
 * delays and repeats. While faults go on.
 */
#include "tests/sim/run.h"

struct parrot_plan {
    struct run *run;
    const char *of; /* processes of this name */
    long said;      /* requests, once more */
};

extern const struct program program_parrot; /* ctx: its plan. One at a time */

#endif
