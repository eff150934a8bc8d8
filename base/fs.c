/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int kb_fs_read_all(struct kb_fs *fs, struct kb_file *file, void *out, size_t size, int64_t at)
{
    char *to = out;
    while (size > 0) {
        struct iovec part = {to, size};
        int64_t n = fs->ops->preadv(fs, file, &part, 1, at, false);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return -EIO;
        to += n;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int kb_fs_write_all(struct kb_fs *fs, struct kb_file *file, const void *data, size_t size,
                    int64_t at)
{
    const char *from = data;
    while (size > 0) {
        struct iovec part = {(void *)(uintptr_t)from, size};
        int64_t n = fs->ops->pwritev(fs, file, &part, 1, at);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return -ENOSPC;
        from += n;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static int write_whole(struct kb_fs *fs, const char *path, const void *data, size_t size, bool sync)
{
    struct kb_file *file;
    int flags = KB_OPEN_WRITE | KB_OPEN_CREATE | KB_OPEN_TRUNCATE;
    int rc = fs->ops->open(fs, path, flags, &file);
    if (rc < 0)
        return rc;
    rc = kb_fs_write_all(fs, file, data, size, 0);
    if (rc == 0 && sync)
        rc = fs->ops->datasync(fs, file);
    fs->ops->close(fs, file);
    return rc;
}

/* The directory that a path lies in; "" is the root. */
static int parent_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) : 0;
    return snprintf(out, size, "%.*s", length, path) < (int)size ? 0 : -ENAMETOOLONG;
}

/* Where the new content waits for its name. */
static int staged_path(const char *path, char out[KB_PATH_MAX])
{
    return snprintf(out, KB_PATH_MAX, "%s.tmp", path) < KB_PATH_MAX ? 0 : -ENAMETOOLONG;
}

int kb_fs_stage(struct kb_fs *fs, const char *path, const void *data, size_t size)
{
    char fresh[KB_PATH_MAX];
    int rc = staged_path(path, fresh);
    return rc < 0 ? rc : write_whole(fs, fresh, data, size, false);
}

int kb_fs_install(struct kb_fs *fs, const char *path)
{
    char fresh[KB_PATH_MAX];
    int rc = staged_path(path, fresh);
    return rc < 0 ? rc : fs->ops->rename(fs, fresh, path);
}

int kb_fs_replace(struct kb_fs *fs, const char *path, const void *data, size_t size)
{
    char fresh[KB_PATH_MAX], parent[KB_PATH_MAX];
    int rc = staged_path(path, fresh);
    if (rc == 0)
        rc = parent_of(path, parent, sizeof parent);
    if (rc == 0)
        rc = write_whole(fs, fresh, data, size, true);
    if (rc == 0)
        rc = fs->ops->rename(fs, fresh, path);
    if (rc == 0)
        rc = fs->ops->sync_dir(fs, parent);
    return rc;
}

static int load(struct kb_fs *fs, struct kb_file *file, size_t size, char **out)
{
    char *text = kb_malloc(size + 1);
    if (!text)
        return -ENOMEM;
    int rc = kb_fs_read_all(fs, file, text, size, 0);
    if (rc < 0) {
        kb_free(text);
        return rc;
    }
    text[size] = '\0';
    *out = text;
    return 0;
}

int kb_fs_load(struct kb_fs *fs, const char *path, size_t max, char **out, size_t *size)
{
    struct kb_stat stat;
    struct kb_file *file;
    int rc = fs->ops->stat(fs, path, &stat);
    if (rc < 0)
        return rc;
    if (stat.is_dir)
        return -EISDIR;
    if ((uint64_t)stat.size > max)
        return -EFBIG;
    rc = fs->ops->open(fs, path, KB_OPEN_READ, &file);
    if (rc < 0)
        return rc;
    rc = load(fs, file, (size_t)stat.size, out);
    fs->ops->close(fs, file);
    if (rc == 0 && size)
        *size = (size_t)stat.size;
    return rc;
}
