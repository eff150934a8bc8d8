/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of the whole world, against what its clients and its broker were
 * allowed (run->memory_budget), what lies on the disk, which is memory here, and
 * some for everything else. Where the allocator does not count (sanitizers),
 * nothing is seen.
 */
#include "tests/sim/run.h"

#include "base/check.h"

#include <malloc.h>

enum { ELSE_BYTES = 16 << 20 };

static int64_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return (int64_t)(info.uordblks + info.hblkhd);
}

/* What is written and not synced is there twice, and so is a disk that a crash
 * left behind. */
static int64_t disk_bytes(const struct run *run)
{
    struct kb_space space;
    struct kb_fs *disk = run->world.disk;
    int rc = disk->ops->space(disk, &space);
    KB_CHECK(rc == 0);
    return (int64_t)(space.total_bytes - space.free_bytes) * 3;
}

void watch_memory(struct run *run)
{
    if (!run->memory_base)
        run->memory_base = heap_bytes() - 1;
    int64_t allowed = run->memory_budget + disk_bytes(run) + ELSE_BYTES;
    int64_t over = heap_bytes() - run->memory_base - allowed;
    run->memory_over = KB_MAX(run->memory_over, over);
}

long check_memory(const struct run *run)
{
    return (long)run->memory_over;
}
