/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

enum { BACKLOG = 1024, ACCEPTS_PER_TURN = 64, REST_MS = 100 };

struct kn_listener {
    struct kn_loop *loop;
    struct kn_sock *sock;
    kn_accept_fn *on_accept;
    void (*on_starved)(void *owner, int error);
    void *owner;
    struct kn_addr local;
    struct kn_timer rest; /* until descriptors may be there again */
    int limit, open;
    bool starved;
    bool *closed; /* set by close, for the accept loop that it comes from */
};

static void rest(struct kn_listener *listener, int error)
{
    if (!listener->starved && listener->on_starved)
        listener->on_starved(listener->owner, error);
    listener->starved = true;
    kn_timer_set(listener->loop, &listener->rest,
                 kb_deadline(kn_loop_now(listener->loop), REST_MS));
}

static void watch(struct kn_listener *listener)
{
    bool wanted =
        !kn_timer_is_set(&listener->rest) && (!listener->limit || listener->open < listener->limit);
    int rc = listener->sock->ops->watch(listener->sock, kn_loop_env(listener->loop),
                                        wanted ? KN_READ : 0);
    if (rc < 0)
        rest(listener, -rc);
}

static void on_rested(struct kn_timer *timer)
{
    watch(KB_CONTAINER(timer, struct kn_listener, rest));
}

static bool has_no_room(int rc)
{
    return rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS || rc == -ENOMEM;
}

/* Errors of a connection that ended before it was accepted are not ours. */
static bool accept_one(struct kn_listener *listener)
{
    struct kn_sock *sock;
    struct kn_addr peer;
    int rc = listener->sock->ops->accept(listener->sock, &sock, &peer);
    if (rc == -EAGAIN)
        return false;
    if (has_no_room(rc))
        rest(listener, -rc);
    if (rc < 0)
        return !has_no_room(rc);
    listener->starved = false;
    listener->open++;
    listener->on_accept(listener->owner, sock, &peer);
    return true;
}

static void on_ready(struct kn_sock *sock, unsigned events)
{
    struct kn_listener *listener = sock->owner;
    bool closed = false;
    (void)events;
    listener->closed = &closed;
    for (int i = 0; i < ACCEPTS_PER_TURN && (!listener->limit || listener->open < listener->limit);
         i++) {
        bool more = accept_one(listener);
        if (closed)
            return;
        if (!more)
            break;
    }
    listener->closed = NULL;
    watch(listener);
}

static bool parse_host(const char *host, uint16_t port, struct kn_addr *addr)
{
    if (!*host)
        host = "0.0.0.0";
    else if (!strcmp(host, "localhost"))
        host = "127.0.0.1";
    return kn_addr_parse(host, port, addr);
}

static struct kn_sock *bind_to(struct kn_env *env, const char *host, uint16_t port, int backlog,
                               struct kb_error *err)
{
    struct kn_addr addr;
    struct kn_sock *sock = NULL;
    if (!parse_host(host, port, &addr)) {
        kb_error_set(err, KB_E_INVALID_ARGUMENT, "%s: listening needs a numeric address", host);
        return NULL;
    }
    int rc = env->ops->listen(env, &addr, backlog, &sock);
    if (rc < 0)
        kb_error_errno(err, KB_E_TRANSPORT, -rc, "%s:%u: cannot listen", host, port);
    return rc < 0 ? NULL : sock;
}

struct kn_listener *kn_listener_open(struct kn_loop *loop, const char *host, uint16_t port,
                                     const struct kn_listener_options *options,
                                     kn_accept_fn *on_accept, void *owner, struct kb_error *err)
{
    struct kn_env *env = kn_loop_env(loop);
    struct kn_listener *listener = KB_NEW(struct kn_listener);
    if (!listener) {
        kb_error_set(err, KB_E_NO_MEMORY, "out of memory for a listener");
        return NULL;
    }
    listener->sock =
        bind_to(env, host, port, options && options->backlog ? options->backlog : BACKLOG, err);
    if (!listener->sock)
        goto out;
    listener->loop = loop;
    listener->on_accept = on_accept;
    listener->owner = owner;
    listener->limit = options ? options->max_connections : 0;
    listener->on_starved = options ? options->on_starved : NULL;
    listener->sock->on_ready = on_ready;
    listener->sock->owner = listener;
    listener->sock->ops->local(listener->sock, &listener->local);
    kn_timer_init(&listener->rest, on_rested);
    int rc = listener->sock->ops->watch(listener->sock, env, KN_READ);
    if (rc == 0)
        return listener;
    kb_error_errno(err, KB_E_TRANSPORT, -rc, "%s:%u: cannot listen", host, port);
    listener->sock->ops->close(listener->sock, false);
out:
    kb_free(listener);
    return NULL;
}

void kn_listener_local(const struct kn_listener *listener, struct kn_addr *out)
{
    *out = listener->local;
}

void kn_listener_release(struct kn_listener *listener)
{
    KB_CHECK(listener->open > 0);
    listener->open--;
    watch(listener);
}

void kn_listener_close(struct kn_listener *listener)
{
    if (!listener)
        return;
    if (listener->closed)
        *listener->closed = true;
    kn_timer_cancel(listener->loop, &listener->rest);
    listener->sock->ops->close(listener->sock, false);
    kb_free(listener);
}
