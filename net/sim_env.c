/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sim_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct sim_env *of(struct kn_env *env)
{
    return KB_CONTAINER(env, struct sim_env, env);
}

/* ---- Readiness ---------------------------------------------------------- */

static unsigned events_of(const struct kn_sock *sock)
{
    const struct sim_sock *sim_sock = KB_CONTAINER(sock, struct sim_sock, sock);
    return sim_sock_events(sim_sock) & sock->watched;
}

bool sim_env_is_ready(struct sim_env *env)
{
    if (env->woken || env->dead)
        return env->woken;
    if (!kb_list_empty(&env->answered))
        return true;
    KB_LIST_EACH(it, &env->socks) {
        if (events_of(KB_CONTAINER(it, struct kn_sock, link)))
            return true;
    }
    return false;
}

/* Whoever drives a loop and waits lets all the others go on. */
static void env_wait(struct kn_env *base, int64_t timeout_ms)
{
    struct sim_env *env = of(base);
    int64_t limit_us = timeout_ms < 0 ? INT64_MAX : (env->sim->now_us / 1000 + timeout_ms) * 1000;
    env->waiting = true;
    while (timeout_ms && !sim_env_is_ready(env)) {
        if (env->sim->now_us >= limit_us || !sim_advance(env->sim, limit_us))
            break;
    }
    env->waiting = false;
    env->woken = false;
}

static void collect(struct sim_env *env)
{
    KB_LIST_EACH(it, &env->socks) {
        struct kn_sock *sock = KB_CONTAINER(it, struct kn_sock, link);
        struct sim_sock *sim_sock = KB_CONTAINER(sock, struct sim_sock, sock);
        if (!events_of(sock))
            continue;
        if (kb_random_below(&env->sim->random, 2))
            kb_list_push_back(&env->ready, &sim_sock->ready);
        else
            kb_list_push_front(&env->ready, &sim_sock->ready);
    }
}

/* ---- Names -------------------------------------------------------------- */

struct question {
    struct sim_event event;
    struct kb_list link;
    struct sim_env *env;
    struct kn_query *query; /* NULL: cancelled */
    uint16_t port;
    char host[];
};

static void answer(struct sim_event *event)
{
    struct question *question = KB_CONTAINER(event, struct question, event);
    kb_list_remove(&question->link);
    kb_list_push_back(&question->env->answered, &question->link);
}

static void tell(struct question *question)
{
    struct sim_env *env = question->env;
    struct kn_query *query = question->query;
    bool local = !strcmp(question->host, "localhost");
    const struct sim_node *node = local ? env->node : sim_node_named(env->sim, question->host);
    if (query) {
        char text[32];
        query->failed = !node;
        query->count = node ? 1 : 0;
        query->impl = NULL;
        snprintf(query->text, sizeof query->text, "%s", node ? "" : "no such host");
        if (node) {
            snprintf(text, sizeof text, "%u.%u.%u.%u", node->ip >> 24, node->ip >> 16 & 255,
                     node->ip >> 8 & 255, node->ip & 255);
            kn_addr_parse(text, question->port, &query->addrs[0]);
        }
    }
    kb_free(question);
    if (query)
        query->on_done(query);
}

static int env_resolve(struct kn_env *base, const char *host, uint16_t port, struct kn_query *query)
{
    struct sim_env *env = of(base);
    size_t size = strlen(host) + 1;
    struct question *question = sim_alloc(sizeof *question + size);
    memcpy(question->host, host, size);
    question->event.fn = answer;
    question->env = env;
    question->query = query;
    question->port = port;
    query->impl = question;
    kb_list_push_back(&env->asked, &question->link);
    sim_at(env->sim, &question->event,
           sim_between(env->sim, env->sim->net.delay_min_us, env->sim->net.delay_max_us));
    return 0;
}

static void env_resolve_cancel(struct kn_env *env, struct kn_query *query)
{
    struct question *question = query->impl;
    (void)env;
    if (question)
        question->query = NULL;
    query->impl = NULL;
}

static bool env_dispatch(struct kn_env *base)
{
    struct sim_env *env = of(base);
    struct kb_list *it;
    if (env->dead)
        return false;
    collect(env);
    while ((it = kb_list_pop_front(&env->ready))) {
        struct kn_sock *sock = &KB_CONTAINER(it, struct sim_sock, ready)->sock;
        unsigned events = events_of(sock);
        if (events)
            sock->on_ready(sock, events);
    }
    while ((it = kb_list_pop_front(&env->answered)))
        tell(KB_CONTAINER(it, struct question, link));
    return false;
}

/* ---- The rest of the table ---------------------------------------------- */

static void env_wake(struct kn_env *env)
{
    of(env)->woken = true;
}

static int env_fd(struct kn_env *env)
{
    (void)env;
    return -1;
}

static void env_arm(struct kn_env *env, int64_t deadline_ms)
{
    (void)env;
    (void)deadline_ms;
}

static int64_t env_deadline(struct kn_env *env)
{
    (void)env;
    return KB_NEVER;
}

static void drop_questions(struct sim_env *env, struct kb_list *list)
{
    struct kb_list *it;
    while ((it = kb_list_pop_front(list))) {
        struct question *question = KB_CONTAINER(it, struct question, link);
        kb_heap_remove(&env->sim->events, &question->event.node);
        if (question->query)
            question->query->impl = NULL;
        kb_free(question);
    }
}

static void env_abandon(struct kn_env *env)
{
    of(env)->dead = true;
}

static void env_free(struct kn_env *base)
{
    struct sim_env *env = of(base);
    drop_questions(env, &env->asked);
    drop_questions(env, &env->answered);
    while (!kb_list_empty(&env->socks)) {
        struct kn_sock *sock = KB_LIST_FIRST(&env->socks, struct kn_sock, link);
        sock->ops->close(sock, false);
    }
    kb_list_remove(&env->link);
    kb_free(env);
}

static const struct kn_env_ops sim_ops = {
    .connect = sim_connect,
    .listen = sim_listen,
    .wait = env_wait,
    .dispatch = env_dispatch,
    .wake = env_wake,
    .fd = env_fd,
    .arm = env_arm,
    .deadline = env_deadline,
    .resolve = env_resolve,
    .resolve_cancel = env_resolve_cancel,
    .exec_new = sim_exec_new,
    .abandon = env_abandon,
    .free = env_free,
};

struct sim_env *sim_env_new(struct kn_sim *sim, struct sim_node *node)
{
    struct sim_env *env = KB_NEW(struct sim_env);
    if (!env)
        return NULL;
    env->env.ops = &sim_ops;
    env->env.clock = &sim->clock;
    env->sim = sim;
    env->node = node;
    kb_list_init(&env->socks);
    kb_list_init(&env->ready);
    kb_list_init(&env->answered);
    kb_list_init(&env->asked);
    kb_list_push_back(&node->envs, &env->link);
    return env;
}
