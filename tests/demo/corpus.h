/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEMO_CORPUS_H
#define DEMO_CORPUS_H
/* The text that the demo sends: files in memory, cut into lines. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line {
    const char *data; /* in the file, without the newline */
    uint32_t size;
    uint32_t file, number; /* which file, which line of it, both from 0 */
};

struct file {
    char *path;
    char *data;
    size_t size;
    size_t first, lines; /* its lines in corpus.lines */
};

struct corpus {
    struct file *files;
    struct line *lines;
    size_t file_count, line_count, bytes; /* bytes: of all lines */
};

/* Adds a file, or all files below a directory; with `only`, those of that
 * name. The corpus is zeroed before the first. False: said on stderr. */
bool corpus_add(struct corpus *corpus, const char *path, const char *only);
void corpus_free(struct corpus *corpus);

#endif
