/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/time.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static const struct {
    enum kb_level level;
    const char *name;
} levels[] = {
    {KB_LOG_ERROR, "error"},
    {KB_LOG_WARN, "warn"},
    {KB_LOG_INFO, "info"},
    {KB_LOG_DEBUG, "debug"},
};

static const char *level_name(enum kb_level level)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(levels); i++)
        if (levels[i].level == level)
            return levels[i].name;
    return "?";
}

int kb_log_level_parse(const char *text)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(levels); i++)
        if (!strcmp(levels[i].name, text))
            return levels[i].level;
    return -1;
}

/* What came from outside must not forge a line. */
static void blank_controls(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = ' ';
}

void kb_log_line(struct kb_log *log, enum kb_level level, const char *component, const char *format,
                 ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    blank_controls(text);
    log->write(log, level, component, text);
}

void kb_log_text(struct kb_log *log, enum kb_level level, const char *component, char *text)
{
    blank_controls(text);
    log->write(log, level, component, text);
}

struct fd_log {
    struct kb_log log;
    int fd;
};

static size_t format_time(char *out, size_t size)
{
    int64_t wall_ms = kb_clock_real()->now(kb_clock_real()).wall_ms;
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t used = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
    return used + (size_t)snprintf(out + used, size - used, ".%03dZ", (int)(wall_ms % 1000));
}

static void write_to_fd(struct kb_log *log, enum kb_level level, const char *component,
                        const char *text)
{
    const struct fd_log *self = KB_CONTAINER(log, struct fd_log, log);
    char head[128];
    size_t used = format_time(head, sizeof head);
    used += (size_t)snprintf(head + used, sizeof head - used, " %-5s %s ", level_name(level),
                             component);
    struct iovec pieces[] = {{head, KB_MIN(used, sizeof head - 1)},
                             {(void *)(uintptr_t)text, strlen(text)},
                             {(void *)(uintptr_t) "\n", 1}};
    ssize_t written = writev(self->fd, pieces, KB_ARRAY_SIZE(pieces));
    (void)written; /* nobody is left to tell */
}

struct kb_log *kb_log_fd_new(int fd, int level)
{
    struct fd_log *self = KB_NEW(struct fd_log);
    if (!self)
        return NULL;
    self->fd = fd;
    self->log.level = level;
    self->log.write = write_to_fd;
    return &self->log;
}

void kb_log_fd_free(struct kb_log *log)
{
    if (log)
        kb_free(KB_CONTAINER(log, struct fd_log, log));
}
