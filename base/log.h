/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_LOG_H
#define KB_LOG_H
/*
 * Structured log lines, given to a sink; levels are syslog's. There is no
 * global logger: whoever is made gets one passed in. A line is
 *   time level component message key=value ...
 * A sink is called from any thread and must not block for long.
 */
#include <stdint.h>

enum kb_level { KB_LOG_ERROR = 3, KB_LOG_WARN = 4, KB_LOG_INFO = 6, KB_LOG_DEBUG = 7 };

struct kb_log {
    int level; /* lines above it are not made */
    void (*write)(struct kb_log *log, enum kb_level level, const char *component, const char *text);
};

/* Call it through KB_LOG so that arguments of silent lines cost nothing. */
void kb_log_line(struct kb_log *log, enum kb_level level, const char *component, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* A line that is made already, however long; a sink may cut it. It is written
 * whatever the level of the log, since somebody asked for it. Controls in it are
 * blanked. */
void kb_log_text(struct kb_log *log, enum kb_level level, const char *component, char *text);

#define KB_LOG(log, lvl, component, ...)                                                           \
    ((log) && (int)(lvl) <= (log)->level ? kb_log_line((log), (lvl), (component), __VA_ARGS__)     \
                                         : (void)0)

/* Lines to a descriptor, one writev(2) each, with wall time. Lives until free. */
struct kb_log *kb_log_fd_new(int fd, int level);
void kb_log_fd_free(struct kb_log *log);
/* "error" "warn" "info" "debug"; -1: none of them. */
int kb_log_level_parse(const char *text);

#endif
