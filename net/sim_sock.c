/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sim_impl.h"

#include <errno.h>
#include <string.h>

enum { FIRST_PORT = 40000 };

static struct sim_sock *of(const struct kn_sock *sock)
{
    return KB_CONTAINER(sock, struct sim_sock, sock);
}

/* ---- Readiness ---------------------------------------------------------- */

static bool has_room(const struct sim_sock *sock)
{
    return sock->link && sock->link->outstanding[!sock->side] < sock->node->sim->net.window_bytes;
}

unsigned sim_sock_events(const struct sim_sock *sock)
{
    bool read = sock->in_size || sock->in_ended;
    switch (sock->state) {
    case SIM_LISTENING:
        return kb_list_empty(&sock->backlog) ? 0 : KN_READ;
    case SIM_CONNECTING:
        return 0;
    case SIM_OPEN:
        return (read ? KN_READ : 0) | (has_room(sock) ? KN_WRITE : 0);
    case SIM_DEAD:
        break;
    }
    return KN_READ | KN_WRITE;
}

static int sock_watch(struct kn_sock *sock, struct kn_env *env, unsigned events)
{
    struct sim_env *sim_env = KB_CONTAINER(env, struct sim_env, env);
    KB_CHECK(!sock->env || sock->env == env);
    KB_CHECK(of(sock)->node == sim_env->node);
    if (!sock->env)
        kb_list_push_back(&sim_env->socks, &sock->link);
    sock->env = env;
    sock->watched = events;
    return 0;
}

/* ---- Bytes -------------------------------------------------------------- */

static void make_room(struct sim_sock *sock, size_t size)
{
    if (sock->in_at + sock->in_size + size <= sock->in_capacity)
        return;
    if (sock->in_size)
        memmove(sock->in, sock->in + sock->in_at, sock->in_size);
    sock->in_at = 0;
    if (sock->in_size + size <= sock->in_capacity)
        return;
    sock->in_capacity = sock->in_size + size;
    kb_mem_spare(1);
    sock->in = kb_realloc(sock->in, sock->in_capacity);
    kb_mem_spare(-1);
    KB_CHECK(sock->in);
}

void sim_sock_receive(struct sim_sock *sock, const uint8_t *data, size_t size)
{
    make_room(sock, size);
    memcpy(sock->in + sock->in_at + sock->in_size, data, size);
    sock->in_size += size;
}

static size_t take(struct sim_sock *sock, struct iovec iov, size_t limit)
{
    size_t n = KB_MIN(KB_MIN(iov.iov_len, limit), sock->in_size);
    memcpy(iov.iov_base, sock->in + sock->in_at, n);
    sock->in_at += n;
    sock->in_size -= n;
    return n;
}

static int64_t sock_readv(struct kn_sock *base, const struct iovec *iov, int n)
{
    struct sim_sock *sock = of(base);
    struct kn_sim *sim = sock->node->sim;
    size_t limit = SIZE_MAX, total = 0;
    if (sock->in_size == 0 && sock->state == SIM_DEAD)
        return -sock->error;
    if (sock->in_size == 0)
        return sock->in_ended ? 0 : -EAGAIN;
    if (sim->net.segment_bytes)
        limit = (size_t)sim_between(sim, 1, (int64_t)sim->net.segment_bytes);
    for (int i = 0; i < n && total < limit; i++)
        total += take(sock, iov[i], limit - total);
    if (sock->link)
        sock->link->outstanding[sock->side] -= total;
    return (int64_t)total;
}

static void be_overheard(struct sim_sock *sock, const struct iovec *iov, size_t size)
{
    struct kn_sim *sim = sock->node->sim;
    struct kn_sim_heard heard = {.node = sock->node->name, .port = kn_addr_port(&sock->local)};
    if (!sim->overhear || sock->side != 0)
        return;
    for (; size > 0; size -= heard.bytes.size, iov++) {
        heard.begins = !sock->spoke;
        heard.bytes = kb_slice_of(iov->iov_base, KB_MIN(iov->iov_len, size));
        sock->spoke = true;
        sim->overhear(sim->overhear_ctx, &heard);
    }
}

static int64_t sock_writev(struct kn_sock *base, const struct iovec *iov, int n)
{
    struct sim_sock *sock = of(base);
    size_t size = 0;
    if (sock->state == SIM_DEAD)
        return -sock->error;
    if (sock->out_ended)
        return -EPIPE;
    if (sock->state != SIM_OPEN || !has_room(sock))
        return -EAGAIN;
    for (int i = 0; i < n; i++)
        size += iov[i].iov_len;
    size = KB_MIN(size, sock->node->sim->net.window_bytes - sock->link->outstanding[!sock->side]);
    sim_send(sock->link, !sock->side, SIM_DATA, iov, size);
    be_overheard(sock, iov, size);
    return (int64_t)size;
}

/* ---- Beginning and end -------------------------------------------------- */

static int sock_connected(struct kn_sock *base)
{
    struct sim_sock *sock = of(base);
    if (sock->state == SIM_DEAD)
        return -sock->error;
    return sock->state == SIM_CONNECTING ? -EINPROGRESS : 0;
}

static int sock_accept(struct kn_sock *base, struct kn_sock **out, struct kn_addr *peer)
{
    struct kb_list *it = kb_list_pop_front(&of(base)->backlog);
    if (!it)
        return -EAGAIN;
    struct sim_sock *sock = KB_CONTAINER(it, struct sim_sock, waiting);
    *peer = sock->peer;
    *out = &sock->sock;
    return 0;
}

static int sock_shutdown(struct kn_sock *base)
{
    struct sim_sock *sock = of(base);
    if (sock->state != SIM_OPEN)
        return -ENOTCONN;
    if (!sock->out_ended)
        sim_send(sock->link, !sock->side, SIM_FIN, NULL, 0);
    sock->out_ended = true;
    return 0;
}

/* As a kernel does when a process goes: a RST if it left bytes unread. */
static void hang_up(struct sim_sock *sock, bool reset)
{
    struct sim_link *link = sock->link;
    if (!link)
        return;
    if (reset || sock->in_size)
        sim_send(link, !sock->side, SIM_RST, NULL, 0);
    else if (sock->state == SIM_OPEN && !sock->out_ended)
        sim_send(link, !sock->side, SIM_FIN, NULL, 0);
    sim_link_leave(link, sock->side);
}

static void sock_close(struct kn_sock *base, bool reset)
{
    struct sim_sock *sock = of(base);
    struct kb_list *it;
    while ((it = kb_list_pop_front(&sock->backlog)))
        sock_close(&KB_CONTAINER(it, struct sim_sock, waiting)->sock, true);
    hang_up(sock, reset);
    kb_list_remove(&sock->of_node);
    kb_list_remove(&sock->ready);
    kb_list_remove(&sock->waiting);
    kb_list_remove(&sock->sock.link);
    kb_free(sock->in);
    kb_free(sock);
}

void sim_sock_kill(struct sim_sock *sock, int error)
{
    sock->node->sim->lost += sock->state == SIM_OPEN;
    if (sock->link)
        sim_link_leave(sock->link, sock->side);
    sock->state = SIM_DEAD;
    sock->error = error;
}

void sim_sock_lose(struct sim_sock *sock, enum kn_sim_kill how)
{
    if (how == KN_SIM_KILL_PROCESS)
        hang_up(sock, false);
    sim_sock_kill(sock, ECONNRESET);
    sock->in_size = 0;
}

static int sock_local(struct kn_sock *sock, struct kn_addr *out)
{
    *out = of(sock)->local;
    return 0;
}

static int sock_peer(struct kn_sock *sock, struct kn_addr *out)
{
    *out = of(sock)->peer;
    return 0;
}

static const struct kn_sock_ops sim_ops = {
    .connected = sock_connected,
    .accept = sock_accept,
    .readv = sock_readv,
    .writev = sock_writev,
    .shutdown = sock_shutdown,
    .close = sock_close,
    .local = sock_local,
    .peer = sock_peer,
    .watch = sock_watch,
};

struct sim_sock *sim_sock_new(struct sim_node *node, enum sim_sock_state state)
{
    struct sim_sock *sock = sim_alloc(sizeof *sock);
    sock->sock.ops = &sim_ops;
    sock->node = node;
    sock->state = state;
    kb_list_init(&sock->sock.link);
    kb_list_init(&sock->ready);
    kb_list_init(&sock->waiting);
    kb_list_init(&sock->backlog);
    kb_list_push_back(&node->socks, &sock->of_node);
    return sock;
}

/* ---- Addresses ---------------------------------------------------------- */

static struct kn_addr address_of(const struct sim_node *node, uint16_t port)
{
    struct kn_addr addr = {.size = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&addr.sa;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(node->ip);
    in->sin_port = htons(port);
    return addr;
}

static uint16_t free_port(struct sim_node *node)
{
    do
        node->next_port = node->next_port < FIRST_PORT ? FIRST_PORT : node->next_port + 1;
    while (sim_listener_of(node, node->next_port));
    return node->next_port;
}

struct sim_sock *sim_listener_of(struct sim_node *node, uint16_t port)
{
    KB_LIST_EACH(it, &node->socks) {
        struct sim_sock *sock = KB_CONTAINER(it, struct sim_sock, of_node);
        if (sock->state == SIM_LISTENING && kn_addr_port(&sock->local) == port)
            return sock;
    }
    return NULL;
}

/* A loopback address is the node itself. */
int sim_connect(struct kn_env *base, const struct kn_addr *addr, struct kn_sock **out)
{
    struct sim_env *env = KB_CONTAINER(base, struct sim_env, env);
    struct sim_node *to = sim_node_at(env->sim, addr);
    if (env->dead)
        return -ENETDOWN;
    if (kn_addr_is_loopback(addr))
        to = env->node;
    struct sim_sock *sock = sim_sock_new(env->node, SIM_CONNECTING);
    sock->local = address_of(env->node, free_port(env->node));
    sock->peer = *addr;
    sim_send(sim_link_new(sock, to, addr), 1, SIM_SYN, NULL, 0);
    *out = &sock->sock;
    return 0;
}

int sim_listen(struct kn_env *base, const struct kn_addr *addr, int backlog, struct kn_sock **out)
{
    struct sim_env *env = KB_CONTAINER(base, struct sim_env, env);
    uint16_t port = kn_addr_port(addr);
    (void)backlog;
    if (env->dead)
        return -ENETDOWN;
    if (port && sim_listener_of(env->node, port))
        return -EADDRINUSE;
    struct sim_sock *sock = sim_sock_new(env->node, SIM_LISTENING);
    sock->local = address_of(env->node, port ? port : free_port(env->node));
    *out = &sock->sock;
    return 0;
}
