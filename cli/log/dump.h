/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOG_DUMP_H
#define CLI_LOG_DUMP_H
/* What the files of a log hold, as lines of text, or each as a JSON object. */
#include "base/fs.h"
#include "cli/cli.h"

struct dump {
    const struct args *args;
    struct js json;
    struct kb_fs *fs;
    const char *dir;  /* for people */
    const char *name; /* of the file, in fs */
    int64_t printed;  /* of -c */
    int status;
};

/* A line begins: what it is about; a file's name stands in each object. */
void dump_begin(struct dump *d, const char *kind);
void dump_number(struct dump *d, const char *key, int64_t value);
void dump_text(struct dump *d, const char *key, const char *value);
void dump_end(struct dump *d);
/* The file makes no sense from there on; position -1: nobody knows where. */
void dump_damage(struct dump *d, int64_t position, const char *why);
bool dump_enough(const struct dump *d);

void dump_batches(struct dump *d, int64_t base_offset);
void dump_index(struct dump *d, int64_t base_offset);
void dump_time_index(struct dump *d, int64_t base_offset);
void dump_aborted(struct dump *d, int64_t base_offset);
void dump_producers(struct dump *d, int64_t offset);
void dump_epochs(struct dump *d, int64_t none);
void dump_checkpoint(struct dump *d, int64_t none);
void dump_properties(struct dump *d, int64_t none);

#endif
