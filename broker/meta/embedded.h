/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_EMBEDDED_H
#define KD_EMBEDDED_H
/*
 * The metadata store of a broker that stands alone: the tree over its journal.
 *
 * Requests queue in order. A batch of them is applied, its writes go to disk
 * in one job, then all are answered: so reads, too, only ever show what is
 * durable. When a job fails every write of its batch is UNKNOWN, and so is all
 * that comes after; the store has to be opened anew.
 */
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "broker/meta/meta.h"
#include "net/exec.h"

struct kd_embedded_options {
    struct kn_loop *loop;
    struct kn_exec *exec;
    struct kb_fs *fs;
    struct kb_log *log;    /* may be NULL */
    const char *dir;       /* in fs; must stay */
    size_t snapshot_bytes; /* of log, after which a snapshot is written; 0: 1 MiB */
    uint64_t seed;
    /* A write failed; comes once, before those answers. NULL: not needed. */
    void (*failed)(void *ctx, const struct kb_error *err);
    void *ctx;
};

/* meta NULL: err says why. */
typedef void kd_embedded_opened_fn(void *ctx, struct kd_meta *meta, const struct kb_error *err);

/* Answers later, on the loop. False: no memory, no answer will come. */
bool kd_embedded_open(const struct kd_embedded_options *options, kd_embedded_opened_fn *opened,
                      void *ctx);

#endif
