/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H
/*
 * What the loads have in common, whatever library carries them:
 *
 *   load_X produce|produce-flush|produce-txn|consume|consume-one BROKERS TOPIC COUNT BYTES
 *
 * prints one line: CPU ns per message (user and system of this process, from
 * the first message to the last report), wall ns per message, peak RSS in KiB.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct load {
    const char *what, *brokers, *topic;
    long count;
    size_t bytes;
    char *value;
};

struct load_mark {
    double cpu, wall;
};

static inline struct load_mark load_now(void)
{
    struct rusage u;
    struct timespec t;
    getrusage(RUSAGE_SELF, &u);
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (struct load_mark){
        (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
            (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3,
        (double)t.tv_sec * 1e9 + (double)t.tv_nsec,
    };
}

static inline void load_report(const struct load *load, struct load_mark from)
{
    struct load_mark to = load_now();
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%.1f %.1f %ld\n", (to.cpu - from.cpu) / (double)load->count,
           (to.wall - from.wall) / (double)load->count, u.ru_maxrss);
}

static inline struct load load_parse(int argc, char **argv)
{
    struct load load = {0};
    if (argc != 6) {
        fprintf(stderr,
                "usage: %s produce|produce-flush|produce-txn|consume|consume-one BROKERS TOPIC "
                "COUNT BYTES\n",
                argv[0]);
        exit(2);
    }
    load.what = argv[1];
    load.brokers = argv[2];
    load.topic = argv[3];
    load.count = atol(argv[4]);
    load.bytes = (size_t)atol(argv[5]);
    load.value = malloc(load.bytes);
    if (!load.value)
        exit(1);
    memset(load.value, 'x', load.bytes);
    return load;
}

static inline void load_fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

#endif
