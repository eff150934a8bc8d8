/* SPDX-License-Identifier: Apache-2.0 */
/*
 * through produce|consume BROKERS TOPIC [KEY=VALUE]...
 *
 * One client at steady work, for whoever breaks the network under it
 * (proxy_test.py). It works until standard input ends and says how it fares:
 *
 *   acked N             so many in all
 *   failed I CODE HOW   record I; HOW: a kurier_persisted
 *   read N              so many in all, each once, in order
 *   wrong I             that came where N was due
 *   error TEXT          of a call, each text once in a row
 *   closed MS           how long close took, after at most CLOSE_MS
 *   slowest MS          of all other calls, beyond what they were allowed
 *
 * Record I's value is I as text. The topic has one partition.
 */
#include <kurier/kurier.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BURST = 50, AHEAD = 2000, TURN_MS = 10, CLOSE_MS = 2000 };

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t slowest_ms;

static void took(int64_t since_ms, int64_t allowed_ms)
{
    int64_t over = now_ms() - since_ms - allowed_ms;
    if (over > slowest_ms)
        slowest_ms = over;
}

static bool is_over(void)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    return poll(&in, 1, 0) > 0;
}

static void complain(const kurier_error *err)
{
    static char last[sizeof err->text];
    if (strcmp(last, err->text))
        printf("error %s\n", err->text);
    snprintf(last, sizeof last, "%s", err->text);
}

/* ---- Produce ------------------------------------------------------------ */

struct sending {
    kurier_producer *producer;
    kurier_topic *topic;
    uint64_t next, acked;
    int64_t block_ms;
};

static size_t take_reports(struct sending *s, int timeout_ms)
{
    kurier_report reports[500];
    kurier_error err = {0};
    int64_t since = now_ms();
    size_t n = kurier_producer_poll(s->producer, reports, 500, timeout_ms, &err);
    took(since, timeout_ms);
    for (size_t i = 0; i < n; i++) {
        const kurier_report *report = &reports[i];
        s->acked += !report->code;
        if (report->code)
            printf("failed %llu %s %d\n", (unsigned long long)report->opaque - 1,
                   kurier_code_name(report->code), report->persisted);
    }
    if (n)
        printf("acked %llu\n", (unsigned long long)s->acked);
    return n;
}

static void send_burst(struct sending *s)
{
    for (int i = 0; i < BURST && kurier_producer_outstanding(s->producer) < AHEAD; i++) {
        char text[24];
        kurier_error err;
        kurier_record record = {.opaque = s->next + 1};
        record.value =
            kurier_bytes_of(text, (size_t)sprintf(text, "%llu", (unsigned long long)s->next));
        int64_t since = now_ms();
        kurier_code code = kurier_topic_send(s->topic, &record, &err);
        took(since, s->block_ms);
        if (code) {
            complain(&err);
            return;
        }
        s->next++;
    }
}

static int produce(const kurier_config *config, const char *topic)
{
    kurier_error err;
    struct sending s = {.producer = kurier_producer_new(NULL, config, &err), .block_ms = 1000};
    s.topic = s.producer ? kurier_producer_topic(s.producer, topic, &err) : NULL;
    if (!s.topic) {
        complain(&err);
        return 1;
    }
    while (!is_over()) {
        send_burst(&s);
        take_reports(&s, TURN_MS);
    }
    int64_t since = now_ms();
    kurier_producer_close(s.producer, CLOSE_MS, NULL);
    int64_t closed_ms = now_ms() - since;
    while (take_reports(&s, 0))
        ;
    printf("closed %lld\n", (long long)closed_ms);
    kurier_producer_free(s.producer);
    return 0;
}

/* ---- Consume ------------------------------------------------------------ */

static void look_at(kurier_batch *batch, uint64_t *next)
{
    kurier_record record;
    while (kurier_batch_next(batch, &record)) {
        char text[24] = "";
        memcpy(text, record.value.data, record.value.size < 23 ? record.value.size : 23);
        if (strtoull(text, NULL, 10) != *next)
            printf("wrong %s\n", text);
        ++*next;
    }
    kurier_batch_done(batch);
    printf("read %llu\n", (unsigned long long)*next);
}

static int consume(const kurier_config *config, const char *topic)
{
    kurier_error err;
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_position from = kurier_at(topic, 0, KURIER_BEGINNING);
    uint64_t next = 0;
    if (!consumer || kurier_consumer_assign(consumer, &from, 1, &err)) {
        complain(&err);
        return 1;
    }
    while (!is_over()) {
        kurier_batch *batches[16];
        int64_t since = now_ms();
        size_t n = kurier_consumer_poll(consumer, batches, 16, TURN_MS, &err);
        took(since, TURN_MS);
        if (!n && err.code && err.code != KURIER_E_TIMED_OUT)
            complain(&err);
        for (size_t i = 0; i < n; i++)
            look_at(batches[i], &next);
    }
    int64_t since = now_ms();
    kurier_consumer_close(consumer, CLOSE_MS, NULL);
    printf("closed %lld\n", (long long)(now_ms() - since));
    kurier_consumer_free(consumer);
    return 0;
}

int main(int argc, char **argv)
{
    kurier_config *config = kurier_config_new();
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 4 || kurier_config_set(config, "bootstrap.servers", argv[2]))
        return 2;
    for (int i = 4; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            return 2;
        *equals = 0;
        kurier_config_set(config, argv[i], equals + 1);
    }
    int status = !strcmp(argv[1], "produce") ? produce(config, argv[3]) : consume(config, argv[3]);
    printf("slowest %lld\n", (long long)slowest_ms);
    kurier_config_free(config);
    return status;
}
