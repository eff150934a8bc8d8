/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>

static volatile sig_atomic_t stopping;
static kurier_client *volatile woken;

static void on_signal(int signal)
{
    (void)signal;
    stopping = 1;
    if (woken)
        kurier_client_wake(woken);
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write, and a clean end */
}

bool cli_stopping(void)
{
    return stopping;
}

void cli_wake_on_signal(kurier_client *client)
{
    woken = client;
}

/* Between the look and the sleep no signal may slip in. Answers as ppoll. */
static int wait_for(struct pollfd *pfds, nfds_t n, const struct timespec *timeout)
{
    sigset_t ours, before;
    int ready = -1;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_BLOCK, &ours, &before);
    while (!stopping && ready < 0) {
        ready = ppoll(pfds, n, timeout, &before);
        if (ready < 0 && errno != EINTR)
            break;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ready;
}

int cli_wait_readable(int fd, int other)
{
    struct pollfd pfds[2] = {{.fd = fd, .events = POLLIN}, {.fd = other, .events = POLLIN}};
    int ready = wait_for(pfds, 2, NULL);
    if (stopping)
        return 0;
    return (pfds[0].revents || ready < 0 ? CLI_FIRST : 0) | (pfds[1].revents ? CLI_SECOND : 0);
}

bool cli_nap(int ms)
{
    struct timespec timeout = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    wait_for(NULL, 0, &timeout);
    return !stopping;
}
