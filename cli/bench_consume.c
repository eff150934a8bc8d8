/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/start.h"
#include <stdlib.h>

struct consumption {
    const struct args *args;
    kurier_consumer *consumer;
    struct partitions partitions;
    size_t ended; /* partitions */
    struct measure measure;
    struct progress progress;
};

static bool enough(const struct consumption *c)
{
    return c->ended == c->partitions.count ||
           (c->args->count >= 0 && c->measure.records >= c->args->count);
}

static void read_batch(struct consumption *c, kurier_batch *batch)
{
    const kurier_batch_info *info = kurier_batch_view(batch);
    struct partition *partition = partitions_find(&c->partitions, info->partition);
    kurier_record record;
    while (!enough(c) && kurier_batch_next(batch, &record)) {
        if (!c->measure.first_us)
            c->measure.first_us = bench_now_us();
        int64_t bytes = (int64_t)(record.key.size + record.value.size);
        c->measure.records++;
        c->measure.bytes += bytes;
        progress_add(&c->progress, bytes);
    }
    if (info->at_end && !partition->ended) {
        partition->ended = true;
        c->ended++;
    }
    kurier_batch_done(batch);
}

static int read_all(struct consumption *c)
{
    while (!enough(c) && !cli_stopping()) {
        kurier_batch *batch;
        kurier_error err;
        if (kurier_consumer_poll(c->consumer, &batch, 1, KURIER_FOREVER, &err))
            read_batch(c, batch);
        else if (err.code && err.code != KURIER_E_INTERRUPTED)
            return cli_failed(c->args->topic, -1, err.code, err.text);
    }
    return 0;
}

static int begin(struct consumption *c)
{
    struct start start;
    kurier_error err;
    int status = start_parse(c->args, &start);
    if (status)
        return status;
    kurier_config_set(c->args->config, "enable.partition.eof", "true");
    c->consumer = kurier_consumer_new(NULL, c->args->config, &err);
    if (!c->consumer)
        return cli_fail("%s", err.text);
    kurier_client *client = kurier_consumer_client(c->consumer);
    cli_wake_on_signal(client);
    status = cli_ready(client, c->args);
    if (!status)
        status = partitions_load(&c->partitions, client, c->args);
    c->measure.began_us = bench_now_us();
    if (!status)
        status = start_assign(&start, &c->partitions, c->consumer, c->args);
    return status;
}

static int run(struct args *args)
{
    struct consumption *c = calloc(1, sizeof *c);
    if (!c)
        return cli_fail("out of memory");
    c->args = args;
    int status = begin(c);
    if (!status) {
        progress_begin(&c->progress, args, "read", args->count);
        status = read_all(c);
        c->measure.ended_us = bench_now_us();
        progress_end(&c->progress);
        bench_print(args, &c->measure);
        status = !status && cli_stopping() ? EXIT_INTERRUPTED : status;
    }
    cli_wake_on_signal(NULL);
    kurier_consumer_free(c->consumer);
    partitions_free(&c->partitions);
    free(c);
    return status;
}

const struct command bench_consume_command = {
    .name = "bench consume",
    .operands = "",
    .doc = "reads what a topic holds and tells throughput",
    .flags = "topic partition offset count json",
    .traits = TAKES_BROKERS | NEEDS_TOPIC,
    .run = run,
    .about = "Up to the end of every partition, or -c records.",
};
