/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOG_FILES_H
#define CLI_LOG_FILES_H
/* Directories of a log as they lie on the disk; opened for reading only. */
#include "base/fs.h"
#include <stdbool.h>

struct log_dir {
    struct kb_fs *fs;
    const char *path; /* borrowed */
    char **names;     /* of its files and directories, sorted */
    bool *is_dir;
    size_t count;
};

/* 0 or -errno; to be closed in any case. */
int log_dir_open(struct log_dir *dir, const char *path);
void log_dir_close(struct log_dir *dir);
bool log_dir_has(const struct log_dir *dir, const char *name);
/* Of an index with such entries, without the zeros at its end: Kafka gives one its full
 * size at once. */
size_t log_index_used(const char *data, size_t size, size_t entry_bytes);
/* "PATH/NAME", or PATH alone; free it. NULL: no memory. */
char *log_path(const char *path, const char *name);

#endif
