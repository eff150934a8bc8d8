/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/nemesis.h"

#include "base/check.h"
#include "tests/sim/process.h"

#include <string.h>

struct fault {
    const char *name;
    unsigned weight;
    int64_t max_ms; /* how long it lasts at most */
    void (*begin)(struct nemesis *n);
    void (*end)(struct nemesis *n);
};

/* ---- Crashes ------------------------------------------------------------ */

/* Between two events, in the middle of whatever is being written, or when all of it
 * is written and nothing synced. */
static void crash(struct world *w, enum kb_crash how)
{
    int64_t choice = world_between(w, 0, 2);
    if (choice == 0)
        world_crash(w, how);
    else if (choice == 1)
        world_crash_at(w, how, (uint64_t)world_between(w, 0, 60));
    else
        world_crash_at_sync(w, how, world_between(w, 0, 5));
}

static void lose_power(struct nemesis *n)
{
    crash(n->world, KB_CRASH_POWER);
}

static void kill_broker(struct nemesis *n)
{
    crash(n->world, KB_CRASH_PROCESS);
}

static void restart(struct nemesis *n)
{
    world_crash(n->world, n->world->crash_how); /* the operation that it waits for did not come */
    world_start(n->world);
}

static void stop_cleanly(struct nemesis *n)
{
    world_ask_stop(n->world);
}

/* Whoever waits for it has only so much patience. */
static void start_after_stop(struct nemesis *n)
{
    if (!world_has_stopped(n->world))
        world_crash(n->world, KB_CRASH_PROCESS);
    world_start(n->world);
}

/* ---- Clients ------------------------------------------------------------ */

static void kill_client(struct nemesis *n)
{
    if (!n->victim || !n->victim->program || !n->victim->program->mortal)
        return;
    process_kill(n->victim,
                 world_between(n->world, 0, 1) ? KN_SIM_KILL_POWER : KN_SIM_KILL_PROCESS);
    n->kills++;
}

static void start_client(struct nemesis *n)
{
    if (n->victim)
        process_restart(n->victim);
}

/* ---- The network -------------------------------------------------------- */

static void reset(struct nemesis *n)
{
    kn_sim_reset(n->world->sim, n->victim_node, "broker");
}

static void nothing(struct nemesis *n)
{
    (void)n;
}

static void cut_requests(struct nemesis *n)
{
    kn_sim_cut(n->world->sim, n->victim_node, "broker");
}

static void heal_requests(struct nemesis *n)
{
    kn_sim_heal(n->world->sim, n->victim_node, "broker");
}

static void cut_answers(struct nemesis *n)
{
    kn_sim_cut(n->world->sim, "broker", n->victim_node);
}

static void heal_answers(struct nemesis *n)
{
    kn_sim_heal(n->world->sim, "broker", n->victim_node);
}

/* What was under way arrives nowhere. */
static void cut_and_reset(struct nemesis *n)
{
    cut_answers(n);
    cut_requests(n);
    reset(n);
}

static void heal(struct nemesis *n)
{
    heal_answers(n);
    heal_requests(n);
}

/* ---- The machine -------------------------------------------------------- */

static void fail_sync(struct nemesis *n)
{
    world_fail_at(n->world, KB_FS_SYNC, world_between(n->world, 0, 10));
}

static void fail_write(struct nemesis *n)
{
    world_fail_at(n->world, KB_FS_WRITE, world_between(n->world, 0, 10));
}

static void fail_read(struct nemesis *n)
{
    world_fail_at(n->world, KB_FS_READ, world_between(n->world, 0, 10));
}

/* A process that its disk failed is started anew, sometimes on a machine that is. */
static void replace(struct nemesis *n)
{
    world_crash(n->world, world_between(n->world, 0, 1) ? KB_CRASH_POWER : KB_CRASH_PROCESS);
    world_start(n->world);
}

/* A broker that serves waits for room; one that starts may give up. */
static void fill_disk(struct nemesis *n)
{
    world_limit_disk(n->world, world_between(n->world, 0, 100000));
    n->world->failing = !n->world->serving;
}

static void free_disk(struct nemesis *n)
{
    world_limit_disk(n->world, KB_FOREVER);
    if (n->world->start_failed)
        replace(n);
    n->world->failing = false;
}

static void stop_broker(struct nemesis *n)
{
    kn_sim_stop(n->world->sim, "broker");
}

static void continue_broker(struct nemesis *n)
{
    kn_sim_cont(n->world->sim, "broker");
}

static void stop_client(struct nemesis *n)
{
    if (n->victim_node)
        kn_sim_stop(n->world->sim, n->victim_node);
}

static void continue_client(struct nemesis *n)
{
    if (n->victim_node)
        kn_sim_cont(n->world->sim, n->victim_node);
}

/* Its allocations fail one by one, or mostly; nothing is lost by that, and all of it
 * heals. */
static void starve(struct nemesis *n)
{
    int64_t one_in = (int64_t)1 << world_between(n->world, 1, 10);
    bool broker = n->at_work && world_between(n->world, 0, 1);
    if (!broker && !n->victim)
        return;
    world_starve(n->world, broker ? "broker" : n->victim->node, one_in);
    n->world->failing = !n->world->serving; /* a start may give up */
    world_trace(n->world, "one in %d allocations of %s fails", (int)one_in, n->world->starved);
}

static void feed(struct nemesis *n)
{
    world_starve(n->world, NULL, 0);
    free_disk(n);
}

/* As of a machine that wakes with a wrong clock, and is set right. */
static void jump(struct nemesis *n)
{
    enum { HOUR_MS = 3600 * 1000 };
    int64_t choice = world_between(n->world, 0, 3);
    int64_t ms = choice == 0   ? HOUR_MS
                 : choice == 1 ? -HOUR_MS
                               : world_between(n->world, -HOUR_MS, HOUR_MS);
    world_jump(n->world, ms);
}

static const struct fault faults[] = {
    {"power loss", 10, 400, lose_power, restart},
    {"kill -9", 4, 400, kill_broker, restart},
    {"outage", 1, 10000, kill_broker, restart},
    {"clean stop", 2, 2000, stop_cleanly, start_after_stop},
    {"client killed", 4, 1000, kill_client, start_client},
    {"reset", 3, 0, reset, nothing},
    {"black hole for requests", 2, 3000, cut_requests, heal_requests},
    {"black hole for answers", 2, 3000, cut_answers, heal_answers},
    {"cut", 2, 3000, cut_and_reset, heal},
    {"broker stopped", 2, 3000, stop_broker, continue_broker},
    {"client stopped", 1, 1000, stop_client, continue_client},
    {"failed sync", 2, 400, fail_sync, replace},
    {"failed write", 2, 400, fail_write, replace},
    {"failed read", 1, 400, fail_read, replace},
    {"disk full", 2, 2000, fill_disk, free_disk},
    {"wall clock jumps", 2, 0, jump, nothing},
    {"short of memory", 0, 400, starve, feed},
};

int64_t nemesis_quiet_ms(const struct nemesis *n)
{
    return n->quiet_ms + (n->current ? 0 : world_now_ms(n->world) - n->since_ms);
}

/* ---- One after another -------------------------------------------------- */

static const struct fault *choose(struct world *w)
{
    int64_t total = 0, at;
    for (size_t i = 0; i < KB_ARRAY_SIZE(faults); i++)
        total += faults[i].weight;
    at = world_between(w, 0, total - 1);
    const struct fault *fault = faults;
    while (at >= fault->weight)
        at -= fault++->weight;
    return fault;
}

/* One of those who use the broker; for a wire all of them, one time in four. */
static void choose_victim(struct nemesis *n)
{
    int64_t count = 0;
    n->victim = NULL;
    n->victim_node = NULL;
    KB_LIST_EACH(it, &n->world->processes)
        if (world_between(n->world, 0, count++) == 0)
            n->victim = KB_CONTAINER(it, struct process, link);
    if (n->victim && world_between(n->world, 0, 3))
        n->victim_node = n->victim->node;
}

static void sleep_for(struct nemesis *n, int64_t max_ms)
{
    int64_t ms = world_between(n->world, 0, max_ms);
    kn_timer_set(n->loop, &n->timer, world_now_ms(n->world) + ms);
}

static void begin(struct nemesis *n)
{
    enum { LOOK_AGAIN_MS = 2 };
    const struct fault *fault = n->only ? n->only : choose(n->world);
    bool crashes = fault->end == restart || fault->end == replace, busy = n->busy(n->ctx);
    if (crashes && !busy) {
        sleep_for(n, LOOK_AGAIN_MS);
        return;
    }
    world_trace(n->world, "* %s", fault->name);
    n->quiet_ms = nemesis_quiet_ms(n);
    n->unanswered += crashes;
    n->left--;
    n->current = fault;
    choose_victim(n);
    fault->begin(n);
    sleep_for(n, fault->max_ms);
}

static void look_over(struct nemesis *n)
{
    n->over = n->left == 0 && !n->current && !n->sleeper[0];
}

static void end(struct nemesis *n)
{
    int64_t calm_ms = n->world->options.calm_ms ? n->world->options.calm_ms : 250;
    world_trace(n->world, "* %s is over", n->current->name);
    n->current->end(n);
    n->current = NULL;
    n->since_ms = world_now_ms(n->world);
    n->victim = NULL;
    look_over(n);
    if (n->left)
        sleep_for(n, calm_ms);
}

static void on_timer(struct kn_timer *timer)
{
    struct nemesis *n = KB_CONTAINER(timer, struct nemesis, timer);
    if (n->current)
        end(n);
    else
        begin(n);
}

void nemesis_start(struct nemesis *n, struct world *w, int count, bool (*busy)(void *), void *ctx)
{
    *n = (struct nemesis){
        .world = w, .left = count, .busy = busy, .ctx = ctx, .since_ms = world_now_ms(w)};
    kb_random_seed(&n->whim, ~w->options.seed);
    n->env = kn_sim_env(w->sim, "nemesis");
    n->loop = kn_loop_new(n->env);
    KB_CHECK(n->loop);
    kn_timer_init(&n->timer, on_timer);
    sleep_for(n, 100);
}

void nemesis_restrict(struct nemesis *n, const char *name)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(faults); i++)
        if (!strcmp(faults[i].name, name))
            n->only = &faults[i];
    KB_CHECK(n->only);
}

/* ---- Beside them -------------------------------------------------------- */

static int64_t whim(struct nemesis *n, int64_t min, int64_t max)
{
    return min + (int64_t)kb_random_below(&n->whim, (uint64_t)(max - min) + 1);
}

/* By themselves, or since what they decided could not be written. */
static void meddle(struct kn_timer *timer)
{
    static const char *const topics[] = {"__consumer_offsets", "__transaction_state"};
    enum { PARTITIONS = 2, CALM_MIN_MS = 50, CALM_MAX_MS = 900 };
    struct nemesis *n = KB_CONTAINER(timer, struct nemesis, meddling);
    const char *topic = topics[whim(n, 0, KB_ARRAY_SIZE(topics) - 1)];
    world_spoil(n->world, NULL);
    if (n->over)
        return;
    if (whim(n, 0, 1))
        world_discard(n->world, topic, (int32_t)whim(n, 0, PARTITIONS - 1));
    else
        world_spoil(n->world, topic);
    kn_timer_set(n->loop, timer, world_now_ms(n->world) + whim(n, CALM_MIN_MS, CALM_MAX_MS));
}

void nemesis_meddle(struct nemesis *n)
{
    kn_timer_init(&n->meddling, meddle);
    kn_timer_set(n->loop, &n->meddling, world_now_ms(n->world) + 1);
}

static void wake(struct nemesis *n)
{
    world_trace(n->world, "%s wakes", n->sleeper);
    kn_sim_cont(n->world->sim, n->sleeper);
    n->sleeper[0] = 0;
    look_over(n);
}

static void put_to_sleep(struct nemesis *n)
{
    const struct process *chosen = NULL;
    int64_t count = 0;
    KB_LIST_EACH(it, &n->world->processes) {
        const struct process *p = KB_CONTAINER(it, struct process, link);
        bool drowsy = p->program && !strcmp(p->program->name, n->drowsy) && process_is_alive(p);
        if (drowsy && whim(n, 0, count++) == 0)
            chosen = p;
    }
    if (!chosen)
        return;
    world_trace(n->world, "%s falls asleep", chosen->node);
    memcpy(n->sleeper, chosen->node, sizeof n->sleeper);
    kn_sim_stop(n->world->sim, n->sleeper);
    n->sleeps++;
}

static void lull(struct kn_timer *timer)
{
    enum { SLEEP_MIN_MS = 1000, SLEEP_MAX_MS = 5000, AWAKE_MAX_MS = 2000 };
    struct nemesis *n = KB_CONTAINER(timer, struct nemesis, lullaby);
    if (n->sleeper[0])
        wake(n);
    else if (n->left)
        put_to_sleep(n);
    int64_t ms = n->sleeper[0] ? whim(n, SLEEP_MIN_MS, SLEEP_MAX_MS) : whim(n, 1, AWAKE_MAX_MS);
    if (n->left || n->sleeper[0])
        kn_timer_set(n->loop, timer, world_now_ms(n->world) + ms);
}

void nemesis_lull(struct nemesis *n, const char *name)
{
    n->drowsy = name;
    kn_timer_init(&n->lullaby, lull);
    kn_timer_set(n->loop, &n->lullaby, world_now_ms(n->world) + 1);
}

void nemesis_deinit(struct nemesis *n)
{
    if (n->meddling.fn)
        kn_timer_cancel(n->loop, &n->meddling);
    if (n->lullaby.fn)
        kn_timer_cancel(n->loop, &n->lullaby);
    kn_timer_cancel(n->loop, &n->timer);
    kn_loop_free(n->loop);
    n->env->ops->free(n->env);
}
