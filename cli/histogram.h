/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_HISTOGRAM_H
#define CLI_HISTOGRAM_H
/*
 * Counts of durations, in steps of at most 1/32 of the value: percentiles of any
 * number of them in a few kilobytes.
 */
#include <stdint.h>

enum { HISTOGRAM_STEPS = 32, HISTOGRAM_POWERS = 40 };

struct histogram {
    uint64_t counts[HISTOGRAM_POWERS * HISTOGRAM_STEPS];
    uint64_t count, sum, max;
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* The value that so many per mille do not exceed; 0 of none. */
uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille);
double histogram_mean(const struct histogram *histogram);

#endif
