/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CHECKER_H
#define SIM_CHECKER_H
/*
 * What was promised, one row for each promise: a checker counts how often it was
 * broken. Every workload is held to all of them; what a lane or a topic was not
 * promised stands in the history, and there the checker looks.
 *
 * To add one: its function in a file that suits it, declared below, and its row
 * in checker.c. How it says what it saw is its name, "lost 3".
 */
#include "tests/sim/history.h"

struct run;

struct checker {
    const char *name;
    const char *promise;
    /* On the way, every now and then; what is wrong is kept in the run. NULL: nothing. */
    void (*watch)(struct run *run);
    long (*judge)(const struct run *run); /* how often it was broken */
};

enum { CHECKERS_MAX = 32 };

extern const struct checker checkers[];
extern const size_t checkers_count;

/* The row's place; a name that is not there is a failed check. */
size_t checker_at(const char *name);

/* check_records.c: what senders were told, against what is there in the end. */
long check_lost(const struct run *run);
long check_moved(const struct run *run);
long check_duplicated(const struct run *run);
long check_misordered(const struct run *run);
long check_denied(const struct run *run);
long check_untold(const struct run *run);
long check_twice_told(const struct run *run);
long check_late(const struct run *run);
long check_reused(const struct run *run);
/* check_reads.c: what readers saw, against each other and the end. */
long check_gone(const struct run *run);
long check_changed(const struct run *run);
long check_strange(const struct run *run);
long check_gaps(const struct run *run);
long check_skipped(const struct run *run);
long check_reread(const struct run *run);
long check_reappeared(const struct run *run);
/* check_groups.c: what a group's members were told. */
long check_shared(const struct run *run);
long check_stale(const struct run *run);
long check_revoked(const struct run *run);
long check_forgotten(const struct run *run);
/* check_deeds.c: what became of transactions, and of copies made in them. */
long check_torn(const struct run *run);
long check_leaked(const struct run *run);
long check_withheld(const struct run *run);
long check_unlike(const struct run *run);
long check_held(const struct run *run);
long check_uncopied(const struct run *run);
long check_copied_twice(const struct run *run);
long check_copied_astray(const struct run *run);
/* check_memory.c: the heap, against the budgets that were set. */
void watch_memory(struct run *run);
long check_memory(const struct run *run);

#endif
