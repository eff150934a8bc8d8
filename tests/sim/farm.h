/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_FARM_H
#define SIM_FARM_H
/*
 * Many seeds on many cores: a process each, so that one that crashes or never
 * ends is named too, and the others go on.
 */
#include "tests/sim/run.h"

enum { FARM_JOBS_MAX = 64, FARM_SEED_SECONDS = 120 };

/* `seeds` of them from options->world.seed on; what broke is named on stdout.
 * Adds to the tally. */
void farm_run(const struct run_options *options, long seeds, int jobs, struct tally *tally);
int farm_cores(void);

#endif
