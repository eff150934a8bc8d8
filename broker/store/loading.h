/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LOADING_H
#define KD_LOADING_H
/* What the steps of loading a log share: load.c calls recover.c, then replay.c. */
#include "broker/store/recover.h"

enum { KD_LOAD_WINDOW_BYTES = 1 << 20, KD_LOAD_FILE_MAX = 1 << 26 };

/* Offsets in the names of its files, ascending. */
struct kd_listing {
    int64_t *bases, *snapshots;
    size_t base_count, snapshot_count;
    bool failed;
};

/* The log cannot be opened: what was on disk for sure is not there. */
int kd_load_refuse(struct kd_load *load, int64_t offset, const char *why);
/* recover.c: finds where the log ends, and makes it end there. */
int kd_load_walk(struct kd_load *load);
/* replay.c: what the batches and snapshots say of producers and leaders. */
int kd_load_state(struct kd_load *load, const struct kd_listing *listing);

#endif
