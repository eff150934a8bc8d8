/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_REAL_H
#define KN_REAL_H
/*
 * Shared by the files of the real world alone: env_real.c (the table),
 * sock_posix.c (sockets), resolver.c (names by c-ares).
 */
#include "net/env.h"
#include "net/poller.h"

/* Anything with a descriptor; the resolver's are watched the same way. */
struct kn_real_sock {
    struct kn_sock sock;
    int fd;
};

/* NULL: no memory; fd stays the caller's. */
struct kn_sock *kn_real_sock_wrap(int fd);
/* Without closing its descriptor: that is another's. */
void kn_real_sock_forget(struct kn_sock *sock);
int kn_real_connect(struct kn_env *env, const struct kn_addr *addr, struct kn_sock **out);
int kn_real_listen(struct kn_env *env, const struct kn_addr *addr, int backlog,
                   struct kn_sock **out);

enum { KN_POLL_MAX = 256 };

struct kn_resolver;

struct kn_real_env {
    struct kn_env env;
    struct kn_poller poller;
    struct kn_resolver *resolver;
    struct kb_list socks; /* all that were ever watched and are open */
    bool abandoned;
    struct kn_ready ready[KN_POLL_MAX]; /* of the last wait: */
    int ready_at, ready_count;          /* those still to be told */
};

struct kn_real_env *kn_real_env_of(struct kn_env *env);
int kn_real_watch(struct kn_sock *sock, struct kn_env *env, unsigned events);
/* Out of the poller, and of what is still to be told. */
void kn_real_unwatch(struct kn_sock *sock);

struct kn_resolver *kn_resolver_new(struct kn_real_env *env);
int kn_resolver_ask(struct kn_resolver *resolver, const char *host, uint16_t port,
                    struct kn_query *query);
void kn_resolver_cancel(struct kn_query *query);
int64_t kn_resolver_deadline_ms(struct kn_resolver *resolver);
void kn_resolver_turn(struct kn_resolver *resolver); /* timeouts, and answers to whom asked */
void kn_resolver_free(struct kn_resolver *resolver); /* queries in progress are forgotten */

#endif
