/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include <inttypes.h>
#include <stdlib.h>

enum { USUAL_RECORDS = 1000000, POLL_EVERY = 64, SPREAD_BYTES = 1 << 16 };

struct production {
    const struct args *args;
    kurier_producer *producer;
    kurier_topic *topic;
    struct measure measure;
    struct progress progress;
    kurier_error first; /* of the failures */
    char *letters;      /* size + SPREAD_BYTES of them */
};

static void on_report(void *ctx, const kurier_report *report)
{
    struct production *p = ctx;
    if (report->code && p->measure.failed++ == 0)
        kurier_report_error(report, &p->first);
    if (!report->code)
        histogram_add(&p->measure.latency, (uint64_t)bench_now_us() - report->opaque);
}

/* Random letters, as ProducerPerformance sends: they compress, but not to nothing. */
static bool fill(struct production *p)
{
    size_t size = (size_t)p->args->size + SPREAD_BYTES;
    uint64_t state = 88172645463325252u;
    p->letters = malloc(size);
    for (size_t i = 0; p->letters && i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        p->letters[i] = (char)('A' + state % 26);
    }
    return p->letters != NULL;
}

/* When record n is due, if there is a rate; until then reports are heard. */
static void keep_pace(struct production *p, int64_t n)
{
    int64_t due;
    if (!p->args->rate)
        return;
    due = p->measure.began_us + (int64_t)((double)n * 1e6 / (double)p->args->rate);
    for (int64_t left; (left = due - bench_now_us()) > 0 && !cli_stopping();)
        kurier_producer_each(p->producer, on_report, p, (int)((left + 999) / 1000), NULL);
}

static int send_all(struct production *p, int64_t count)
{
    const struct args *args = p->args;
    kurier_record record = {.partition = (int32_t)args->partition,
                            .flags = args->partition >= 0 ? KURIER_TO_PARTITION : 0};
    kurier_error err;
    for (int64_t i = 0; i < count && !cli_stopping() && !p->measure.failed; i++) {
        keep_pace(p, i);
        record.value =
            kurier_bytes_of(p->letters + (size_t)i * 257 % SPREAD_BYTES, (size_t)args->size);
        record.opaque = (uint64_t)bench_now_us();
        if (kurier_topic_send(p->topic, &record, &err))
            return cli_stopping() ? 0 : cli_fail("record %" PRId64 ": %s", i + 1, err.text);
        p->measure.records++;
        p->measure.bytes += args->size;
        progress_add(&p->progress, args->size);
        if (i % POLL_EVERY == 0)
            kurier_producer_each(p->producer, on_report, p, 0, NULL);
    }
    return 0;
}

static void finish(struct production *p)
{
    while (kurier_producer_outstanding(p->producer) && !cli_stopping())
        kurier_producer_each(p->producer, on_report, p, 1000, NULL);
    p->measure.ended_us = bench_now_us();
    progress_end(&p->progress);
}

static int open_producer(struct production *p)
{
    kurier_error err;
    p->producer = kurier_producer_new(NULL, p->args->config, &err);
    if (!p->producer)
        return cli_fail("%s", err.text);
    cli_wake_on_signal(kurier_producer_client(p->producer));
    int status = cli_ready(kurier_producer_client(p->producer), p->args);
    if (!status)
        status = cli_topic(p->producer, p->args, &p->topic);
    return status || fill(p) ? status : cli_fail("out of memory");
}

static int measure(struct production *p)
{
    int64_t count = p->args->count > 0 ? p->args->count : USUAL_RECORDS;
    progress_begin(&p->progress, p->args, "sent", count);
    p->measure.began_us = bench_now_us();
    int status = send_all(p, count);
    finish(p);
    bench_print(p->args, &p->measure);
    out_flush(p->args->out);
    if (p->measure.failed)
        return cli_failed(p->args->topic, -1, p->first.code, p->first.text);
    return cli_stopping() ? EXIT_INTERRUPTED : status;
}

static int run(struct args *args)
{
    struct production *p = calloc(1, sizeof *p);
    if (!p)
        return cli_fail("out of memory");
    p->args = args;
    int status = open_producer(p);
    if (!status)
        status = measure(p);
    cli_wake_on_signal(NULL);
    kurier_producer_free(p->producer);
    free(p->letters);
    free(p);
    return status;
}

const struct command bench_produce_command = {
    .name = "bench produce",
    .operands = "",
    .doc = "sends records and tells throughput and latency",
    .flags = "topic partition count size rate compression json",
    .traits = TAKES_BROKERS | NEEDS_TOPIC,
    .run = run,
    .about = "A million records of random letters, unless -c says otherwise; latency is from the "
             "call that sends a record to its report. At full speed that is mostly waiting in "
             "line: -R N shows what records at a steady rate meet. The topic's partitions, -X acks "
             "and -X linger.ms matter most.",
};
