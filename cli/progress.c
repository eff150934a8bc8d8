/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 500, EVERY_MS = 200 };

int64_t cli_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_begin(struct progress *progress, const struct args *args, const char *what,
                    int64_t expected)
{
    bool watched = args->verbosity && isatty(STDERR_FILENO);
    int64_t now = cli_now_ms();
    *progress = (struct progress){.what = watched ? what : NULL,
                                  .unit = "records",
                                  .began_ms = now,
                                  .shown_ms = now + PATIENCE_MS - EVERY_MS,
                                  .expected = expected};
}

void progress_show(struct progress *progress)
{
    int64_t now = cli_now_ms(), passed = now - progress->began_ms;
    if (!progress->what || now < progress->shown_ms + EVERY_MS)
        return;
    progress->shown_ms = now;
    progress->visible = true;
    fprintf(stderr, "\r%s %" PRId64 " %s, %.1f MB, %.0f %s/s, %.1f MB/s", progress->what,
            progress->records, progress->unit, (double)progress->bytes / 1e6,
            (double)progress->records * 1e3 / (double)passed, progress->unit,
            (double)progress->bytes / 1e3 / (double)passed);
    if (progress->expected > 0)
        fprintf(stderr, " (%d %%)", (int)(100 * progress->records / progress->expected));
    fputs("\033[K", stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->visible)
        fputs("\r\033[K", stderr);
    progress->visible = false;
}
