/* SPDX-License-Identifier: Apache-2.0 */
#include "net/env.h"

#include "base/mem.h"
#include "net/exec_threads.h"
#include "net/real.h"

#include <errno.h>
#include <unistd.h>

struct kn_real_env *kn_real_env_of(struct kn_env *env)
{
    return KB_CONTAINER(env, struct kn_real_env, env);
}

static int fd_of(const struct kn_sock *sock)
{
    return KB_CONTAINER(sock, struct kn_real_sock, sock)->fd;
}

int kn_real_watch(struct kn_sock *sock, struct kn_env *env, unsigned events)
{
    struct kn_real_env *real = kn_real_env_of(env);
    KB_CHECK(!sock->env || sock->env == env);
    if (!sock->env) {
        sock->env = env;
        kb_list_push_back(&real->socks, &sock->link);
    }
    int rc = real->abandoned
                 ? 0
                 : kn_poller_set(&real->poller, fd_of(sock), sock->watched, events, sock);
    if (rc == 0)
        sock->watched = events;
    return rc;
}

void kn_real_unwatch(struct kn_sock *sock)
{
    struct kn_real_env *real = kn_real_env_of(sock->env);
    kn_real_watch(sock, sock->env, 0);
    kb_list_remove(&sock->link);
    for (int i = real->ready_at; i < real->ready_count; i++) {
        if (real->ready[i].ptr == sock)
            real->ready[i].ptr = NULL;
    }
}

static void real_wait(struct kn_env *env, int64_t timeout_ms)
{
    struct kn_real_env *real = kn_real_env_of(env);
    int n = kn_poller_wait(&real->poller, timeout_ms, real->ready, KN_POLL_MAX);
    KB_CHECK(n >= 0); /* nothing but our own descriptors is in there */
    real->ready_at = 0;
    real->ready_count = n;
}

static bool real_dispatch(struct kn_env *env)
{
    struct kn_real_env *real = kn_real_env_of(env);
    bool full = real->ready_count == KN_POLL_MAX;
    while (real->ready_at < real->ready_count) {
        struct kn_ready ready = real->ready[real->ready_at++];
        struct kn_sock *sock = ready.ptr;
        if (sock)
            sock->on_ready(sock, ready.events);
    }
    if (real->resolver)
        kn_resolver_turn(real->resolver);
    return full;
}

static void real_wake(struct kn_env *env)
{
    kn_poller_ring(&kn_real_env_of(env)->poller);
}

static int real_fd(struct kn_env *env)
{
    return kn_real_env_of(env)->poller.fd;
}

static void real_arm(struct kn_env *env, int64_t deadline_ms)
{
    kn_poller_alarm(&kn_real_env_of(env)->poller, deadline_ms);
}

static int64_t real_deadline(struct kn_env *env)
{
    struct kn_resolver *resolver = kn_real_env_of(env)->resolver;
    return resolver ? kn_resolver_deadline_ms(resolver) : KB_NEVER;
}

/* Most loops dial numeric addresses or nothing at all: made when first asked. */
static int real_resolve(struct kn_env *env, const char *host, uint16_t port, struct kn_query *query)
{
    struct kn_real_env *real = kn_real_env_of(env);
    if (!real->resolver)
        real->resolver = kn_resolver_new(real);
    return real->resolver ? kn_resolver_ask(real->resolver, host, port, query) : -ENOMEM;
}

static void real_resolve_cancel(struct kn_env *env, struct kn_query *query)
{
    (void)env;
    kn_resolver_cancel(query);
}

static struct kn_exec *real_exec_new(struct kn_env *env, int threads)
{
    (void)env;
    return kn_exec_threads_new(threads);
}

static void real_abandon(struct kn_env *env)
{
    struct kn_real_env *real = kn_real_env_of(env);
    real->abandoned = true;
    if (real->resolver)
        kn_resolver_free(real->resolver);
    real->resolver = NULL;
    KB_LIST_EACH(it, &real->socks)
        close(fd_of(KB_CONTAINER(it, struct kn_sock, link)));
    kb_list_init(&real->socks);
    kn_poller_close(&real->poller);
}

static void real_free(struct kn_env *env)
{
    struct kn_real_env *real = kn_real_env_of(env);
    if (real->resolver)
        kn_resolver_free(real->resolver);
    while (!kb_list_empty(&real->socks)) {
        struct kn_sock *sock = KB_LIST_FIRST(&real->socks, struct kn_sock, link);
        sock->ops->close(sock, false);
    }
    kn_poller_close(&real->poller);
    kb_free(real);
}

static const struct kn_env_ops real_ops = {
    .connect = kn_real_connect,
    .listen = kn_real_listen,
    .wait = real_wait,
    .dispatch = real_dispatch,
    .wake = real_wake,
    .fd = real_fd,
    .arm = real_arm,
    .deadline = real_deadline,
    .resolve = real_resolve,
    .resolve_cancel = real_resolve_cancel,
    .exec_new = real_exec_new,
    .abandon = real_abandon,
    .free = real_free,
};

struct kn_env *kn_env_real_new(void)
{
    struct kn_real_env *real = KB_NEW(struct kn_real_env);
    if (!real) {
        errno = ENOMEM;
        return NULL;
    }
    int rc = kn_poller_open(&real->poller);
    if (rc < 0) {
        kb_free(real);
        errno = -rc;
        return NULL;
    }
    kb_list_init(&real->socks);
    real->env.ops = &real_ops;
    real->env.clock = kb_clock_real();
    return &real->env;
}
