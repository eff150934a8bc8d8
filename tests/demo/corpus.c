/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/demo/corpus.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* nftw has no context argument. */
static struct corpus *walking;
static const char *walking_only;

static void *grow(void *array, size_t count, size_t size)
{
    if (count & (count - 1)) /* room up to the next power of two */
        return array;
    void *more = realloc(array, (count ? 2 * count : 1) * size);
    if (!more) {
        fprintf(stderr, "demo: out of memory\n");
        exit(1);
    }
    return more;
}

static void cut_lines(struct corpus *c, struct file *file)
{
    const char *at = file->data, *end = file->data + file->size;
    file->first = c->line_count;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            stop = end;
        c->lines = grow(c->lines, c->line_count, sizeof *c->lines);
        c->lines[c->line_count++] = (struct line){
            at, (uint32_t)(stop - at), (uint32_t)(file - c->files), (uint32_t)file->lines++};
        c->bytes += (size_t)(stop - at);
        at = stop + 1;
    }
}

static bool load_file(struct corpus *c, const char *path)
{
    FILE *in = fopen(path, "rb");
    struct stat st;
    if (!in || fstat(fileno(in), &st)) {
        perror(path);
        if (in)
            fclose(in);
        return false;
    }
    c->files = grow(c->files, c->file_count, sizeof *c->files);
    struct file *file = &c->files[c->file_count++];
    *file = (struct file){.path = strdup(path), .data = malloc((size_t)st.st_size + 1)};
    if (file->path && file->data)
        file->size = fread(file->data, 1, (size_t)st.st_size, in);
    fclose(in);
    cut_lines(c, file);
    return file->path && file->data;
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    bool wanted = !walking_only || !strcmp(path + at->base, walking_only);
    if (type == FTW_F && wanted)
        return load_file(walking, path) ? 0 : 1;
    return 0;
}

bool corpus_add(struct corpus *c, const char *path, const char *only)
{
    struct stat st;
    if (stat(path, &st)) {
        perror(path);
        return false;
    }
    if (!S_ISDIR(st.st_mode))
        return load_file(c, path);
    walking = c;
    walking_only = only;
    return nftw(path, visit, 16, FTW_PHYS) == 0;
}

void corpus_free(struct corpus *c)
{
    for (size_t i = 0; i < c->file_count; i++) {
        free(c->files[i].path);
        free(c->files[i].data);
    }
    free(c->files);
    free(c->lines);
}
