/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_SIM_H
#define KN_SIM_H
/*
 * A network, a clock and executors in one thread, all from a seed.
 *
 * Nodes have names, which resolve, and addresses 10.0.0.1 and up. Each loop of
 * a node runs over a kn_env of that node. Nothing takes time but what is told
 * to: bytes on the way, jobs, timers. The clock jumps to the next event.
 *
 *     sim = kn_sim_new(seed);
 *     loop = kn_loop_new(kn_sim_env(sim, "broker"));
 *     ... build broker and clients on their loops ...
 *     kn_sim_run(sim, done, ctx, 60000);
 *
 * kn_loop_step(loop, timeout) on a simulated loop runs the others meanwhile, so
 * that code which drives its loop and waits works unchanged. One waits at a time:
 * a wait inside a turn of another loop would keep that one from going on.
 */
#include "base/random.h"
#include "base/slice.h"
#include "net/loop.h"

struct kn_sim;

struct kn_sim *kn_sim_new(uint64_t seed); /* NULL: no memory */
void kn_sim_free(struct kn_sim *sim);     /* after its environments */
/* A world of that node; makes the node if it is new, and starts it anew if it
 * was killed. Free it through ops->free, after its loop. NULL: no memory. */
struct kn_env *kn_sim_env(struct kn_sim *sim, const char *node);
struct kb_clock *kn_sim_clock(struct kn_sim *sim);
struct kb_random *kn_sim_random(struct kn_sim *sim);
/* Of all that has happened so far: equal for equal seeds. */
uint64_t kn_sim_digest(const struct kn_sim *sim);
/* Connections that a reset or a kill ended, seen from each end. */
uint64_t kn_sim_lost(const struct kn_sim *sim);

/* Whose loop turns or whose job runs just now; NULL: nobody's. */
const char *kn_sim_running(const struct kn_sim *sim);

/* One event, or one turn of one loop. False: nothing will ever happen. */
bool kn_sim_step(struct kn_sim *sim);
/* Until cond(ctx), or ms of virtual time are over (answers false). cond NULL:
 * runs for ms. */
bool kn_sim_run(struct kn_sim *sim, bool (*cond)(void *ctx), void *ctx, int64_t ms);

/* ---- What can go wrong -------------------------------------------------- */

enum kn_sim_kill {
    KN_SIM_KILL_PROCESS, /* the kernel lives: peers see the end or a RST, connects are refused */
    KN_SIM_KILL_POWER    /* silence: peers learn by RST when they speak after the restart */
};
/*
 * Its sockets are gone and its loops turn no more by themselves, so that
 * nothing of it reaches the network. Its jobs go on over the disk it had: so
 * take what a crash leaves (a clone of that disk) at this very moment, start
 * the node anew over it with kn_sim_env, and free what was built over the old
 * environments in the usual way.
 */
void kn_sim_kill(struct kn_sim *sim, const char *node, enum kn_sim_kill how);
/* SIGSTOP and SIGCONT: the network goes on, the loops do not. */
void kn_sim_stop(struct kn_sim *sim, const char *node);
void kn_sim_cont(struct kn_sim *sim, const char *node);
/* Bytes from one node to the other are held (a black hole) until healed; one
 * direction each. NULL: any node. */
void kn_sim_cut(struct kn_sim *sim, const char *from, const char *to);
void kn_sim_heal(struct kn_sim *sim, const char *from, const char *to);
/* Every connection between the two: both sides see a RST. NULL: any node. */
void kn_sim_reset(struct kn_sim *sim, const char *a, const char *b);

/* What a node sends on connections that it made, as it sends it, to one listener at a time;
 * fn NULL: none. It calls nothing back that changes the simulation but timers and calls of
 * its own. */
struct kn_sim_heard {
    const char *node;
    uint16_t port; /* tells its connections apart */
    bool begins;   /* nothing was sent on this one before */
    struct kb_slice bytes;
};
void kn_sim_overhear(struct kn_sim *sim, void (*fn)(void *ctx, const struct kn_sim_heard *heard),
                     void *ctx);

struct kn_sim_net {
    int64_t delay_min_us, delay_max_us; /* one way; default 50 .. 500 */
    size_t window_bytes;                /* sent and unread; default 64 KiB */
    size_t segment_bytes;               /* a read sees at most that, seeded; 0: all there is */
    int64_t job_min_us, job_max_us;     /* of executors; default 50 .. 2000 */
};
void kn_sim_set_net(struct kn_sim *sim, const struct kn_sim_net *net);
/* The wall clock jumps; mono does not. */
void kn_sim_jump_wall(struct kn_sim *sim, int64_t ms);
/* A name that does not resolve, or resolves to another node's address (as after
 * a move); to NULL: no such host. */
void kn_sim_name(struct kn_sim *sim, const char *name, const char *to);

#endif
