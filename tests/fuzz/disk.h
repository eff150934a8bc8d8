/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_DISK_H
#define TESTS_FUZZ_DISK_H
/* A disk in memory with what an input says is on it. */
#include "base/fs_mem.h"
#include "base/slice.h"

void disk_put(struct kb_fs *fs, const char *path, struct kb_slice bytes);
/* The whole file, to be freed by kb_free; data NULL: it is not there. */
struct kb_slice disk_take(struct kb_fs *fs, const char *path);

/* Puts checksums right, so that what lies behind them is reached: of each batch
 * among these bytes, of a producer snapshot. */
void disk_sum_batches(struct kb_slice bytes);
void disk_sum_snapshot(struct kb_slice bytes);

#endif
