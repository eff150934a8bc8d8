/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_kurier BROKERS TOPIC MESSAGES BYTES [KEY=VALUE]...: sends records,
 * each with its delivery report, and prints what one cost this process:
 *   cpu_ns=N user_ns=N system_ns=N wall_ns=N rss_kb=N
 */
#include <kurier/kurier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { REPORTS = 4096 };

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static long failed;

static size_t take_reports(kurier_producer *producer, int timeout_ms)
{
    static kurier_report reports[REPORTS];
    size_t n = kurier_producer_poll(producer, reports, REPORTS, timeout_ms, NULL);
    for (size_t i = 0; i < n; i++)
        failed += reports[i].code != KURIER_OK;
    return n;
}

static int die(const kurier_error *err)
{
    fprintf(stderr, "producer_kurier: %s\n", err->text);
    return 1;
}

int main(int argc, char **argv)
{
    kurier_error err = {0};
    if (argc < 5)
        return fprintf(stderr, "usage: %s BROKERS TOPIC MESSAGES BYTES [KEY=VALUE]...\n", argv[0]), 2;
    long messages = atol(argv[3]), reported = 0;
    size_t bytes = (size_t)atol(argv[4]);
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", argv[1]);
    for (int i = 5; i < argc; i++) {
        char *eq = strchr(argv[i], '=');
        if (!eq)
            return fprintf(stderr, "KEY=VALUE, not %s\n", argv[i]), 2;
        *eq = 0;
        kurier_config_set(config, argv[i], eq + 1);
    }
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_config_free(config);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, argv[2], &err) : NULL;
    char *value = malloc(bytes + 1);
    if (!topic || !value)
        return die(&err);
    memset(value, 'x', bytes);
    if (kurier_client_ready(kurier_producer_client(producer), 10000, &err))
        return die(&err);

    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    double start = now_s();
    for (long i = 0; i < messages; i++) {
        kurier_record record = {.value = {value, bytes}, .opaque = (uint64_t)i + 1};
        if (kurier_topic_send(topic, &record, &err))
            return die(&err);
        if (i % REPORTS == 0)
            reported += (long)take_reports(producer, 0);
    }
    if (kurier_producer_flush(producer, 60000, &err))
        return die(&err);
    while (reported < messages) {
        size_t n = take_reports(producer, 10000);
        if (n == 0)
            return fprintf(stderr, "reports are missing: %ld of %ld\n", reported, messages), 1;
        reported += (long)n;
    }
    double wall = now_s() - start, each = 1e9 / (double)messages;
    getrusage(RUSAGE_SELF, &after);
    double user = seconds(after.ru_utime) - seconds(before.ru_utime);
    double system_s = seconds(after.ru_stime) - seconds(before.ru_stime);
    printf("cpu_ns=%.1f user_ns=%.1f system_ns=%.1f wall_ns=%.1f rss_kb=%ld\n",
           (user + system_s) * each, user * each, system_s * each, wall * each, after.ru_maxrss);
    kurier_producer_close(producer, 10000, NULL);
    kurier_producer_free(producer);
    free(value);
    return failed != 0;
}
