/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CHECKERS_H
#define KD_CHECKERS_H
/*
 * Work with codecs that would hold the state loop for too long, on the threads
 * of the executor. At most half of those at a time, so that the disk is never
 * kept waiting by it; the rest waits here. Each job has a codec context for
 * itself while it runs.
 *
 * Belongs to the state loop. Jobs are begun in the order of their calls, and
 * are done in any.
 */
#include "base/list.h"
#include "net/exec.h"
#include "wire/compress.h"

struct kd_checkers;

/* Lies in its owner's struct, which stays until done. */
struct kd_check {
    void (*run)(struct kd_check *check, struct kw_codec_ctx *codec); /* any thread */
    /* On the loop. ran false: the broker was halted before. */
    void (*done)(struct kd_check *check, bool ran);
    struct kd_checkers *checkers;
    struct kw_codec_ctx *codec; /* while it runs */
    struct kb_list link;        /* while it waits */
    struct kn_job job;
};

enum { KD_CHECKERS_MAX = 32 };

struct kd_checkers {
    struct kn_exec *exec;
    struct kn_loop *loop;
    struct kw_codec_ctx *idle[KD_CHECKERS_MAX];
    int limit, idle_count;
    struct kb_list waiting;
    bool halted;
    void (*drained)(struct kd_checkers *); /* once all are done */
};

/* threads: what the executor has. False: no memory; deinit all the same. */
bool kd_checkers_init(struct kd_checkers *checkers, struct kn_exec *exec, struct kn_loop *loop,
                      int threads);
/* Nothing runs any more. */
void kd_checkers_deinit(struct kd_checkers *checkers);

void kd_checkers_submit(struct kd_checkers *checkers, struct kd_check *check);
/* drained() comes once nothing runs or waits (at once, if so already). */
void kd_checkers_drain(struct kd_checkers *checkers, void (*drained)(struct kd_checkers *));
/* What waits is done without having run; what runs is done from the loop. */
void kd_checkers_halt(struct kd_checkers *checkers);

#endif
