/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/envelope.h"
#include "cli/input.h"
#include "cli/progress.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct production {
    const struct args *args;
    kurier_producer *producer;
    kurier_client *client;
    kurier_topic *topic;
    struct envelope *envelope; /* -J */
    struct progress progress;
    int64_t read, sent, failed; /* records; read: each has its number */
    int status;                 /* of what cannot go on */
};

/* ---- What came of them --------------------------------------------------------------*/

static void count_failure(struct production *p, int64_t record, const char *text)
{
    if (p->failed++ == 0 || p->args->go_on)
        cli_fail("record %" PRId64 ": %s", record, text);
}

static void on_report(void *ctx, const kurier_report *report)
{
    struct production *p = ctx;
    kurier_error err;
    if (report->code == KURIER_OK)
        return;
    kurier_report_error(report, &err);
    count_failure(p, (int64_t)report->opaque, err.text);
}

static void collect(struct production *p)
{
    kurier_event event;
    kurier_producer_each(p->producer, on_report, p, 0, NULL);
    while (kurier_client_event(p->client, &event, 0)) {
    } /* heard, so that the descriptor falls silent */
}

/* ---- From a piece to a record --------------------------------------------------------*/

/* key DELIMITER value; a piece without one is all value. */
static void split(const struct args *args, kurier_bytes piece, kurier_record *record)
{
    kurier_bytes delimiter = args->key_delimiter;
    const char *mark = delimiter.size && piece.size
                           ? memmem(piece.data, piece.size, delimiter.data, delimiter.size)
                           : NULL;
    record->value = piece;
    if (!mark)
        return;
    record->key = kurier_bytes_of(piece.data, (size_t)(mark - (const char *)piece.data));
    record->value =
        kurier_bytes_of(mark + delimiter.size, piece.size - record->key.size - delimiter.size);
}

static void empty_is_null(kurier_bytes *bytes)
{
    if (bytes->size == 0)
        bytes->data = NULL;
}

static const char *make(struct production *p, kurier_bytes piece, kurier_record *record)
{
    const struct args *args = p->args;
    const char *why = NULL;
    *record = (kurier_record){.headers = args->headers,
                              .header_count = (uint32_t)args->header_count,
                              .partition = (int32_t)args->partition,
                              .flags = args->partition >= 0 ? KURIER_TO_PARTITION : 0,
                              .opaque = (uint64_t)p->read};
    if (p->envelope)
        why = envelope_read(p->envelope, piece, record);
    else
        split(args, piece, record);
    if (!record->key.data)
        record->key = args->key;
    if (args->nulls) {
        empty_is_null(&record->key);
        empty_is_null(&record->value);
    }
    return why;
}

/* A signal does not lose what was read: only a second one does. */
static kurier_code send_record(struct production *p, const kurier_record *record, kurier_error *err)
{
    kurier_code code;
    do
        code = kurier_topic_send(p->topic, record, err);
    while (code == KURIER_E_INTERRUPTED);
    return code;
}

static void tee(const struct args *args, kurier_bytes piece)
{
    out_bytes(args->out, piece.data, piece.size);
    if (args->delimiter.data)
        out_bytes(args->out, args->delimiter.data, args->delimiter.size);
    else
        out_char(args->out, '\n');
}

static void send_piece(struct production *p, kurier_bytes piece)
{
    kurier_record record;
    kurier_error err;
    if (p->args->as_kcat && piece.size == 0)
        return;
    p->read++;
    const char *why = make(p, piece, &record);
    if (!why && send_record(p, &record, &err))
        why = err.text;
    if (why) {
        count_failure(p, p->read, why);
        return;
    }
    p->sent++;
    progress_add(&p->progress, (int64_t)piece.size);
    if (p->args->tee)
        tee(p->args, piece);
    if ((p->sent & 1023) == 0)
        collect(p);
}

/* ---- Where pieces come from ------------------------------------------------------------*/

static bool goes_on(const struct production *p)
{
    bool enough = p->args->count >= 0 && p->sent >= p->args->count;
    return !enough && !p->status && (!p->failed || p->args->go_on);
}

static void unreadable(struct production *p, const char *path)
{
    p->status = cli_fail("%s: %s", path ? path : "standard input",
                         errno == EMSGSIZE ? "there is no delimiter in 1 GiB" : strerror(errno));
}

static void send_lines(struct production *p, const char *path)
{
    kurier_bytes piece, delimiter = p->args->delimiter;
    struct input *input = input_open(path, delimiter.data ? delimiter : kurier_str("\n"));
    int more = input ? 1 : -1;
    while (more > 0 && goes_on(p)) {
        while (goes_on(p) && input_next(input, &piece))
            send_piece(p, piece);
        if (!goes_on(p))
            break;
        if (p->args->tee)
            out_flush(p->args->out);
        more = input_more(input, kurier_client_fd(p->client));
        collect(p);
    }
    if (more < 0)
        unreadable(p, path);
    else if (cli_stopping() && more == 0 && input_unfinished(input))
        cli_say(p->args, "the last %zu bytes had no delimiter yet and were not sent",
                input_unfinished(input));
    input_free(input);
}

static void send_files(struct production *p)
{
    bool failed = false;
    for (int i = 0; i < p->args->operand_count && goes_on(p) && !cli_stopping(); i++) {
        kurier_bytes whole;
        if (!input_whole(p->args->operands[i], &whole)) {
            unreadable(p, p->args->operands[i]);
            failed = true;
            p->status = 0; /* the others can be read all the same */
            continue;
        }
        send_piece(p, whole);
        free((void *)whole.data);
    }
    if (failed)
        p->status = EXIT_FAILED;
}

/* ---- All of it ---------------------------------------------------------------------------*/

/* What was read before a signal is still delivered; a second signal kills. */
static int finish(struct production *p)
{
    kurier_error err;
    kurier_code code;
    do
        code = kurier_producer_flush(p->producer, KURIER_FOREVER, &err);
    while (code == KURIER_E_INTERRUPTED);
    collect(p);
    progress_end(&p->progress);
    cli_wake_on_signal(NULL);
    if (p->failed)
        return cli_fail("%" PRId64 " of %" PRId64 " records read were not delivered%s", p->failed,
                        p->read, p->args->go_on ? "" : "; nothing was read behind them");
    if (code)
        return cli_fail("%s", err.text);
    if (p->status)
        return p->status;
    return cli_stopping() ? EXIT_INTERRUPTED : 0;
}

static int open_producer(struct production *p)
{
    kurier_error err;
    p->producer = kurier_producer_new(NULL, p->args->config, &err);
    if (!p->producer)
        return cli_fail("%s", err.text);
    p->client = kurier_producer_client(p->producer);
    cli_wake_on_signal(p->client);
    int status = cli_ready(p->client, p->args);
    return status ? status : cli_topic(p->producer, p->args, &p->topic);
}

static int check(const struct args *args)
{
    if (args->lines && args->operand_count > 1)
        return cli_misuse(args, "-l reads one FILE");
    if (args->delimiter.data && !args->delimiter.size)
        return cli_misuse(args, "-D: a delimiter has at least one byte");
    return 0;
}

static int run(struct args *args)
{
    struct production p = {.args = args};
    bool whole_files = args->operand_count && !args->lines;
    int status = check(args);
    if (!status && args->json && !(p.envelope = envelope_new()))
        status = cli_fail("out of memory");
    if (!status)
        status = open_producer(&p);
    progress_begin(&p.progress, args, "sent", args->count);
    if (!status) {
        if (whole_files)
            send_files(&p);
        else
            send_lines(&p, args->operand_count ? args->operands[0] : NULL);
        status = finish(&p);
    }
    cli_wake_on_signal(NULL);
    kurier_producer_free(p.producer);
    envelope_free(p.envelope);
    return status;
}

const struct command produce_command = {
    .name = "produce",
    .operands = "[FILE]...",
    .doc = "sends lines of standard input, or each FILE as one record",
    .flags = "topic partition key key-delimiter delimiter header null count compression lines tee "
             "go-on json",
    .traits = TAKES_BROKERS | NEEDS_TOPIC,
    .run = run,
    .about =
        "Ends once every record is acknowledged by all in-sync replicas. What was read and could "
        "not be delivered is told, and the exit status is 1; without -E the first such record ends "
        "the input. An interrupt ends the input too: what was read before is still delivered, and "
        "a second interrupt does not wait for that.\n\n"
        "With -K a line without the delimiter is all value. -J reads a record from each line as "
        "`kurier consume -J` prints it: key, payload, headers and ts are taken.",
};
