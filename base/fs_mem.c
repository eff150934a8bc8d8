/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs_mem.h"

#include "base/mem.h"
#include "base/mem_tree.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define DEFAULT_CAPACITY ((uint64_t)1 << 40)
#define FILE_MAX_BYTES ((int64_t)16 << 30)

struct mem_fs {
    struct kb_fs fs;
    pthread_mutex_t lock; /* of everything below but `operations` */
    struct kb_mem_tree tree;
    uint64_t epoch; /* crashes so far: a file of an older one is dead */
    uint64_t capacity, torn;
    bool lying, spared;
    struct kb_clock *clock;
    kb_fs_fault *fault; /* set while nobody else works on the disk */
    void *fault_ctx;
    atomic_uint_fast64_t operations;
};

struct kb_file {
    struct kb_mem_node *node;
    uint64_t epoch;
    int flags;
    bool is_lock;
    char path[]; /* for faults */
};

static struct mem_fs *self_of(struct kb_fs *fs)
{
    return KB_CONTAINER(fs, struct mem_fs, fs);
}

/* Counts the operation and asks whether it shall fail. Without the lock, so
 * that the one asked may crash the disk. */
static int begin(struct mem_fs *self, enum kb_fs_op op, const char *path)
{
    uint64_t nth = atomic_fetch_add(&self->operations, 1);
    int rc = self->fault ? self->fault(self->fault_ctx, op, path, nth) : 0;
    pthread_mutex_lock(&self->lock);
    kb_mem_spare(self->spared);
    return rc;
}

static int begin_on(struct mem_fs *self, enum kb_fs_op op, const struct kb_file *file)
{
    int rc = begin(self, op, file->path);
    return file->epoch == self->epoch ? rc : -EIO;
}

static int64_t end_at(struct mem_fs *self, int64_t rc)
{
    kb_mem_spare(-self->spared);
    pthread_mutex_unlock(&self->lock);
    return rc;
}

static int end(struct mem_fs *self, int rc)
{
    return (int)end_at(self, rc);
}

/* --- space --- */

static uint64_t space_of(const struct kb_mem_node *node)
{
    bool counts = node->names > 0 || node->handles > 0;
    return counts ? (uint64_t)KB_MAX(node->file.now.size, node->reserved) : 0;
}

static uint64_t free_space(const struct mem_fs *self)
{
    uint64_t used = 0;
    KB_LIST_EACH(it, &self->tree.nodes)
        used += space_of(KB_CONTAINER(it, struct kb_mem_node, member));
    return used < self->capacity ? self->capacity - used : 0;
}

/* How far the node may grow towards `end`. */
static int64_t room_up_to(const struct mem_fs *self, const struct kb_mem_node *node, int64_t end)
{
    int64_t has = (int64_t)space_of(node);
    if (end <= has || self->capacity == DEFAULT_CAPACITY)
        return end;
    return KB_MIN(end, has + (int64_t)KB_MIN(free_space(self), (uint64_t)FILE_MAX_BYTES));
}

static void touch(struct mem_fs *self, struct kb_mem_node *node)
{
    node->mtime_ms = self->clock->now(self->clock).wall_ms;
}

/* --- open files --- */

static int file_new(struct mem_fs *self, struct kb_mem_node *node, const char *path, int flags,
                    struct kb_file **out)
{
    size_t size = strlen(path) + 1;
    struct kb_file *file = kb_malloc(sizeof *file + size);
    if (!file)
        return -ENOMEM;
    *file = (struct kb_file){.node = node, .epoch = self->epoch, .flags = flags};
    memcpy(file->path, path, size);
    kb_mem_node_ref(node);
    node->handles++;
    *out = file;
    return 0;
}

static int make(struct mem_fs *self, const char *path, bool is_dir, struct kb_mem_node **out)
{
    int rc = kb_mem_tree_make(&self->tree, path, is_dir, out);
    if (rc == 0)
        touch(self, *out);
    return rc;
}

static int find_or_make(struct mem_fs *self, const char *path, int flags, struct kb_mem_node **out)
{
    int rc = kb_mem_tree_find(&self->tree, path, out);
    if (rc == -ENOENT && flags & KB_OPEN_CREATE)
        return make(self, path, false, out);
    if (rc == 0 && flags & KB_OPEN_CREATE && flags & KB_OPEN_EXCLUSIVE)
        return -EEXIST;
    if (rc == 0 && (*out)->is_dir)
        return -EISDIR;
    return rc;
}

static int mem_open(struct kb_fs *fs, const char *path, int flags, struct kb_file **out)
{
    struct mem_fs *self = self_of(fs);
    struct kb_mem_node *node;
    int rc = begin(self, KB_FS_OPEN, path);
    if (rc == 0)
        rc = find_or_make(self, path, flags, &node);
    if (rc == 0 && flags & KB_OPEN_TRUNCATE && node->file.now.size > 0)
        rc = kb_mem_file_truncate(&node->file, 0);
    if (rc == 0)
        rc = file_new(self, node, path, flags, out);
    return end(self, rc);
}

static void mem_close(struct kb_fs *fs, struct kb_file *file)
{
    struct mem_fs *self = self_of(fs);
    pthread_mutex_lock(&self->lock);
    file->node->handles--;
    if (file->is_lock && file->epoch == self->epoch)
        file->node->locked = false;
    kb_mem_node_unref(file->node);
    pthread_mutex_unlock(&self->lock);
    kb_free(file);
}

static int mem_lock(struct kb_fs *fs, const char *path, struct kb_file **out)
{
    struct mem_fs *self = self_of(fs);
    struct kb_mem_node *node;
    int rc = begin(self, KB_FS_OPEN, path);
    if (rc == 0)
        rc = find_or_make(self, path, KB_OPEN_CREATE, &node);
    if (rc == 0 && node->locked)
        rc = -EAGAIN;
    if (rc == 0)
        rc = file_new(self, node, path, KB_OPEN_WRITE, out);
    if (rc == 0)
        (*out)->is_lock = node->locked = true;
    return end(self, rc);
}

/* --- content --- */

/* What a direct read sees: dirty pages are written first, but what a failed
 * sync has lost is not there. */
static const struct kb_sparse *content_of(struct kb_file *file)
{
    struct kb_mem_file *content = &file->node->file;
    if (!(file->flags & KB_OPEN_DIRECT))
        return &content->now;
    return kb_mem_file_sync(content) < 0 ? NULL : &content->disk;
}

static int64_t read_parts(const struct kb_sparse *content, const struct iovec *parts, int n,
                          int64_t at)
{
    int64_t done = 0;
    for (int i = 0; i < n; i++) {
        size_t got = kb_sparse_read(content, at + done, parts[i].iov_base, parts[i].iov_len);
        done += (int64_t)got;
        if (got < parts[i].iov_len)
            break;
    }
    return done;
}

static int64_t mem_preadv(struct kb_fs *fs, struct kb_file *file, const struct iovec *parts, int n,
                          int64_t at, bool nowait)
{
    struct mem_fs *self = self_of(fs);
    (void)nowait; /* memory never blocks */
    int64_t rc = begin_on(self, KB_FS_READ, file);
    const struct kb_sparse *content = rc < 0 ? NULL : content_of(file);
    if (content)
        rc = at < 0 ? -EINVAL : read_parts(content, parts, n, at);
    else if (rc == 0)
        rc = -ENOMEM;
    return end_at(self, rc);
}

/* Answers how much is to be written, or -errno. */
static int64_t may_write(const struct mem_fs *self, const struct kb_file *file, int64_t at,
                         int64_t size)
{
    if (!(file->flags & KB_OPEN_WRITE))
        return -EBADF;
    if (at < 0 || size < 0)
        return -EINVAL;
    if (at > FILE_MAX_BYTES - size)
        return -EFBIG;
    int64_t room = room_up_to(self, file->node, at + size) - at;
    return room > 0 || size == 0 ? room : -ENOSPC;
}

static int64_t mem_pwritev(struct kb_fs *fs, struct kb_file *file, const struct iovec *parts, int n,
                           int64_t at)
{
    struct mem_fs *self = self_of(fs);
    int64_t size = 0;
    for (int i = 0; i < n; i++)
        size += (int64_t)parts[i].iov_len;
    int64_t rc = begin_on(self, KB_FS_WRITE, file);
    if (rc == 0)
        rc = may_write(self, file, at, size);
    if (rc > 0) {
        int failed = kb_mem_file_write(&file->node->file, at, parts, (size_t)rc);
        rc = failed < 0 ? failed : rc;
        touch(self, file->node);
    }
    return end_at(self, rc);
}

static int mem_truncate(struct kb_fs *fs, struct kb_file *file, int64_t size)
{
    struct mem_fs *self = self_of(fs);
    int rc = begin_on(self, KB_FS_META, file);
    if (rc == 0 && !(file->flags & KB_OPEN_WRITE))
        rc = -EBADF;
    if (rc == 0 && size < 0)
        rc = -EINVAL;
    if (rc == 0 && size > FILE_MAX_BYTES)
        rc = -EFBIG;
    if (rc == 0)
        rc = kb_mem_file_truncate(&file->node->file, size);
    if (rc == 0) {
        file->node->reserved = KB_MIN(file->node->reserved, size);
        touch(self, file->node);
    }
    return end(self, rc);
}

static int mem_allocate(struct kb_fs *fs, struct kb_file *file, int64_t at, int64_t size)
{
    struct mem_fs *self = self_of(fs);
    int rc = begin_on(self, KB_FS_ALLOCATE, file);
    if (rc == 0 && (at < 0 || size <= 0))
        rc = -EINVAL;
    if (rc == 0 && at > FILE_MAX_BYTES - size)
        rc = -EFBIG;
    if (rc == 0 && room_up_to(self, file->node, at + size) < at + size)
        rc = -ENOSPC;
    if (rc == 0)
        file->node->reserved = KB_MAX(file->node->reserved, at + size);
    return end(self, rc);
}

/* --- what lasts --- */

static int mem_datasync(struct kb_fs *fs, struct kb_file *file)
{
    struct mem_fs *self = self_of(fs);
    int rc = begin_on(self, KB_FS_SYNC, file);
    if (rc < 0 && file->epoch == self->epoch)
        kb_mem_file_doom(&file->node->file);
    if (rc == 0 && !self->lying)
        rc = kb_mem_file_sync(&file->node->file);
    return end(self, rc);
}

static int mem_syncfs(struct kb_fs *fs)
{
    struct mem_fs *self = self_of(fs);
    int rc = begin(self, KB_FS_SYNC, "");
    if (rc < 0)
        kb_mem_tree_doom(&self->tree);
    else if (!self->lying)
        rc = kb_mem_tree_sync(&self->tree);
    return end(self, rc);
}

static int mem_sync_dir(struct kb_fs *fs, const char *path)
{
    struct mem_fs *self = self_of(fs);
    int rc = begin(self, KB_FS_SYNC, path);
    if (rc == 0 && !self->lying)
        rc = kb_mem_tree_sync_dir(&self->tree, path);
    return end(self, rc);
}

/* --- names --- */

static int mem_stat(struct kb_fs *fs, const char *path, struct kb_stat *out)
{
    struct mem_fs *self = self_of(fs);
    struct kb_mem_node *node;
    int rc = begin(self, KB_FS_READ, path);
    if (rc == 0)
        rc = kb_mem_tree_find(&self->tree, path, &node);
    if (rc == 0)
        *out = (struct kb_stat){node->file.now.size, node->mtime_ms, node->is_dir};
    return end(self, rc);
}

static int mem_rename(struct kb_fs *fs, const char *from, const char *to)
{
    struct mem_fs *self = self_of(fs);
    int rc = begin(self, KB_FS_META, from);
    return end(self, rc < 0 ? rc : kb_mem_tree_rename(&self->tree, from, to));
}

static int mem_unlink(struct kb_fs *fs, const char *path)
{
    struct mem_fs *self = self_of(fs);
    int rc = begin(self, KB_FS_META, path);
    return end(self, rc < 0 ? rc : kb_mem_tree_unlink(&self->tree, path));
}

static int mem_mkdir(struct kb_fs *fs, const char *path)
{
    struct mem_fs *self = self_of(fs);
    struct kb_mem_node *node;
    int rc = begin(self, KB_FS_META, path);
    return end(self, rc < 0 ? rc : make(self, path, true, &node));
}

/* A directory's names, to be walked over while the directory changes. */
struct listing {
    size_t count;
    struct {
        char *name;
        bool is_dir;
    } entries[];
};

static void listing_free(struct listing *listing)
{
    for (size_t i = 0; listing && i < listing->count; i++)
        kb_free(listing->entries[i].name);
    kb_free(listing);
}

static struct listing *listing_new(const struct kb_mem_node *dir)
{
    size_t count = dir->now.count;
    struct listing *listing = kb_calloc(1, sizeof *listing + count * sizeof listing->entries[0]);
    struct kb_mem_name *name = NULL;
    while (listing && (name = kb_mem_names_next(&dir->now, name))) {
        char *copy = kb_strdup(name->text);
        if (!copy) {
            listing_free(listing);
            return NULL;
        }
        listing->entries[listing->count].name = copy;
        listing->entries[listing->count++].is_dir = name->child->is_dir;
    }
    return listing;
}

static int mem_list(struct kb_fs *fs, const char *path, kb_fs_each *each, void *ctx)
{
    struct mem_fs *self = self_of(fs);
    struct listing *listing = NULL;
    struct kb_mem_node *dir;
    int rc = begin(self, KB_FS_READ, path);
    if (rc == 0)
        rc = kb_mem_tree_find(&self->tree, path, &dir);
    if (rc == 0 && !dir->is_dir)
        rc = -ENOTDIR;
    if (rc == 0 && !(listing = listing_new(dir)))
        rc = -ENOMEM;
    end(self, rc);
    for (size_t i = 0; rc == 0 && i < listing->count; i++)
        rc = each(ctx, listing->entries[i].name, listing->entries[i].is_dir);
    listing_free(listing);
    return rc;
}

static int mem_space(struct kb_fs *fs, struct kb_space *out)
{
    struct mem_fs *self = self_of(fs);
    pthread_mutex_lock(&self->lock);
    out->free_bytes = free_space(self);
    out->total_bytes = self->capacity;
    pthread_mutex_unlock(&self->lock);
    return 0;
}

/* --- the disk as a whole --- */

static void mem_free(struct kb_fs *fs)
{
    struct mem_fs *self = self_of(fs);
    kb_mem_tree_deinit(&self->tree);
    pthread_mutex_destroy(&self->lock);
    kb_free(self);
}

static const struct kb_fs_ops mem_ops = {
    .open = mem_open,
    .close = mem_close,
    .preadv = mem_preadv,
    .pwritev = mem_pwritev,
    .datasync = mem_datasync,
    .syncfs = mem_syncfs,
    .truncate = mem_truncate,
    .allocate = mem_allocate,
    .stat = mem_stat,
    .rename = mem_rename,
    .unlink = mem_unlink,
    .mkdir = mem_mkdir,
    .list = mem_list,
    .sync_dir = mem_sync_dir,
    .space = mem_space,
    .lock = mem_lock,
    .free = mem_free,
};

static struct mem_fs *mem_new(void)
{
    struct mem_fs *self = KB_NEW(struct mem_fs);
    if (!self)
        return NULL;
    self->fs.ops = &mem_ops;
    pthread_mutex_init(&self->lock, NULL);
    self->capacity = DEFAULT_CAPACITY;
    self->clock = kb_clock_real();
    return self;
}

struct kb_fs *kb_fs_mem_new(void)
{
    struct mem_fs *self = mem_new();
    if (!self)
        return NULL;
    if (kb_mem_tree_init(&self->tree) == 0)
        return &self->fs;
    mem_free(&self->fs);
    return NULL;
}

struct kb_fs *kb_fs_mem_clone(struct kb_fs *fs)
{
    struct mem_fs *from = self_of(fs), *self = mem_new();
    if (!self)
        return NULL;
    pthread_mutex_lock(&from->lock);
    self->capacity = from->capacity;
    self->torn = from->torn;
    self->clock = from->clock;
    self->spared = from->spared;
    int rc = kb_mem_tree_copy(&self->tree, &from->tree);
    pthread_mutex_unlock(&from->lock);
    if (rc == 0)
        return &self->fs;
    mem_free(&self->fs);
    return NULL;
}

static void unlock_all(struct mem_fs *self)
{
    KB_LIST_EACH(it, &self->tree.nodes)
        KB_CONTAINER(it, struct kb_mem_node, member)->locked = false;
}

void kb_fs_mem_crash(struct kb_fs *fs, enum kb_crash how, struct kb_random *random)
{
    struct mem_fs *self = self_of(fs);
    pthread_mutex_lock(&self->lock);
    self->epoch++;
    unlock_all(self);
    int torn = how == KB_CRASH_POWER ? kb_mem_tree_crash(&self->tree, random) : 0;
    KB_CHECK(torn >= 0); /* a test without memory */
    self->torn += (uint64_t)torn;
    pthread_mutex_unlock(&self->lock);
}

void kb_fs_mem_set_fault(struct kb_fs *fs, kb_fs_fault *fault, void *ctx)
{
    self_of(fs)->fault = fault;
    self_of(fs)->fault_ctx = ctx;
}

void kb_fs_mem_set_capacity(struct kb_fs *fs, uint64_t bytes)
{
    self_of(fs)->capacity = bytes;
}

void kb_fs_mem_set_clock(struct kb_fs *fs, struct kb_clock *clock)
{
    self_of(fs)->clock = clock;
}

void kb_fs_mem_set_lying(struct kb_fs *fs, bool lying)
{
    self_of(fs)->lying = lying;
}

void kb_fs_mem_spare(struct kb_fs *fs)
{
    self_of(fs)->spared = true;
}

uint64_t kb_fs_mem_operations(const struct kb_fs *fs)
{
    return atomic_load(&KB_CONTAINER(fs, const struct mem_fs, fs)->operations);
}

uint64_t kb_fs_mem_torn(const struct kb_fs *fs)
{
    return KB_CONTAINER(fs, const struct mem_fs, fs)->torn;
}
