/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_COPIES_H
#define SIM_COPIES_H
/*
 * The book of a topic's copy: which record is a copy of which, and what there has to be in
 * the end. It knows no client and no broker; the history (history.h) has the records, the
 * book of transactions (deeds.h) what of the copy is to be seen.
 *
 *     source partition p at 7 ──> p           each record
 *                          └────> p + 1       and this one too, if its id says so: who sees
 *                                             one of them only sees half a transaction
 */
#include "tests/sim/deeds.h"

struct copies {
    int from, to; /* topics, by their number in the history */
    int32_t partitions;
    struct copy {
        uint64_t source; /* its id; 0: this record is no copy */
        int64_t offset;  /* the source's */
        bool beside;     /* the one that goes to the next partition */
    } * of;              /* of record id - 1 */
    uint64_t records, capacity;
};

void copies_deinit(struct copies *copies); /* {0} is a book without topics: nothing is wrong */

bool copies_wants_beside(uint64_t source);
/* Where the copy goes. */
int32_t copies_target(const struct copies *copies, int32_t partition, bool beside);
/* Record `id` is sent as a copy of that one, which lies at that offset. */
void copies_hold(struct copies *copies, uint64_t id, uint64_t source, int64_t offset, bool beside);

struct copies_findings {
    long missing;   /* copies that are not to be seen */
    long repeated;  /* ... that are there again */
    long misplaced; /* ... in another order than their sources, or in another partition */
};
/* By what was seen on the way so far, or by the last reading. */
void copies_judge(const struct copies *copies, const struct history *h, const struct deeds *deeds,
                  bool in_the_end, struct copies_findings *out);

#endif
