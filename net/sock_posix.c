/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "net/real.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static int fd_of(const struct kn_sock *sock)
{
    return KB_CONTAINER(sock, struct kn_real_sock, sock)->fd;
}

static void set_on(int fd, int level, int option)
{
    int on = 1;
    setsockopt(fd, level, option, &on, sizeof on);
}

static void tune_stream(int fd)
{
    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    set_on(fd, SOL_SOCKET, SO_KEEPALIVE);
}

static int open_stream(const struct kn_addr *addr)
{
    int fd = socket(addr->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static int name_of(struct kn_sock *sock, int (*get)(int, struct sockaddr *, socklen_t *),
                   struct kn_addr *out)
{
    memset(out, 0, sizeof *out);
    out->size = sizeof out->sa;
    return get(fd_of(sock), (struct sockaddr *)&out->sa, &out->size) < 0 ? -errno : 0;
}

static int sock_local(struct kn_sock *sock, struct kn_addr *out)
{
    return name_of(sock, getsockname, out);
}

static int sock_peer(struct kn_sock *sock, struct kn_addr *out)
{
    return name_of(sock, getpeername, out);
}

/* A connect to a free port of the ephemeral range on this very machine can
 * meet itself; nobody listens there. */
static bool met_itself(struct kn_sock *sock, const struct kn_addr *peer)
{
    struct kn_addr local;
    return sock_local(sock, &local) == 0 && local.size == peer->size &&
           !memcmp(&local.sa, &peer->sa, peer->size);
}

static int sock_connected(struct kn_sock *sock)
{
    int error = 0;
    socklen_t size = sizeof error;
    struct kn_addr peer;
    if (getsockopt(fd_of(sock), SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    if (error)
        return -error;
    int rc = sock_peer(sock, &peer);
    if (rc < 0)
        return rc == -ENOTCONN ? -EINPROGRESS : rc;
    return met_itself(sock, &peer) ? -ECONNREFUSED : 0;
}

static int sock_new(int fd, struct kn_sock **out);

static int sock_accept(struct kn_sock *sock, struct kn_sock **out, struct kn_addr *peer)
{
    memset(peer, 0, sizeof *peer);
    peer->size = sizeof peer->sa;
    int fd = accept4(fd_of(sock), (struct sockaddr *)&peer->sa, &peer->size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    tune_stream(fd);
    return sock_new(fd, out);
}

static int64_t sock_readv(struct kn_sock *sock, const struct iovec *iov, int n)
{
    ssize_t rc;
    do
        rc = readv(fd_of(sock), iov, n);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : rc;
}

static int64_t sock_writev(struct kn_sock *sock, const struct iovec *iov, int n)
{
    struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    ssize_t rc;
    do
        rc = sendmsg(fd_of(sock), &message, MSG_NOSIGNAL);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : rc;
}

static int sock_shutdown(struct kn_sock *sock)
{
    return shutdown(fd_of(sock), SHUT_WR) < 0 ? -errno : 0;
}

static void sock_close(struct kn_sock *sock, bool reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    int fd = fd_of(sock);
    if (reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    kn_real_sock_forget(sock);
    close(fd);
}

static const struct kn_sock_ops real_ops = {
    .connected = sock_connected,
    .accept = sock_accept,
    .readv = sock_readv,
    .writev = sock_writev,
    .shutdown = sock_shutdown,
    .close = sock_close,
    .local = sock_local,
    .peer = sock_peer,
    .watch = kn_real_watch,
};

struct kn_sock *kn_real_sock_wrap(int fd)
{
    struct kn_real_sock *real = KB_NEW(struct kn_real_sock);
    if (!real)
        return NULL;
    real->fd = fd;
    real->sock.ops = &real_ops;
    kb_list_init(&real->sock.link);
    return &real->sock;
}

/* Takes fd, also on failure. */
static int sock_new(int fd, struct kn_sock **out)
{
    *out = kn_real_sock_wrap(fd);
    if (!*out)
        close(fd);
    return *out ? 0 : -ENOMEM;
}

void kn_real_sock_forget(struct kn_sock *sock)
{
    if (sock->env)
        kn_real_unwatch(sock);
    kb_free(KB_CONTAINER(sock, struct kn_real_sock, sock));
}

int kn_real_connect(struct kn_env *env, const struct kn_addr *addr, struct kn_sock **out)
{
    (void)env;
    int fd = open_stream(addr);
    if (fd < 0)
        return fd;
    tune_stream(fd);
    if (connect(fd, (const struct sockaddr *)&addr->sa, addr->size) < 0 && errno != EINPROGRESS) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return sock_new(fd, out);
}

int kn_real_listen(struct kn_env *env, const struct kn_addr *addr, int backlog,
                   struct kn_sock **out)
{
    (void)env;
    int fd = open_stream(addr);
    if (fd < 0)
        return fd;
    set_on(fd, SOL_SOCKET, SO_REUSEADDR);
    if (bind(fd, (const struct sockaddr *)&addr->sa, addr->size) < 0 || listen(fd, backlog) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return sock_new(fd, out);
}
