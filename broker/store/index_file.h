/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_INDEX_FILE_H
#define KD_INDEX_FILE_H
/*
 * The indexes of a sealed segment, searched where they lie: a few 12-byte
 * reads out of the page cache, and no memory kept. A missing or odd file
 * answers "from the start", which is slower and never wrong; the caller checks
 * that the position leads where it should.
 */
#include "base/fs.h"

/* As kd_index_position. */
int64_t kd_index_file_position(struct kb_fs *fs, const char *dir, int64_t base_offset,
                               int64_t relative);
/* As kd_index_time_relative. *max_ms: the last entry, -1 where there is none. */
uint32_t kd_index_file_time(struct kb_fs *fs, const char *dir, int64_t base_offset,
                            int64_t timestamp_ms, int64_t *max_ms);

/* The last entry of the time index. False: there is none. */
bool kd_index_file_last_time(struct kb_fs *fs, const char *dir, int64_t base_offset,
                             int64_t *timestamp_ms, int64_t *relative);

#endif
