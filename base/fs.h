/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_FS_H
#define KB_FS_H
/*
 * The few blocking file operations that a log needs, behind a table, so that
 * the same code runs on a real disk, in memory, and on a simulated disk that
 * crashes (fs_mem.h). Paths are relative to the root that the fs was opened
 * on. Functions answer >= 0, or -errno. Calls on different files may run on
 * different threads at once; on one file, positional reads may run beside one
 * writer.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct kb_fs;
struct kb_file; /* made and owned by the fs implementation */

enum kb_open {
    KB_OPEN_READ = 0,
    KB_OPEN_WRITE = 1,     /* read and write */
    KB_OPEN_CREATE = 2,    /* make it if it is not there */
    KB_OPEN_EXCLUSIVE = 4, /* with CREATE: -EEXIST if it is there */
    KB_OPEN_TRUNCATE = 8,
    KB_OPEN_DIRECT = 16 /* reads see the disk, not the cache, where that can be had */
};

struct kb_stat {
    int64_t size, mtime_ms;
    bool is_dir;
};

struct kb_space {
    uint64_t free_bytes, total_bytes;
};

enum { KB_PATH_MAX = 1024 }; /* of a path below the root, with its 0 byte */

typedef int kb_fs_each(void *ctx, const char *name, bool is_dir);

struct kb_fs_ops {
    int (*open)(struct kb_fs *, const char *path, int flags, struct kb_file **out);
    void (*close)(struct kb_fs *, struct kb_file *);
    /* May be short at the end of the file. nowait: -EAGAIN or short rather than block. */
    int64_t (*preadv)(struct kb_fs *, struct kb_file *, const struct iovec *, int n, int64_t at,
                      bool nowait);
    /* May be short (a full disk); the caller goes on or cuts back. */
    int64_t (*pwritev)(struct kb_fs *, struct kb_file *, const struct iovec *, int n, int64_t at);
    int (*datasync)(struct kb_fs *, struct kb_file *); /* fdatasync */
    int (*syncfs)(struct kb_fs *);                     /* everything; -ENOSYS: not safe here */
    int (*truncate)(struct kb_fs *, struct kb_file *, int64_t size);
    /* Reserves space, keeps the size. -EOPNOTSUPP: cannot be had here. */
    int (*allocate)(struct kb_fs *, struct kb_file *, int64_t at, int64_t size);
    int (*stat)(struct kb_fs *, const char *path, struct kb_stat *out);
    int (*rename)(struct kb_fs *, const char *from, const char *to);
    int (*unlink)(struct kb_fs *, const char *path); /* files and empty directories */
    int (*mkdir)(struct kb_fs *, const char *path);
    /* Calls each(ctx, name, is_dir) for every entry, no order; its answer != 0 ends the walk. */
    int (*list)(struct kb_fs *, const char *path, kb_fs_each *each, void *ctx);
    int (*sync_dir)(struct kb_fs *, const char *path); /* names in it are durable */
    int (*space)(struct kb_fs *, struct kb_space *out);
    /* -EAGAIN: held by another. Closing it lets go. */
    int (*lock)(struct kb_fs *, const char *path, struct kb_file **out);
    void (*free)(struct kb_fs *);
};

struct kb_fs {
    const struct kb_fs_ops *ops;
};

/* The real one, rooted at a directory that exists. Descriptors are
 * close-on-exec. */
int kb_fs_posix_new(const char *root, struct kb_fs **out);

/* Conveniences over the table. */
/* -EIO if it ends before. */
int kb_fs_read_all(struct kb_fs *, struct kb_file *, void *out, size_t size, int64_t at);
/* -ENOSPC if short. */
int kb_fs_write_all(struct kb_fs *, struct kb_file *, const void *data, size_t size, int64_t at);
/* tmp + datasync + rename + sync_dir: the old content or the new one, never less. */
int kb_fs_replace(struct kb_fs *, const char *path, const void *data, size_t size);
/* The same of many files in four steps: stage each, syncfs, install each, syncfs. */
int kb_fs_stage(struct kb_fs *, const char *path, const void *data, size_t size);
int kb_fs_install(struct kb_fs *, const char *path);
/* The whole of a small file, with a 0 byte behind it; kb_free it. -EFBIG above max. */
int kb_fs_load(struct kb_fs *, const char *path, size_t max, char **out, size_t *size);

#endif
