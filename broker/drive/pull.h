/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_PULL_H
#define KD_PULL_H
/*
 * A stretch of a log as bytes in one buffer, for the broker's own reading: the
 * coordinators' logs when they are loaded. Lies in its owner's struct.
 */
#include "broker/drive/replica.h"
#include "net/loop.h"

struct kd_pull {
    struct kd_read read;
    void (*done)(struct kd_pull *pull);
    /* The answer: a code of kd_read's; whole batches, the last perhaps cut off. */
    int code;
    struct kb_buf *buf; /* NULL: nothing there; the owner's */
    /* Its own. */
    struct kd_replica *replica;
    struct kn_loop *loop;
    struct kn_exec *exec;
    struct kn_task task;
    struct kn_job job;
};

/* From `offset` on, below `bound`; at least one whole batch if there is one. done
 * comes from the loop, never from inside. */
void kd_pull_start(struct kd_pull *pull, struct kd_replica *replica, struct kn_loop *loop,
                   struct kn_exec *exec, int64_t offset, int64_t bound, size_t max_bytes);

#endif
