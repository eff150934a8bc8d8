/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/disk.h"

#include "base/check.h"
#include "base/mem.h"
#include "wire/batch.h"
#include "wire/be.h"
#include "wire/crc32c.h"

enum { FILE_MAX_BYTES = 1 << 24 };

void disk_put(struct kb_fs *fs, const char *path, struct kb_slice bytes)
{
    struct kb_file *file;
    int flags = KB_OPEN_WRITE | KB_OPEN_CREATE | KB_OPEN_TRUNCATE;
    KB_CHECK(fs->ops->open(fs, path, flags, &file) >= 0);
    KB_CHECK(kb_fs_write_all(fs, file, bytes.data, bytes.size, 0) >= 0);
    fs->ops->close(fs, file);
}

struct kb_slice disk_take(struct kb_fs *fs, const char *path)
{
    char *data;
    size_t size;
    return kb_fs_load(fs, path, FILE_MAX_BYTES, &data, &size) < 0
               ? kb_slice_null()
               : kb_slice_of((uint8_t *)data, size);
}

static void sum(struct kb_slice bytes, size_t crc_at, size_t from)
{
    uint8_t *at = (uint8_t *)bytes.data; /* the target's own copy */
    kw_put_be32(at + crc_at, kw_crc32c(0, at + from, bytes.size - from));
}

void disk_sum_batches(struct kb_slice bytes)
{
    struct kw_batch_iter it;
    struct kw_batch batch;
    kw_batch_iter_init(&it, bytes, SIZE_MAX);
    while (kw_batch_iter_next(&it, &batch))
        sum(batch.bytes, KW_BATCH_CRC_AT, KW_BATCH_SUMMED_AT);
}

void disk_sum_snapshot(struct kb_slice bytes)
{
    if (bytes.size >= 6)
        sum(bytes, 2, 6);
}
