/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_TIME_H
#define KB_TIME_H
/*
 * Time is a parameter. Sessions, timeouts and deadlines count on mono_ms;
 * timestamps and retention on wall_ms. Only drivers hold a clock.
 */
#include <stdint.h>

struct kb_time {
    int64_t mono_ms, wall_ms;
};

enum { KB_FOREVER = -1 };
#define KB_NEVER INT64_MAX /* as a deadline: none */

struct kb_clock {
    struct kb_time (*now)(struct kb_clock *clock);
};

struct kb_clock *kb_clock_real(void);
int64_t kb_mono_ns(void); /* for measurements, never for decisions */

/* mono_ms + timeout without overflow; KB_FOREVER becomes KB_NEVER. */
int64_t kb_deadline(struct kb_time now, int64_t timeout_ms);
/* Milliseconds left, >= 0; KB_FOREVER for KB_NEVER. */
int64_t kb_time_left(struct kb_time now, int64_t deadline_ms);

#endif
