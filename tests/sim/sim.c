/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulations by hand:
 *
 *     tests/sim/sim [--workload NAME] [--seed N] [--runs N] [--faults N]
 *                   [--lying] [--relaxed] [--trace]
 *
 * Runs N seeds from the first on; ends with status 1 if one broke a promise.
 */
#include "tests/sim/run.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct option rows[] = {
    {"workload", required_argument, NULL, 'w'}, {"seed", required_argument, NULL, 's'},
    {"runs", required_argument, NULL, 'n'},     {"faults", required_argument, NULL, 'f'},
    {"lying", no_argument, NULL, 'l'},          {"relaxed", no_argument, NULL, 'r'},
    {"trace", no_argument, NULL, 't'},          {0}};

struct command {
    struct run_options options;
    long runs;
};

static bool parse(struct command *command, int argc, char **argv)
{
    int c;
    while ((c = getopt_long(argc, argv, "", rows, NULL)) != -1) {
        struct run_options *o = &command->options;
        switch (c) {
        case 'w':
            o->workload = optarg;
            break;
        case 's':
            o->world.seed = strtoull(optarg, NULL, 0);
            break;
        case 'n':
            command->runs = strtol(optarg, NULL, 0);
            break;
        case 'f':
            o->faults = atoi(optarg);
            break;
        case 'l':
            o->world.lying_disk = true;
            break;
        case 'r':
            o->world.relaxed = true;
            break;
        case 't':
            o->world.trace = true;
            break;
        default:
            return false;
        }
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct command command = {.runs = 1,
                              .options = {.workload = "raw", .faults = 8, .world.seed = 1}};
    struct tally t = {0};
    if (!parse(&command, argc, argv)) {
        fprintf(stderr, "usage: see the head of tests/sim/sim.c\n");
        return 2;
    }
    run_many(&command.options, command.runs, stdout, &t);
    printf("%ld runs, %ld crashes (%ld power losses, %ld with records unanswered), %ld of %ld "
           "records acknowledged, %ld lost, %ld runs broke a promise\n",
           t.runs, t.crashes, t.power_losses, t.unanswered, t.acked, t.records, t.lost, t.broken);
    return t.broken != 0;
}
