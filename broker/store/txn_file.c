/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/txn_file.h"
#include "base/check.h"
#include "wire/be.h"
#include <errno.h>
#include <string.h>

enum { VERSION = 0, WALK_ENTRIES = 128 };

/* ---- One entry ---------------------------------------------------------- */

void kd_txn_entry_put(uint8_t to[KD_TXN_ENTRY_BYTES], const struct kd_aborted *aborted)
{
    kw_put_be16(to, VERSION);
    kw_put_be64(to + 2, (uint64_t)aborted->producer_id);
    kw_put_be64(to + 10, (uint64_t)aborted->first_offset);
    kw_put_be64(to + 18, (uint64_t)aborted->last_offset);
    kw_put_be64(to + 26, (uint64_t)aborted->stable_offset);
}

bool kd_txn_entry_get(const uint8_t from[KD_TXN_ENTRY_BYTES], struct kd_aborted *out)
{
    *out = (struct kd_aborted){
        .producer_id = (int64_t)kw_get_be64(from + 2),
        .first_offset = (int64_t)kw_get_be64(from + 10),
        .last_offset = (int64_t)kw_get_be64(from + 18),
        .stable_offset = (int64_t)kw_get_be64(from + 26),
    };
    return kw_get_be16(from) == VERSION && out->producer_id >= 0 && out->first_offset >= 0 &&
           out->last_offset > out->first_offset && out->last_offset < INT64_MAX &&
           out->stable_offset >= 0 && out->stable_offset <= out->last_offset + 1;
}

/* ---- Reading ------------------------------------------------------------ */

static int walk_open(struct kb_fs *fs, struct kb_file *file, int64_t from, int64_t to,
                     kd_txn_each *each, void *ctx)
{
    uint8_t data[WALK_ENTRIES * KD_TXN_ENTRY_BYTES];
    struct kd_aborted aborted;
    int status = 0;
    while (!status && from < to) {
        size_t size = (size_t)KB_MIN(to - from, (int64_t)sizeof data);
        status = kb_fs_read_all(fs, file, data, size, from);
        for (size_t at = 0; status >= 0 && at < size; at += KD_TXN_ENTRY_BYTES) {
            if (size - at < KD_TXN_ENTRY_BYTES || !kd_txn_entry_get(data + at, &aborted))
                return -EBADMSG;
            if ((status = each(ctx, &aborted)))
                return status;
        }
        from += (int64_t)size;
        status = KB_MIN(status, 0);
    }
    return status;
}

int kd_txn_file_walk(struct kb_fs *fs, const char *path, int64_t from, int64_t to,
                     kd_txn_each *each, void *ctx)
{
    struct kb_file *file;
    int status = fs->ops->open(fs, path, KB_OPEN_READ, &file);
    if (status < 0)
        return status;
    status = walk_open(fs, file, from, to, each, ctx);
    fs->ops->close(fs, file);
    return status;
}

static int search(struct kb_fs *fs, struct kb_file *file, int64_t bytes, int64_t offset,
                  int64_t *at)
{
    uint8_t raw[KD_TXN_ENTRY_BYTES];
    struct kd_aborted aborted;
    int64_t low = 0, high = bytes / KD_TXN_ENTRY_BYTES;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int status = kb_fs_read_all(fs, file, raw, sizeof raw, middle * KD_TXN_ENTRY_BYTES);
        if (status < 0)
            return status;
        if (!kd_txn_entry_get(raw, &aborted))
            return -EBADMSG;
        if (aborted.last_offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low * KD_TXN_ENTRY_BYTES;
    return 0;
}

int kd_txn_file_seek(struct kb_fs *fs, const char *path, int64_t bytes, int64_t offset, int64_t *at)
{
    struct kb_file *file;
    int status = fs->ops->open(fs, path, KB_OPEN_READ, &file);
    if (status < 0)
        return status;
    status = search(fs, file, bytes, offset, at);
    fs->ops->close(fs, file);
    return status;
}

struct check {
    int64_t from, end, last;
};

static int check_entry(void *ctx, const struct kd_aborted *aborted)
{
    struct check *check = ctx;
    if (aborted->last_offset < check->from || aborted->last_offset >= check->end)
        return -EBADMSG;
    check->last = aborted->last_offset;
    check->from = aborted->last_offset + 1;
    return 0;
}

int kd_txn_file_check(struct kb_fs *fs, const char *path, int64_t base_offset, int64_t end_offset,
                      int64_t *bytes, int64_t *last_offset)
{
    struct check check = {base_offset, end_offset, -1};
    struct kb_stat stat;
    *bytes = 0;
    *last_offset = -1;
    int status = fs->ops->stat(fs, path, &stat);
    if (status == -ENOENT)
        return 1;
    if (status >= 0)
        status = kd_txn_file_walk(fs, path, 0, stat.size, check_entry, &check);
    if (status < 0)
        return status == -EBADMSG ? 0 : status;
    *bytes = stat.size;
    *last_offset = check.last;
    return 1;
}

/* ---- Writing ------------------------------------------------------------ */

void kd_txn_writer_init(struct kd_txn_writer *writer, struct kb_fs *fs, const char *dir,
                        int64_t base_offset, enum kd_stage stage)
{
    writer->fs = fs;
    writer->file = NULL;
    writer->fill = 0;
    writer->bytes = 0;
    writer->last_offset = -1;
    kd_file_stage_path(writer->path, dir, base_offset, KD_SUFFIX_TXNINDEX, stage);
}

static int write_out(struct kd_txn_writer *writer)
{
    struct kb_fs *fs = writer->fs;
    int flags = KB_OPEN_WRITE | KB_OPEN_CREATE | KB_OPEN_TRUNCATE;
    int status = writer->file ? 0 : fs->ops->open(fs, writer->path, flags, &writer->file);
    if (status < 0) {
        writer->file = NULL;
        return status;
    }
    status = kb_fs_write_all(fs, writer->file, writer->data, writer->fill,
                             writer->bytes - (int64_t)writer->fill);
    writer->fill = 0;
    return status;
}

int kd_txn_writer_add(struct kd_txn_writer *writer, const struct kd_aborted *aborted)
{
    int status = writer->fill == sizeof writer->data ? write_out(writer) : 0;
    if (status < 0)
        return status;
    kd_txn_entry_put(writer->data + writer->fill, aborted);
    writer->fill += KD_TXN_ENTRY_BYTES;
    writer->bytes += KD_TXN_ENTRY_BYTES;
    writer->last_offset = aborted->last_offset;
    return 0;
}

int kd_txn_writer_finish(struct kd_txn_writer *writer)
{
    int status = writer->fill ? write_out(writer) : 0;
    if (status >= 0 && writer->file)
        status = writer->fs->ops->datasync(writer->fs, writer->file);
    return status < 0 ? status : 0;
}

void kd_txn_writer_deinit(struct kd_txn_writer *writer)
{
    if (writer->file)
        writer->fs->ops->close(writer->fs, writer->file);
    writer->file = NULL;
}
