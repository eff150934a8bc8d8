/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_EPOCHS_H
#define KD_EPOCHS_H
/*
 * The leader epochs of one partition's log: under which epoch each stretch of
 * offsets was written. Followers and clients truncate by it (KIP-101), never
 * by a high watermark. Pure. Epochs and start offsets both rise.
 */
#include "base/slice.h"

struct kd_epoch {
    int32_t epoch;
    int64_t start_offset;
};

struct kd_epochs {
    struct kd_epoch *entries;
    size_t count, capacity;
};

void kd_epochs_init(struct kd_epochs *epochs);
void kd_epochs_deinit(struct kd_epochs *epochs);
/* From this offset on the log is written under `epoch`. Entries that
 * contradict it (a later epoch, or a start at or behind its own) go. *changed
 * (may be NULL): the checkpoint has to be written. KB_OK or NO_MEMORY. */
int kd_epochs_assign(struct kd_epochs *epochs, int32_t epoch, int64_t start_offset, bool *changed);
int32_t kd_epochs_latest(const struct kd_epochs *epochs); /* -1: none */
/* OffsetForLeaderEpoch: the largest known epoch <= asked, and where it ends.
 * False: nothing to say (-1, -1). */
bool kd_epochs_end_of(const struct kd_epochs *epochs, int32_t asked, int64_t log_end,
                      struct kd_epoch *out);
int32_t kd_epochs_at(const struct kd_epochs *epochs, int64_t offset);  /* -1: not known */
bool kd_epochs_cut_end(struct kd_epochs *epochs, int64_t log_end);     /* true: changed */
bool kd_epochs_cut_start(struct kd_epochs *epochs, int64_t log_start); /* true: changed */

/* leader-epoch-checkpoint, as text; kb_free it. NULL: no memory. */
char *kd_epochs_format(const struct kd_epochs *epochs, size_t *size);
/* CORRUPT leaves it empty. */
int kd_epochs_parse(struct kd_epochs *epochs, struct kb_slice text);

#endif
