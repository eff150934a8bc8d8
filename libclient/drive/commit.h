/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_COMMIT_H
#define KC_COMMIT_H
/*
 * Positions on their way to the group's coordinator: a queue, its first in
 * flight, so that a commit is never overtaken by one that was made before it.
 *
 *   explicit, automatic, before partitions are given up
 *        └──> queue ──> OffsetCommit, over the control link of the coordinator
 *                         ├── 0: settled
 *                         ├── what heals: again, until the commit's deadline
 *                         └── what does not: the row's own code
 *
 * A row belongs to the assignment that it was made under: when it comes to be
 * sent and its partition has moved on, it is refused as _ASSIGNMENT_LOST. On the
 * loop.
 */
#include "libclient/drive/consumer.h"
#include "libclient/drive/link.h"
#include "wire/gen/offset_commit.h"

struct kc_commit_row {
    struct kc_share *share; /* lives as long as the consumer */
    uint64_t assignment;    /* of the share then; 0: it was nobody's */
    int64_t offset;
    int32_t leader_epoch;
    const char *metadata; /* borrowed as long as the commit; NULL: none */
    bool settled;
    int32_t code; /* once it is */
};

/* Lies in its owner's struct until on_done, which comes once and may free it. */
struct kc_commit {
    struct kb_list node;
    struct kc_commit_row *rows; /* none: a commit that waits for those before it */
    size_t count;
    int64_t deadline_ms;
    int64_t settle_by_ms; /* so long it and those before it wait for a rebalance to be over;
                             0: not at all, since the group waits for them */
    void (*on_done)(struct kc_commit *commit, const struct kb_error *err); /* code 0: all of it */
    int32_t last_code; /* that made it wait; 0: none did */
};

struct kc_commits;
struct kc_commits *kc_commits_new(struct kurier_consumer *consumer); /* NULL: no memory */
/* What waits is answered with _CLOSED. */
void kc_commits_free(struct kc_commits *commits);

void kc_commits_put(struct kc_commits *commits, struct kc_commit *commit);
/* Nothing is told; what was sent of it may still be committed. */
void kc_commits_cancel(struct kc_commits *commits, struct kc_commit *commit);
/* The coordinator is known, or the assignment has changed: goes on. */
void kc_commits_look(struct kc_commits *commits);
bool kc_commits_idle(const struct kc_commits *commits);

/* What is finished and not committed yet of the partitions that `chosen` says, all
 * where it is NULL; `again`: also what was committed before. False: no memory. The
 * rows are the caller's to free. */
bool kc_commits_finished(struct kurier_consumer *consumer,
                         bool (*chosen)(const struct kc_share *share), bool again,
                         struct kc_commit *out);

#endif
