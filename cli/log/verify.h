/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOG_VERIFY_H
#define CLI_LOG_VERIFY_H
/* Whether the files of a partition's log agree with themselves and each other. */
#include "cli/cli.h"
#include "cli/log/files.h"
#include "cli/progress.h"

enum { VERIFY_FAULTS = 64 };

struct fault {
    char file[64];
    int64_t byte; /* the first that makes no sense; -1: not known */
    char why[200];
};

struct verdict {
    int64_t segments, batches, records, bytes;
    int64_t first_offset, end_offset; /* -1: no batch at all */
    struct fault faults[VERIFY_FAULTS];
    size_t fault_count; /* may be more than are kept */
};

void verify_fault(struct verdict *verdict, const char *file, int64_t byte, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A log and its indexes. next_base: where the next segment begins, or INT64_MAX. */
void verify_segment(struct verdict *verdict, struct log_dir *dir, int64_t base, int64_t next_base,
                    struct progress *progress);
/* All files of one directory. */
void verify_partition(struct verdict *verdict, struct log_dir *dir, struct progress *progress);

#endif
