/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H
/* One line on a terminal's standard error while long work lasts. */
#include "cli/cli.h"

struct progress {
    const char *what, *unit; /* what NULL: nobody watches */
    int64_t began_ms, shown_ms;
    int64_t records, bytes, expected; /* expected: records, or -1 */
    bool visible;
};

/* Nothing is shown unless standard error is a terminal, or under -q. */
void progress_begin(struct progress *progress, const struct args *args, const char *what,
                    int64_t expected);
void progress_show(struct progress *progress); /* looks at the clock */
static inline void progress_add(struct progress *progress, int64_t bytes)
{
    progress->records++;
    progress->bytes += bytes;
    if (progress->what && (progress->records & 1023) == 0)
        progress_show(progress);
}
void progress_end(struct progress *progress); /* the line is gone */

#endif
