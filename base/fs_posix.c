/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include "base/check.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

struct posix_fs {
    struct kb_fs fs;
    int root;
    bool syncfs_is_safe;
};

struct kb_file {
    int fd;
};

static int root_of(struct kb_fs *fs)
{
    return KB_CONTAINER(fs, struct posix_fs, fs)->root;
}

static const char *from_root(const char *path)
{
    return *path ? path : ".";
}

static int answer(int rc)
{
    return rc < 0 ? -errno : rc;
}

/* Repeats a call that a signal interrupted. */
#define RETRY(rc, call)                                                                            \
    do                                                                                             \
        (rc) = (call);                                                                             \
    while ((rc) < 0 && errno == EINTR)

static int open_at(struct kb_fs *fs, const char *path, int flags)
{
    int fd;
    RETRY(fd, openat(root_of(fs), from_root(path), flags | O_CLOEXEC, 0666));
    return answer(fd);
}

static int file_new(int fd, struct kb_file **out)
{
    struct kb_file *file = KB_NEW(struct kb_file);
    if (!file) {
        close(fd);
        return -ENOMEM;
    }
    file->fd = fd;
    *out = file;
    return 0;
}

static int posix_open(struct kb_fs *fs, const char *path, int flags, struct kb_file **out)
{
    int how = flags & KB_OPEN_WRITE ? O_RDWR : O_RDONLY;
    how |= flags & KB_OPEN_CREATE ? O_CREAT : 0;
    how |= flags & KB_OPEN_EXCLUSIVE ? O_EXCL : 0;
    how |= flags & KB_OPEN_TRUNCATE ? O_TRUNC : 0;
    int fd = open_at(fs, path, how);
    if (fd < 0)
        return fd;
    /* O_DIRECT would bind every caller to its alignments; without the cached
     * pages a read has to go to the disk as well. */
    if (flags & KB_OPEN_DIRECT)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return file_new(fd, out);
}

static void posix_close(struct kb_fs *fs, struct kb_file *file)
{
    (void)fs;
    close(file->fd);
    kb_free(file);
}

static int64_t posix_preadv(struct kb_fs *fs, struct kb_file *file, const struct iovec *parts,
                            int n, int64_t at, bool nowait)
{
    ssize_t rc;
    (void)fs;
    RETRY(rc, preadv2(file->fd, parts, n, at, nowait ? RWF_NOWAIT : 0));
    if (rc < 0 && nowait && (errno == EOPNOTSUPP || errno == ENOSYS))
        return -EAGAIN; /* who cannot promise not to block, would block */
    return rc < 0 ? -errno : rc;
}

static int64_t posix_pwritev(struct kb_fs *fs, struct kb_file *file, const struct iovec *parts,
                             int n, int64_t at)
{
    ssize_t rc;
    (void)fs;
    RETRY(rc, pwritev(file->fd, parts, n, at));
    return rc < 0 ? -errno : rc;
}

static int posix_datasync(struct kb_fs *fs, struct kb_file *file)
{
    int rc;
    (void)fs;
    RETRY(rc, fdatasync(file->fd));
    return answer(rc);
}

static int posix_syncfs(struct kb_fs *fs)
{
    const struct posix_fs *self = KB_CONTAINER(fs, struct posix_fs, fs);
    return self->syncfs_is_safe ? answer(syncfs(self->root)) : -ENOSYS;
}

static int posix_truncate(struct kb_fs *fs, struct kb_file *file, int64_t size)
{
    int rc;
    (void)fs;
    RETRY(rc, ftruncate(file->fd, size));
    return answer(rc);
}

static int posix_allocate(struct kb_fs *fs, struct kb_file *file, int64_t at, int64_t size)
{
    int rc;
    (void)fs;
    RETRY(rc, fallocate(file->fd, FALLOC_FL_KEEP_SIZE, at, size));
    return answer(rc);
}

static int posix_stat(struct kb_fs *fs, const char *path, struct kb_stat *out)
{
    struct stat st;
    if (fstatat(root_of(fs), from_root(path), &st, 0) < 0)
        return -errno;
    *out = (struct kb_stat){
        .size = st.st_size,
        .mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000,
        .is_dir = S_ISDIR(st.st_mode),
    };
    return 0;
}

static int posix_rename(struct kb_fs *fs, const char *from, const char *to)
{
    return answer(renameat(root_of(fs), from, root_of(fs), to));
}

static int posix_unlink(struct kb_fs *fs, const char *path)
{
    int rc = unlinkat(root_of(fs), path, 0);
    if (rc < 0 && (errno == EISDIR || errno == EPERM))
        rc = unlinkat(root_of(fs), path, AT_REMOVEDIR);
    return answer(rc);
}

static int posix_mkdir(struct kb_fs *fs, const char *path)
{
    return answer(mkdirat(root_of(fs), path, 0777));
}

static bool is_dir(DIR *dir, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static int walk(DIR *dir, kb_fs_each *each, void *ctx)
{
    int rc = 0;
    while (rc == 0) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            return -errno;
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            rc = each(ctx, entry->d_name, is_dir(dir, entry));
    }
    return rc;
}

static int posix_list(struct kb_fs *fs, const char *path, kb_fs_each *each, void *ctx)
{
    int fd = open_at(fs, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    int rc = walk(dir, each, ctx);
    closedir(dir);
    return rc;
}

static int posix_sync_dir(struct kb_fs *fs, const char *path)
{
    int rc, fd = open_at(fs, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    RETRY(rc, fsync(fd));
    rc = answer(rc);
    close(fd);
    return rc;
}

static int posix_space(struct kb_fs *fs, struct kb_space *out)
{
    struct statvfs st;
    if (fstatvfs(root_of(fs), &st) < 0)
        return -errno;
    out->free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    out->total_bytes = (uint64_t)st.f_blocks * st.f_frsize;
    return 0;
}

/* flock belongs to the open file: it holds between two brokers of one process
 * as well, and ends with the process. */
static int posix_lock(struct kb_fs *fs, const char *path, struct kb_file **out)
{
    int rc, fd = open_at(fs, path, O_RDWR | O_CREAT);
    if (fd < 0)
        return fd;
    RETRY(rc, flock(fd, LOCK_EX | LOCK_NB));
    if (rc < 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    return file_new(fd, out);
}

static void posix_free(struct kb_fs *fs)
{
    struct posix_fs *self = KB_CONTAINER(fs, struct posix_fs, fs);
    close(self->root);
    kb_free(self);
}

static const struct kb_fs_ops posix_ops = {
    .open = posix_open,
    .close = posix_close,
    .preadv = posix_preadv,
    .pwritev = posix_pwritev,
    .datasync = posix_datasync,
    .syncfs = posix_syncfs,
    .truncate = posix_truncate,
    .allocate = posix_allocate,
    .stat = posix_stat,
    .rename = posix_rename,
    .unlink = posix_unlink,
    .mkdir = posix_mkdir,
    .list = posix_list,
    .sync_dir = posix_sync_dir,
    .space = posix_space,
    .lock = posix_lock,
    .free = posix_free,
};

/* Before Linux 5.8 syncfs did not tell of failed writes. */
static bool kernel_reports_syncfs_errors(void)
{
    struct utsname name;
    int major = 0, minor = 0;
    if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2)
        return false;
    return major > 5 || (major == 5 && minor >= 8);
}

/* Only where syncfs is known to wait for the data, flush the disk's cache and
 * report errors; overlays and network file systems do not promise it. */
static bool syncfs_is_safe(int root)
{
    static const long known[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC};
    struct statfs st;
    if (fstatfs(root, &st) < 0 || !kernel_reports_syncfs_errors())
        return false;
    for (size_t i = 0; i < KB_ARRAY_SIZE(known); i++)
        if ((long)st.f_type == known[i])
            return true;
    return false;
}

int kb_fs_posix_new(const char *root, struct kb_fs **out)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct posix_fs *self = KB_NEW(struct posix_fs);
    if (!self) {
        close(fd);
        return -ENOMEM;
    }
    self->fs.ops = &posix_ops;
    self->root = fd;
    self->syncfs_is_safe = syncfs_is_safe(fd);
    *out = &self->fs;
    return 0;
}
