/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H
/*
 * A process of somebody who uses Kurier: a node of its own, a loop, a driven
 * runtime over it, and perhaps a program that works in turns.
 *
 *     start ── turn ── turn ── turn ── end         a program's life
 *                        └─ killed ─ start ── ...  the nemesis' share in it
 *
 * A turn is what a program does between two looks at the world: it never waits
 * (calls of the API with a timeout of 0), changes nothing but its own, and says
 * when the next one is due: a slow application is one that says later. What has
 * to outlive a death (positions, say) lies in ctx, as on a disk of its own.
 * Calls that wait belong to the story that the workload tells in a straight
 * line; a process without a program is there for that.
 */
#include "tests/sim/world.h"

struct kurier_runtime;
struct process;

struct program {
    const char *name; /* of its node */
    bool mortal;      /* may be killed, and is started again then */
    void *(*start)(struct process *process, void *ctx);
    int64_t (*turn)(void *self); /* ms until the next */
    /* killed: nobody hears any more of what its handles still say. */
    void (*end)(void *self, bool killed);
};

struct process {
    struct kb_list link; /* in the world's */
    struct world *world;
    char node[24];
    const struct program *program; /* NULL: the story's own */
    void *ctx, *self;              /* self NULL: not alive */

    struct kn_env *env, *turn_env;
    struct kn_loop *loop, *turns;
    struct kurier_runtime *runtime; /* driven, over loop */
    struct kn_timer timer;
    long kills;
};

/* Its node is named "NAME" for the first of that name, then "NAME-2" ... Of a
 * program, the first turn comes by itself. */
void process_open(struct process *p, struct world *w, const char *name,
                  const struct program *program, void *ctx);
/* For the nemesis: its node is gone at once, and is there again. */
void process_kill(struct process *p, enum kn_sim_kill how);
void process_restart(struct process *p);
bool process_is_alive(const struct process *p);
/* A clean end, outside of any turn. */
void process_close(struct process *p);

#endif
