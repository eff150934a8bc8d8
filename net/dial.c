/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dial.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

enum { ATTEMPT_MS = 10000 };

/*
 *     begin task ─> resolve ─> attempt 0 ─> attempt 1 ... ─> on_done
 *         └──── numeric ───────────^
 */
struct kn_dial {
    struct kn_loop *loop;
    struct kn_dial_options options;
    kn_dial_fn *on_done;
    void *owner;
    struct kn_task begin;
    struct kn_timer attempt_timer, whole_timer;
    struct kn_query query;
    size_t next; /* address to try */
    struct kn_sock *sock;
    struct kb_error err;
    uint16_t port;
    bool numeric;
    char host[];
};

static void drop_sock(struct kn_dial *dial)
{
    if (dial->sock)
        dial->sock->ops->close(dial->sock, true);
    dial->sock = NULL;
    kn_timer_cancel(dial->loop, &dial->attempt_timer);
}

void kn_dial_cancel(struct kn_dial *dial)
{
    if (!dial)
        return;
    struct kn_env *env = kn_loop_env(dial->loop);
    drop_sock(dial);
    kn_task_cancel(&dial->begin);
    kn_timer_cancel(dial->loop, &dial->whole_timer);
    if (dial->query.impl)
        env->ops->resolve_cancel(env, &dial->query);
    kb_free(dial);
}

/* The dial is gone when the owner hears, and the socket wakes nobody. */
static void done(struct kn_dial *dial, struct kn_sock *sock)
{
    kn_dial_fn *on_done = dial->on_done;
    void *owner = dial->owner;
    struct kb_error err = dial->err;
    dial->sock = NULL;
    if (sock)
        sock->ops->watch(sock, sock->env, 0);
    kn_dial_cancel(dial);
    on_done(owner, sock, sock ? NULL : &err);
}

/* ---- Addresses in turn -------------------------------------------------- */

static void try_next(struct kn_dial *dial);

static void note_failure(struct kn_dial *dial, int errno_value)
{
    char text[KN_ADDR_TEXT];
    kn_addr_format(&dial->query.addrs[dial->next - 1], text);
    if (dial->numeric)
        kb_error_errno(&dial->err, KB_E_TRANSPORT, errno_value, "cannot connect to %s", text);
    else
        kb_error_errno(&dial->err, KB_E_TRANSPORT, errno_value, "cannot connect to %s:%u (%s)",
                       dial->host, dial->port, text);
}

static void attempt_failed(struct kn_dial *dial, int errno_value)
{
    drop_sock(dial);
    note_failure(dial, errno_value);
    try_next(dial);
}

static void on_attempt_timer(struct kn_timer *timer)
{
    attempt_failed(KB_CONTAINER(timer, struct kn_dial, attempt_timer), ETIMEDOUT);
}

static void on_ready(struct kn_sock *sock, unsigned events)
{
    (void)events;
    struct kn_dial *dial = sock->owner;
    int rc = sock->ops->connected(sock);
    if (rc == -EINPROGRESS)
        return;
    if (rc < 0)
        attempt_failed(dial, -rc);
    else
        done(dial, sock);
}

static int start_attempt(struct kn_dial *dial, const struct kn_addr *addr)
{
    struct kn_env *env = kn_loop_env(dial->loop);
    int rc = env->ops->connect(env, addr, &dial->sock);
    if (rc < 0)
        return rc;
    dial->sock->on_ready = on_ready;
    dial->sock->owner = dial;
    rc = dial->sock->ops->watch(dial->sock, env, KN_WRITE);
    if (rc == 0)
        kn_timer_set(dial->loop, &dial->attempt_timer,
                     kb_deadline(kn_loop_now(dial->loop), dial->options.attempt_ms));
    return rc;
}

static void try_next(struct kn_dial *dial)
{
    while (dial->next < dial->query.count) {
        int rc = start_attempt(dial, &dial->query.addrs[dial->next++]);
        if (rc == 0)
            return;
        drop_sock(dial);
        note_failure(dial, -rc);
    }
    done(dial, NULL);
}

/* ---- The name ----------------------------------------------------------- */

static void on_resolved(struct kn_query *query)
{
    struct kn_dial *dial = KB_CONTAINER(query, struct kn_dial, query);
    if (query->failed) {
        kb_error_set(&dial->err, KB_E_TRANSPORT, "%s: %s", dial->host, query->text);
        query->count = 0;
    }
    try_next(dial);
}

static void on_begin(struct kn_task *task)
{
    struct kn_dial *dial = KB_CONTAINER(task, struct kn_dial, begin);
    struct kn_env *env = kn_loop_env(dial->loop);
    dial->numeric = kn_addr_parse(dial->host, dial->port, &dial->query.addrs[0]);
    if (dial->numeric) {
        dial->query.count = 1;
        try_next(dial);
        return;
    }
    dial->query.on_done = on_resolved;
    int rc = env->ops->resolve(env, dial->host, dial->port, &dial->query);
    if (rc < 0) {
        kb_error_errno(&dial->err, KB_E_TRANSPORT, -rc, "%s: cannot be resolved", dial->host);
        done(dial, NULL);
    }
}

static void on_whole_timer(struct kn_timer *timer)
{
    struct kn_dial *dial = KB_CONTAINER(timer, struct kn_dial, whole_timer);
    const char *doing = dial->query.impl ? "the name servers do not answer" : "no connection";
    kb_error_set(&dial->err, KB_E_TIMED_OUT, "%s:%u: %s in time", dial->host, dial->port, doing);
    drop_sock(dial);
    done(dial, NULL);
}

struct kn_dial *kn_dial_new(struct kn_loop *loop, const char *host, uint16_t port,
                            const struct kn_dial_options *options, kn_dial_fn *on_done, void *owner)
{
    size_t size = strlen(host) + 1;
    struct kn_dial *dial = kb_calloc(1, sizeof *dial + size);
    if (!dial)
        return NULL;
    memcpy(dial->host, host, size);
    dial->port = port;
    dial->loop = loop;
    dial->on_done = on_done;
    dial->owner = owner;
    if (options)
        dial->options = *options;
    if (dial->options.attempt_ms == 0)
        dial->options.attempt_ms = ATTEMPT_MS;
    kn_task_init(&dial->begin, on_begin);
    kn_timer_init(&dial->attempt_timer, on_attempt_timer);
    kn_timer_init(&dial->whole_timer, on_whole_timer);
    kn_task_soon(loop, &dial->begin);
    if (dial->options.deadline_ms)
        kn_timer_set(loop, &dial->whole_timer, dial->options.deadline_ms);
    return dial;
}
