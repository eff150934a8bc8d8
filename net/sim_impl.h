/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_SIM_IMPL_H
#define KN_SIM_IMPL_H
/*
 * Shared by sim.c (time, nodes, turns), sim_env.c (the table), sim_sock.c
 * (sockets), sim_wire.c (packets and faults) and sim_exec.c alone. A
 * simulation that runs out of memory is a failed check; an allocation that a
 * test lets fail is never its own.
 */
#include "base/mem.h"
#include "net/sim.h"

struct sim_env;
struct sim_link;

/* ---- Time and chance ---------------------------------------------------- */

struct sim_event {
    struct kb_heap_node node; /* key: microseconds */
    void (*fn)(struct sim_event *);
};

struct kn_sim {
    struct kb_clock clock;
    struct kb_random random;
    struct kb_heap events;
    int64_t now_us, wall_offset_ms;
    uint64_t digest, lost;
    struct kn_sim_net net;
    struct kb_list nodes, links, cuts, names;
    int node_count;
    const struct sim_node *running;
    void (*overhear)(void *ctx, const struct kn_sim_heard *heard);
    void *overhear_ctx;
};

void *sim_alloc(size_t size); /* zeroed */
void sim_at(struct kn_sim *sim, struct sim_event *event, int64_t after_us);
int64_t sim_between(struct kn_sim *sim, int64_t min, int64_t max);
void sim_note(struct kn_sim *sim, uint64_t a, uint64_t b); /* into the digest */

/* ---- Nodes -------------------------------------------------------------- */

struct sim_node {
    struct kb_list link;
    struct kn_sim *sim;
    struct kb_list envs, socks;
    uint32_t ip;  /* host order */
    bool powered; /* false: what is sent to it is held */
    bool stopped;
    uint16_t next_port;
    char name[];
};

struct sim_node *sim_node_find(struct kn_sim *sim, const char *name);
struct sim_node *sim_node_at(struct kn_sim *sim, const struct kn_addr *addr);
/* What the name resolves to; NULL: no such host. */
struct sim_node *sim_node_named(struct kn_sim *sim, const char *name);

struct sim_env {
    struct kn_env env;
    struct kb_list link;
    struct kn_sim *sim;
    struct sim_node *node;
    bool dead, woken;
    bool waiting;            /* in a wait of its own: not to be stepped */
    bool turning;            /* nor inside a turn */
    struct kb_list socks;    /* watched */
    struct kb_list ready;    /* of the dispatch in progress */
    struct kb_list answered; /* queries to tell */
    struct kb_list asked;    /* queries on the way */
};

struct sim_env *sim_env_new(struct kn_sim *sim, struct sim_node *node);
bool sim_env_is_ready(struct sim_env *env); /* a wait would end */
/* One turn or one event, none later than limit_us. False: none is left. */
bool sim_advance(struct kn_sim *sim, int64_t limit_us);

/* ---- Sockets ------------------------------------------------------------ */

enum sim_sock_state { SIM_LISTENING, SIM_CONNECTING, SIM_OPEN, SIM_DEAD };

struct sim_sock {
    struct kn_sock sock;
    struct kb_list of_node, ready, waiting; /* waiting: to be accepted */
    struct sim_node *node;
    enum sim_sock_state state;
    int error; /* errno, for whoever asks next */
    struct kn_addr local, peer;
    struct kb_list backlog; /* LISTENING */
    struct sim_link *link;
    int side; /* 0 dialled, 1 accepted */
    bool spoke;
    uint8_t *in;
    size_t in_at, in_size, in_capacity; /* received and unread */
    bool in_ended, out_ended;
};

struct sim_sock *sim_sock_new(struct sim_node *node, enum sim_sock_state state);
unsigned sim_sock_events(const struct sim_sock *sock);
void sim_sock_kill(struct sim_sock *sock, int error); /* no link any more */
void sim_sock_lose(struct sim_sock *sock, enum kn_sim_kill how);
int sim_connect(struct kn_env *env, const struct kn_addr *addr, struct kn_sock **out);
int sim_listen(struct kn_env *env, const struct kn_addr *addr, int backlog, struct kn_sock **out);
struct sim_sock *sim_listener_of(struct sim_node *node, uint16_t port);
void sim_sock_receive(struct sim_sock *sock, const uint8_t *data, size_t size);

/* ---- The wire ----------------------------------------------------------- */

enum sim_packet_kind { SIM_SYN, SIM_SYN_ACK, SIM_DATA, SIM_FIN, SIM_RST };

/* One connection: two ends, and what is on the way to each. */
struct sim_link {
    struct kb_list link;
    struct kn_sim *sim;
    struct sim_sock *end[2]; /* NULL: closed, or not accepted yet */
    struct sim_node *node[2];
    struct kb_list way[2]; /* packets to that end, in order */
    int64_t last_us[2];    /* arrival of the newest of them */
    size_t outstanding[2]; /* bytes to that end, not yet read by it */
    struct kn_addr to;
};

struct sim_link *sim_link_new(struct sim_sock *from, struct sim_node *to,
                              const struct kn_addr *addr);
void sim_send(struct sim_link *link, int to, enum sim_packet_kind kind, const struct iovec *iov,
              size_t size);
/* The end lets go; the link goes once both have and nothing is on the way. */
void sim_link_leave(struct sim_link *link, int side);
void sim_release_held(struct kn_sim *sim); /* after a heal or a restart */
void sim_wire_free(struct kn_sim *sim);

struct kn_exec *sim_exec_new(struct kn_env *env, int threads);

#endif
