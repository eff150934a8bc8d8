/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/progress.h"
#include "cli/start.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct consumption {
    const struct args *args;
    kurier_consumer *consumer;
    kurier_client *client;
    struct partitions partitions;
    size_t ended; /* partitions */
    int64_t printed;
    bool failed; /* a record could not be printed */
    struct format *format;
    struct progress progress;
};

static bool enough(const struct consumption *c)
{
    bool ends = c->args->until_end || c->args->stop_ms >= 0;
    return (c->args->count >= 0 && c->printed >= c->args->count) ||
           (ends && c->ended == c->partitions.count) || (c->failed && !c->args->go_on);
}

/* ---- Ends -------------------------------------------------------------------------------*/

static void end(struct consumption *c, struct partition *partition)
{
    if (!partition->ended)
        c->ended++;
    partition->ended = true;
}

static const char *exiting(const struct consumption *c)
{
    return enough(c) ? ": exiting" : "";
}

/* -e: at the end of each partition, once, even if more comes behind it. */
static void note_end(struct consumption *c, struct partition *partition,
                     const kurier_batch_info *info)
{
    if (partition->ended || (!c->args->until_end && !c->args->as_kcat && c->args->verbosity < 2))
        return;
    if (c->args->until_end)
        end(c, partition);
    progress_end(&c->progress);
    cli_say(c->args, "Reached end of topic %s [%" PRId32 "] at offset %" PRId64 "%s", info->topic,
            info->partition, info->next_offset, exiting(c));
}

static bool is_late(struct consumption *c, struct partition *partition, const kurier_record *record)
{
    if (c->args->stop_ms < 0 || record->timestamp_ms < c->args->stop_ms)
        return false;
    if (!partition->ended) {
        end(c, partition);
        progress_end(&c->progress);
        cli_say(c->args,
                "Reached stop timestamp for topic %s [%" PRId32 "] at offset %" PRId64 "%s",
                record->topic, record->partition, record->offset, exiting(c));
    }
    return true;
}

/* ---- Printing -----------------------------------------------------------------------------*/

static void print_record(struct consumption *c, const kurier_record *record, int32_t leader)
{
    struct out *out = c->args->out;
    const char *why = format_print(c->format, record, leader, out);
    if (why) {
        out_flush(out);
        c->failed = true;
        cli_fail("%s [%" PRId32 "] at offset %" PRId64 ": %s", record->topic, record->partition,
                 record->offset, why);
        return;
    }
    if (c->args->unbuffered)
        out_flush(out);
    c->printed++;
    progress_add(&c->progress, (int64_t)(record->key.size + record->value.size));
}

static void print_batch(struct consumption *c, kurier_batch *batch)
{
    const kurier_batch_info *info = kurier_batch_view(batch);
    struct partition *partition = partitions_find(&c->partitions, info->partition);
    kurier_record record;
    while (!c->args->out->error && !enough(c) && !partition->ended &&
           kurier_batch_next(batch, &record))
        if (!is_late(c, partition, &record))
            print_record(c, &record, partition->leader);
    if (info->at_end)
        note_end(c, partition, info);
    kurier_batch_done(batch);
}

/* What was printed reaches the reader before we wait for more. */
static size_t next_batch(struct consumption *c, kurier_batch **batch, kurier_error *err)
{
    size_t n = kurier_consumer_poll(c->consumer, batch, 1, 0, err);
    if (n || (err->code && err->code != KURIER_E_TIMED_OUT))
        return n;
    out_flush(c->args->out);
    if (c->args->out->error)
        return 0;
    return kurier_consumer_poll(c->consumer, batch, 1, KURIER_FOREVER, err);
}

static int print_all(struct consumption *c)
{
    while (!enough(c) && !cli_stopping() && !c->args->out->error) {
        kurier_batch *batch;
        kurier_error err;
        if (next_batch(c, &batch, &err))
            print_batch(c, batch);
        else if (err.code && err.code != KURIER_E_INTERRUPTED && err.code != KURIER_E_TIMED_OUT)
            return cli_failed(c->args->topic, -1, err.code, err.text);
    }
    bool endless = c->args->count < 0 && !c->args->until_end && c->args->stop_ms < 0;
    if (c->failed)
        return EXIT_FAILED;
    return cli_stopping() && !endless ? EXIT_INTERRUPTED : 0;
}

/* ---- All of it ---------------------------------------------------------------------------*/

static int open_consumer(struct consumption *c)
{
    kurier_error err;
    kurier_config_set(c->args->config, "enable.partition.eof", "true");
    c->consumer = kurier_consumer_new(NULL, c->args->config, &err);
    if (!c->consumer)
        return cli_fail("%s", err.text);
    c->client = kurier_consumer_client(c->consumer);
    cli_wake_on_signal(c->client);
    return cli_ready(c->client, c->args);
}

static int begin(struct consumption *c)
{
    struct start start;
    int status = start_parse(c->args, &start);
    if (!status && c->args->json && (c->args->pack_key || c->args->pack_value))
        status = cli_misuse(c->args, "-s prints text, -J the bytes as they are: one of the two");
    if (!status)
        c->format = format_new(c->args, &status);
    if (!status)
        status = open_consumer(c);
    if (!status)
        status = partitions_load(&c->partitions, c->client, c->args);
    if (!status)
        status = start_assign(&start, &c->partitions, c->consumer, c->args);
    return status;
}

static int run(struct args *args)
{
    struct consumption c = {.args = args};
    int status = begin(&c);
    if (!status) {
        progress_begin(&c.progress, args, "read", args->count);
        if (isatty(args->out->fd))
            c.progress.what = NULL; /* the records themselves are there to be seen */
        status = print_all(&c);
        progress_end(&c.progress);
    }
    cli_wake_on_signal(NULL);
    kurier_consumer_free(c.consumer);
    format_free(c.format);
    partitions_free(&c.partitions);
    return status;
}

const struct command consume_command = {
    .name = "consume",
    .operands = "",
    .doc = "prints records, from the beginning unless -o says otherwise",
    .flags = "topic partition offset until-end count format json key-delimiter delimiter null pack "
             "unbuffered go-on",
    .traits = TAKES_BROKERS | NEEDS_TOPIC,
    .run = run,
    .about =
        "Without -f a record is its value and a newline; with -K its key stands in front. -o may "
        "be given twice, as in -o s@1700000000000 -o e@1700003600000 for an hour; the record at "
        "the "
        "second time is not printed.\n\n"
        "-f puts nothing behind a record that it does not say: \\n, \\t, \\r, \\0 and \\xHH stand "
        "for bytes. Headers are printed as name=value with commas between them.\n\n"
        "-J prints an object on a line with topic, partition, offset, tstype, ts, broker (who led "
        "the partition when it began), headers (names and values by turns), key and payload. "
        "Bytes that are no UTF-8 stand in key_base64 and payload_base64 besides.",
};
