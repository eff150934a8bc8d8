/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run.h"

#include "base/check.h"
#include "tests/sim/census.h"
#include "tests/sim/process.h"
#include "tests/sim/workload.h"

#include <inttypes.h>
#include <stdarg.h>

enum { WATCH_MS = 500 };

/* ---- For workloads ------------------------------------------------------ */

bool run_goes_on(const struct run *run)
{
    const struct history *h = &run->history;
    bool enough = h->acked >= RUN_RECORDS_MIN;
    uint64_t most = enough ? RUN_RECORDS_MAX : RUN_RECORDS_MAX * 4; /* many of them fail */
    return h->count < most && !(run->nemesis.over && enough);
}

bool run_is_told(const struct run *run)
{
    return !run_goes_on(run) && run->history.open == 0;
}

void run_tell(struct run *run, uint64_t id, const struct history_telling *telling)
{
    enum { AT_WORK = 100 };
    history_tell(&run->history, id, telling, world_now_ms(&run->world));
    run->nemesis.at_work = run->history.acked >= AT_WORK;
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

static bool is_over(void *ctx)
{
    return ((struct run *)ctx)->nemesis.over;
}

void run_wait_over(struct run *run)
{
    while (!run->nemesis.over && world_wait(&run->world, is_over, run, RUN_LIMIT_MS))
        ;
}

void run_check_time(struct run *run, int64_t began_ms, int64_t limit_ms, const char *what)
{
    enum { A_STEP_MS = 50 };
    int64_t took_ms = world_now_ms(&run->world) - began_ms;
    if (took_ms > limit_ms + A_STEP_MS)
        run_complain(run, "%s took %" PRId64 " ms", what, took_ms);
}

/* ---- One after the other ------------------------------------------------ */

static bool is_serving(void *ctx)
{
    struct run *run = ctx;
    return run->world.serving || run->world.broken.code;
}

static bool is_busy(void *ctx)
{
    struct run *run = ctx;
    return run->history.open || run->history.count >= RUN_RECORDS_MAX;
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
    if (run->world.serving && !run->workload->only_fault)
        start_again(run);
    run->history.started_ahead_ms = run->world.started_ahead_ms;
    world_trace(&run->world, "everything is read");
    run->workload->read(run);
    history_ends(&run->history, world_now_ms(&run->world));
    deeds_judge(&run->deeds, &run->history, &run->found);
    copies_judge(&run->copies, &run->history, &run->deeds, true, &run->copied);
}

static void watch(struct kn_timer *timer)
{
    struct run *run = KB_CONTAINER(timer, struct run, watch);
    for (size_t i = 0; i < checkers_count; i++)
        if (checkers[i].watch)
            checkers[i].watch(run);
    kn_timer_set(run->nemesis.loop, timer, world_now_ms(&run->world) + WATCH_MS);
}

static long count_shortened(const struct history *h)
{
    long shortened = 0;
    for (int topic = 0; topic < h->topic_count; topic++)
        for (int i = 0; i < HISTORY_PARTITIONS; i++)
            shortened += h->topics[topic].logs[i].last.start > 0;
    return shortened;
}

static long count_outdated(const struct history *h)
{
    long outdated = 0;
    for (const struct history_record *record = h->records; record < h->records + h->count; record++)
        outdated +=
            h->topics[record->topic].compacted && record->told == HISTORY_ACKED && !record->found;
    return outdated;
}

static void count(struct run *run)
{
    const struct world *w = &run->world;
    struct census census;
    census_take(w->disk, &census);
    run->counts[RUN_CRASHES] = w->crashes;
    run->counts[RUN_POWER_LOSSES] = w->power_losses;
    run->counts[RUN_UNANSWERED] = run->nemesis.unanswered;
    run->counts[RUN_TORN_WRITES] = (long)kb_fs_mem_torn(w->disk);
    run->counts[RUN_LOST_CONNECTIONS] = (long)kn_sim_lost(w->sim);
    run->counts[RUN_EPOCH_BUMPS] = census.bumps;
    run->counts[RUN_CLOCK_JUMPS] = w->jumps;
    run->counts[RUN_KILLS] = run->nemesis.kills;
    run->counts[RUN_SHORTENED] = count_shortened(&run->history);
    run->counts[RUN_OUTDATED] = count_outdated(&run->history);
    run->counts[RUN_COMMITS] = run->ledger.accepted;
    run->counts[RUN_HANDED] = run->ledger.handed;
    run->counts[RUN_STARVINGS] = w->starvings;
    run->counts[RUN_DEEDS] = run->deeds.commits;
    run->counts[RUN_ABORTS] = run->deeds.aborts;
    run->counts[RUN_FENCED] = run->deeds.fenced;
    run->counts[RUN_TIMEOUTS] = run->deeds.timeouts;
    run->counts[RUN_RELOADS] = w->reloads;
    run->counts[RUN_DISCARDS] = w->discards;
    run->counts[RUN_SLEEPS] = run->nemesis.sleeps;
}

static void judge(struct run *run)
{
    size_t used = 0;
    char *why = run->why;
    if (run->world.broken.code)
        run_complain(run, "broken: %s", run->world.broken.text);
    for (size_t i = 0; i < checkers_count; i++) {
        run->findings[i] = checkers[i].judge(run);
        if (run->findings[i] && used < sizeof run->why)
            used += (size_t)snprintf(why + used, sizeof run->why - used, "%s%s %ld",
                                     used ? ", " : "", checkers[i].name, run->findings[i]);
    }
    if (run->noticed[0] && used < sizeof run->why)
        snprintf(why + used, sizeof run->why - used, "%s%s", used ? "; " : "", run->noticed);
}

bool run_once(struct run *run, const struct run_options *options)
{
    struct world_options world = options->world;
    *run = (struct run){.workload = options->workload};
    world.settings = run->workload->settings;
    world.calm_ms = run->workload->calm_ms;
    world_init(&run->world, &world);
    history_init(&run->history, options->world.seed, &run->world.ahead_ms);
    world_start(&run->world);
    nemesis_start(&run->nemesis, &run->world, options->faults, is_busy, run);
    if (run->workload->only_fault)
        nemesis_restrict(&run->nemesis, run->workload->only_fault);
    if (run->workload->meddles)
        nemesis_meddle(&run->nemesis);
    if (run->workload->drowsy)
        nemesis_lull(&run->nemesis, run->workload->drowsy);
    kn_timer_init(&run->watch, watch);
    watch(&run->watch);
    load(run);
    count(run);
    judge(run);
    run->digest = kn_sim_digest(run->world.sim);
    kn_timer_cancel(run->nemesis.loop, &run->watch);
    nemesis_deinit(&run->nemesis);
    history_deinit(&run->history);
    ledger_deinit(&run->ledger);
    deeds_deinit(&run->deeds);
    copies_deinit(&run->copies);
    world_deinit(&run->world);
    return !run->why[0];
}
