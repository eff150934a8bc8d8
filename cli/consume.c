/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct consumption {
    const struct args *args;
    enum { AT_OFFSET, AT_TIME, BEFORE_END } start;
    int64_t start_at; /* offset, milliseconds, minus so many records */
    kurier_consumer *consumer;
    kurier_client *client;
    kurier_position *positions;
    bool *at_end;
    size_t count, ended; /* partitions */
    int64_t printed;
    struct format *format;
};

/* ---- Where to begin -------------------------------------------------------------------*/

/* Every partition of the topic, or the one that was asked for. */
static int find_partitions(struct consumption *c)
{
    const struct args *args = c->args;
    kurier_error err;
    kurier_result *result = kurier_admin_run(
        c->client, kurier_admin_describe_topics(&args->topic, 1), cli_timeout_ms(args), &err);
    if (!result)
        return err.code == KURIER_E_INTERRUPTED ? EXIT_INTERRUPTED : cli_fail("%s", err.text);
    const kurier_topic_info *topic = kurier_result_topic(result, 0);
    int status = kurier_result_error(result, &err) ? cli_fail("%s", err.text) : 0;
    size_t n = status ? 0 : (size_t)topic->partition_count;
    c->positions = calloc(n + 1, sizeof *c->positions);
    c->at_end = calloc(n + 1, sizeof *c->at_end);
    for (size_t i = 0; !status && c->positions && i < n; i++)
        if (args->partition < 0 || topic->partitions[i].partition == args->partition)
            c->positions[c->count++] =
                kurier_at(args->topic, topic->partitions[i].partition, KURIER_BEGINNING);
    kurier_result_free(result);
    if (!status && (!c->positions || !c->at_end))
        return cli_fail("out of memory");
    if (!status && c->count == 0)
        return cli_fail("%s has %zu partitions; there is no %" PRId64, args->topic, n,
                        args->partition);
    return status;
}

/* Each position becomes the offset of what `at` asks for: a time, or an end. */
static int seek_times(struct consumption *c, int64_t at)
{
    kurier_error err;
    for (size_t i = 0; i < c->count; i++) {
        c->positions[i].offset = at < 0 ? at : 0;
        c->positions[i].timestamp_ms = at;
    }
    if (kurier_consumer_offsets_for_times(c->consumer, c->positions, c->count,
                                          cli_timeout_ms(c->args), &err))
        return cli_fail("%s", err.text);
    return 0;
}

static int seek_before_end(struct consumption *c, int64_t records)
{
    int status = seek_times(c, KURIER_END);
    for (size_t i = 0; !status && i < c->count; i++) {
        int64_t at = c->positions[i].offset - records;
        c->positions[i].offset = at > 0 ? at : 0;
    }
    return status;
}

static bool is_number(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && !*end && !errno;
}

/* What -o says, before anybody is asked. */
static int parse_start(struct consumption *c)
{
    const char *text = c->args->offset ? c->args->offset : "beginning";
    c->start = AT_OFFSET;
    if (!strcmp(text, "beginning") || !strcmp(text, "earliest"))
        c->start_at = KURIER_BEGINNING;
    else if (!strcmp(text, "end") || !strcmp(text, "latest"))
        c->start_at = KURIER_END;
    else if (!strncmp(text, "s@", 2) && is_number(text + 2, &c->start_at))
        c->start = AT_TIME;
    else if (!is_number(text, &c->start_at)) {
        cli_fail("-o %s: beginning, end, N, -N or s@MILLISECONDS is expected", text);
        return EXIT_USAGE;
    } else if (c->start_at < 0)
        c->start = BEFORE_END;
    return 0;
}

static int choose_offsets(struct consumption *c)
{
    if (c->start == AT_TIME)
        return seek_times(c, c->start_at);
    if (c->start == BEFORE_END)
        return seek_before_end(c, -c->start_at);
    for (size_t i = 0; i < c->count; i++)
        c->positions[i].offset = c->start_at;
    return 0;
}

/* ---- Printing --------------------------------------------------------------------------*/

static bool enough(const struct consumption *c)
{
    return (c->args->count >= 0 && c->printed >= c->args->count) ||
           (c->args->until_end && c->ended == c->count);
}

static void note_end(struct consumption *c, const kurier_batch_info *info)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->positions[i].partition != info->partition || c->at_end[i])
            continue;
        c->at_end[i] = true;
        c->ended++;
        if (!c->args->quiet)
            fprintf(stderr, "%% Reached end of topic %s [%" PRId32 "] at offset %" PRId64 "\n",
                    info->topic, info->partition, info->next_offset);
    }
}

static bool print_batch(struct consumption *c, kurier_batch *batch)
{
    kurier_record record;
    bool good = true;
    while (good && !enough(c) && kurier_batch_next(batch, &record)) {
        good = format_print(c->format, &record, stdout);
        if (c->args->unbuffered)
            fflush(stdout);
        c->printed++;
    }
    if (c->args->until_end && kurier_batch_view(batch)->at_end)
        note_end(c, kurier_batch_view(batch));
    kurier_batch_done(batch);
    return good;
}

/* What was printed reaches the reader before we wait for more. */
static size_t next_batch(struct consumption *c, kurier_batch **batch, kurier_error *err)
{
    size_t n = kurier_consumer_poll(c->consumer, batch, 1, 0, err);
    if (n || (err->code && err->code != KURIER_E_TIMED_OUT))
        return n;
    fflush(stdout);
    return kurier_consumer_poll(c->consumer, batch, 1, KURIER_FOREVER, err);
}

static int print_all(struct consumption *c)
{
    while (!enough(c) && !cli_stopping()) {
        kurier_batch *batch;
        kurier_error err;
        if (next_batch(c, &batch, &err)) {
            if (!print_batch(c, batch))
                break;
        } else if (err.code && err.code != KURIER_E_INTERRUPTED) {
            return cli_fail("%s", err.text);
        }
    }
    /* A reader that has had enough (head) is no failure. */
    errno = 0;
    if ((fflush(stdout) || ferror(stdout)) && errno && errno != EPIPE)
        return cli_fail("standard output: %s", strerror(errno));
    bool endless = c->args->count < 0 && !c->args->until_end;
    return cli_stopping() && !endless ? EXIT_INTERRUPTED : 0;
}

/* ---- All of it ---------------------------------------------------------------------------*/

/* Without -f: [key DELIMITER] value DELIMITER, as it could be produced again. */
static int choose_format(struct consumption *c)
{
    const struct args *args = c->args;
    char why[160], text[512];
    snprintf(text, sizeof text, "%s%s%%s%s", args->key_delimiter ? "%k" : "",
             args->key_delimiter ? args->key_delimiter : "",
             args->delimiter ? args->delimiter : "\n");
    c->format = format_new(args->format ? args->format : text, args->nulls, why, sizeof why);
    if (c->format)
        return 0;
    cli_fail("%s", why);
    return EXIT_USAGE;
}

static int open_consumer(struct consumption *c)
{
    kurier_error err;
    if (c->args->until_end)
        kurier_config_set(c->args->config, "enable.partition.eof", "true");
    c->consumer = kurier_consumer_new(NULL, c->args->config, &err);
    if (!c->consumer)
        return cli_fail("%s", err.text);
    c->client = kurier_consumer_client(c->consumer);
    cli_wake_on_signal(c->client);
    return cli_ready(c->client, c->args);
}

static int start(struct consumption *c)
{
    kurier_error err;
    int status = choose_format(c);
    if (!status)
        status = parse_start(c);
    if (!status)
        status = open_consumer(c);
    if (!status)
        status = find_partitions(c);
    if (!status)
        status = choose_offsets(c);
    if (!status && kurier_consumer_assign(c->consumer, c->positions, c->count, &err))
        status = cli_fail("%s", err.text);
    return status;
}

int consume_run(struct args *args)
{
    struct consumption c = {.args = args};
    int status = start(&c);
    if (!status)
        status = print_all(&c);
    cli_wake_on_signal(NULL);
    kurier_consumer_free(c.consumer);
    format_free(c.format);
    free(c.positions);
    free(c.at_end);
    return status;
}
