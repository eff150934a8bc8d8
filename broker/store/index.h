/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_INDEX_H
#define KD_INDEX_H
/*
 * The two sparse indexes of a segment, in memory. About every 4 KiB of log an
 * entry each:
 *
 *   offset index  | last offset of a batch - base, u32 | its position, u32 |
 *   time index    | largest timestamp so far, i64 | its batch's last offset - base, u32 |
 *
 * On disk they are hints: whatever is missing or makes no sense is built again
 * from the log. Not thread-safe; the segment's log guards them.
 */
#include "base/check.h"
#include "base/fs.h"
#include "broker/store/layout.h"

struct kd_index_offset {
    uint32_t relative, position;
};

struct kd_index_time {
    int64_t timestamp_ms;
    uint32_t relative;
};

struct kd_index {
    struct kd_index_offset *offsets;
    struct kd_index_time *times;
    size_t offset_count, offset_capacity;
    size_t time_count, time_capacity;
    size_t saved_offsets, saved_times; /* entries that the files hold */
    bool is_saved;                     /* all of them, and nothing else */
    int64_t bytes_since;               /* log bytes behind the last entry */
    int64_t max_timestamp_ms;          /* -1: no batch yet */
    uint32_t max_timestamp_at;         /* relative last offset of its batch */
};

void kd_index_init(struct kd_index *index);
void kd_index_deinit(struct kd_index *index);
/* A batch was appended at `position`. False: no memory for the entry; the
 * index stays valid without it. */
bool kd_index_add(struct kd_index *index, int64_t interval_bytes, uint32_t last_relative,
                  uint32_t position, size_t batch_bytes, int64_t max_timestamp_ms);
/* The last entry of the time index, once the segment is sealed or closed. */
void kd_index_finish(struct kd_index *index);
/* Where to begin to look for an offset, a timestamp. */
uint32_t kd_index_position(const struct kd_index *index, int64_t relative);
uint32_t kd_index_time_relative(const struct kd_index *index,
                                int64_t timestamp_ms); /* 0: from the start */
/* Forgets what lies at or behind the position: the log was cut there. */
void kd_index_cut(struct kd_index *index, uint32_t position);

/* The files of the segment at base_offset in `dir`.
 * load answers 1 where both make sense for a log of log_bytes, 0 where they
 * have to be built again (then it is empty), or -errno. */
int kd_index_load(struct kd_index *index, struct kb_fs *fs, const char *dir, int64_t base_offset,
                  int64_t log_bytes);
/* Writes what the files do not hold yet and cuts them to size. */
enum kd_sync {
    KD_SYNC_EACH,    /* on disk when it returns */
    KD_SYNC_TOGETHER /* the caller syncs the whole file system, many logs in one go */
};
int kd_index_save(struct kd_index *index, struct kb_fs *fs, const char *dir, int64_t base_offset,
                  enum kd_sync sync);
/* Of a segment that is not in its log yet: new files, on disk when it returns. */
int kd_index_save_as(struct kd_index *index, struct kb_fs *fs, const char *dir, int64_t base_offset,
                     enum kd_stage stage);

#endif
