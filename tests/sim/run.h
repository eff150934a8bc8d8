/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RUN_H
#define SIM_RUN_H
/*
 * One simulation from start to judgement:
 *
 *     the broker starts ── the workload sends ── everything is read ── judge
 *                           ^ faults meanwhile
 *
 * A workload (workload.h) says what is done, the checkers (checker.h) whether all
 * went well. What it waits for has an end: a step that does not come to it in
 * RUN_LIMIT_MS of virtual time, faults being over, is stuck.
 */
#include "tests/sim/checker.h"
#include "tests/sim/copies.h"
#include "tests/sim/deeds.h"
#include "tests/sim/history.h"
#include "tests/sim/ledger.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/world.h"

#include <stdio.h>

struct workload;

struct run_options {
    struct world_options world;
    const struct workload *workload;
    int faults;
};

/* What happened, for whoever asks whether anything did. */
enum run_count {
    RUN_CRASHES, /* of the broker, power losses among them */
    RUN_POWER_LOSSES,
    RUN_UNANSWERED, /* crashes while a record had no answer */
    RUN_TORN_WRITES,
    RUN_LOST_CONNECTIONS,
    RUN_RESENDS, /* records that were sent more than once */
    RUN_EPOCH_BUMPS,
    RUN_CLOCK_JUMPS,
    RUN_KILLS,     /* of clients */
    RUN_SHORTENED, /* logs that do not begin at 0 in the end */
    RUN_OUTDATED,  /* records that gave way to newer ones of their key */
    RUN_COMMITS,   /* of groups, accepted */
    RUN_HANDED,    /* times that a member was told what it holds */
    RUN_STARVINGS, /* allocations that failed */
    RUN_DEEDS,     /* transactions committed, as their writers were told */
    RUN_ABORTS,
    RUN_FENCED,   /* writers that were told that they are */
    RUN_TIMEOUTS, /* transactions left open for longer than they may be */
    RUN_RELOADS,  /* coordinators of transactions that took up what others left */
    RUN_DISCARDS, /* coordinators that forgot all while the broker lived on */
    RUN_SLEEPS,   /* processes that were stopped for longer than anybody waits for them */
    RUN_ECHOES,   /* requests of transactions that came again later */
    RUN_COUNTS
};
extern const char *const run_count_names[RUN_COUNTS];

struct run {
    const struct workload *workload;
    void *own; /* the workload's */
    struct world world;
    struct nemesis nemesis;
    struct history history;
    struct ledger ledger;
    struct deeds deeds;
    struct deeds_findings found; /* of the deeds, in the end */
    struct copies copies;
    struct copies_findings copied; /* in the end */
    struct kn_timer watch;
    long findings[CHECKERS_MAX]; /* by checker; all 0: every promise was kept */
    long counts[RUN_COUNTS];
    int64_t memory_budget, memory_base, memory_over; /* bytes; check_memory.c */
    char noticed[200]; /* on the way, beside the history; empty: nothing */
    char why[440];     /* what went wrong; empty: nothing */
    uint64_t digest;
};

/* A connection whose other end lost its power says nothing until a request on it
 * times out: two of the longest timeouts, and some. RECORDS_MIN are acknowledged
 * however soon the faults are over; that is progress. */
enum { RUN_TXN_MS = 1500 }; /* transaction.timeout.ms of whoever has transactions */
enum { RUN_LIMIT_MS = 75 * 1000, RUN_RECORDS_MIN = 1000, RUN_RECORDS_MAX = 4000 };

/* Answers whether every promise was kept; run->why says which was not. */
bool run_once(struct run *run, const struct run_options *options);

/* Of many runs. */
struct tally {
    long runs, broken; /* seeds that broke a promise */
    long records, acked, least_acked;
    long counts[RUN_COUNTS];
    long findings[CHECKERS_MAX];
    uint64_t digest;
};

void tally_add(struct tally *tally, const struct run *run);
void tally_merge(struct tally *tally, const struct tally *more);
/* "40 crashes, 12 torn writes, ..." */
const char *tally_text(const struct tally *tally, char *out, size_t size);
/* Names the seed and what it broke. */
void run_tell_broken(const struct run *run, const struct run_options *options, FILE *out);
/* From options->world.seed on; names on out (NULL: nowhere) the seeds that broke
 * a promise. Adds to the tally. */
void run_many(const struct run_options *options, long runs, FILE *out, struct tally *tally);

/* ---- For workloads ------------------------------------------------------ */

/* There are faults to come, or too little is acknowledged: send more. */
bool run_goes_on(const struct run *run);
/* Nothing more is sent, and every sender that lives was told. */
bool run_is_told(const struct run *run);
void run_tell(struct run *run, uint64_t id, const struct history_telling *telling);
/* Something went wrong that the history cannot tell. */
void run_complain(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* world_wait with the limit; says what was waited for if it does not come. */
bool run_wait(struct run *run, bool (*cond)(void *ctx), void *ctx, const char *what);
/* Until the last fault is over. */
void run_wait_over(struct run *run);
/* A call that began then and was given limit_ms has come back: in time? */
void run_check_time(struct run *run, int64_t began_ms, int64_t limit_ms, const char *what);

#endif
