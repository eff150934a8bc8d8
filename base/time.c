/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <time.h>

static int64_t read_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct kb_time real_now(struct kb_clock *clock)
{
    (void)clock;
    return (struct kb_time){
        .mono_ms = read_ns(CLOCK_MONOTONIC) / 1000000,
        .wall_ms = read_ns(CLOCK_REALTIME) / 1000000,
    };
}

struct kb_clock *kb_clock_real(void)
{
    static struct kb_clock clock = {real_now}; /* never written to */
    return &clock;
}

int64_t kb_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t kb_deadline(struct kb_time now, int64_t timeout_ms)
{
    if (timeout_ms < 0 || timeout_ms > INT64_MAX - 1 - now.mono_ms)
        return KB_NEVER;
    return now.mono_ms + timeout_ms;
}

int64_t kb_time_left(struct kb_time now, int64_t deadline_ms)
{
    if (deadline_ms == KB_NEVER)
        return KB_FOREVER;
    return deadline_ms > now.mono_ms ? deadline_ms - now.mono_ms : 0;
}
