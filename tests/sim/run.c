/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdarg.h>

static const struct workload *const workloads[] = {&workload_raw, &workload_client};

static const struct workload *find(const char *name)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(workloads); i++)
        if (!strcmp(workloads[i]->name, name))
            return workloads[i];
    return NULL;
}

/* ---- For workloads ------------------------------------------------------ */

bool run_goes_on(const struct run *run)
{
    return !run->nemesis.over && run->history.count < RUN_RECORDS_MAX;
}

void run_tell(struct run *run, uint64_t id, enum history_told told, int64_t offset)
{
    history_tell(&run->history, id, told, offset, world_now_ms(&run->world));
    run->told++;
}

void run_complain(struct run *run, const char *format, ...)
{
    char text[sizeof run->noticed];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    world_trace(&run->world, "! %s", text);
    if (!run->noticed[0])
        memcpy(run->noticed, text, sizeof text);
}

bool run_wait(struct run *run, bool (*cond)(void *), void *ctx, const char *what)
{
    bool done = world_wait(&run->world, cond, ctx, RUN_LIMIT_MS);
    if (!done)
        run_complain(run, "stuck: %s", what);
    return done;
}

/* ---- One after the other ------------------------------------------------ */

static bool is_serving(void *ctx)
{
    struct run *run = ctx;
    return run->world.serving || run->world.broken.code;
}

static bool is_over(void *ctx)
{
    return ((struct run *)ctx)->nemesis.over;
}

static bool is_busy(void *ctx)
{
    struct run *run = ctx;
    return run->told < run->history.count || run->history.count == RUN_RECORDS_MAX;
}

/* A last crash, a clean stop, or neither, before everything is read. */
static void start_again(struct run *run)
{
    struct world *w = &run->world;
    int64_t choice = world_between(w, 0, 2);
    if (choice == 0)
        return;
    if (choice == 1)
        world_crash(w, KB_CRASH_POWER);
    if (choice == 2 && !world_stop(w)) {
        run_complain(run, "stuck: the broker does not stop");
        world_crash(w, KB_CRASH_PROCESS);
    }
    world_start(w);
    run_wait(run, is_serving, run, "the broker does not start");
}

/* What got stuck is read all the same: it may tell why. */
static void load(struct run *run)
{
    run_wait(run, is_serving, run, "the broker does not start");
    run->workload->send(run);
    run_wait(run, is_over, run, "the faults do not end");
    run_wait(run, is_serving, run, "the broker does not start");
    if (run->world.serving)
        start_again(run);
    run->workload->read(run);
}

static void judge(struct run *run)
{
    char found[200];
    history_judge(&run->history, &run->findings);
    if (run->world.broken.code)
        run_complain(run, "broken: %s", run->world.broken.text);
    findings_text(&run->findings, found, sizeof found);
    if (found[0] || run->noticed[0])
        snprintf(run->why, sizeof run->why, "%s. %s", found, run->noticed);
}

bool run_once(struct run *run, const struct run_options *options)
{
    *run = (struct run){.workload = find(options->workload)};
    KB_CHECK(run->workload);
    world_init(&run->world, &options->world);
    history_init(&run->history, options->world.seed);
    world_start(&run->world);
    nemesis_start(&run->nemesis, &run->world, options->faults, is_busy, run);
    load(run);
    judge(run);
    run->digest = kn_sim_digest(run->world.sim);
    nemesis_deinit(&run->nemesis);
    history_deinit(&run->history);
    world_deinit(&run->world);
    return !run->why[0];
}

static void add(struct tally *tally, const struct run *run)
{
    tally->runs++;
    tally->broken += run->why[0] != 0;
    tally->crashes += run->world.crashes;
    tally->power_losses += run->world.power_losses;
    tally->unanswered += run->nemesis.unanswered;
    tally->records += (long)run->history.count;
    tally->acked += run->history.acked;
    tally->lost += run->findings.lost;
    tally->digest = tally->digest * 31 + run->digest;
}

void run_many(const struct run_options *options, long runs, FILE *out, struct tally *tally)
{
    struct run_options each = *options;
    for (long i = 0; i < runs; i++, each.world.seed++) {
        struct run run;
        if (!run_once(&run, &each) && out)
            fprintf(out, "# %s, seed %" PRIu64 ", %d faults: %s\n", each.workload, each.world.seed,
                    each.faults, run.why);
        add(tally, &run);
    }
}
