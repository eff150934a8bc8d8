/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_MEM_FILE_H
#define KB_MEM_FILE_H
/*
 * One file of the simulated disk (fs_mem.h), as the system shows it (`now`)
 * and as the platter holds it (`disk`). Between them lies a journal of what
 * has been written since the last sync:
 *
 *     disk --- write --- write --- truncate --- write --> now
 *
 * A power loss leaves for every 512-byte sector either what the disk had or
 * what the sector was after one of the operations, whatever became of the
 * others; and the size that one of the operations left. Past a limit the
 * journal is written back, as a kernel does with pages that have become old.
 * Not thread-safe.
 */
#include "base/list.h"
#include "base/random.h"
#include "base/sparse.h"

#include <sys/uio.h>

struct kb_mem_file {
    struct kb_sparse now, disk;
    struct kb_list journal; /* of struct op */
    size_t journal_count, journal_bytes;
};

void kb_mem_file_init(struct kb_mem_file *file);
void kb_mem_file_deinit(struct kb_mem_file *file);
/* These answer 0 or -ENOMEM; nothing has changed then. `size` bytes of `parts`
 * are written. */
int kb_mem_file_write(struct kb_mem_file *file, int64_t at, const struct iovec *parts, size_t size);
int kb_mem_file_truncate(struct kb_mem_file *file, int64_t size);
int kb_mem_file_sync(struct kb_mem_file *file);
/* A sync failed: the pages count as clean, though the disk has not got them.
 * No later sync will write them. */
void kb_mem_file_doom(struct kb_mem_file *file);
int kb_mem_file_copy(struct kb_mem_file *to, const struct kb_mem_file *from);
/* The power is back: now and disk are one of the possible contents. Answers how
 * many writes were torn, or -ENOMEM. */
int kb_mem_file_crash(struct kb_mem_file *file, struct kb_random *random);

#endif
