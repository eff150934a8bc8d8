/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LOADING_H
#define KD_LOADING_H
/* What the steps of loading a log share: load.c calls recover.c, chain.c, then
 * replay.c. */
#include "broker/store/recover.h"
#include "broker/store/scan.h"

enum { KD_LOAD_FILE_MAX = 1 << 26 };

/* Offsets in the names of its files, ascending. */
struct kd_listing {
    int64_t *bases, *snapshots, *index_bases;
    int64_t *offset_bases, *txn_bases; /* of these: with an offset index, a .txnindex */
    size_t base_count, snapshot_count, index_count, offset_count, txn_count;
    size_t walked_from;  /* the first segment that kd_load_walk looked at batch by batch */
    bool walked_markers; /* and it met transactions' markers */
    bool any_staged;     /* files that are not in the log any more, or not yet */
    bool failed;
};

/* The log cannot be opened: what was on disk for sure is not there. */
int kd_load_refuse(struct kd_load *load, int64_t offset, const char *why);
/* swap.c: what a compaction began to put in place is put there. */
int kd_load_finish_swaps(struct kd_load *load);
/* recover.c: finds where the log ends, and makes it end there. */
int kd_load_walk(struct kd_load *load, struct kd_listing *listing);
/* chain.c: how many segments lie wholly below the log's start. */
size_t kd_load_skip_deleted(const struct kd_load *load, const struct kd_listing *listing);
/* Unlinks what a deletion or a compaction left behind, once the rest is known to be well. */
void kd_load_clear_staged(struct kd_load *load, const struct kd_listing *listing);
/* Each sealed segment ends where the next begins. */
int kd_load_check_chain(struct kd_load *load);
/* aborted.c: each .txnindex tells what its segment holds, or is built again. */
int kd_load_aborted(struct kd_load *load, const struct kd_listing *listing);
/* replay.c: what a batch does to its producer. *aborted: the transaction that it aborts;
 * its producer is -1 if it does not. NO_MEMORY, CORRUPT_MESSAGE, DISK (scan->status). */
int kd_replay_batch(struct kd_producers *producers, struct kd_scan *scan,
                    const struct kw_batch_header *header, int64_t now_ms,
                    struct kd_aborted *aborted);
/* replay.c: what the batches and snapshots say of producers and leaders. */
int kd_load_state(struct kd_load *load, struct kd_listing *listing);

#endif
