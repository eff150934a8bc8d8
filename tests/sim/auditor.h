/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_AUDITOR_H
#define SIM_AUDITOR_H
/*
 * Asks the broker again and again what a group has committed, and holds it to what it
 * said before: the members only go on, so their offsets must not go back. It belongs to
 * no group itself.
 */
#include "tests/sim/client.h"

struct auditor_plan {
    struct run *run;
    const char *group;
    const client_topics *topics;
    int64_t echo_ms; /* for so long a commit may be on its way */
};

extern const struct program program_auditor; /* ctx: its plan */

#endif
