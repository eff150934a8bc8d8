/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_STORE_CLEAN_H
#define KD_STORE_CLEAN_H
/*
 * Compacts the sealed segments of one log, a step at a time:
 *
 *     map      the dirty segments are read: the latest offset of each key
 *     copy     from the first segment on, what stays of groups of neighbours, as
 *              many as fit, is written into one new segment (core/compact.h)
 *     swap     the new segment takes the place of its group (swap.h), and so on
 *
 * Lower groups go before higher ones, so that a tombstone never goes before what
 * it deletes. Each group ends with a batch that ends where it did, and a segment
 * still begins where the one before it ends. Blocking, on one disk thread at a
 * time, beside appends, reads and deletions: what was deleted meanwhile ends it.
 */
#include "base/siphash.h"
#include "broker/core/compact.h"
#include "broker/store/log.h"

enum { KD_CLEAN_ABORTED_MAX = 1 << 20 };

struct kd_clean;

struct kd_clean_ask {
    int64_t from, until;         /* the dirty segments lie between: core/clean.h */
    int64_t now_ms;              /* to be believed: wall.h */
    int64_t delete_retention_ms; /* of tombstones */
    int64_t segment_bytes;       /* groups grow up to that */
    size_t map_bytes;            /* memory for keys */
    const struct kd_kept *kept;  /* as kd_compactor's; borrowed until kd_clean_free */
    size_t kept_count;
    struct kb_sipkey secret;
};

/* NULL: no memory. The log must outlive it. */
struct kd_clean *kd_clean_new(struct kd_log *log, const struct kd_clean_ask *ask);
/* Some of it, about a megabyte. 1: there is more; 0: done; or -errno, and then the
 * log is as it was, or partly compacted, and nothing else is left:
 *   -ESTALE   segments were deleted meanwhile
 *   -EBADMSG  a batch is damaged, or packed in a codec that is not built in
 *   -ENOBUFS  not even one batch's keys fit into map_bytes, or a segment overlaps more than
 *             KD_CLEAN_ABORTED_MAX aborted transactions
 *   -EFBIG    a segment would become too large */
int kd_clean_step(struct kd_clean *clean);
/* Instead of another step: what is half made is unlinked. */
void kd_clean_give_up(struct kd_clean *clean);
void kd_clean_free(struct kd_clean *clean); /* blocks no longer than it takes to close a file */

struct kd_clean_report {
    int64_t end;                       /* everything below is clean; known from the copying on */
    int64_t bytes_before, bytes_after; /* of the segments that were written anew */
    bool unsafe;                       /* it failed between old and new: nobody may go on here */
};
struct kd_clean_report kd_clean_report(const struct kd_clean *clean);

#endif
