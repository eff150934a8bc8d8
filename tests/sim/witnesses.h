/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WITNESSES_H
#define SIM_WITNESSES_H
/*
 * Two readers of one topic in which transactions write: one of everything, one of what is
 * committed. What they see goes into the books: of records, and of transactions.
 */
#include "tests/sim/raw_reader.h"

struct witnesses {
    struct raw_reader all, committed;
};

/* along: while others write; else it is the last reading. */
void witnesses_open(struct witnesses *witnesses, struct run *run, struct process *process,
                    const char *topic, bool along);
/* Both have read all there is, and no transaction holds back anything. */
bool witnesses_are_at_end(const struct witnesses *witnesses);
void witnesses_look_again(struct witnesses *witnesses); /* as of now */
void witnesses_close(struct witnesses *witnesses);

#endif
