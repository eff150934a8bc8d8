/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/nemesis.h"

#include "base/check.h"

struct fault {
    const char *name;
    unsigned weight;
    int64_t max_ms; /* how long it lasts at most */
    void (*begin)(struct world *w);
    void (*end)(struct world *w);
};

/* ---- Crashes ------------------------------------------------------------ */

/* Between two events, or in the middle of whatever is being written. */
static void crash(struct world *w, enum kb_crash how)
{
    if (world_between(w, 0, 1))
        world_crash(w, how);
    else
        world_crash_at(w, how, (uint64_t)world_between(w, 0, 60));
}

static void lose_power(struct world *w)
{
    crash(w, KB_CRASH_POWER);
}

static void kill_broker(struct world *w)
{
    crash(w, KB_CRASH_PROCESS);
}

static void restart(struct world *w)
{
    world_crash(w, w->crash_how); /* the operation that it waits for did not come */
    world_start(w);
}

/* ---- The network -------------------------------------------------------- */

static void reset(struct world *w)
{
    kn_sim_reset(w->sim, "app", "broker");
}

static void nothing(struct world *w)
{
    (void)w;
}

static void cut_requests(struct world *w)
{
    kn_sim_cut(w->sim, "app", "broker");
}

static void heal_requests(struct world *w)
{
    kn_sim_heal(w->sim, "app", "broker");
}

static void cut_answers(struct world *w)
{
    kn_sim_cut(w->sim, "broker", "app");
}

static void heal_answers(struct world *w)
{
    kn_sim_heal(w->sim, "broker", "app");
}

/* What was under way arrives nowhere. */
static void cut_and_reset(struct world *w)
{
    cut_answers(w);
    cut_requests(w);
    reset(w);
}

static void heal(struct world *w)
{
    heal_answers(w);
    heal_requests(w);
}

/* ---- The machine -------------------------------------------------------- */

static void fail_sync(struct world *w)
{
    world_fail_at(w, KB_FS_SYNC, world_between(w, 0, 10));
}

static void fail_write(struct world *w)
{
    world_fail_at(w, KB_FS_WRITE, world_between(w, 0, 10));
}

static void fail_read(struct world *w)
{
    world_fail_at(w, KB_FS_READ, world_between(w, 0, 10));
}

/* A process that its disk failed is started anew, sometimes on a machine that is. */
static void replace(struct world *w)
{
    world_crash(w, world_between(w, 0, 1) ? KB_CRASH_POWER : KB_CRASH_PROCESS);
    world_start(w);
}

/* A broker that serves waits for room; one that starts may give up. */
static void fill_disk(struct world *w)
{
    world_limit_disk(w, world_between(w, 0, 100000));
    w->failing = !w->serving;
}

static void free_disk(struct world *w)
{
    world_limit_disk(w, KB_FOREVER);
    if (w->start_failed)
        replace(w);
    w->failing = false;
}

static void stop_broker(struct world *w)
{
    kn_sim_stop(w->sim, "broker");
}

static void continue_broker(struct world *w)
{
    kn_sim_cont(w->sim, "broker");
}

static void stop_app(struct world *w)
{
    kn_sim_stop(w->sim, "app");
}

static void continue_app(struct world *w)
{
    kn_sim_cont(w->sim, "app");
}

static void jump(struct world *w)
{
    kn_sim_jump_wall(w->sim, world_between(w, -600000, 600000));
}

static const struct fault faults[] = {
    {"power loss", 10, 400, lose_power, restart},
    {"kill -9", 4, 400, kill_broker, restart},
    {"outage", 1, 10000, kill_broker, restart},
    {"reset", 3, 0, reset, nothing},
    {"black hole for requests", 2, 3000, cut_requests, heal_requests},
    {"black hole for answers", 2, 3000, cut_answers, heal_answers},
    {"cut", 2, 3000, cut_and_reset, heal},
    {"broker stopped", 2, 3000, stop_broker, continue_broker},
    {"app stopped", 1, 1000, stop_app, continue_app},
    {"failed sync", 2, 400, fail_sync, replace},
    {"failed write", 2, 400, fail_write, replace},
    {"failed read", 1, 400, fail_read, replace},
    {"disk full", 2, 2000, fill_disk, free_disk},
    {"wall clock jumps", 1, 0, jump, nothing},
};

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

static void sleep_for(struct nemesis *n, int64_t max_ms)
{
    int64_t ms = world_between(n->world, 0, max_ms);
    kn_timer_set(n->loop, &n->timer, world_now_ms(n->world) + ms);
}

static void begin(struct nemesis *n)
{
    enum { LOOK_AGAIN_MS = 2 };
    const struct fault *fault = choose(n->world);
    bool crashes = fault->end == restart || fault->end == replace, busy = n->busy(n->ctx);
    if (crashes && !busy) {
        sleep_for(n, LOOK_AGAIN_MS);
        return;
    }
    world_trace(n->world, "* %s", fault->name);
    n->unanswered += crashes;
    n->left--;
    n->current = fault;
    fault->begin(n->world);
    sleep_for(n, fault->max_ms);
}

static void end(struct nemesis *n)
{
    enum { CALM_MS = 250 };
    world_trace(n->world, "* %s is over", n->current->name);
    n->current->end(n->world);
    n->current = NULL;
    n->over = n->left == 0;
    if (!n->over)
        sleep_for(n, CALM_MS);
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
    *n = (struct nemesis){.world = w, .left = count, .busy = busy, .ctx = ctx};
    n->env = kn_sim_env(w->sim, "nemesis");
    n->loop = kn_loop_new(n->env);
    KB_CHECK(n->loop);
    kn_timer_init(&n->timer, on_timer);
    sleep_for(n, 100);
}

void nemesis_deinit(struct nemesis *n)
{
    kn_timer_cancel(n->loop, &n->timer);
    kn_loop_free(n->loop);
    n->env->ops->free(n->env);
}
