/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_EXEC_H
#define KN_EXEC_H
/*
 * An executor for jobs that block (files, a KDC). `run` is called on a thread
 * of the pool, `done` on the loop that submitted. Jobs of one lane run one at
 * a time in the order of their submission, and are done in it; without a lane,
 * in any order, side by side. In a simulation the job runs, and its completion
 * arrives, at times that the seed decides, in the one thread there is.
 */
#include "base/list.h"
#include "net/loop.h"

struct kn_exec;
struct kn_job;

/* Lies in its owner's struct, which outlives its jobs. */
struct kn_lane {
    struct kb_list jobs; /* waiting */
    bool busy;
};
void kn_lane_init(struct kn_lane *lane);

/* Lies in the owner's message. From submit until done it belongs to the
 * executor, apart from what run() touches. done owns it again. */
struct kn_job {
    void (*run)(struct kn_job *);  /* a pool thread: no loop, no conn */
    void (*done)(struct kn_job *); /* the loop's thread */
    struct kn_loop *home;
    struct kn_lane *lane;
    struct kn_mail mail;
    struct kb_list link;
};

struct kn_exec_ops {
    void (*submit)(struct kn_exec *, struct kn_job *);
    void (*free)(struct kn_exec *);
};

struct kn_exec {
    const struct kn_exec_ops *ops;
};

/* Of the loop's own world. threads >= 1. NULL: no memory or no thread. */
struct kn_exec *kn_exec_new(struct kn_env *env, int threads);
/* From the home loop. lane may be NULL. */
void kn_exec_submit(struct kn_exec *exec, struct kn_loop *home, struct kn_lane *lane,
                    struct kn_job *job);
/* Waits for every job to have run; their done is then in the loops' mail, so
 * free it before the loops. */
void kn_exec_free(struct kn_exec *exec);

/* ---- For implementations, under their own lock -------------------------- */

bool kn_lane_enter(struct kn_job *job);           /* true: ready to run */
struct kn_job *kn_lane_leave(struct kn_job *job); /* after its run: who is ready now, or NULL */

#endif
