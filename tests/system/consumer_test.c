/* SPDX-License-Identifier: Apache-2.0 */
/* What the manual says of a consumer, against a real kurierd. */
#include "tests/kit/server.h"
#include <kurier/kurier.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 3000, PATIENCE_MS = 30000 };
static const int64_t BASE_MS = 1700000000000;
static const char *const TOPIC = "consumed";

static struct kit_server server;
static int cases, failures;

static bool expect(bool ok, const char *what)
{
    printf("%sok %d - %s\n", ok ? "" : "not ", ++cases, what);
    failures += !ok;
    return ok;
}

static kurier_config *configure(const char *key, const char *value)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", server.bootstrap);
    if (key)
        kurier_config_set(config, key, value);
    return config;
}

/* Record i: value "i" and blanks, timestamp BASE_MS + 10 i, in two partitions by turns. */
static bool fill(void)
{
    kurier_error err;
    kurier_config *config = configure("batch.size", "1000");
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, TOPIC, &err) : NULL;
    kurier_config_free(config);
    for (int i = 0; topic && i < RECORDS; i++) {
        char value[128];
        kurier_record r = {.value = {value, (size_t)sprintf(value, "%-100d", i)},
                           .timestamp_ms = BASE_MS + 10 * i,
                           .flags = KURIER_TO_PARTITION,
                           .partition = i % 2};
        if (kurier_topic_send(topic, &r, &err))
            break;
    }
    bool ok = producer && !kurier_producer_close(producer, PATIENCE_MS, &err);
    kurier_producer_free(producer);
    if (!ok)
        printf("# fill: %s\n", err.text);
    return ok;
}

static kurier_consumer *consumer(kurier_runtime *runtime, const char *key, const char *value,
                                 int64_t offset)
{
    kurier_error err;
    kurier_config *config = configure(key, value);
    kurier_consumer *c = kurier_consumer_new(runtime, config, &err);
    kurier_config_free(config);
    kurier_position p[2] = {kurier_at(TOPIC, 0, offset), kurier_at(TOPIC, 1, offset)};
    if (!c || kurier_consumer_assign(c, p, 2, &err)) {
        printf("# consumer: %s\n", err.text);
        exit(1);
    }
    return c;
}

static void done_with(kurier_consumer *c)
{
    kurier_consumer_close(c, 5000, NULL);
    kurier_consumer_free(c);
}

/* The number that the next record carries; -1: none came. */
static int next(kurier_consumer *c)
{
    kurier_record r;
    kurier_error err;
    char text[16] = {0};
    if (!kurier_consumer_next(c, &r, PATIENCE_MS, &err)) {
        printf("# next: %s\n", err.code ? err.text : "nothing");
        return -1;
    }
    memcpy(text, r.value.data, r.value.size < 15 ? r.value.size : 15);
    return atoi(text);
}

static int64_t position_of(kurier_consumer *c, int32_t partition)
{
    kurier_position p[2];
    size_t n = kurier_consumer_assignment(c, p, 2);
    for (size_t i = 0; i < n; i++)
        if (p[i].partition == partition)
            return p[i].offset;
    return -100;
}

/* ---- Stories ----------------------------------------------------------------*/

static void from_the_beginning(kurier_runtime *runtime, const char *what)
{
    kurier_consumer *c = consumer(runtime, NULL, NULL, KURIER_BEGINNING);
    int last[2] = {-2, -1}, n = 0;
    bool ordered = true;
    for (; n < RECORDS && ordered; n++) {
        int i = next(c);
        ordered = i >= 0 && i == last[i % 2] + 2;
        if (ordered)
            last[i % 2] = i;
    }
    expect(ordered && n == RECORDS, what);
    expect(position_of(c, 0) == RECORDS / 2, "its position is behind what it handed out");
    done_with(c);
}

static void the_end(void)
{
    kurier_consumer *c = consumer(NULL, "enable.partition.eof", "true", KURIER_BEGINNING);
    kurier_error err = {0};
    int ends = 0, records = 0;
    while (ends < 2) {
        kurier_batch *batches[4];
        kurier_record r;
        size_t n = kurier_consumer_poll(c, batches, 4, PATIENCE_MS, &err);
        if (!n)
            break;
        for (size_t i = 0; i < n; i++) {
            ends += kurier_batch_view(batches[i])->records == 0;
            while (kurier_batch_next(batches[i], &r))
                records++;
            kurier_batch_done(batches[i]);
        }
    }
    expect(ends == 2 && records == RECORDS, "each partition's end is told behind its records");
    done_with(c);

    c = consumer(NULL, NULL, NULL, KURIER_END);
    kurier_record r;
    expect(!kurier_consumer_next(c, &r, 100, &err) && !err.code,
           "from the end there is nothing, and that is no error");
    done_with(c);
}

static void seeking(void)
{
    kurier_consumer *c = consumer(NULL, NULL, NULL, KURIER_BEGINNING);
    kurier_error err;
    kurier_position to = kurier_at(TOPIC, 0, 700), other = kurier_at(TOPIC, 1, 0);
    bool ok = next(c) >= 0 && !kurier_consumer_pause(c, &other, 1, &err) &&
              !kurier_consumer_seek(c, &to, 1, &err);
    expect(ok && next(c) == 1400 && next(c) == 1402, "seek goes to an offset, while others pause");
    kurier_position both[2] = {kurier_at(TOPIC, 0, 0), kurier_at(TOPIC, 1, 0)};
    both[0].timestamp_ms = BASE_MS + 10 * 1001;
    both[1].timestamp_ms = BASE_MS + 10 * 1001;
    ok = !kurier_consumer_offsets_for_times(c, both, 2, PATIENCE_MS, &err);
    expect(ok && both[0].offset == 501 && both[1].offset == 500,
           "offsets_for_times finds the first record not older");
    if (!ok)
        printf("# %s\n", err.text);
    to = kurier_at("unheard-of", 0, 0);
    expect(kurier_consumer_seek(c, &to, 1, &err) == KURIER_E_STATE &&
               strstr(err.text, "unheard-of"),
           "seek of what is not assigned says so");
    done_with(c);
}

static void out_of_range(void)
{
    kurier_consumer *c = consumer(NULL, "auto.offset.reset", "none", 1 << 30);
    kurier_error err;
    kurier_batch *batch;
    size_t n = kurier_consumer_poll(c, &batch, 1, PATIENCE_MS, &err);
    expect(!n && err.code == KURIER_E_OFFSET_OUT_OF_RANGE,
           "out of range is told where no reset is set");
    done_with(c);
    c = consumer(NULL, "auto.offset.reset", "earliest", 1 << 30);
    expect(next(c) < 2, "and mended where one is");
    done_with(c);
}

static void batches(void)
{
    kurier_consumer *c = consumer(NULL, "max.poll.records", "7", KURIER_BEGINNING);
    kurier_error err;
    kurier_batch *first, *second;
    kurier_record r[8];
    bool ok = kurier_consumer_poll(c, &first, 1, PATIENCE_MS, &err) == 1;
    size_t n = ok ? kurier_batch_read(first, r, 8) : 0;
    expect(n > 0 && n <= 7, "a batch holds at most max.poll.records");
    int64_t offset = kurier_batch_view(first)->first_offset;
    int32_t partition = kurier_batch_view(first)->partition;
    kurier_batch_retry(first);
    for (bool again = false; ok && !again;) {
        ok = kurier_consumer_poll(c, &second, 1, PATIENCE_MS, &err) == 1;
        const kurier_batch_info *info = ok ? kurier_batch_view(second) : NULL;
        again = ok && info->partition == partition && info->first_offset == offset;
        if (!again && ok)
            kurier_batch_done(second);
    }
    expect(ok, "a batch to retry comes again");
    kurier_position moved = kurier_at(TOPIC, partition, 5);
    ok = ok && !kurier_consumer_seek(c, &moved, 1, &err);
    expect(ok && kurier_batch_stale(second), "after a seek it is stale");
    done_with(c);
    expect(kurier_batch_read(second, r, 8) > 0, "and readable when its consumer is gone");
    kurier_batch_done(second);
}

static void memory(void)
{
    kurier_consumer *c = consumer(NULL, "fetch.memory", "65536", KURIER_BEGINNING);
    kurier_error err = {0};
    kurier_batch *held[1000];
    size_t n = 0, got = 1;
    while (got && n < 1000) {
        got = kurier_consumer_poll(c, &held[n], 1, PATIENCE_MS, &err);
        n += got;
    }
    expect(err.code == KURIER_E_HELD, "who holds the whole budget is told");
    for (size_t i = 0; i < n; i++)
        kurier_batch_done(held[i]);
    got = kurier_consumer_poll(c, held, 1, PATIENCE_MS, &err);
    expect(got == 1, "and goes on once some is given back");
    if (got)
        kurier_batch_done(held[0]);
    done_with(c);
}

struct waiting {
    kurier_consumer *consumer;
    kurier_code code;
};

static void *wait_for_ever(void *ctx)
{
    struct waiting *w = ctx;
    kurier_error err;
    kurier_batch *batch;
    kurier_consumer_poll(w->consumer, &batch, 1, KURIER_FOREVER, &err);
    w->code = err.code;
    return NULL;
}

static void waking(void)
{
    struct waiting w = {consumer(NULL, NULL, NULL, KURIER_END), KURIER_OK};
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_ever, &w);
    kurier_client_wake(kurier_consumer_client(w.consumer)); /* sticks, if it comes first */
    pthread_join(thread, NULL);
    expect(w.code == KURIER_E_INTERRUPTED, "wake ends a wait without end");
    done_with(w.consumer);
}

static void nothing_there(void)
{
    kurier_error err;
    kurier_config *config = configure("allow.auto.create.topics", "false");
    kurier_consumer *c = kurier_consumer_new(NULL, config, &err);
    kurier_config_free(config);
    kurier_position p = kurier_at("no-such-topic", 0, 0);
    kurier_batch *batch;
    size_t n = kurier_consumer_assign(c, &p, 1, &err)
                   ? 1
                   : kurier_consumer_poll(c, &batch, 1, PATIENCE_MS, &err);
    expect(!n && err.code == KURIER_E_UNKNOWN_TOPIC_OR_PARTITION &&
               strstr(err.text, "no-such-topic"),
           "a topic that is not there is an error that names it");
    done_with(c);
}

static void broker_comes_back(void)
{
    kurier_consumer *c = consumer(NULL, NULL, NULL, KURIER_BEGINNING);
    bool ok = next(c) >= 0;
    kit_server_kill(&server, SIGKILL);
    ok = ok && kit_server_restart(&server);
    int n = 1;
    while (ok && n < RECORDS && next(c) >= 0)
        n++;
    expect(n == RECORDS, "a broker that was killed comes back, and reading goes on");
    done_with(c);
}

int main(void)
{
    static const char *const options[] = {"num.partitions=2", NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..22\n");
    if (!expect(kit_server_start(&server, options) && fill(), "a topic with two partitions")) {
        printf("Bail out! %s\n", server.words);
        return 1;
    }
    from_the_beginning(NULL, "every record is read, in the order of its partition");
    kurier_runtime *driven = kurier_runtime_new(KURIER_DRIVEN, NULL, NULL);
    from_the_beginning(driven, "and by a runtime without a thread");
    kurier_runtime_free(driven);
    the_end();
    seeking();
    out_of_range();
    batches();
    memory();
    waking();
    nothing_there();
    broker_comes_back();
    expect(kit_server_stop(&server), "kurierd ends cleanly");
    return failures != 0;
}
