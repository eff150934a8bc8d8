/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_NEMESIS_H
#define SIM_NEMESIS_H
/*
 * Makes a world go wrong, one fault after another, from a table; crashes while
 * something is unanswered. Each fault ends after a while that the seed chose,
 * and when the last has ended the broker runs, every process lives and every
 * wire is whole.
 */
#include "tests/sim/world.h"

struct fault;
struct process;

struct nemesis {
    struct world *world;
    struct kn_env *env; /* its own node */
    struct kn_loop *loop;
    struct kn_timer timer;
    int left;                 /* faults to come */
    const struct fault *only; /* NULL: any */
    const struct fault *current;
    struct process *victim;  /* NULL: nobody's process */
    const char *victim_node; /* NULL: everybody's connections */
    bool (*busy)(void *ctx);
    void *ctx;
    struct kn_timer meddling; /* beside the faults */
    struct kb_random whim;    /* of its own, so that the faults are what they were */
    struct kn_timer lullaby;  /* the same */
    const char *drowsy;       /* processes of this name fall asleep */
    char sleeper[24];         /* its node; empty: nobody sleeps */
    int64_t since_ms;         /* nothing goes wrong since then, or something */
    int64_t quiet_ms;         /* that nothing went wrong, until then */
    bool over;
    bool at_work;    /* the broker has made all that it is to serve */
    long unanswered; /* crashes while busy */
    long kills;      /* of processes */
    long sleeps;
};

/* busy: is something unanswered now? */
void nemesis_start(struct nemesis *n, struct world *w, int faults, bool (*busy)(void *), void *ctx);
/* Nothing but this fault from now on, by its name in the table. */
void nemesis_restrict(struct nemesis *n, const char *name);
/* Beside the faults, coordinators forget all they know, and load it again. */
void nemesis_meddle(struct nemesis *n);
/* Beside the faults, processes of that name are stopped, one at a time, for longer than
 * anybody waits for them. */
void nemesis_lull(struct nemesis *n, const char *name);
/* For how long nothing has gone wrong, in all; what is beside the faults does not count. */
int64_t nemesis_quiet_ms(const struct nemesis *n);
void nemesis_deinit(struct nemesis *n);

#endif
