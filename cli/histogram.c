/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/histogram.h"
#include <stddef.h>

enum { SHIFT = 5, PLACES = HISTOGRAM_POWERS * HISTOGRAM_STEPS }; /* 2^SHIFT steps */

/* Below 32 each value has its place; above, each power of two has 32 of them. */
static size_t place(uint64_t value)
{
    if (value < HISTOGRAM_STEPS)
        return (size_t)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    size_t at = (size_t)(power - SHIFT + 1) * HISTOGRAM_STEPS + (size_t)(value >> (power - SHIFT)) -
                HISTOGRAM_STEPS;
    return at < PLACES ? at : PLACES - 1;
}

/* The largest value of a place. */
static uint64_t top(size_t at)
{
    if (at < HISTOGRAM_STEPS)
        return at;
    unsigned shift = (unsigned)(at / HISTOGRAM_STEPS) - 1;
    return ((uint64_t)(at % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[place(value)]++;
    histogram->count++;
    histogram->sum += value;
    if (value > histogram->max)
        histogram->max = value;
}

uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille)
{
    uint64_t wanted = (histogram->count * per_mille + 999) / 1000, seen = 0;
    for (size_t i = 0; i < PLACES; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted && seen)
            return top(i) < histogram->max ? top(i) : histogram->max;
    }
    return 0;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->count ? (double)histogram->sum / (double)histogram->count : 0;
}
