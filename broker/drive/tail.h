/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TAIL_H
#define KD_TAIL_H
/*
 * The hot end of each log, in memory: the last batches, copied into chunks in
 * which they lie one behind the other, so that a reader who keeps up gets one
 * piece for many small batches and costs no system call. Large batches pass it
 * by: the page cache serves them as well. All tails share a budget; the chunk
 * that was begun first, anywhere, goes first. State loop only; the bytes of a
 * chunk may be read on any thread, since they never change once written.
 */
#include "base/buf.h"
#include "base/list.h"

struct kd_tails {
    struct kb_list ages; /* of all chunks, oldest first */
    size_t used_bytes, max_bytes;
};

struct kd_tail {
    struct kb_list chunks; /* oldest first, without gaps in between */
};

void kd_tails_init(struct kd_tails *tails, size_t max_bytes);
void kd_tail_init(struct kd_tail *tail);
void kd_tail_clear(struct kd_tails *tails, struct kd_tail *tail);
/* A batch that was just placed; last_offset is its own. */
void kd_tail_add(struct kd_tails *tails, struct kd_tail *tail, struct kb_slice batch,
                 int64_t base_offset, int64_t last_offset);

struct kd_tail_read {
    int64_t offset, bound;
    size_t max_bytes;
    bool whole_first;
};
/* False: the tail does not reach back to the offset. True: *pieces (kb_free;
 * each holds a reference), whole batches, perhaps none. NULL with count > 0
 * never happens; no memory answers false. */
bool kd_tail_find(const struct kd_tail *tail, const struct kd_tail_read *ask,
                  struct kb_piece **pieces, size_t *count, size_t *bytes);

#endif
