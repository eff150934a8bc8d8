/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_FS_MEM_H
#define KB_FS_MEM_H
/*
 * A disk in memory: the test kit's default, and the simulator's disk. It keeps
 * beside each file what a real disk would keep through a power loss: content
 * as of the last datasync, names as of the last sync_dir. A crash makes the
 * disk that could be found afterwards: each operation that was not synced is
 * kept, lost or torn at 512 bytes as the seed decides, in any order. A sync of
 * a file says nothing of its name, one of a directory nothing of the names
 * above it; a rename happens whole or not at all. After a sync that failed the
 * bytes are still read back, but no later sync will write them.
 */
#include "base/fs.h"
#include "base/random.h"
#include "base/time.h"

struct kb_fs *kb_fs_mem_new(void);

enum kb_crash {
    KB_CRASH_PROCESS, /* kill -9: everything written is there */
    KB_CRASH_POWER    /* unsynced operations lost, torn, reordered */
};
/* All open files die (further calls on them answer -EIO); locks are let go. */
void kb_fs_mem_crash(struct kb_fs *fs, enum kb_crash how, struct kb_random *random);
/* An independent copy of the disk as it is, for trying a crash on it. */
struct kb_fs *kb_fs_mem_clone(struct kb_fs *fs);

/* Faults: answers 0 or the -errno that the operation shall fail with. */
enum kb_fs_op { KB_FS_OPEN, KB_FS_READ, KB_FS_WRITE, KB_FS_SYNC, KB_FS_META, KB_FS_ALLOCATE };
typedef int kb_fs_fault(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth);
void kb_fs_mem_set_fault(struct kb_fs *fs, kb_fs_fault *fault, void *ctx);
void kb_fs_mem_set_capacity(struct kb_fs *fs, uint64_t bytes); /* then -ENOSPC */
/* For the times of files; else it is the real one. */
void kb_fs_mem_set_clock(struct kb_fs *fs, struct kb_clock *clock);
/* A control for tests: syncs do nothing, so a power loss must lose data. */
void kb_fs_mem_set_lying(struct kb_fs *fs, bool lying);
/* It has all the memory there is (base/mem.h), as a real disk needs none of ours. */
void kb_fs_mem_spare(struct kb_fs *fs);
uint64_t kb_fs_mem_operations(const struct kb_fs *fs); /* so far */
uint64_t kb_fs_mem_torn(const struct kb_fs *fs);       /* writes that power losses tore */

#endif
