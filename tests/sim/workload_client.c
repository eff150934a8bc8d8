/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public API over a driven runtime, as a program of one thread uses it: an
 * idempotent producer, and a consumer of assigned partitions that reads along.
 * The seed chooses how patient the producer is, how it batches and compresses,
 * and whether it closes while faults go on.
 */
#include "tests/sim/run.h"

#include "base/check.h"
#include "kurier/kurier.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    PARTITIONS = WORLD_PARTITIONS,
    MANY = 64,
    BURST = 6,
    OUTSTANDING_MAX = 300,
    CLOSE_MS = 5000,
    PATIENT_MS = 240 * 1000, /* longer than all faults together */
};

#define TOPIC "client"

static kurier_config *config_new(struct run *run)
{
    static const char *const timeouts[] = {"400", "3000", "30000"};
    kurier_config *config = kurier_config_new();
    KB_CHECK(config);
    kurier_config_set(config, "bootstrap.servers", WORLD_BOOTSTRAP);
    kurier_config_set(config, "log.sink", "events");
    kurier_config_set(config, "log.level", "info");
    kurier_config_set(config, "request.timeout.ms", timeouts[world_between(&run->world, 0, 2)]);
    return config;
}

static void set_number(kurier_config *config, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    kurier_config_set(config, key, text);
}

static void trace_events(struct run *run, kurier_client *client, const char *who)
{
    kurier_event event;
    while (kurier_client_event(client, &event, 0))
        world_trace(&run->world, "  %s: %s", who, event.error.text);
}

/* A call that was given `limit_ms` took more than that. */
static void check_time(struct run *run, int64_t began_ms, int64_t limit_ms, const char *what)
{
    enum { A_STEP_MS = 50 };
    if (world_now_ms(&run->world) - began_ms > limit_ms + A_STEP_MS)
        run_complain(run, "%s took %" PRId64 " ms", what, world_now_ms(&run->world) - began_ms);
}

/* ---- The producer ------------------------------------------------------- */

struct producer {
    struct run *run;
    kurier_producer *handle;
    kurier_topic *topic;
    bool keyed;   /* the key chooses the partition, else the record says it */
    bool patient; /* every record must get there */
    bool hasty;   /* closes with records on their way */
};

static kurier_config *producer_config(struct producer *p)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    static const int64_t batch_bytes[] = {1, 500, 4000, 16384};
    struct world *w = &p->run->world;
    kurier_config *config = config_new(p->run);
    p->keyed = world_between(w, 0, 1);
    p->patient = world_between(w, 0, 3) > 0;
    p->hasty = world_between(w, 0, 3) == 0;
    kurier_config_set(config, "compression.type", codecs[world_between(w, 0, 4)]);
    set_number(config, "batch.size", batch_bytes[world_between(w, 0, 3)]);
    set_number(config, "linger.ms", world_between(w, 0, 10));
    set_number(config, "max.in.flight.requests.per.connection", world_between(w, 1, 5));
    p->run->history.patience_ms = p->patient ? PATIENT_MS : world_between(w, 500, 3000);
    set_number(config, "delivery.timeout.ms", p->run->history.patience_ms);
    if (!p->patient)
        kurier_config_set(config, "request.timeout.ms", "400");
    return config;
}

static void producer_open(struct producer *p, struct run *run)
{
    kurier_error err;
    *p = (struct producer){.run = run};
    kurier_config *config = producer_config(p);
    p->handle = kurier_producer_new(run->world.runtime, config, &err);
    world_trace(&run->world, "producer: %s", err.text);
    KB_CHECK(p->handle);
    kurier_config_free(config);
    p->topic = kurier_producer_topic(p->handle, TOPIC, &err);
    KB_CHECK(p->topic);
}

/* Where murmur2 sends them. */
static const char *const keys[PARTITIONS] = {"f", "a", "b"};

static void send_one(struct producer *p)
{
    uint8_t room[HISTORY_VALUE_MAX];
    struct history *history = &p->run->history;
    int32_t partition = (int32_t)world_between(&p->run->world, 0, PARTITIONS - 1);
    uint64_t id = history_send(history, partition, world_now_ms(&p->run->world));
    struct kb_slice value = history_value(history, id, room);
    kurier_record record = {.value = kurier_bytes_of(value.data, value.size), .opaque = id};
    kurier_error err;
    record.partition = partition;
    record.flags = p->keyed ? 0 : KURIER_TO_PARTITION;
    record.key = kurier_str(p->keyed ? keys[partition] : NULL);
    if (kurier_topic_try_send(p->topic, &record, &err) == KURIER_OK)
        return;
    world_trace(&p->run->world, "  producer: not taken: %s", err.text);
    history_unsend(history, id);
}

static void send_some(struct producer *p)
{
    int64_t count = world_between(&p->run->world, 0, BURST);
    for (int64_t i = 0; i < count; i++)
        if (p->run->history.count - p->run->told < OUTSTANDING_MAX)
            send_one(p);
}

static void hear(struct producer *p, const kurier_report *report)
{
    static const enum history_told told[] = {[KURIER_NOT_PERSISTED] = HISTORY_DENIED,
                                             [KURIER_POSSIBLY_PERSISTED] = HISTORY_UNSURE,
                                             [KURIER_PERSISTED] = HISTORY_ACKED};
    run_tell(p->run, report->opaque, told[report->persisted], report->offset);
    if (report->code && p->patient && !p->hasty)
        run_complain(p->run, "a record failed though there was time: %s",
                     kurier_code_name(report->code));
}

/* Answers whether there were any. */
static bool take_reports(struct producer *p, int timeout_ms)
{
    kurier_report reports[MANY];
    kurier_error err;
    size_t count = kurier_producer_poll(p->handle, reports, MANY, timeout_ms, &err);
    for (size_t i = 0; i < count; i++)
        hear(p, &reports[i]);
    trace_events(p->run, kurier_producer_client(p->handle), "producer");
    return count > 0;
}

static void producer_close(struct producer *p)
{
    struct run *run = p->run;
    kurier_error err;
    int64_t began_ms = world_now_ms(&run->world);
    int timeout_ms = p->hasty ? (int)world_between(&run->world, 0, 300) : CLOSE_MS;
    size_t undelivered = kurier_producer_close(p->handle, timeout_ms, &err);
    world_trace(&run->world, "producer closed: %zu not delivered", undelivered);
    check_time(run, began_ms, timeout_ms, "close");
    while (take_reports(p, 0))
        ;
    kurier_producer_free(p->handle);
}

/* ---- The consumer ------------------------------------------------------- */

typedef void see_fn(struct history *h, int32_t partition, int64_t offset, struct kb_slice value);

struct consumer {
    struct run *run;
    kurier_consumer *handle;
    see_fn *see;
    bool at_end[PARTITIONS];
};

static void consumer_open(struct consumer *c, struct run *run, see_fn *see)
{
    static const int64_t fetch_bytes[] = {1, 5000, 1 << 20};
    struct world *w = &run->world;
    kurier_position positions[PARTITIONS];
    kurier_config *config = config_new(run);
    kurier_error err;
    *c = (struct consumer){.run = run, .see = see};
    kurier_config_set(config, "auto.offset.reset", "earliest");
    kurier_config_set(config, "enable.partition.eof", "true");
    set_number(config, "max.partition.fetch.bytes", fetch_bytes[world_between(w, 0, 2)]);
    set_number(config, "max.poll.records", world_between(w, 1, 500));
    set_number(config, "fetch.max.wait.ms", world_between(w, 1, 500));
    c->handle = kurier_consumer_new(w->runtime, config, &err);
    KB_CHECK(c->handle);
    kurier_config_free(config);
    for (int32_t i = 0; i < PARTITIONS; i++)
        positions[i] = kurier_at(TOPIC, i, KURIER_BEGINNING);
    kurier_code code = kurier_consumer_assign(c->handle, positions, PARTITIONS, &err);
    KB_CHECK(code == KURIER_OK);
}

static void see_batch(struct consumer *c, kurier_batch *batch)
{
    const kurier_batch_info *info = kurier_batch_view(batch);
    kurier_record record;
    c->at_end[info->partition] = info->at_end;
    while (kurier_batch_next(batch, &record))
        c->see(&c->run->history, record.partition, record.offset,
               kb_slice_of(record.value.data, record.value.size));
    kurier_batch_done(batch);
}

static void take_batches(struct consumer *c, int timeout_ms)
{
    kurier_batch *batches[MANY];
    kurier_error err;
    size_t count = kurier_consumer_poll(c->handle, batches, MANY, timeout_ms, &err);
    for (size_t i = 0; i < count; i++)
        see_batch(c, batches[i]);
    if (err.code)
        world_trace(&c->run->world, "  consumer: %s", err.text);
    trace_events(c->run, kurier_consumer_client(c->handle), "consumer");
}

static bool is_at_end(const struct consumer *c)
{
    bool at_end = true;
    for (int i = 0; i < PARTITIONS; i++)
        at_end = at_end && c->at_end[i];
    return at_end;
}

static void consumer_close(struct consumer *c)
{
    int64_t began_ms = world_now_ms(&c->run->world);
    kurier_consumer_close(c->handle, CLOSE_MS, NULL);
    check_time(c->run, began_ms, CLOSE_MS, "close of the consumer");
    kurier_consumer_free(c->handle);
}

/* ---- The workload ------------------------------------------------------- */

static bool sends_on(const struct producer *p)
{
    return run_goes_on(p->run) && !(p->hasty && p->run->nemesis.left <= 1);
}

/* Faults included, which end. */
static void send_records(struct run *run)
{
    struct world *w = &run->world;
    struct producer producer;
    struct consumer along;
    int64_t limit_ms = INT64_MAX;
    producer_open(&producer, run);
    consumer_open(&along, run, history_serve);
    for (;;) {
        if (sends_on(&producer))
            send_some(&producer);
        else if (producer.hasty || run->told == run->history.count)
            break;
        take_reports(&producer, (int)world_between(w, 1, 10));
        take_batches(&along, 0);
        if (run->nemesis.over && limit_ms == INT64_MAX)
            limit_ms = world_now_ms(w) + RUN_LIMIT_MS;
        if (world_now_ms(w) > limit_ms) {
            run_complain(run, "stuck: records without a report");
            break;
        }
    }
    consumer_close(&along);
    producer_close(&producer);
}

static void read_records(struct run *run)
{
    int64_t limit_ms = world_now_ms(&run->world) + RUN_LIMIT_MS;
    struct consumer last;
    consumer_open(&last, run, history_find);
    while (!is_at_end(&last) && world_now_ms(&run->world) < limit_ms)
        take_batches(&last, 1000);
    if (!is_at_end(&last))
        run_complain(run, "stuck: the last reading");
    consumer_close(&last);
}

const struct workload workload_client = {
    .name = "client", .send = send_records, .read = read_records};
