/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/mem.h"
#include "net/real.h"

#include <ares.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * A channel of c-ares lives only while questions are open: so it costs nothing
 * at rest, and reads resolv.conf and hosts as they are now.
 */
struct kn_resolver {
    struct kn_real_env *env;
    ares_channel channel; /* NULL: at rest */
    int open;             /* asked of c-ares and not answered */
    struct kb_list socks; /* its descriptors, as we watch them */
    struct kb_list told;  /* answered, not yet told */
};

struct question {
    struct kb_list link; /* in `told` */
    struct kn_resolver *resolver;
    struct kn_query *query; /* NULL: cancelled */
    uint16_t port;
};

struct watched {
    struct kb_list link;
    struct kn_sock *sock;
};

enum { TRY_MS = 2000, TRIES = 3 };

/* ---- Descriptors of c-ares ---------------------------------------------- */

static ares_socket_t open_socket(int family, int type, int protocol, void *ctx)
{
    (void)ctx;
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int close_socket(ares_socket_t fd, void *ctx)
{
    (void)ctx;
    return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *addr, ares_socklen_t size,
                          void *ctx)
{
    (void)ctx;
    return connect(fd, addr, size);
}

static ares_ssize_t receive(ares_socket_t fd, void *data, size_t size, int flags,
                            struct sockaddr *from, ares_socklen_t *from_size, void *ctx)
{
    (void)ctx;
    return recvfrom(fd, data, size, flags, from, from_size);
}

static ares_ssize_t send_pieces(ares_socket_t fd, const struct iovec *iov, int n, void *ctx)
{
    (void)ctx;
    struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* c-ares opens its own so that they are close-on-exec from birth. */
static const struct ares_socket_functions socket_functions = {
    open_socket, close_socket, connect_socket, receive, send_pieces,
};

static struct watched *find(struct kn_resolver *resolver, int fd)
{
    KB_LIST_EACH(it, &resolver->socks) {
        struct watched *watched = KB_CONTAINER(it, struct watched, link);
        if (KB_CONTAINER(watched->sock, struct kn_real_sock, sock)->fd == fd)
            return watched;
    }
    return NULL;
}

static void forget(struct watched *watched)
{
    kb_list_remove(&watched->link);
    kn_real_sock_forget(watched->sock);
    kb_free(watched);
}

static void on_ready(struct kn_sock *sock, unsigned events)
{
    struct kn_resolver *resolver = sock->owner;
    int fd = KB_CONTAINER(sock, struct kn_real_sock, sock)->fd;
    ares_process_fd(resolver->channel, events & KN_READ ? fd : ARES_SOCKET_BAD,
                    events & KN_WRITE ? fd : ARES_SOCKET_BAD);
}

static struct watched *remember(struct kn_resolver *resolver, int fd)
{
    struct watched *watched = KB_NEW(struct watched);
    if (!watched)
        return NULL;
    watched->sock = kn_real_sock_wrap(fd);
    if (!watched->sock) {
        kb_free(watched);
        return NULL;
    }
    watched->sock->on_ready = on_ready;
    watched->sock->owner = resolver;
    kb_list_push_back(&resolver->socks, &watched->link);
    return watched;
}

/* Out of memory here: the question runs into its timeout. */
static void on_sock_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct kn_resolver *resolver = ctx;
    unsigned events = (readable ? KN_READ : 0) | (writable ? KN_WRITE : 0);
    struct watched *watched = find(resolver, fd);
    if (!events) {
        if (watched)
            forget(watched);
        return;
    }
    if (!watched)
        watched = remember(resolver, fd);
    if (watched)
        kn_real_watch(watched->sock, &resolver->env->env, events);
}

/* ---- Questions ---------------------------------------------------------- */

static int open_channel(struct kn_resolver *resolver)
{
    struct ares_options options = {.timeout = TRY_MS,
                                   .tries = TRIES,
                                   .sock_state_cb = on_sock_state,
                                   .sock_state_cb_data = resolver};
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (resolver->channel)
        return 0;
    int rc = ares_init_options(&resolver->channel, &options, mask);
    if (rc != ARES_SUCCESS) {
        resolver->channel = NULL;
        return rc == ARES_ENOMEM ? -ENOMEM : -EIO;
    }
    ares_set_socket_functions(resolver->channel, &socket_functions, NULL);
    return 0;
}

static void take_addresses(const struct question *question, const struct ares_addrinfo *info)
{
    struct kn_query *query = question->query;
    const struct ares_addrinfo_node *node = info->nodes;
    for (; node && query->count < KN_RESOLVE_MAX; node = node->ai_next) {
        struct kn_addr *addr = &query->addrs[query->count];
        if ((node->ai_family != AF_INET && node->ai_family != AF_INET6) ||
            node->ai_addrlen > sizeof addr->sa)
            continue;
        memset(addr, 0, sizeof *addr);
        memcpy(&addr->sa, node->ai_addr, node->ai_addrlen);
        addr->size = node->ai_addrlen;
        kn_addr_set_port(addr, question->port);
        query->count++;
    }
}

static const char *words_of(int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
        return "no such host";
    case ARES_ETIMEOUT:
        return "the name servers do not answer";
    case ARES_ECONNREFUSED:
        return "no name server can be reached";
    default:
        return ares_strerror(status);
    }
}

/* May come from inside kn_resolver_ask (a name in the hosts file), so that it
 * only notes the answer. */
static void on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts;
    struct question *question = ctx;
    struct kn_query *query = question->query;
    question->resolver->open--;
    if (query) {
        query->count = 0;
        if (status == ARES_SUCCESS)
            take_addresses(question, info);
        query->failed = query->count == 0;
        snprintf(query->text, sizeof query->text, "%s", query->count ? "" : words_of(status));
    }
    if (info)
        ares_freeaddrinfo(info);
    kb_list_push_back(&question->resolver->told, &question->link);
}

int kn_resolver_ask(struct kn_resolver *resolver, const char *host, uint16_t port,
                    struct kn_query *query)
{
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int rc = open_channel(resolver);
    if (rc < 0)
        return rc;
    struct question *question = KB_NEW(struct question);
    if (!question)
        return -ENOMEM;
    *question = (struct question){.resolver = resolver, .query = query, .port = port};
    kb_list_init(&question->link);
    query->impl = question;
    resolver->open++;
    ares_getaddrinfo(resolver->channel, host, NULL, &hints, on_answer, question);
    return 0;
}

void kn_resolver_cancel(struct kn_query *query)
{
    struct question *question = query->impl;
    if (question)
        question->query = NULL;
    query->impl = NULL;
}

int64_t kn_resolver_deadline_ms(struct kn_resolver *resolver)
{
    struct timeval left;
    if (!kb_list_empty(&resolver->told))
        return 0;
    if (!resolver->open || !ares_timeout(resolver->channel, NULL, &left))
        return KB_NEVER;
    struct kb_time now = resolver->env->env.clock->now(resolver->env->env.clock);
    return now.mono_ms + (int64_t)left.tv_sec * 1000 + (left.tv_usec + 999) / 1000;
}

static void tell(struct kn_resolver *resolver)
{
    for (;;) {
        struct question *question = KB_LIST_FIRST(&resolver->told, struct question, link);
        if (!question)
            return;
        struct kn_query *query = question->query;
        kb_list_remove(&question->link);
        kb_free(question);
        if (query) {
            query->impl = NULL;
            query->on_done(query);
        }
    }
}

void kn_resolver_turn(struct kn_resolver *resolver)
{
    if (resolver->open)
        ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    tell(resolver);
    if (!resolver->open && resolver->channel) {
        ares_destroy(resolver->channel);
        resolver->channel = NULL;
    }
}

struct kn_resolver *kn_resolver_new(struct kn_real_env *env)
{
    struct kn_resolver *resolver = KB_NEW(struct kn_resolver);
    if (!resolver)
        return NULL;
    resolver->env = env;
    kb_list_init(&resolver->socks);
    kb_list_init(&resolver->told);
    return resolver;
}

static void drop_told(struct kn_resolver *resolver)
{
    for (;;) {
        struct question *question = KB_LIST_FIRST(&resolver->told, struct question, link);
        if (!question)
            return;
        kb_list_remove(&question->link);
        if (question->query)
            question->query->impl = NULL;
        kb_free(question);
    }
}

void kn_resolver_free(struct kn_resolver *resolver)
{
    if (resolver->channel)
        ares_destroy(resolver->channel);
    drop_told(resolver);
    while (!kb_list_empty(&resolver->socks))
        forget(KB_LIST_FIRST(&resolver->socks, struct watched, link));
    kb_free(resolver);
}
