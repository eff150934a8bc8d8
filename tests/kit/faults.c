/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded before a program (LD_PRELOAD), this lets one of its system calls on a
 * file or a socket fail. KURIER_FAULT="KIND N": the Nth such call, counted from
 * 0, or the first behind it that KIND can befall:
 *
 *   eio      any call: EIO
 *   enospc   what needs room: ENOSPC
 *   short    a write: half of it is written
 *   full     a write: half of it is written, the next one to that file hears ENOSPC
 *   dead     every call on files from there on: EIO
 *   swallow  a write: nothing is written, and all is said to be
 *
 * What was done is told on standard error; with KURIER_FAULT="none", when the
 * program ends, how many calls there were. Calls on pipes, on the kernel's own
 * objects (epoll, eventfd) and on standard output do not count.
 *
 * KURIER_FAULT="ordered LINK" lets calls fail by orders, one after another, while
 * the program runs. An order is a symbolic link, which is made, read and taken in
 * one stroke each. It names a kind and a pattern of paths, "eio *.log": the next
 * write to such a file meets that, and the link is gone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a call is, and what may befall it. */
enum { ANY = 1, NEEDS_ROOM = 2, WRITES = 4, ON_FILE = 8 };
enum { IOV_MAX_PARTS = 64 };

static const struct kind {
    const char *name;
    unsigned befalls; /* calls that are one of these ... */
    unsigned must;    /* ... and all of these */
    int error;        /* 0: see `half` */
    bool half, refuses_more, for_ever;
} kinds[] = {
    {"eio", ANY, 0, EIO, false, false, false},
    {"enospc", NEEDS_ROOM, ON_FILE, ENOSPC, false, false, false},
    {"short", WRITES, 0, 0, true, false, false},
    {"full", WRITES, ON_FILE, 0, true, true, false},
    {"dead", ON_FILE, 0, EIO, false, false, true},
    {"swallow", WRITES, 0, 0, false, false, false},
};

static const struct kind *kind;
static const char *orders; /* the link; NULL: none are taken */
static long at;
static atomic_long calls;
static atomic_bool done;
static atomic_int refused_fd = -1; /* finds no room the next time */

static const struct kind *find_kind(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (length == strlen(kinds[i].name) && !strncmp(text, kinds[i].name, length))
            return &kinds[i];
    return NULL;
}

__attribute__((constructor)) static void read_kind(void)
{
    const char *text = getenv("KURIER_FAULT");
    size_t length = text ? strcspn(text, " ") : 0;
    if (length == strlen("ordered") && !strncmp(text, "ordered ", length + 1))
        orders = text + length + 1;
    kind = text ? find_kind(text, length) : NULL;
    at = kind ? strtol(text + length, NULL, 10) : 0;
    unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void tell_calls(void)
{
    if (!kind)
        dprintf(STDERR_FILENO, "fault: %ld calls\n", atomic_load(&calls));
}

/* ---- Does it befall this call? ------------------------------------------ */

enum verdict { GO, FAIL, HALF, SWALLOW };

static unsigned sort_of(int fd)
{
    struct stat st;
    int before = errno;
    unsigned sort = 0;
    if (fd > STDERR_FILENO && !fstat(fd, &st))
        sort = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? ANY | ON_FILE
               : S_ISSOCK(st.st_mode)                     ? ANY
                                                          : 0;
    errno = before;
    return sort;
}

static void read_link(const char *path, char target[PATH_MAX])
{
    ssize_t size = readlink(path, target, PATH_MAX - 1);
    target[size < 0 ? 0 : size] = 0;
}

static void path_of(int fd, char target[PATH_MAX])
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    read_link(link, target);
}

static void tell(const struct kind *which, long call, const char *name, int fd, const char *path)
{
    char target[PATH_MAX] = "";
    if (!path)
        path_of(fd, target);
    dprintf(STDERR_FILENO, "fault: %s at call %ld, %s %s\n", which->name, call, name,
            path ? path : target);
}

static enum verdict befall(const struct kind *which, int fd)
{
    if (which->refuses_more)
        atomic_store(&refused_fd, fd);
    errno = which->error;
    return which->error ? FAIL : which->half ? HALF : SWALLOW;
}

/* Of several threads the one that takes the link away carries the order out. */
static enum verdict obey(const char *name, long call, int fd)
{
    char order[PATH_MAX], target[PATH_MAX];
    int before = errno;
    read_link(orders, order);
    size_t length = strcspn(order, " ");
    const struct kind *which = find_kind(order, length);
    bool meant = which && order[length];
    if (meant)
        path_of(fd, target);
    meant = meant && !fnmatch(order + length + 1, target, 0) && !unlink(orders);
    errno = before;
    if (!meant)
        return GO;
    tell(which, call, name, fd, NULL);
    return befall(which, fd);
}

static enum verdict judge(const char *name, unsigned sort, int fd, const char *path)
{
    int full = fd;
    if (!(sort & ANY))
        return GO;
    if (fd >= 0 && sort & WRITES && atomic_compare_exchange_strong(&refused_fd, &full, -1)) {
        errno = ENOSPC;
        return FAIL;
    }
    long call = atomic_fetch_add(&calls, 1);
    if (orders)
        return sort & WRITES && sort & ON_FILE ? obey(name, call, fd) : GO;
    if (!kind || call < at || !(sort & kind->befalls) || (sort & kind->must) != kind->must)
        return GO;
    if (!atomic_exchange(&done, true))
        tell(kind, call, name, fd, path);
    else if (!kind->for_ever)
        return GO;
    return befall(kind, fd);
}

static bool fails(const char *name, unsigned sort, int fd, const char *path)
{
    return judge(name, sort, fd, path) == FAIL;
}

/* ---- The calls ---------------------------------------------------------- */

/* Declares `next`, the function that this one stands before. */
#define NEXT(name)                                                                                 \
    static __typeof__(&name) next;                                                                 \
    if (!next)                                                                                     \
    next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define ON_FD(type, name, sort, arguments, ...)                                                    \
    type name arguments                                                                            \
    {                                                                                              \
        NEXT(name);                                                                                \
        return fails(#name, sort_of(fd) | (sort), fd, NULL) ? -1 : next(__VA_ARGS__);              \
    }

#define ON_PATH(name, sort, arguments, ...)                                                        \
    int name arguments                                                                             \
    {                                                                                              \
        NEXT(name);                                                                                \
        return fails(#name, ANY | ON_FILE | (sort), -1, path) ? -1 : next(__VA_ARGS__);            \
    }

ON_FD(ssize_t, read, 0, (int fd, void *to, size_t size), fd, to, size)
ON_FD(ssize_t, readv, 0, (int fd, const struct iovec *io, int n), fd, io, n)
ON_FD(ssize_t, preadv2, 0, (int fd, const struct iovec *io, int n, off_t from, int flags), fd, io,
      n, from, flags)
ON_FD(ssize_t, recvfrom, 0,
      (int fd, void *to, size_t size, int flags, struct sockaddr *from, socklen_t *length), fd, to,
      size, flags, from, length)
ON_FD(int, accept4, 0, (int fd, struct sockaddr *from, socklen_t *length, int flags), fd, from,
      length, flags)
ON_FD(int, setsockopt, 0, (int fd, int level, int name, const void *value, socklen_t size), fd,
      level, name, value, size)
ON_FD(int, bind, 0, (int fd, const struct sockaddr *to, socklen_t length), fd, to, length)
ON_FD(int, listen, 0, (int fd, int backlog), fd, backlog)
ON_FD(int, fdatasync, NEEDS_ROOM, (int fd), fd)
ON_FD(int, fsync, NEEDS_ROOM, (int fd), fd)
ON_FD(int, syncfs, NEEDS_ROOM, (int fd), fd)
ON_FD(int, ftruncate, 0, (int fd, off_t size), fd, size)
ON_FD(int, fallocate, NEEDS_ROOM, (int fd, int mode, off_t from, off_t size), fd, mode, from, size)
ON_FD(int, flock, 0, (int fd, int how), fd, how)
ON_FD(int, fstatvfs, 0, (int fd, struct statvfs *out), fd, out)
ON_PATH(mkdir, NEEDS_ROOM, (const char *path, mode_t mode), path, mode)
ON_PATH(mkdirat, NEEDS_ROOM, (int dir, const char *path, mode_t mode), dir, path, mode)
ON_PATH(unlinkat, 0, (int dir, const char *path, int flags), dir, path, flags)
ON_PATH(renameat, NEEDS_ROOM, (int dir, const char *path, int other, const char *to), dir, path,
        other, to)
ON_PATH(fstatat, 0, (int dir, const char *path, struct stat *out, int flags), dir, path, out, flags)

int openat(int dir, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    NEXT(openat);
    unsigned sort = ANY | ON_FILE | (flags & O_CREAT ? NEEDS_ROOM : 0u);
    return fails("openat", sort, -1, path) ? -1 : next(dir, path, flags, mode);
}

/* Closed it is, whatever is said. */
int close(int fd)
{
    NEXT(close);
    bool lies = fails("close", sort_of(fd), fd, NULL);
    int rc = next(fd);
    if (lies)
        errno = EIO;
    return lies ? -1 : rc;
}

/* ---- Writes ------------------------------------------------------------- */

static size_t size_of(const struct iovec *io, int n)
{
    size_t size = 0;
    for (int i = 0; i < n; i++)
        size += io[i].iov_len;
    return size;
}

/* The first half of the parts; one byte stays one. Answers how many they are. */
static int halve(const struct iovec *io, int n, struct iovec out[IOV_MAX_PARTS])
{
    size_t left = (size_of(io, n) + 1) / 2;
    int count = 0;
    while (left && count < n && count < IOV_MAX_PARTS) {
        out[count] = io[count];
        if (out[count].iov_len > left)
            out[count].iov_len = left;
        left -= out[count++].iov_len;
    }
    return count;
}

static enum verdict judge_write(const char *name, int fd)
{
    return judge(name, sort_of(fd) | NEEDS_ROOM | WRITES, fd, NULL);
}

ssize_t write(int fd, const void *data, size_t size)
{
    NEXT(write);
    enum verdict verdict = judge_write("write", fd);
    if (verdict == SWALLOW)
        return (ssize_t)size;
    return verdict == FAIL ? -1 : next(fd, data, verdict == HALF ? (size + 1) / 2 : size);
}

ssize_t writev(int fd, const struct iovec *io, int n)
{
    struct iovec half[IOV_MAX_PARTS];
    NEXT(writev);
    enum verdict verdict = judge_write("writev", fd);
    if (verdict == SWALLOW)
        return (ssize_t)size_of(io, n);
    if (verdict == HALF)
        return next(fd, half, halve(io, n, half));
    return verdict == FAIL ? -1 : next(fd, io, n);
}

ssize_t pwritev(int fd, const struct iovec *io, int n, off_t to)
{
    struct iovec half[IOV_MAX_PARTS];
    NEXT(pwritev);
    enum verdict verdict = judge_write("pwritev", fd);
    if (verdict == SWALLOW)
        return (ssize_t)size_of(io, n);
    if (verdict == HALF)
        return next(fd, half, halve(io, n, half), to);
    return verdict == FAIL ? -1 : next(fd, io, n, to);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec half[IOV_MAX_PARTS];
    struct msghdr shorter = *message;
    NEXT(sendmsg);
    enum verdict verdict = judge_write("sendmsg", fd);
    if (verdict == SWALLOW)
        return (ssize_t)size_of(message->msg_iov, (int)message->msg_iovlen);
    if (verdict == HALF) {
        shorter.msg_iovlen = (size_t)halve(message->msg_iov, (int)message->msg_iovlen, half);
        shorter.msg_iov = half;
    }
    return verdict == FAIL ? -1 : next(fd, &shorter, flags);
}
