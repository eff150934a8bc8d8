/* SPDX-License-Identifier: Apache-2.0 */
/* Many runs, counted together. */
#include "tests/sim/run.h"
#include "tests/sim/workload.h"

#include "base/check.h"

#include <inttypes.h>

const char *const run_count_names[RUN_COUNTS] = {
    [RUN_CRASHES] = "crashes",
    [RUN_POWER_LOSSES] = "power losses",
    [RUN_UNANSWERED] = "crashes with records unanswered",
    [RUN_TORN_WRITES] = "torn writes",
    [RUN_LOST_CONNECTIONS] = "lost connections",
    [RUN_RESENDS] = "resends",
    [RUN_EPOCH_BUMPS] = "epoch bumps",
    [RUN_CLOCK_JUMPS] = "clock jumps",
    [RUN_KILLS] = "client kills",
    [RUN_SHORTENED] = "shortened logs",
    [RUN_OUTDATED] = "outdated records",
    [RUN_COMMITS] = "commits",
    [RUN_HANDED] = "assignments",
    [RUN_STARVINGS] = "failed allocations",
    [RUN_DEEDS] = "transactions",
    [RUN_ABORTS] = "aborts",
    [RUN_FENCED] = "fenced writers",
    [RUN_TIMEOUTS] = "late ends",
    [RUN_RELOADS] = "reloads",
    [RUN_DISCARDS] = "discarded coordinators",
    [RUN_SLEEPS] = "sleeps",
    [RUN_ECHOES] = "requests that came again",
};

void tally_merge(struct tally *tally, const struct tally *more)
{
    if (!tally->runs || (more->runs && more->least_acked < tally->least_acked))
        tally->least_acked = more->least_acked;
    tally->runs += more->runs;
    tally->broken += more->broken;
    tally->records += more->records;
    tally->acked += more->acked;
    for (size_t i = 0; i < RUN_COUNTS; i++)
        tally->counts[i] += more->counts[i];
    for (size_t i = 0; i < checkers_count; i++)
        tally->findings[i] += more->findings[i];
    tally->digest += more->digest; /* in any order */
}

void tally_add(struct tally *tally, const struct run *run)
{
    struct tally one = {.runs = 1,
                        .broken = run->why[0] != 0,
                        .records = (long)run->history.count,
                        .acked = run->history.acked,
                        .least_acked = run->history.acked,
                        .digest = run->digest};
    memcpy(one.counts, run->counts, sizeof one.counts);
    memcpy(one.findings, run->findings, sizeof one.findings);
    tally_merge(tally, &one);
}

const char *tally_text(const struct tally *tally, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < RUN_COUNTS && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%ld %s", used ? ", " : "",
                                 tally->counts[i], run_count_names[i]);
    return out;
}

void run_tell_broken(const struct run *run, const struct run_options *options, FILE *out)
{
    fprintf(out, "# %s, seed %" PRIu64 ", %d faults: %s\n", options->workload->name,
            options->world.seed, options->faults, run->why);
    fflush(out);
}

void run_many(const struct run_options *options, long runs, FILE *out, struct tally *tally)
{
    struct run_options each = *options;
    for (long i = 0; i < runs; i++, each.world.seed++) {
        struct run run;
        if (!run_once(&run, &each) && out)
            run_tell_broken(&run, &each, out);
        tally_add(tally, &run);
    }
}
