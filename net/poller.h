/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_POLLER_H
#define KN_POLLER_H
/*
 * Readiness of descriptors, a bell and an alarm, as the kernel at hand offers
 * them: epoll with an eventfd and a timerfd here. A kqueue has all three.
 * Functions answer >= 0, or -errno. Only ring may come from another thread.
 */
#include "net/env.h"

struct kn_poller {
    int fd, bell_fd, alarm_fd;
    int64_t alarm_ms; /* as armed; KB_NEVER: not */
};

struct kn_ready {
    void *ptr;
    unsigned events; /* KN_READ, KN_WRITE; both on an error */
};

int kn_poller_open(struct kn_poller *poller);
void kn_poller_close(struct kn_poller *poller);
/* Level-triggered interest in fd, from `was` to `now`; 0: not registered. */
int kn_poller_set(struct kn_poller *poller, int fd, unsigned was, unsigned now, void *ptr);
/* Fills at most max. The bell and the alarm end the wait and are not told. */
int kn_poller_wait(struct kn_poller *poller, int64_t timeout_ms, struct kn_ready *out, int max);
void kn_poller_ring(struct kn_poller *poller);
void kn_poller_alarm(struct kn_poller *poller, int64_t deadline_ms);

#endif
