/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RUN_H
#define SIM_RUN_H
/*
 * One simulation from start to judgement:
 *
 *     the broker starts ── the workload sends ── everything is read ── judge
 *                           ^ faults meanwhile
 *
 * A workload is one file and one row in run.c; it speaks to the broker as it
 * likes and keeps the history. What it waits for has an end: a step that does
 * not come to it in RUN_LIMIT_MS of virtual time, faults being over, is stuck.
 */
#include "tests/sim/history.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/world.h"

#include <stdio.h>

struct run;

struct workload {
    const char *name;
    /* Sends until run_goes_on is false and all it sent is answered. */
    void (*send)(struct run *run);
    /* Tells history_find of every record there is, partition by partition in
     * order. */
    void (*read)(struct run *run);
};

struct run_options {
    struct world_options world;
    const char *workload;
    int faults;
};

struct run {
    const struct workload *workload;
    struct world world;
    struct nemesis nemesis;
    struct history history;
    struct findings findings;
    uint64_t told;     /* records whose sender was told: the rest is unanswered */
    char noticed[200]; /* on the way, beside the history; empty: nothing */
    char why[440];     /* what went wrong; empty: nothing */
    uint64_t digest;
};

/* A connection whose other end lost its power says nothing until a request on it
 * times out: two of the longest timeouts, and some. */
enum { RUN_LIMIT_MS = 75 * 1000, RUN_RECORDS_MAX = 4000 };

/* Answers whether every promise was kept; run->why says which was not. */
bool run_once(struct run *run, const struct run_options *options);

/* Of many runs. */
struct tally {
    long runs, broken;                      /* seeds that broke a promise */
    long crashes, power_losses, unanswered; /* crashes while records had no answer */
    long records, acked, lost;
    uint64_t digest;
};

/* From options->world.seed on; names on out (NULL: nowhere) the seeds that broke
 * a promise. Adds to the tally. */
void run_many(const struct run_options *options, long runs, FILE *out, struct tally *tally);

/* ---- For workloads ------------------------------------------------------ */

/* There are faults to come: send more. */
bool run_goes_on(const struct run *run);
void run_tell(struct run *run, uint64_t id, enum history_told told, int64_t offset);
/* Something went wrong that the history cannot tell. */
void run_complain(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* world_wait with the limit; says what was waited for if it does not come. */
bool run_wait(struct run *run, bool (*cond)(void *ctx), void *ctx, const char *what);

extern const struct workload workload_raw, workload_client;

#endif
