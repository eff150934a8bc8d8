/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_ENV_H
#define KN_ENV_H
/*
 * The world as one loop sees it: a clock, stream sockets, readiness, names and
 * a bell that other threads may ring. Two worlds stand behind the table: the
 * kernel's (kn_env_real_new) and a simulated network with a clock of its own
 * (sim.h). Everything above is the same code in both.
 *
 *     loop.h ── wait, dispatch ──> env ── on_ready ──> conn, listener, dial
 *
 * Only wake may be called from another thread. Functions answer >= 0,
 * or -errno. Descriptors are close-on-exec, SIGPIPE is never raised.
 */
#include "base/list.h"
#include "base/time.h"
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct kn_env;
struct kn_exec;
struct kn_sock;

enum { KN_READ = 1, KN_WRITE = 2 }; /* an error or a hang-up shows as both */

/* ---- Addresses ---------------------------------------------------------- */

struct kn_addr {
    struct sockaddr_storage sa;
    socklen_t size;
};

enum { KN_ADDR_TEXT = INET6_ADDRSTRLEN + 8 };
/* "127.0.0.1:9092", "[::1]:9092". Answers out. */
char *kn_addr_format(const struct kn_addr *addr, char out[KN_ADDR_TEXT]);
/* A numeric address, v4 or v6. False: it is a name, or nothing at all. */
bool kn_addr_parse(const char *host, uint16_t port, struct kn_addr *out);
bool kn_addr_is_loopback(const struct kn_addr *addr);
uint16_t kn_addr_port(const struct kn_addr *addr);
void kn_addr_set_port(struct kn_addr *addr, uint16_t port);

/* ---- Sockets ------------------------------------------------------------ */

struct kn_sock_ops {
    /* Connected yet? 0, -EINPROGRESS, or why not. */
    int (*connected)(struct kn_sock *);
    int (*accept)(struct kn_sock *, struct kn_sock **out, struct kn_addr *peer);
    /* > 0 bytes; 0 the other side has ended; -EAGAIN not now. */
    int64_t (*readv)(struct kn_sock *, const struct iovec *, int n);
    int64_t (*writev)(struct kn_sock *, const struct iovec *, int n);
    int (*shutdown)(struct kn_sock *); /* no more writes; reads go on */
    /* Frees it. reset: unsent bytes are dropped, the peer sees a RST. */
    void (*close)(struct kn_sock *, bool reset);
    int (*local)(struct kn_sock *, struct kn_addr *);
    int (*peer)(struct kn_sock *, struct kn_addr *);
    /* Level-triggered interest, 0 = none. The first call binds the socket to
     * env, that is to its loop; until then it may change threads. */
    int (*watch)(struct kn_sock *, struct kn_env *, unsigned events);
};

struct kn_sock {
    const struct kn_sock_ops *ops;
    struct kn_env *env;  /* NULL until watched */
    struct kb_list link; /* the environment's own */
    unsigned watched;    /* events asked for */
    /* Set by whoever watches. Called from dispatch; may close any socket. */
    void (*on_ready)(struct kn_sock *, unsigned events);
    void *owner;
};

/* ---- Names -------------------------------------------------------------- */

enum { KN_RESOLVE_MAX = 16 };

/* Lies in its owner's struct; must stay until on_done or resolve_cancel.
 * on_done is called once, from dispatch. */
struct kn_query {
    void (*on_done)(struct kn_query *);
    bool failed;
    char text[96]; /* why, in words: "no such host" */
    size_t count;
    struct kn_addr addrs[KN_RESOLVE_MAX]; /* both families, in the order to try */
    void *impl;                           /* the environment's own; NULL: idle */
};

/* ---- The table ---------------------------------------------------------- */

struct kn_env_ops {
    /* Starts; the socket is writable once the outcome is known (connected). */
    int (*connect)(struct kn_env *, const struct kn_addr *, struct kn_sock **out);
    /* Port 0: see local(). */
    int (*listen)(struct kn_env *, const struct kn_addr *, int backlog, struct kn_sock **out);
    /* Until readiness, a wake or the timeout (-1: none). */
    void (*wait)(struct kn_env *, int64_t timeout_ms);
    /* Calls on_ready of the sockets that the last wait found ready, and on_done
     * of queries. True: there may be more. */
    bool (*dispatch)(struct kn_env *);
    void (*wake)(struct kn_env *); /* any thread; ends one wait, sticks */
    /* Readable when a wait would find something, or the armed time is over.
     * -1: this world has none. */
    int (*fd)(struct kn_env *);
    void (*arm)(struct kn_env *, int64_t deadline_ms); /* KB_NEVER: disarm */
    int64_t (*deadline)(struct kn_env *);              /* its own timers (the resolver's) */
    /* A name; numeric addresses are kn_addr_parse's. */
    int (*resolve)(struct kn_env *, const char *host, uint16_t port, struct kn_query *);
    void (*resolve_cancel)(struct kn_env *, struct kn_query *); /* idle: nothing */
    struct kn_exec *(*exec_new)(struct kn_env *, int threads);  /* see exec.h */
    /* In the child of a fork: closes every descriptor of this world, says
     * nothing to the network and touches no epoll. Only free may follow. */
    void (*abandon)(struct kn_env *);
    void (*free)(struct kn_env *); /* sockets that are still open are closed */
};

struct kn_env {
    const struct kn_env_ops *ops;
    struct kb_clock *clock;
    struct kn_loop *loop; /* set by kn_loop_new */
};

/* NULL: no memory or no descriptors (errno says which). */
struct kn_env *kn_env_real_new(void);

#endif
