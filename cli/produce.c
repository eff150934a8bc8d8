/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct production {
    const struct args *args;
    kurier_producer *producer;
    kurier_topic *topic;
    int64_t sent, failed;
    kurier_error first; /* of the failures */
};

static void on_report(void *ctx, const kurier_report *report)
{
    struct production *p = ctx;
    if (report->code == KURIER_OK)
        return;
    if (p->failed++ == 0)
        kurier_report_error(report, &p->first);
}

/* key DELIMITER value; a piece without one is all value. */
static void split(const struct args *args, kurier_bytes piece, kurier_record *record)
{
    const char *delimiter = args->key_delimiter;
    size_t size = delimiter ? strlen(delimiter) : 0;
    const char *mark =
        delimiter && piece.size ? memmem(piece.data, piece.size, delimiter, size) : NULL;
    record->value = piece;
    if (!mark)
        return;
    record->key = kurier_bytes_of(piece.data, (size_t)(mark - (const char *)piece.data));
    record->value = kurier_bytes_of(mark + size, piece.size - record->key.size - size);
}

static void empty_is_null(kurier_bytes *bytes)
{
    if (bytes->size == 0)
        bytes->data = NULL;
}

static kurier_code send_piece(struct production *p, kurier_bytes piece, kurier_error *err)
{
    const struct args *args = p->args;
    kurier_record record = {.headers = args->headers,
                            .header_count = (uint32_t)args->header_count,
                            .partition = (int32_t)args->partition,
                            .flags = args->partition >= 0 ? KURIER_TO_PARTITION : 0};
    split(args, piece, &record);
    if (args->key)
        record.key = kurier_str(args->key);
    if (args->nulls) {
        empty_is_null(&record.key);
        empty_is_null(&record.value);
    }
    kurier_code code = kurier_topic_send(p->topic, &record, err);
    p->sent += code == KURIER_OK;
    return code;
}

/* A failure that will repeat ends the input; the others count at the end. */
static int send_one(struct production *p, kurier_bytes piece)
{
    kurier_error err;
    kurier_code code = send_piece(p, piece, &err);
    if ((p->sent & 1023) == 0)
        kurier_producer_each(p->producer, on_report, p, 0, NULL);
    if (code == KURIER_E_INTERRUPTED)
        return EXIT_INTERRUPTED;
    if (code)
        return cli_fail("record %" PRId64 ": %s", p->sent + 1, err.text);
    return p->failed ? EXIT_FAILED : 0;
}

static bool enough(const struct production *p)
{
    return p->args->count >= 0 && p->sent >= p->args->count;
}

static int send_lines(struct production *p, const char *path)
{
    const char *delimiter = p->args->delimiter ? p->args->delimiter : "\n";
    struct input *input = input_open(path, delimiter);
    kurier_bytes piece;
    int status = 0, more = input ? 1 : -1;
    while (!status && more > 0 && !enough(p)) {
        more = input_next(input, &piece);
        if (more > 0)
            status = send_one(p, piece);
    }
    if (more < 0)
        status = cli_fail("%s: %s", path ? path : "standard input", strerror(errno));
    else if (cli_stopping() && !status)
        status = EXIT_INTERRUPTED;
    input_free(input);
    return status;
}

static int send_files(struct production *p)
{
    int status = 0;
    for (int i = 0; !status && i < p->args->operand_count && !enough(p); i++) {
        kurier_bytes whole;
        if (!input_whole(p->args->operands[i], &whole))
            return cli_fail("%s: %s", p->args->operands[i], strerror(errno));
        status = send_one(p, whole);
        free((void *)whole.data);
    }
    return status;
}

/* What was read before a signal is still delivered; a second signal kills. */
static int finish(struct production *p, int status)
{
    kurier_error err;
    kurier_code code;
    do
        code = kurier_producer_flush(p->producer, KURIER_FOREVER, &err);
    while (code == KURIER_E_INTERRUPTED);
    kurier_producer_each(p->producer, on_report, p, 0, NULL);
    cli_wake_on_signal(NULL);
    if (p->failed)
        return cli_fail("%" PRId64 " of %" PRId64 " records were not delivered; the first: %s",
                        p->failed, p->sent, p->first.text);
    if (code)
        return cli_fail("%s", err.text);
    return status;
}

static int open_producer(struct production *p)
{
    kurier_error err;
    p->producer = kurier_producer_new(NULL, p->args->config, &err);
    if (!p->producer)
        return cli_fail("%s", err.text);
    kurier_client *client = kurier_producer_client(p->producer);
    cli_wake_on_signal(client);
    int status = cli_ready(client, p->args);
    if (status)
        return status;
    p->topic = kurier_producer_topic(p->producer, p->args->topic, &err);
    return p->topic ? 0 : cli_fail("%s", err.text);
}

int produce_run(struct args *args)
{
    struct production p = {.args = args};
    int status = open_producer(&p);
    if (!status) {
        status = args->operand_count ? send_files(&p) : send_lines(&p, args->lines);
        status = finish(&p, status);
    }
    cli_wake_on_signal(NULL);
    kurier_producer_free(p.producer);
    return status;
}
