/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_WALL_H
#define KD_WALL_H
/*
 * The wall clock as far as it is to be believed by what deletes records. Set
 * forward by mistake, it would make everything old; so a jump forward counts
 * only once it has held for an hour, and one backward at once:
 *
 *     believed = monotonic time + the least that the wall was ahead of it
 *                in the last hour
 *
 * Pure. It sees what it is shown: it wants to be asked several times an hour.
 */
#include "base/time.h"
#include <stdbool.h>

enum { KD_WALL_HOLD_MS = 3600 * 1000, KD_WALL_SLOTS = 9 };
enum { KD_WALL_SLOT_MS = KD_WALL_HOLD_MS / (KD_WALL_SLOTS - 1) };

struct kd_wall { /* all zero: nothing seen yet, the first time is believed */
    bool begun;
    unsigned slot;                      /* that is being filled */
    int64_t slot_since_ms;              /* monotonic */
    int64_t least_ahead[KD_WALL_SLOTS]; /* wall - monotonic */
};

/* The wall time to go by. */
int64_t kd_wall_believe(struct kd_wall *wall, struct kb_time now);

#endif
