/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill_test [ROUNDS [RECORDS]]: kurierd is killed with requests unanswered and started
 * again, over and over, under one idempotent producer that never notices more
 * than a pause. Afterwards each partition holds exactly what was sent, in order.
 */
#include "tests/kit/server.h"
#include <kurier/kurier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARTITIONS = 4, ROUNDS = 50, ROUNDS_MAX = 10000, RECORDS = 4000, PATIENCE_MS = 60000 };
static const char *const TOPIC = "killed";

struct run {
    struct kit_server server;
    kurier_producer *producer;
    kurier_topic *topic;
    int rounds, burst;         /* of records, two in a round */
    uint64_t sent[PARTITIONS]; /* the next number of each */
    size_t acknowledged, resent, unanswered_rounds;
    int start_ms[ROUNDS_MAX];
    kurier_error err;
};

static bool complain(const struct run *r, const char *what)
{
    printf("# %s: %s\n", what, r->err.text);
    return false;
}

/* All that there are: what is left lying counts against buffer.memory. */
static bool take_reports(struct run *r, int timeout_ms)
{
    kurier_report reports[1000];
    size_t n = kurier_producer_poll(r->producer, reports, 1000, timeout_ms, &r->err);
    while (n) {
        for (size_t i = 0; i < n; i++) {
            if (reports[i].code) {
                kurier_report_error(&reports[i], &r->err);
                return complain(r, "report");
            }
            r->acknowledged++;
            r->resent += reports[i].attempts > 1;
        }
        n = kurier_producer_poll(r->producer, reports, 1000, 0, &r->err);
    }
    return true;
}

static bool send_burst(struct run *r)
{
    for (int i = 0; i < r->burst; i++) {
        int32_t partition = i % PARTITIONS;
        uint64_t number = r->sent[partition]++;
        char padded[120] = {0};
        memcpy(padded, &number, sizeof number);
        kurier_record record = {.value = {padded, sizeof padded},
                                .flags = KURIER_TO_PARTITION,
                                .partition = partition,
                                .opaque = 1};
        if (kurier_topic_send(r->topic, &record, &r->err))
            return complain(r, "send");
    }
    return true;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Some of the burst is acknowledged, then the broker dies under the rest. */
static bool round_trip(struct run *r, int *start_ms)
{
    size_t before = r->acknowledged;
    uint64_t deadline = now_ms() + PATIENCE_MS;
    if (!send_burst(r))
        return false;
    while (r->acknowledged == before && now_ms() < deadline)
        if (!take_reports(r, 100))
            return false;
    if (!send_burst(r))
        return false;
    r->unanswered_rounds += kurier_producer_outstanding(r->producer) > 0;
    kit_server_kill(&r->server, SIGKILL);
    if (!kit_server_restart(&r->server)) {
        printf("# %s\n", r->server.words);
        return false;
    }
    *start_ms = r->server.startup_ms;
    return take_reports(r, 0);
}

static bool produce(struct run *r, const kurier_config *config)
{
    r->producer = kurier_producer_new(NULL, config, &r->err);
    r->topic = r->producer ? kurier_producer_topic(r->producer, TOPIC, &r->err) : NULL;
    bool ok = r->topic || complain(r, "producer");
    for (int i = 0; ok && i < r->rounds; i++)
        ok = round_trip(r, &r->start_ms[i]);
    ok = ok && (!kurier_producer_flush(r->producer, PATIENCE_MS, &r->err) || complain(r, "flush"));
    while (ok && kurier_producer_outstanding(r->producer))
        ok = take_reports(r, 1000);
    if (r->producer)
        kurier_producer_close(r->producer, PATIENCE_MS, NULL);
    kurier_producer_free(r->producer);
    return ok;
}

struct seen {
    uint64_t next[PARTITIONS];
    size_t lost, duplicated;
    int open;
};

static void look_at(struct seen *s, kurier_batch *batch)
{
    kurier_record record;
    s->open -= kurier_batch_view(batch)->records == 0;
    while (kurier_batch_next(batch, &record)) {
        uint64_t number, *next = &s->next[record.partition];
        memcpy(&number, record.value.data, sizeof number);
        s->duplicated += number < *next;
        s->lost += number > *next ? number - *next : 0;
        if (number >= *next)
            *next = number + 1;
    }
    kurier_batch_done(batch);
}

static bool consume(struct run *r, kurier_config *config, struct seen *s)
{
    kurier_position from[PARTITIONS];
    kurier_config_set(config, "enable.partition.eof", "true");
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &r->err);
    for (int i = 0; i < PARTITIONS; i++)
        from[i] = kurier_at(TOPIC, i, KURIER_BEGINNING);
    if (!consumer || kurier_consumer_assign(consumer, from, PARTITIONS, &r->err))
        return complain(r, "consumer");
    s->open = PARTITIONS;
    while (s->open > 0) {
        kurier_batch *batches[32];
        size_t n = kurier_consumer_poll(consumer, batches, 32, PATIENCE_MS, &r->err);
        for (size_t i = 0; i < n; i++)
            look_at(s, batches[i]);
        if (!n)
            break;
    }
    kurier_consumer_close(consumer, 5000, NULL);
    kurier_consumer_free(consumer);
    for (int i = 0; i < PARTITIONS; i++)
        s->lost += r->sent[i] - s->next[i];
    return !s->open || complain(r, "poll");
}

static int by_size(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Of the starts after a kill, the slowest but a hundredth of them. */
static int slow_start_ms(struct run *r)
{
    qsort(r->start_ms, (size_t)r->rounds, sizeof r->start_ms[0], by_size);
    return r->start_ms[(r->rounds * 99 - 1) / 100];
}

static int cases, failures;

static void expect(bool ok, const char *what)
{
    printf("%sok %d - %s\n", ok ? "" : "not ", ++cases, what);
    failures += !ok;
}

int main(int argc, char **argv)
{
    static const char *const options[] = {"num.partitions=4", "log.segment.bytes=1048576", NULL};
    static struct run run;
    struct seen seen = {0};
    run.rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
    run.burst = (argc > 2 ? atoi(argv[2]) : RECORDS) / 2;
    if (run.rounds < 1 || run.rounds > ROUNDS_MAX || run.burst < PARTITIONS)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..5\n");
    bool started = kit_server_start(&run.server, options);
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", run.server.bootstrap);
    kurier_config_set(config, "linger.ms", "1");
    bool produced = started && produce(&run, config);
    expect(produced, "every record is acknowledged, across all kills");
    expect(produced && consume(&run, config, &seen), "everything can be read to its end");
    printf("# %d kills, %zu acknowledged, %zu of them sent again, %zu lost, %zu duplicated, "
           "99 of 100 starts within %d ms\n",
           run.rounds, run.acknowledged, run.resent, seen.lost, seen.duplicated,
           slow_start_ms(&run));
    expect(produced && !seen.lost, "nothing that was acknowledged is lost");
    expect(produced && !seen.duplicated, "nothing is there twice, or out of order");
    expect(run.unanswered_rounds && run.resent, "the kills met requests that had no answer yet");
    kurier_config_free(config);
    kit_server_stop(&run.server);
    return failures != 0;
}
