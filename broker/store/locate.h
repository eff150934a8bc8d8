/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LOCATE_H
#define KD_LOCATE_H
/* Finding a batch in a segment: what reads, lookups and truncation share. */
#include "broker/store/scan.h"
#include "broker/store/segment.h"

struct kd_log;

/* A segment as it was when it was asked for. */
struct kd_place {
    struct kd_segment *segment; /* referenced */
    bool active;
    int64_t size;
    int64_t end_offset; /* the next segment begins here */
};

/* False: the log ends at or before the offset. */
bool kd_place_find(struct kd_log *log, int64_t offset, struct kd_place *out);
/* The first batch at or behind `from` that reaches `offset`; without one,
 * *position is the segment's end. The segment is pinned. 0, -errno, -EBADMSG. */
int kd_place_seek(const struct kd_place *place, int64_t from, int64_t offset, bool nowait,
                  int64_t *position, struct kw_batch_header *header);

#endif
