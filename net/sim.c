/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sim_impl.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_IP = 0x0a000001 /* 10.0.0.1 */, START_MS = 1000000 };

static const struct kn_sim_net calm = {.delay_min_us = 50,
                                       .delay_max_us = 500,
                                       .window_bytes = 64 * 1024,
                                       .job_min_us = 50,
                                       .job_max_us = 2000};

/* ---- Time and chance ---------------------------------------------------- */

static struct kb_time sim_now(struct kb_clock *clock)
{
    struct kn_sim *sim = KB_CONTAINER(clock, struct kn_sim, clock);
    int64_t ms = sim->now_us / 1000;
    return (struct kb_time){.mono_ms = ms, .wall_ms = ms + sim->wall_offset_ms};
}

void *sim_alloc(size_t size)
{
    kb_mem_spare(1);
    void *memory = kb_calloc(1, size);
    kb_mem_spare(-1);
    KB_CHECK(memory);
    return memory;
}

void sim_at(struct kn_sim *sim, struct sim_event *event, int64_t after_us)
{
    kb_mem_spare(1);
    bool there = kb_heap_put(&sim->events, &event->node, sim->now_us + after_us);
    kb_mem_spare(-1);
    KB_CHECK(there);
}

int64_t sim_between(struct kn_sim *sim, int64_t min, int64_t max)
{
    return min + (int64_t)kb_random_below(&sim->random, (uint64_t)(max - min) + 1);
}

void sim_note(struct kn_sim *sim, uint64_t a, uint64_t b)
{
    uint64_t values[] = {(uint64_t)sim->now_us, a, b};
    for (size_t i = 0; i < KB_ARRAY_SIZE(values); i++)
        sim->digest = (sim->digest ^ values[i]) * 0x9e3779b97f4a7c15u + (sim->digest >> 29);
}

struct kn_sim *kn_sim_new(uint64_t seed)
{
    struct kn_sim *sim = KB_NEW(struct kn_sim);
    if (!sim)
        return NULL;
    sim->clock.now = sim_now;
    sim->now_us = (int64_t)START_MS * 1000;
    sim->wall_offset_ms = 1767225600000; /* 2026-01-01 */
    sim->net = calm;
    kb_random_seed(&sim->random, seed);
    kb_heap_init(&sim->events);
    kb_list_init(&sim->nodes);
    kb_list_init(&sim->links);
    kb_list_init(&sim->cuts);
    kb_list_init(&sim->names);
    return sim;
}

struct kb_clock *kn_sim_clock(struct kn_sim *sim)
{
    return &sim->clock;
}

struct kb_random *kn_sim_random(struct kn_sim *sim)
{
    return &sim->random;
}

uint64_t kn_sim_digest(const struct kn_sim *sim)
{
    return sim->digest;
}

uint64_t kn_sim_lost(const struct kn_sim *sim)
{
    return sim->lost;
}

void kn_sim_set_net(struct kn_sim *sim, const struct kn_sim_net *net)
{
    sim->net = *net;
}

void kn_sim_jump_wall(struct kn_sim *sim, int64_t ms)
{
    sim->wall_offset_ms += ms;
}

const char *kn_sim_running(const struct kn_sim *sim)
{
    return sim->running ? sim->running->name : NULL;
}

/* ---- Nodes and names ---------------------------------------------------- */

struct alias {
    struct kb_list link;
    struct sim_node *to; /* NULL: no such host */
    char name[];
};

struct sim_node *sim_node_find(struct kn_sim *sim, const char *name)
{
    KB_LIST_EACH(it, &sim->nodes) {
        struct sim_node *node = KB_CONTAINER(it, struct sim_node, link);
        if (!strcmp(node->name, name))
            return node;
    }
    return NULL;
}

struct sim_node *sim_node_at(struct kn_sim *sim, const struct kn_addr *addr)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&addr->sa;
    KB_LIST_EACH(it, &sim->nodes) {
        struct sim_node *node = KB_CONTAINER(it, struct sim_node, link);
        if (in->sin_family == AF_INET && node->ip == ntohl(in->sin_addr.s_addr))
            return node;
    }
    return NULL;
}

static struct sim_node *make_node(struct kn_sim *sim, const char *name)
{
    size_t size = strlen(name) + 1;
    struct sim_node *node = sim_alloc(sizeof *node + size);
    memcpy(node->name, name, size);
    node->sim = sim;
    node->ip = FIRST_IP + (uint32_t)sim->node_count++;
    node->powered = true;
    kb_list_init(&node->envs);
    kb_list_init(&node->socks);
    kb_list_push_back(&sim->nodes, &node->link);
    return node;
}

static struct sim_node *must_find(struct kn_sim *sim, const char *name)
{
    struct sim_node *node = sim_node_find(sim, name);
    KB_CHECK(node);
    return node;
}

static struct alias *find_alias(struct kn_sim *sim, const char *name)
{
    KB_LIST_EACH(it, &sim->names) {
        struct alias *alias = KB_CONTAINER(it, struct alias, link);
        if (!strcmp(alias->name, name))
            return alias;
    }
    return NULL;
}

struct sim_node *sim_node_named(struct kn_sim *sim, const char *name)
{
    struct alias *alias = find_alias(sim, name);
    return alias ? alias->to : sim_node_find(sim, name);
}

void kn_sim_name(struct kn_sim *sim, const char *name, const char *to)
{
    struct alias *alias = find_alias(sim, name);
    size_t size = strlen(name) + 1;
    if (!alias) {
        alias = sim_alloc(sizeof *alias + size);
        memcpy(alias->name, name, size);
        kb_list_push_back(&sim->names, &alias->link);
    }
    alias->to = to ? must_find(sim, to) : NULL;
}

struct kn_env *kn_sim_env(struct kn_sim *sim, const char *name)
{
    struct sim_node *node = sim_node_find(sim, name);
    if (!node)
        node = make_node(sim, name);
    struct sim_env *env = sim_env_new(sim, node);
    if (!node->powered) {
        node->powered = true;
        sim_release_held(sim);
    }
    return env ? &env->env : NULL;
}

void kn_sim_kill(struct kn_sim *sim, const char *name, enum kn_sim_kill how)
{
    struct sim_node *node = must_find(sim, name);
    node->stopped = false;
    node->powered = how == KN_SIM_KILL_PROCESS;
    KB_LIST_EACH(it, &node->envs)
        KB_CONTAINER(it, struct sim_env, link)->dead = true;
    KB_LIST_EACH(it, &node->socks)
        sim_sock_lose(KB_CONTAINER(it, struct sim_sock, of_node), how);
}

void kn_sim_overhear(struct kn_sim *sim, void (*fn)(void *ctx, const struct kn_sim_heard *heard),
                     void *ctx)
{
    sim->overhear = fn;
    sim->overhear_ctx = ctx;
}

void kn_sim_stop(struct kn_sim *sim, const char *name)
{
    must_find(sim, name)->stopped = true;
}

void kn_sim_cont(struct kn_sim *sim, const char *name)
{
    must_find(sim, name)->stopped = false;
}

void kn_sim_free(struct kn_sim *sim)
{
    struct kb_list *it;
    if (!sim)
        return;
    sim_wire_free(sim);
    while ((it = kb_list_pop_front(&sim->nodes))) {
        struct sim_node *node = KB_CONTAINER(it, struct sim_node, link);
        KB_CHECK(kb_list_empty(&node->envs) && kb_list_empty(&node->socks));
        kb_free(node);
    }
    while ((it = kb_list_pop_front(&sim->names)))
        kb_free(KB_CONTAINER(it, struct alias, link));
    kb_heap_deinit(&sim->events);
    kb_free(sim);
}

/* ---- Turns -------------------------------------------------------------- */

typedef void visit_fn(struct sim_env *env, void *ctx);

static void each_env(struct kn_sim *sim, visit_fn *visit, void *ctx)
{
    KB_LIST_EACH(node, &sim->nodes) {
        KB_LIST_EACH(it, &KB_CONTAINER(node, struct sim_node, link)->envs) {
            struct sim_env *env = KB_CONTAINER(it, struct sim_env, link);
            bool inside = env->waiting || env->turning;
            if (env->env.loop && !env->dead && !inside && !env->node->stopped)
                visit(env, ctx);
        }
    }
}

struct choice {
    struct sim_env *env; /* one of those that can turn, each as likely */
    uint64_t count;
    int64_t due_us; /* when the next of the others is due */
};

static void consider(struct sim_env *env, void *ctx)
{
    struct choice *choice = ctx;
    int64_t left_ms = sim_env_is_ready(env) ? 0 : kn_loop_timeout_ms(env->env.loop);
    if (left_ms == 0 && kb_random_below(&env->sim->random, ++choice->count) == 0)
        choice->env = env;
    if (left_ms > 0)
        choice->due_us = KB_MIN(choice->due_us, (env->sim->now_us / 1000 + left_ms) * 1000);
}

static void turn(struct sim_env *env)
{
    sim_note(env->sim, env->node->ip, 0);
    env->turning = true;
    env->sim->running = env->node;
    kn_loop_step(env->env.loop, 0);
    env->sim->running = NULL;
    env->turning = false;
}

static void fire(struct kn_sim *sim, struct kb_heap_node *first)
{
    kb_heap_remove(&sim->events, first);
    struct sim_event *event = KB_CONTAINER(first, struct sim_event, node);
    event->fn(event);
}

bool sim_advance(struct kn_sim *sim, int64_t limit_us)
{
    struct choice choice = {.due_us = INT64_MAX};
    each_env(sim, consider, &choice);
    if (choice.env) {
        turn(choice.env);
        return true;
    }
    struct kb_heap_node *first = kb_heap_first(&sim->events);
    int64_t event_us = first ? first->key : INT64_MAX;
    int64_t next_us = KB_MIN(event_us, choice.due_us);
    if (next_us > limit_us || next_us == INT64_MAX) {
        sim->now_us = limit_us == INT64_MAX ? sim->now_us : KB_MAX(sim->now_us, limit_us);
        return false;
    }
    sim->now_us = KB_MAX(sim->now_us, next_us);
    if (event_us == next_us)
        fire(sim, first);
    return true;
}

bool kn_sim_step(struct kn_sim *sim)
{
    return sim_advance(sim, INT64_MAX);
}

bool kn_sim_run(struct kn_sim *sim, bool (*cond)(void *), void *ctx, int64_t ms)
{
    int64_t limit_us = sim->now_us + ms * 1000;
    while (!cond || !cond(ctx)) {
        if (!sim_advance(sim, limit_us))
            return cond && cond(ctx);
    }
    return true;
}
