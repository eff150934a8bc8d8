/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_EMBEDDED_IMPL_H
#define KD_EMBEDDED_IMPL_H
/*
 * The embedded store from the inside.
 *
 *     embedded.c         what is asked becomes a queue
 *     embedded_batch.c   the queue becomes batches on disk
 *     embedded_answer.c  batches become answers and events
 */
#include "base/arena.h"
#include "broker/meta/embedded.h"
#include "broker/meta/journal.h"
#include "broker/meta/watches.h"

enum { KD_ASK_SPARES = 256 };
enum kd_ask_kind { KD_ASK_GET, KD_ASK_CHILDREN, KD_ASK_MULTI, KD_ASK_CLOSE };

struct kd_ask {
    struct kb_list link;
    enum kd_ask_kind kind;
    void *ctx;
    union {
        kd_meta_node_fn *node;
        kd_meta_multi_fn *multi;
        void (*closed)(void *ctx);
    } fn;
    const char *path; /* get, children; NULL: there was no memory for it */
    struct kd_meta_watch *watch;
    struct kd_meta_op *ops;
    int n;
    struct kd_meta_change *changes;
    struct kd_meta_result result;
    struct kb_arena arena;
};

struct kd_embedded {
    struct kd_meta meta;
    struct kd_embedded_options options;
    struct kd_tree tree;
    struct kd_watches watches;
    struct kd_journal journal;

    struct kb_list spares; /* asks to take where there is no memory for one */
    int spare_count;
    struct kb_list queue; /* not looked at yet */
    struct kb_list batch; /* applied, waiting for the disk */
    struct kd_bytes bytes;
    struct kn_task pump;
    struct kn_job job;
    bool busy; /* a job is on its way */
    bool halted;
    int status;         /* of the job: 0 or -errno; once < 0, it stays */
    size_t wanted;      /* bytes of room that are being asked for */
    size_t snapshot_at; /* bytes of log at which the next snapshot is due */
    int refused;        /* 0 or -errno: why there are none */

    kd_embedded_opened_fn *opened;
    void *opened_ctx;
    struct kb_error open_error;
};
void kd_ask_free(struct kd_embedded *store, struct kd_ask *ask);
void kd_embedded_free(struct kd_embedded *store);

/* Answers the batch, in order. A close in it ends the store. */
void kd_embedded_answer(struct kd_embedded *store);
/* Nothing will happen any more: all that waits hears UNKNOWN. */
void kd_embedded_answer_lost(struct kd_embedded *store);

/* The task that takes the next batch from the queue. */
void kd_embedded_pump(struct kn_task *task);
/* One job at a time. */
void kd_embedded_submit(struct kd_embedded *store, void (*run)(struct kn_job *),
                        void (*done)(struct kn_job *));
/* First in each done. False: the store was halted and is gone. */
bool kd_embedded_job_done(struct kd_embedded *store);

#endif
