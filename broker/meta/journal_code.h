/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_JOURNAL_CODE_H
#define KD_JOURNAL_CODE_H
/*
 * How a tree and its writes look as bytes; journal.h says where they lie. Pure.
 *
 *     record     size 4 | crc 4 | synced 8 | zxid 8 | count 4 | operation ...
 *     end        the same, with a count of -1 and the last zxid once more
 *     operation  kind 1 | flags 1 | path size 2 | data size 4 | path | data
 *     snapshot   magic 8 | zxid 8 | node ... | crc 4
 *     node       path size 2 | data size 4 | created 8 | modified 8 |
 *                version 4 | sequence 4 | path | data
 *
 * synced says how much of the log was on disk when the record was made: a sound
 * record vouches for what lies below, so that damage there is told from a write
 * that was torn. An end vouches for all below it, and says that the stop was clean.
 *
 * Numbers are big-endian. An operation is replayed without its version: it
 * held when it was written.
 */
#include "broker/meta/tree.h"

#define KD_LOG_MAGIC "KMETAL\0\2"
#define KD_SNAPSHOT_MAGIC "KMETAS\0\1"
enum { KD_MAGIC_BYTES = 8, KD_RECORD_HEAD = 8 };

/* Bytes that grow. data NULL: empty. */
struct kd_bytes {
    uint8_t *data;
    size_t size, capacity;
};
void kd_bytes_free(struct kd_bytes *bytes); /* empty again */

/* Adds one multi as it was applied: sequential paths resolved, checks and
 * ephemerals left out by the caller. False: no memory. */
bool kd_journal_record(struct kd_bytes *out, int64_t synced, int64_t zxid,
                       const struct kd_meta_op *ops, int n);
/* The end; false: no memory. */
bool kd_journal_record_end(struct kd_bytes *out, int64_t synced, int64_t zxid);
/* How many bytes that adds at most. */
size_t kd_journal_record_bound(const struct kd_meta_op *ops, int n);
/* Bytes of the whole, sound record at `at`; 0: there is none. */
size_t kd_journal_record_size(const uint8_t *at, size_t left);
int64_t kd_journal_record_synced(const uint8_t *record);
bool kd_journal_record_is_end(const uint8_t *record);
/* False: it does not fit the tree, or no memory. */
bool kd_journal_replay(const uint8_t *record, size_t size, struct kd_tree *tree);

/* The whole tree but its ephemerals. False: no memory. */
bool kd_journal_snapshot(struct kd_bytes *out, const struct kd_tree *tree);
/* Into an empty tree. False: damaged, or no memory. */
bool kd_journal_restore(const uint8_t *data, size_t size, struct kd_tree *tree);

#endif
