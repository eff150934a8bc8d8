/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulations by hand; `./dev sim` builds and runs it. Ends with one line of
 * totals, and with status 1 if a seed broke a promise.
 */
#include "tests/sim/farm.h"
#include "tests/sim/workload.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char usage[] =
    "usage: sim [--workload NAME] [--from SEED] [--seeds N]   many seeds, on all cores\n"
    "       sim [--workload NAME] --seed N [--trace]          one, and what happens in it\n"
    "options: --faults N (8), --jobs N, --lying (syncs do nothing), --relaxed (no syncs)\n"
    "workloads:\n";

static const struct option rows[] = {
    {"workload", required_argument, NULL, 'w'}, {"from", required_argument, NULL, 'm'},
    {"seeds", required_argument, NULL, 'n'},    {"seed", required_argument, NULL, 's'},
    {"faults", required_argument, NULL, 'f'},   {"jobs", required_argument, NULL, 'j'},
    {"lying", no_argument, NULL, 'l'},          {"relaxed", no_argument, NULL, 'r'},
    {"trace", no_argument, NULL, 't'},          {0}};

struct command {
    struct run_options options; /* workload NULL: all of them */
    long seeds;
    int jobs;
};

static bool take(struct command *command, int option)
{
    struct run_options *o = &command->options;
    switch (option) {
    case 'w':
        o->workload = workload_find(optarg);
        return o->workload != NULL;
    case 's':
        command->seeds = 1;
        o->world.seed = strtoull(optarg, NULL, 0);
        return true;
    case 'm':
        o->world.seed = strtoull(optarg, NULL, 0);
        return true;
    case 'n':
        command->seeds = strtol(optarg, NULL, 0);
        return command->seeds > 0;
    case 'f':
        o->faults = atoi(optarg);
        return o->faults > 0;
    case 'j':
        command->jobs = atoi(optarg);
        return command->jobs > 0 && command->jobs <= FARM_JOBS_MAX;
    case 'l':
        return o->world.lying_disk = true;
    case 'r':
        return o->world.relaxed = true;
    case 't':
        return o->world.trace = true;
    default:
        return false;
    }
}

static bool parse(struct command *command, int argc, char **argv)
{
    int c;
    while ((c = getopt_long(argc, argv, "", rows, NULL)) != -1)
        if (!take(command, c))
            return false;
    return optind == argc;
}

static int complain(void)
{
    fputs(usage, stderr);
    for (size_t i = 0; i < workloads_count; i++)
        fprintf(stderr, "  %-12s %s\n", workloads[i]->name, workloads[i]->what);
    return 2;
}

static void print(const char *name, const struct tally *tally)
{
    char text[1000];
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    double ms = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
                (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
    printf("%s: %ld seeds, %ld of %ld records acknowledged (%ld at least), %s, %.0f ms CPU in "
           "all, digest %016" PRIx64 "; %ld broken\n",
           name, tally->runs, tally->acked, tally->records, tally->least_acked,
           tally_text(tally, text, sizeof text), ms, tally->digest, tally->broken);
    fflush(stdout);
}

/* Several workloads: a line for each, then the one for all. */
static void run_all(struct command *command, struct tally *total)
{
    for (size_t i = 0; i < workloads_count; i++) {
        struct tally tally = {0};
        command->options.workload = workloads[i];
        farm_run(&command->options, command->seeds, command->jobs, &tally);
        print(workloads[i]->name, &tally);
        tally_merge(total, &tally);
    }
}

int main(int argc, char **argv)
{
    struct command command = {
        .seeds = 1000, .jobs = farm_cores(), .options = {.faults = 8, .world.seed = 1}};
    struct tally total = {0};
    if (!parse(&command, argc, argv))
        return complain();
    if (command.options.workload)
        farm_run(&command.options, command.seeds, command.jobs, &total);
    else
        run_all(&command, &total);
    print("sim", &total);
    return total.broken != 0;
}
