/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_TXN_FILE_H
#define KD_TXN_FILE_H
/*
 * The .txnindex of one segment: what txn_index.h keeps, entry by entry. It is
 * there once the segment holds an abort marker, and rises by the markers' offsets.
 */
#include "base/fs.h"
#include "broker/core/aborted.h"
#include "broker/store/layout.h"

enum { KD_TXN_ENTRY_BYTES = 34 };

void kd_txn_entry_put(uint8_t to[KD_TXN_ENTRY_BYTES], const struct kd_aborted *aborted);
/* False: it makes no sense by itself. */
bool kd_txn_entry_get(const uint8_t from[KD_TXN_ENTRY_BYTES], struct kd_aborted *out);

/* The entries between two bytes of a file; each()'s answer other than 0 ends it and is
 * answered. -errno, -EBADMSG for an entry that makes no sense. */
typedef int kd_txn_each(void *ctx, const struct kd_aborted *aborted);
int kd_txn_file_walk(struct kb_fs *fs, const char *path, int64_t from, int64_t to,
                     kd_txn_each *each, void *ctx);
/* At which byte those begin whose marker lies at or behind the offset, in a file of so
 * many bytes. */
int kd_txn_file_seek(struct kb_fs *fs, const char *path, int64_t bytes, int64_t offset,
                     int64_t *at);
/* Whether the file holds what it may: whole entries that rise, with their markers in
 * [base_offset, end_offset). 1: yes; 0: no, or -errno. *bytes is 0 where there is no file. */
int kd_txn_file_check(struct kb_fs *fs, const char *path, int64_t base_offset, int64_t end_offset,
                      int64_t *bytes, int64_t *last_offset);

/* Makes such a file under another name; without an entry it makes none. */
struct kd_txn_writer {
    struct kb_fs *fs;
    struct kb_file *file; /* NULL: nothing was written yet */
    char path[KD_PATH_MAX];
    uint8_t data[128 * KD_TXN_ENTRY_BYTES];
    size_t fill;
    int64_t bytes, last_offset; /* of all its entries; -1: none */
};
void kd_txn_writer_init(struct kd_txn_writer *writer, struct kb_fs *fs, const char *dir,
                        int64_t base_offset, enum kd_stage stage);
int kd_txn_writer_add(struct kd_txn_writer *writer, const struct kd_aborted *aborted);
int kd_txn_writer_finish(struct kd_txn_writer *writer);  /* on the disk, but for its name */
void kd_txn_writer_deinit(struct kd_txn_writer *writer); /* the file stays */

#endif
