/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kit/server.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READY_MS = 30000, END_MS = 20000, MAX_OPTIONS = 32 };

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *kit_server_path(void)
{
    const char *path = getenv("KURIERD");
    return path ? path : "bin/kurierd";
}

static bool fail(struct kit_server *s, const char *what)
{
    int error = errno;
    snprintf(s->words, sizeof s->words, "%s: %s", what, strerror(error));
    return false;
}

/* In the child: never comes back. */
static void exec_server(const struct kit_server *s, int out)
{
    char listeners[64], dirs[96];
    const char *argv[2 * MAX_OPTIONS + 8];
    int n = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    snprintf(listeners, sizeof listeners, "listeners=PLAINTEXT://127.0.0.1:%d", s->port);
    snprintf(dirs, sizeof dirs, "log.dirs=%s/data", s->dir);
    argv[n++] = kit_server_path();
    argv[n++] = "-o";
    argv[n++] = listeners;
    argv[n++] = "-o";
    argv[n++] = dirs;
    for (int i = 0; s->options && s->options[i] && i < MAX_OPTIONS; i++) {
        argv[n++] = "-o";
        argv[n++] = s->options[i];
    }
    argv[n] = NULL;
    execvp(argv[0], (char *const *)argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* One line of the child's standard output, or false at its end or READY_MS. */
static bool read_line(int fd, char *line, size_t size)
{
    int64_t deadline = now_ms() + READY_MS;
    size_t used = 0;
    while (used + 1 < size) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - now_ms();
        if (left <= 0 || (poll(&p, 1, (int)left) < 0 && errno != EINTR))
            return false;
        if (!p.revents)
            continue;
        if (read(fd, line + used, 1) != 1)
            return false;
        if (line[used++] == '\n')
            break;
    }
    line[used] = 0;
    return true;
}

static bool await_ready(struct kit_server *s, int fd)
{
    char line[512];
    const char *at, *startup;
    while (read_line(fd, line, sizeof line)) {
        if (strncmp(line, "kurierd ready ", 14))
            continue;
        at = strstr(line, "PLAINTEXT://127.0.0.1:");
        startup = strstr(line, "startup_ms=");
        if (!at || !startup)
            continue;
        s->port = atoi(at + strlen("PLAINTEXT://127.0.0.1:"));
        s->startup_ms = atoi(startup + strlen("startup_ms="));
        snprintf(s->bootstrap, sizeof s->bootstrap, "127.0.0.1:%d", s->port);
        return true;
    }
    return false;
}

static bool spawn(struct kit_server *s)
{
    int out[2];
    if (pipe2(out, O_CLOEXEC))
        return fail(s, "pipe");
    s->pid = fork();
    if (s->pid == 0)
        exec_server(s, out[1]);
    close(out[1]);
    bool ok = s->pid > 0 && await_ready(s, out[0]);
    close(out[0]);
    if (!ok) {
        kit_server_kill(s, SIGKILL);
        snprintf(s->words, sizeof s->words, "%s did not become ready; its log stands above",
                 kit_server_path());
    }
    return ok;
}

bool kit_server_start(struct kit_server *s, const char *const *options)
{
    *s = (struct kit_server){.options = options};
    const char *tmp = getenv("TMPDIR");
    snprintf(s->dir, sizeof s->dir, "%.40s/kurier-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(s->dir))
        return fail(s, s->dir);
    return spawn(s);
}

bool kit_server_restart(struct kit_server *s)
{
    return spawn(s);
}

/* Gives the process its time to end by itself, then no more. */
static void await_end(pid_t pid)
{
    struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    if (p.fd < 0)
        return;
    int64_t deadline = now_ms() + END_MS;
    while (!p.revents && now_ms() < deadline)
        poll(&p, 1, (int)(deadline - now_ms()));
    if (!p.revents)
        kill(pid, SIGKILL);
    close(p.fd);
}

int kit_server_kill(struct kit_server *s, int signal)
{
    int status = 0;
    if (s->pid <= 0)
        return 0;
    kill(s->pid, signal);
    await_end(s->pid);
    while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
        ;
    s->pid = 0;
    return status;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

bool kit_server_stop(struct kit_server *s)
{
    int status = kit_server_kill(s, SIGTERM);
    if (s->dir[0])
        nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
