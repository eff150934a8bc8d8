/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/census.h"

#include "base/check.h"
#include "base/mem.h"
#include "wire/batch.h"

#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 64 << 20 };

struct walk {
    struct kb_fs *disk;
    struct census *census;
    const char *dir;
};

/* Files end in room that was reserved, or in a batch that was cut. */
static void count_batches(const uint8_t *data, size_t size, struct census *census)
{
    struct kw_batch_header header;
    for (size_t at = 0; size - at >= KW_BATCH_HEADER_BYTES; at += kw_batch_header_size(&header)) {
        kw_batch_peek(data + at, &header);
        if (header.length < KW_BATCH_HEADER_BYTES - KW_BATCH_PREFIX_BYTES ||
            kw_batch_header_size(&header) > size - at)
            return;
        census->batches++;
        census->bumps += header.producer_epoch > 0 && header.base_sequence == 0;
    }
}

static int look_at_file(void *ctx, const char *name, bool is_dir)
{
    struct walk *walk = ctx;
    size_t length = strlen(name), size;
    char path[KB_PATH_MAX];
    char *data;
    if (is_dir || length < 4 || strcmp(name + length - 4, ".log"))
        return 0;
    snprintf(path, sizeof path, "%s/%s", walk->dir, name);
    if (kb_fs_load(walk->disk, path, FILE_MAX, &data, &size) < 0)
        return 0;
    count_batches((const uint8_t *)data, size, walk->census);
    kb_free(data);
    return 0;
}

static int look_at_directory(void *ctx, const char *name, bool is_dir)
{
    struct walk walk = *(struct walk *)ctx;
    walk.dir = name;
    return is_dir ? walk.disk->ops->list(walk.disk, name, look_at_file, &walk) : 0;
}

void census_take(struct kb_fs *disk, struct census *out)
{
    struct walk walk = {.disk = disk, .census = out};
    *out = (struct census){0};
    disk->ops->list(disk, "", look_at_directory, &walk);
}
