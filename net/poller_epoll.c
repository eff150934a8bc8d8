/* SPDX-License-Identifier: Apache-2.0 */
#include "net/poller.h"

#include "base/check.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { WAIT_MAX = 256 };

static int add_own(struct kn_poller *poller, int fd, int *which)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = which};
    return epoll_ctl(poller->fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int kn_poller_open(struct kn_poller *poller)
{
    int rc = 0;
    poller->alarm_ms = KB_NEVER;
    poller->fd = epoll_create1(EPOLL_CLOEXEC);
    poller->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    poller->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (poller->fd < 0 || poller->bell_fd < 0 || poller->alarm_fd < 0)
        rc = -errno;
    if (rc == 0)
        rc = add_own(poller, poller->bell_fd, &poller->bell_fd);
    if (rc == 0)
        rc = add_own(poller, poller->alarm_fd, &poller->alarm_fd);
    if (rc < 0)
        kn_poller_close(poller);
    return rc;
}

void kn_poller_close(struct kn_poller *poller)
{
    int *fds[] = {&poller->fd, &poller->bell_fd, &poller->alarm_fd};
    for (size_t i = 0; i < KB_ARRAY_SIZE(fds); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

/* Without interest a hang-up would still be reported, for ever: so the
 * descriptor is then taken out altogether. */
int kn_poller_set(struct kn_poller *poller, int fd, unsigned was, unsigned now, void *ptr)
{
    struct epoll_event event = {.data.ptr = ptr};
    if (now & KN_READ)
        event.events |= EPOLLIN;
    if (now & KN_WRITE)
        event.events |= EPOLLOUT;
    int op = !now ? EPOLL_CTL_DEL : !was ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (was == now)
        return 0;
    return epoll_ctl(poller->fd, op, fd, &event) < 0 ? -errno : 0;
}

static bool take_own(struct kn_poller *poller, void *ptr)
{
    uint64_t count;
    if (ptr != &poller->bell_fd && ptr != &poller->alarm_fd)
        return false;
    if (ptr == &poller->alarm_fd)
        poller->alarm_ms = KB_NEVER;
    /* EAGAIN is fine: somebody moved the alarm meanwhile. */
    ssize_t rc = read(*(int *)ptr, &count, sizeof count);
    (void)rc;
    return true;
}

static unsigned events_of(uint32_t epoll_events)
{
    if (epoll_events & (EPOLLERR | EPOLLHUP))
        return KN_READ | KN_WRITE;
    return ((epoll_events & EPOLLIN) ? KN_READ : 0) | ((epoll_events & EPOLLOUT) ? KN_WRITE : 0);
}

int kn_poller_wait(struct kn_poller *poller, int64_t timeout_ms, struct kn_ready *out, int max)
{
    struct epoll_event events[WAIT_MAX];
    int n = epoll_wait(poller->fd, events, KB_MIN(max, WAIT_MAX), (int)KB_MIN(timeout_ms, INT_MAX));
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (!take_own(poller, events[i].data.ptr))
            out[count++] = (struct kn_ready){events[i].data.ptr, events_of(events[i].events)};
    }
    return count;
}

/* Full means rung 2^64 - 2 times: still rung. A signal handler may call it. */
void kn_poller_ring(struct kn_poller *poller)
{
    uint64_t one = 1;
    int before = errno;
    ssize_t rc = write(poller->bell_fd, &one, sizeof one);
    (void)rc;
    errno = before;
}

/* Setting costs a system call, so an alarm that is too early is left: it ends
 * one wait for nothing. */
void kn_poller_alarm(struct kn_poller *poller, int64_t deadline_ms)
{
    if (deadline_ms >= poller->alarm_ms)
        return;
    int64_t ms = KB_MAX(deadline_ms, 1); /* 0 would disarm */
    struct itimerspec spec = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}};
    timerfd_settime(poller->alarm_fd, TFD_TIMER_ABSTIME, &spec, NULL);
    poller->alarm_ms = deadline_ms;
}
