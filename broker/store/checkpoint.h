/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CHECKPOINT_H
#define KD_CHECKPOINT_H
/*
 * Kafka's checkpoint files: one offset per partition, as text,
 *
 *   0                     version
 *   2                     entries
 *   topic 0 1234
 *   topic 1 99
 *
 * replaced as a whole: the old content or the new, never less.
 */
#include "base/error.h"
#include "base/fs.h"

struct kd_checkpoint_entry {
    const char *topic; /* a view: of the text that was read, or the caller's */
    int32_t partition;
    int64_t offset;
};

struct kd_checkpoint {
    struct kd_checkpoint_entry *entries;
    size_t count, capacity;
    char *text;
};

/* Empty, and KB_OK, where there is no such file. CORRUPT, DISK, NO_MEMORY. */
int kd_checkpoint_load(struct kb_fs *fs, const char *path, struct kd_checkpoint *out,
                       struct kb_error *err);
/* Sorted by topic and partition when loaded. NULL: none. */
const struct kd_checkpoint_entry *kd_checkpoint_find(const struct kd_checkpoint *checkpoint,
                                                     const char *topic, int32_t partition);
/* Its offset becomes the lesser of the two; no such entry: nothing. */
void kd_checkpoint_lower(struct kd_checkpoint *checkpoint, const char *topic, int32_t partition,
                         int64_t offset);
/* The topic is borrowed. False: no memory. */
bool kd_checkpoint_add(struct kd_checkpoint *checkpoint, const char *topic, int32_t partition,
                       int64_t offset);
int kd_checkpoint_save(struct kb_fs *fs, const char *path,
                       const struct kd_checkpoint *checkpoint); /* 0 or -errno */
void kd_checkpoint_deinit(struct kd_checkpoint *checkpoint);

#endif
