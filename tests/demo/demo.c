/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kurier-demo [FILE|DIRECTORY]...: real text through libkurier and kurierd,
 * across a kill -9.
 *
 * Every line becomes a record, keyed by its file's name. While Produce requests
 * are unanswered the broker is killed and started again; the producer goes on
 * by itself. Then everything is consumed and compared, line by line.
 */
#include "tests/demo/corpus.h"
#include "tests/kit/server.h"
#include <kurier/kurier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PARTITIONS = 4, PATIENCE_MS = 60000, MOST_KILLS = 6 };
static const char *const TOPIC = "demo";

struct demo {
    struct corpus corpus;
    struct kit_server server;
    kurier_producer *producer;
    kurier_topic *topic;
    size_t sent, kills;
    size_t before, again, after; /* acknowledged before the kill, resent, after it */
    size_t failed;
    kurier_error err;
};

static volatile sig_atomic_t stop;
static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* On a terminal one line that is written over; else nothing. */
static void progress(const char *what, size_t done, size_t all)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s %zu of %zu lines%s", what, done, all, done == all ? "\n" : "");
}

static bool complain(const struct demo *d, const char *what)
{
    fprintf(stderr, "demo: %s: %s\n", what, d->err.text);
    return false;
}

static kurier_config *configure(const struct demo *d)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", d->server.bootstrap);
    kurier_config_set(config, "compression.type", "none");
    return config;
}

static bool create_topic(struct demo *d)
{
    kurier_new_topic topic = {.name = TOPIC, .partitions = PARTITIONS};
    kurier_config *config = configure(d);
    kurier_client *client = kurier_client_new(NULL, config, &d->err);
    kurier_config_free(config);
    kurier_result *result = client ? kurier_admin_run(client, kurier_admin_create_topics(&topic, 1),
                                                      PATIENCE_MS, &d->err)
                                   : NULL;
    bool ok = result && !kurier_result_error(result, &d->err);
    kurier_result_free(result);
    kurier_client_free(client);
    return ok || complain(d, "creating the topic");
}

/* ---- Producing ------------------------------------------------------------*/

static void take_reports(struct demo *d, int timeout_ms)
{
    kurier_report reports[512];
    size_t n;
    do {
        n = kurier_producer_poll(d->producer, reports, 512, timeout_ms, &d->err);
        for (size_t i = 0; i < n; i++) {
            if (reports[i].code) {
                kurier_report_error(&reports[i], &d->err);
                complain(d, "a line was not delivered");
                d->failed++;
            }
            d->again += reports[i].attempts > 1;
            *(d->kills ? &d->after : &d->before) += 1;
        }
    } while (n == 512);
}

static bool send_line(struct demo *d, size_t at)
{
    const struct line *line = &d->corpus.lines[at];
    uint32_t where[2] = {line->file, line->number};
    kurier_header header = {"line", {where, sizeof where}};
    kurier_record record = {.key = kurier_str(d->corpus.files[line->file].path),
                            .value = {line->data, line->size},
                            .headers = &header,
                            .header_count = 1,
                            .opaque = at + 1};
    return !kurier_topic_send(d->topic, &record, &d->err) || complain(d, "sending");
}

/* Sends up to `count` lines more. */
static bool send_lines(struct demo *d, size_t count)
{
    size_t all = d->corpus.line_count, until = all - d->sent < count ? all : d->sent + count;
    while (d->sent < until && !stop) {
        if (!send_line(d, d->sent++))
            return false;
        if (d->sent % 256 == 0) {
            take_reports(d, 0);
            progress("sending", d->sent, all);
        }
    }
    return !stop;
}

static size_t outstanding(const struct demo *d)
{
    return kurier_producer_outstanding(d->producer);
}

/* Until the acknowledged are more than `before`, or all of them are. */
static void await_more(struct demo *d, size_t before)
{
    double deadline = seconds() + PATIENCE_MS / 1000.0;
    while (d->before + d->after <= before && outstanding(d) && seconds() < deadline && !stop)
        take_reports(d, 10);
}

/* Lines are sent until the broker is seen to answer, with more of them on the
 * way. With little text that moment is made: a broker that is stopped first
 * cannot answer. */
static bool send_unanswered(struct demo *d, size_t count)
{
    bool hold = d->kills >= 3 || count < 1000;
    await_more(d, 0);
    if (hold)
        kill(d->server.pid, SIGSTOP);
    size_t acknowledged = d->before + d->after;
    if (!send_lines(d, count))
        return false;
    if (hold) /* the requests leave; nothing can come back */
        return kurier_producer_flush(d->producer, 200, &d->err) != KURIER_E_CLOSED;
    await_more(d, acknowledged);
    return true;
}

/* The broker dies with requests unanswered, and comes back on the same port. */
static bool kill_and_restart(struct demo *d)
{
    size_t unanswered = outstanding(d);
    kit_server_kill(&d->server, SIGKILL);
    take_reports(d, 0); /* what was acknowledged before it died */
    d->kills++;
    fprintf(stderr, "demo: kill -9 with %zu lines unanswered, %zu acknowledged\n", unanswered,
            d->before + d->after);
    if (!kit_server_restart(&d->server)) {
        fprintf(stderr, "demo: %s\n", d->server.words);
        return false;
    }
    fprintf(stderr, "demo: the broker is back after %d ms\n", d->server.startup_ms);
    return true;
}

/* Every line is acknowledged, or patience is over. */
static void drain(struct demo *d)
{
    double deadline = seconds() + PATIENCE_MS / 1000.0;
    while (outstanding(d) && seconds() < deadline && !stop)
        take_reports(d, 100);
}

/* A third, then a kill; another as long as none met an unanswered request. */
static bool send_all(struct demo *d)
{
    size_t all = d->corpus.line_count;
    if (!send_lines(d, all / 3))
        return false;
    while (!d->again && d->kills < MOST_KILLS && d->sent < all) {
        if (!send_unanswered(d, all / 10 + 1) || !kill_and_restart(d))
            return false;
        drain(d);
    }
    return send_lines(d, all);
}

static bool produce(struct demo *d)
{
    kurier_config *config = configure(d);
    d->producer = kurier_producer_new(NULL, config, &d->err);
    kurier_config_free(config);
    d->topic = d->producer ? kurier_producer_topic(d->producer, TOPIC, &d->err) : NULL;
    if (!d->topic)
        return complain(d, "the producer");
    bool sent = send_all(d);
    drain(d);
    size_t undelivered = kurier_producer_close(d->producer, PATIENCE_MS, &d->err);
    take_reports(d, 0);
    kurier_producer_free(d->producer);
    progress("sending", d->sent, d->corpus.line_count);
    return sent && !undelivered && !d->failed && !stop;
}

/* ---- Consuming and comparing -----------------------------------------------*/

struct tally {
    uint32_t *next; /* per file, the line that must come */
    size_t seen, lost, duplicated, wrong;
};

static bool where_of(const kurier_record *record, uint32_t where[2])
{
    kurier_bytes name, value;
    size_t at = 0;
    if (!kurier_record_header(record, &at, &name, &value) || value.size != 2 * sizeof *where)
        return false;
    memcpy(where, value.data, value.size);
    return true;
}

static bool same(kurier_bytes bytes, const char *data, size_t size)
{
    return bytes.data && bytes.size == size && !memcmp(bytes.data, data, size);
}

static void compare(const struct corpus *c, struct tally *t, const kurier_record *record)
{
    uint32_t at[2];
    if (!where_of(record, at) || at[0] >= c->file_count || at[1] >= c->files[at[0]].lines) {
        t->wrong++;
        return;
    }
    const struct file *file = &c->files[at[0]];
    const struct line *line = &c->lines[file->first + at[1]];
    t->seen++;
    t->wrong += !same(record->key, file->path, strlen(file->path)) ||
                !same(record->value, line->data, line->size);
    if (at[1] < t->next[at[0]]) {
        t->duplicated++;
        return;
    }
    t->lost += at[1] - t->next[at[0]]; /* what comes later counts as duplicated */
    t->next[at[0]] = at[1] + 1;
}

static bool consume_all(struct demo *d, kurier_consumer *consumer, struct tally *t)
{
    int open = PARTITIONS;
    double patience = seconds() + PATIENCE_MS / 1000.0;
    while (open && !stop && seconds() < patience) {
        kurier_batch *batches[16];
        kurier_record record;
        size_t n = kurier_consumer_poll(consumer, batches, 16, 1000, &d->err);
        if (!n && d->err.code && !(d->err.classes & KURIER_RETRIABLE))
            return complain(d, "consuming");
        for (size_t i = 0; i < n; i++) {
            while (kurier_batch_next(batches[i], &record))
                compare(&d->corpus, t, &record);
            open -= kurier_batch_view(batches[i])->records == 0; /* the partition's end */
            kurier_batch_done(batches[i]);
        }
        progress("reading", t->seen, d->corpus.line_count);
    }
    return !open;
}

static bool consume(struct demo *d, struct tally *t)
{
    kurier_position from[PARTITIONS];
    kurier_config *config = configure(d);
    kurier_config_set(config, "enable.partition.eof", "true");
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &d->err);
    kurier_config_free(config);
    for (int i = 0; i < PARTITIONS; i++)
        from[i] = kurier_at(TOPIC, i, KURIER_BEGINNING);
    bool ok = consumer && (!kurier_consumer_assign(consumer, from, PARTITIONS, &d->err) ||
                           complain(d, "assigning"));
    ok = ok && consume_all(d, consumer, t);
    kurier_consumer_close(consumer, 5000, NULL);
    kurier_consumer_free(consumer);
    for (size_t f = 0; f < d->corpus.file_count; f++)
        t->lost += d->corpus.files[f].lines - t->next[f];
    return ok;
}

/* ---- The story --------------------------------------------------------------*/

static bool verdict(const struct demo *d, const struct tally *t, double wrote, double read)
{
    double mb = (double)d->corpus.bytes / 1e6;
    printf("acknowledged before the kill: %zu, sent again: %zu, acknowledged after: %zu\n",
           d->before, d->again, d->after);
    printf(
        "%.1f MB of text in %zu files; sent at %.1f MB/s (the kill included), read at %.1f MB/s\n",
        mb, d->corpus.file_count, mb / wrote, mb / read);
    printf("broker start: %d ms after the kill\n", d->server.startup_ms);
    bool counted = d->before && d->again && d->after;
    if (!counted)
        printf("demo: failed, the kill met no unanswered request: give it more text\n");
    else if (t->lost || t->duplicated || t->wrong)
        printf("demo: failed, %zu records, %zu lost, %zu duplicated, %zu wrong\n", t->seen, t->lost,
               t->duplicated, t->wrong);
    else
        printf("demo: ok, %zu records, 0 lost, 0 duplicated, in order\n", t->seen);
    return counted && !t->lost && !t->duplicated && !t->wrong;
}

static bool run(struct demo *d, struct tally *t)
{
    if (!kit_server_start(&d->server, NULL)) {
        fprintf(stderr, "demo: %s\n", d->server.words);
        return false;
    }
    printf("kurierd on %s, ready in %d ms\n", d->server.bootstrap, d->server.startup_ms);
    double start = seconds();
    if (!create_topic(d) || !produce(d))
        return false;
    double sent = seconds();
    if (!consume(d, t)) {
        fprintf(stderr, "demo: reading did not come to the end: %s\n", d->err.text);
        return false;
    }
    return verdict(d, t, sent - start, seconds() - sent);
}

static bool load(struct corpus *corpus, int argc, char **argv)
{
    if (argc < 2)
        return corpus_add(corpus, "/usr/share/common-licenses", NULL) &&
               corpus_add(corpus, "/usr/share/doc", "copyright");
    for (int i = 1; i < argc; i++)
        if (!corpus_add(corpus, argv[i], NULL))
            return false;
    return true;
}

int main(int argc, char **argv)
{
    static struct demo demo;
    struct tally tally = {0};
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    setvbuf(stdout, NULL, _IOLBF, 0);
    bool ok = load(&demo.corpus, argc, argv) && demo.corpus.line_count;
    if (ok) {
        printf("%zu lines of %zu files\n", demo.corpus.line_count, demo.corpus.file_count);
        tally.next = calloc(demo.corpus.file_count, sizeof *tally.next);
        ok = tally.next && run(&demo, &tally);
        ok &= kit_server_stop(&demo.server);
    } else
        fprintf(stderr, "demo: no line of text in what was named\n");
    free(tally.next);
    corpus_free(&demo.corpus);
    return !ok;
}
