/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { STOP_MS = 30 * 1000 };
#define DISK_BYTES ((uint64_t)1 << 40)

/* ---- What is seen of it ------------------------------------------------- */

int64_t world_now_ms(const struct world *w)
{
    struct kb_clock *clock = kn_sim_clock(w->sim);
    return clock->now(clock).mono_ms;
}

void world_trace(struct world *w, const char *format, ...)
{
    va_list args;
    if (!w->options.trace)
        return;
    fprintf(stderr, "%10" PRId64 "  ", world_now_ms(w));
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void log_line(struct kb_log *log, enum kb_level level, const char *component,
                     const char *text)
{
    struct world *w = KB_CONTAINER(log, struct world, log);
    (void)level;
    w->reloads += !strcmp(component, "transactions") && strstr(text, "loaded partition=") &&
                  !strstr(text, " records=0");
    w->discards += strstr(text, "loading again partition=") != NULL;
    world_trace(w, "  broker: %s: %s", component, text);
}

int64_t world_between(struct world *w, int64_t min, int64_t max)
{
    return min + (int64_t)kb_random_below(&w->random, (uint64_t)(max - min) + 1);
}

bool world_wait(struct world *w, bool (*cond)(void *), void *ctx, int64_t ms)
{
    return kn_sim_run(w->sim, cond, ctx, ms);
}

/* ---- The broker --------------------------------------------------------- */

/* One start of it. A crash leaves it with the disk it had, which nobody else
 * sees any more. */
struct incarnation {
    struct world *world;
    struct kb_fs *disk;
    struct kn_env *env;
    struct kn_loop *loop;
    struct kd_broker *broker;
    bool ended;
};

static bool is_current(const struct incarnation *self)
{
    return self->world->current == self;
}

static void on_started(void *ctx, const struct kb_error *err)
{
    struct incarnation *self = ctx;
    struct world *w = self->world;
    self->ended = err->code != 0;
    if (!is_current(self))
        return;
    w->serving = !err->code;
    w->start_failed = !w->serving;
    if (err->code && !w->failing)
        w->broken = *err;
    world_trace(w, "broker %s %s", err->code ? "does not start:" : "serves", err->text);
}

static void on_stopped(void *ctx)
{
    ((struct incarnation *)ctx)->ended = true;
}

static void on_failed(void *ctx, const struct kb_error *err)
{
    struct incarnation *self = ctx;
    if (!is_current(self))
        return;
    if (!self->world->failing)
        self->world->broken = *err;
    world_trace(self->world, "broker failed: %s", err->text);
}

static void set(struct kd_broker *broker, const char *key, const char *value)
{
    struct kb_error err;
    int code = kd_broker_set(broker, key, value, &err);
    KB_CHECK(!code);
}

static void configure(const struct world *w, struct kd_broker *broker)
{
    set(broker, "listeners", "PLAINTEXT://:9092");
    set(broker, "advertised.listeners", "PLAINTEXT://broker:9092");
    set(broker, "num.partitions", "3");
    set(broker, "log.segment.bytes", "1048576");
    /* Clients stamp records by the same clock, which jumps by hours. */
    set(broker, "log.message.timestamp.after.max.ms", "9223372036854775807");
    if (w->options.relaxed)
        set(broker, "log.flush.interval.messages", "1000000");
    for (const struct world_setting *row = w->options.settings; row && row->key; row++)
        set(broker, row->key, row->value);
}

static bool is_to_fail(struct world *w, enum kb_fs_op op)
{
    return w->fail_in >= 0 && op == w->fail_op && w->fail_in-- == 0;
}

/* A failed write to another of a partition's files may keep it away until a restart. */
static bool is_to_spoil(struct world *w, enum kb_fs_op op, const char *path)
{
    size_t length = w->spoiled ? strlen(w->spoiled) : 0;
    if (!length || op != KB_FS_WRITE || strncmp(path, w->spoiled, length) || path[length] != '-' ||
        !strstr(path, ".log"))
        return false;
    w->spoiled = NULL;
    return true;
}

static bool is_to_crash(struct world *w, enum kb_fs_op op, uint64_t nth)
{
    bool at_sync = op == KB_FS_SYNC && w->crash_sync >= 0 && w->crash_sync-- == 0;
    return at_sync || nth >= w->crash_at;
}

/* Before each operation on the disk. */
static int on_disk(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    struct incarnation *self = ctx;
    struct world *w = self->world;
    if (!is_current(self))
        return 0;
    if (is_to_fail(w, op) || is_to_spoil(w, op, path)) {
        world_trace(w, "an operation on \"%s\" fails", path);
        return -EIO;
    }
    if (is_to_crash(w, op, nth)) {
        world_trace(w, "before an operation on \"%s\":", path);
        world_crash(w, w->crash_how);
    }
    return 0;
}

static void watch_disk(struct incarnation *self)
{
    kb_fs_mem_set_lying(self->disk, self->world->options.lying_disk);
    kb_fs_mem_set_clock(self->disk, kn_sim_clock(self->world->sim));
    kb_fs_mem_set_fault(self->disk, on_disk, self);
}

static void make_broker(struct incarnation *self)
{
    struct world *w = self->world;
    struct kd_broker_options options = {
        .log = &w->log,
        .fs = self->disk,
        .loop = self->loop,
        .seed = kb_random_next(&w->random) | 1,
        .events = {.started = on_started, .stopped = on_stopped, .failed = on_failed},
        .ctx = self};
    self->broker = kd_broker_new(&options, NULL);
    KB_CHECK(self->broker);
    configure(w, self->broker);
    int code = kd_broker_start(self->broker, NULL);
    KB_CHECK(!code);
}

/* What is left of the process. Not in the middle of one of its jobs. */
static void bury(struct world *w)
{
    struct incarnation *self = w->fallen;
    w->fallen = NULL;
    if (!self)
        return;
    if (!self->ended)
        kd_broker_halt(self->broker);
    kn_loop_free(self->loop);
    kd_broker_free(self->broker);
    self->env->ops->free(self->env);
    self->disk->ops->free(self->disk);
    kb_free(self);
}

void world_start(struct world *w)
{
    struct incarnation *self = KB_NEW(struct incarnation);
    KB_CHECK(self && !w->current);
    bury(w);
    self->world = w;
    self->disk = w->disk;
    self->env = kn_sim_env(w->sim, "broker");
    self->loop = kn_loop_new(self->env);
    KB_CHECK(self->loop);
    w->crash_at = UINT64_MAX;
    w->crash_sync = w->fail_in = -1;
    w->failing = w->start_failed = false;
    w->spoiled = NULL;
    w->current = self;
    w->starts++;
    w->started_ahead_ms = KB_MAX(w->started_ahead_ms, w->ahead_ms);
    world_trace(w, "broker starts");
    watch_disk(self);
    make_broker(self);
}

static void put_to_rest(struct world *w)
{
    w->fallen = w->current;
    w->current = NULL;
    w->serving = false;
    w->disk = kb_fs_mem_clone(w->disk);
    KB_CHECK(w->disk);
}

void world_crash(struct world *w, enum kb_crash how)
{
    bool power = how == KB_CRASH_POWER;
    if (!w->current)
        return;
    world_trace(w, power ? "power loss" : "kill -9");
    put_to_rest(w);
    kb_fs_mem_crash(w->disk, how, &w->random);
    kn_sim_kill(w->sim, "broker", power ? KN_SIM_KILL_POWER : KN_SIM_KILL_PROCESS);
    w->crashes++;
    w->power_losses += power;
}

void world_crash_at(struct world *w, enum kb_crash how, uint64_t nth)
{
    w->crash_how = how;
    w->crash_at = kb_fs_mem_operations(w->disk) + nth;
}

void world_crash_at_sync(struct world *w, enum kb_crash how, int64_t nth)
{
    w->crash_how = how;
    w->crash_sync = nth;
}

void world_fail_at(struct world *w, enum kb_fs_op op, int64_t nth)
{
    w->failing = true;
    w->fail_op = op;
    w->fail_in = nth;
}

void world_spoil(struct world *w, const char *topic)
{
    w->spoiled = topic;
}

void world_discard(struct world *w, const char *topic, int32_t partition)
{
    if (w->serving && kd_broker_discard(w->current->broker, topic, partition))
        world_trace(w, "the coordinators of %s-%d forget all", topic, partition);
}

static int may_allocate(void *ctx, size_t size)
{
    struct world *w = ctx;
    const char *running = kn_sim_running(w->sim);
    (void)size;
    if (!running || strcmp(running, w->starved) != 0 || world_between(w, 1, w->starved_one_in) > 1)
        return true;
    w->starvings++;
    return false;
}

void world_starve(struct world *w, const char *node, int64_t one_in)
{
    w->starved = node;
    w->starved_one_in = one_in;
    kb_mem_set_hook(node ? may_allocate : NULL, w);
}

void world_limit_disk(struct world *w, int64_t bytes)
{
    struct kb_space space;
    int rc = w->disk->ops->space(w->disk, &space);
    KB_CHECK(rc == 0);
    uint64_t used = space.total_bytes - space.free_bytes;
    kb_fs_mem_set_capacity(w->disk, bytes < 0 ? DISK_BYTES : used + (uint64_t)bytes);
}

static bool has_ended(void *ctx)
{
    return ((struct incarnation *)ctx)->ended;
}

void world_ask_stop(struct world *w)
{
    if (!w->current)
        return;
    world_trace(w, "broker is asked to stop");
    w->failing = true; /* a start that it ends is no failure */
    kd_broker_stop(w->current->broker);
}

bool world_has_stopped(struct world *w)
{
    if (!w->current || !w->current->ended)
        return false;
    world_trace(w, "broker has stopped");
    put_to_rest(w);
    return true;
}

bool world_stop(struct world *w)
{
    world_ask_stop(w);
    return world_wait(w, has_ended, w->current, STOP_MS) && world_has_stopped(w);
}

void world_jump(struct world *w, int64_t ms)
{
    world_trace(w, "the wall clock jumps by %" PRId64 " s", ms / 1000);
    kn_sim_jump_wall(w->sim, ms);
    w->ahead_ms += ms;
    if (!w->serving) /* it may not have looked yet */
        w->started_ahead_ms = KB_MAX(w->started_ahead_ms, w->ahead_ms);
    w->jumps++;
}

/* ---- The world ---------------------------------------------------------- */

static void set_scene(struct world *w)
{
    struct kn_sim_net net = {.delay_min_us = 50, .job_min_us = 20};
    net.delay_max_us = world_between(w, 100, 3000);
    net.job_max_us = world_between(w, 100, 5000);
    net.window_bytes = (size_t)1 << world_between(w, 12, 17);
    net.segment_bytes = world_between(w, 0, 3) ? 0 : (size_t)world_between(w, 100, 20000);
    kn_sim_set_net(w->sim, &net);
}

void world_init(struct world *w, const struct world_options *options)
{
    *w = (struct world){
        .options = *options, .crash_at = UINT64_MAX, .crash_sync = -1, .fail_in = -1};
    kb_random_seed(&w->random, options->seed);
    w->log = (struct kb_log){options->trace ? KB_LOG_INFO : KB_LOG_ERROR, log_line};
    w->sim = kn_sim_new(kb_random_next(&w->random));
    w->disk = kb_fs_mem_new();
    KB_CHECK(w->sim && w->disk);
    kb_fs_mem_spare(w->disk);
    kb_list_init(&w->processes);
    set_scene(w);
}

void world_deinit(struct world *w)
{
    KB_CHECK(kb_list_empty(&w->processes));
    world_starve(w, NULL, 0);
    if (w->current)
        put_to_rest(w);
    bury(w);
    w->disk->ops->free(w->disk);
    kn_sim_free(w->sim);
}
