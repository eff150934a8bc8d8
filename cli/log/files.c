/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log/files.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name, with '/' in front of a directory's while they are sorted. */
struct names {
    char **names;
    size_t count, capacity;
};

static int add(void *ctx, const char *name, bool is_dir)
{
    struct names *all = ctx;
    if (all->count == all->capacity) {
        size_t capacity = all->capacity * 2 + 16;
        char **names = realloc(all->names, capacity * sizeof *names);
        if (!names)
            return -ENOMEM;
        all->names = names;
        all->capacity = capacity;
    }
    char *copy = NULL;
    if (asprintf(&copy, "%s%s", name, is_dir ? "/" : "") < 0)
        return -ENOMEM;
    all->names[all->count++] = copy;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int log_dir_open(struct log_dir *dir, const char *path)
{
    struct names all = {0};
    *dir = (struct log_dir){.path = path};
    int status = kb_fs_posix_new(path, &dir->fs);
    if (status >= 0)
        status = dir->fs->ops->list(dir->fs, "", add, &all);
    dir->names = all.names;
    dir->count = all.count;
    dir->is_dir = calloc(all.count + 1, sizeof *dir->is_dir);
    if (status < 0 || !dir->is_dir)
        return status < 0 ? status : -ENOMEM;
    if (all.count)
        qsort(all.names, all.count, sizeof *all.names, compare);
    for (size_t i = 0; i < all.count; i++) {
        char *end = all.names[i] + strlen(all.names[i]) - 1;
        dir->is_dir[i] = *end == '/';
        if (dir->is_dir[i])
            *end = '\0';
    }
    return 0;
}

void log_dir_close(struct log_dir *dir)
{
    for (size_t i = 0; i < dir->count; i++)
        free(dir->names[i]);
    free(dir->names);
    free(dir->is_dir);
    if (dir->fs)
        dir->fs->ops->free(dir->fs);
}

bool log_dir_has(const struct log_dir *dir, const char *name)
{
    for (size_t i = 0; i < dir->count; i++)
        if (!strcmp(dir->names[i], name))
            return true;
    return false;
}

size_t log_index_used(const char *data, size_t size, size_t entry_bytes)
{
    size_t used = size;
    while (used && !data[used - 1])
        used--;
    size_t entries = (used + entry_bytes - 1) / entry_bytes;
    return entries * entry_bytes < size ? entries * entry_bytes : size;
}

char *log_path(const char *path, const char *name)
{
    char *out = NULL;
    size_t size = strlen(path);
    bool slash = size && path[size - 1] != '/';
    return asprintf(&out, "%s%s%s", path, slash ? "/" : "", name) < 0 ? NULL : out;
}
