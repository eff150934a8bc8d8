/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H
/* What a measurement came to, and how it is told. */
#include "cli/cli.h"
#include "cli/histogram.h"

struct measure {
    int64_t records, failed, bytes;
    int64_t began_us, first_us, ended_us; /* first_us: of the first record; 0: none */
    struct histogram latency;             /* in microseconds; empty: not measured */
};

int64_t bench_now_us(void);
void bench_print(const struct args *args, const struct measure *measure);

#endif
