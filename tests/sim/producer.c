/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/producer.h"

#include "base/check.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    MANY = 64,
    BURST = 6,
    OUTSTANDING_MAX = 300,
    UNHEARD_MAX = RUN_RECORDS_MAX / 4,
    PATIENT_MS = 240 * 1000, /* longer than all faults together */
};

/* ---- How it is made ----------------------------------------------------- */

/* Without idempotence the broker may hear a record twice, and with several on
 * their way in another order. */
static void choose_guarantee(struct producer *p, kurier_config *config, struct history_lane *lane)
{
    static const char *const acks[] = {"all", "all", "1", "0"};
    struct world *w = &p->run->world;
    int64_t in_flight = world_between(w, 1, 5), which = world_between(w, 0, 3);
    if (!strcmp(p->process->node, program_producer.name)) /* one of them hears of its records */
        which = KB_MIN(which, 2);
    *lane = (struct history_lane){.once = p->plan->idempotent, .ordered = p->plan->idempotent};
    if (!p->plan->idempotent) {
        p->unheard = which == 3;
        kurier_config_set(config, "enable.idempotence", "false");
        kurier_config_set(config, "acks", acks[which]);
        lane->loose = in_flight > 1;
    }
    client_set(config, "max.in.flight.requests.per.connection", in_flight);
}

static kurier_config *make_config(struct producer *p)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    static const int64_t batch_bytes[] = {1, 500, 4000, 16384};
    struct world *w = &p->run->world;
    struct history_lane lane;
    kurier_config *config = client_config(p->run);
    choose_guarantee(p, config, &lane);
    p->keyed = world_between(w, 0, 1) && !p->plan->has_keys;
    p->patient = world_between(w, 0, 3) > 0;
    p->memory_bytes = (int64_t)65536 << world_between(w, 0, 4);
    int64_t codec = world_between(w, 0, 4);
    p->compresses = codec > 0;
    kurier_config_set(config, "compression.type", codecs[codec]);
    client_set(config, "batch.size", batch_bytes[world_between(w, 0, 3)]);
    client_set(config, "buffer.memory", p->memory_bytes);
    client_set(config, "linger.ms", world_between(w, 0, 10));
    if (p->plan->id)
        kurier_config_set(config, "transactional.id", p->plan->id);
    if (p->plan->id)
        client_set(config, "transaction.timeout.ms", RUN_TXN_MS);
    lane.patience_ms = p->patient ? PATIENT_MS : world_between(w, 500, 3000);
    client_set(config, "delivery.timeout.ms", lane.patience_ms);
    if (!p->patient)
        kurier_config_set(config, "request.timeout.ms", "400");
    if (p->plan->id) /* who is frozen in the midst of it is told later */
        lane.patience_ms = 0;
    p->lane = history_lane(&p->run->history, &lane);
    p->run->memory_budget += p->memory_bytes;
    return config;
}

struct producer *producer_new(struct process *process, const struct producer_plan *plan)
{
    kurier_error err;
    struct producer *p = KB_NEW(struct producer);
    KB_CHECK(p);
    *p = (struct producer){.plan = plan, .run = plan->run, .process = process};
    kurier_config *config = make_config(p);
    p->handle = kurier_producer_new(process->runtime, config, &err);
    KB_CHECK(p->handle);
    kurier_config_free(config);
    for (; (*plan->topics)[p->topic_count]; p->topic_count++) {
        const char *name = (*plan->topics)[p->topic_count];
        p->topics[p->topic_count] = kurier_producer_topic(p->handle, name, &err);
        KB_CHECK(p->topics[p->topic_count]);
    }
    return p;
}

/* ---- Sending ------------------------------------------------------------ */

/* Before anything is known of a topic, those of its partitions that it has from
 * the start. */
static int32_t choose_partition(struct producer *p, const kurier_topic *topic)
{
    int32_t count = kurier_topic_partitions(topic);
    count = count > 0 ? KB_MIN(count, (int32_t)HISTORY_PARTITIONS) : WORLD_PARTITIONS;
    return (int32_t)world_between(&p->run->world, 0, count - 1);
}

static uint64_t send_record(struct producer *p, kurier_topic *topic, int32_t partition,
                            int key_number, kurier_error *err)
{
    uint8_t room[HISTORY_VALUE_MAX];
    struct world *w = &p->run->world;
    struct history *history = &p->run->history;
    char key[2] = {(char)('a' + key_number), 0};
    int number = history_topic(history, kurier_topic_name(topic));
    uint64_t id = history_send(history, p->lane, number, partition, world_now_ms(w));
    struct kb_slice value = history_value(history, id, room);
    bool keyed = partition < 0;
    kurier_record record = {.value = kurier_bytes_of(value.data, value.size),
                            .opaque = id,
                            .partition = partition,
                            .flags = keyed ? 0 : KURIER_TO_PARTITION,
                            .key = kurier_str(keyed || p->plan->has_keys ? key : NULL)};
    if (p->plan->has_keys)
        history_key(history, id, key_number);
    if (kurier_topic_try_send(topic, &record, err) == KURIER_OK) {
        p->open_bytes += (int64_t)value.size;
        if (p->open_bytes > p->memory_bytes && !p->compresses)
            run_complain(p->run, "more than buffer.memory was taken");
        return id;
    }
    world_trace(w, "  %s: not taken: %s", p->process->node, err->text);
    history_unsend(history, id);
    return 0;
}

uint64_t producer_send_to(struct producer *p, int32_t partition, kurier_error *err)
{
    return send_record(p, p->topics[0], partition, 0, err);
}

/* False: no room. */
static bool send_one(struct producer *p)
{
    struct world *w = &p->run->world;
    kurier_topic *topic = p->topics[world_between(w, 0, p->topic_count - 1)];
    int key_number = (int)world_between(w, 0, HISTORY_KEYS - 1);
    int32_t partition = p->keyed ? -1 : choose_partition(p, topic);
    kurier_error err;
    return send_record(p, topic, partition, key_number, &err) != 0;
}

void producer_send_some(struct producer *p)
{
    int64_t count = world_between(&p->run->world, 0, BURST);
    while (count-- > 0 && p->run->history.open < OUTSTANDING_MAX && send_one(p))
        ;
}

/* ---- Being told --------------------------------------------------------- */

static void hear(struct producer *p, const kurier_report *report)
{
    static const enum history_told told[] = {[KURIER_NOT_PERSISTED] = HISTORY_DENIED,
                                             [KURIER_POSSIBLY_PERSISTED] = HISTORY_UNSURE,
                                             [KURIER_PERSISTED] = HISTORY_ACKED};
    uint8_t room[HISTORY_VALUE_MAX];
    struct history_telling telling = {told[report->persisted], report->partition, report->offset};
    p->open_bytes -= (int64_t)history_value(&p->run->history, report->opaque, room).size;
    p->run->counts[RUN_RESENDS] += report->attempts > 1;
    run_tell(p->run, report->opaque, &telling);
    if (report->code && p->patient && !p->closing && !p->plan->topics_go && !p->plan->id)
        run_complain(p->run, "a record failed though there was time: %s",
                     kurier_code_name(report->code));
}

bool producer_hear(struct producer *p, int timeout_ms)
{
    kurier_report reports[MANY];
    kurier_error err;
    size_t count = kurier_producer_poll(p->handle, reports, MANY, timeout_ms, &err);
    for (size_t i = 0; i < count; i++)
        hear(p, &reports[i]);
    client_trace(p->process, kurier_producer_client(p->handle));
    return count > 0;
}

/* ---- The end ------------------------------------------------------------ */

static void producer_free(struct producer *p)
{
    p->run->memory_budget -= p->memory_bytes;
    kurier_producer_free(p->handle);
    kb_free(p);
}

void producer_close(struct producer *p, int timeout_ms)
{
    kurier_error err;
    int64_t began_ms = world_now_ms(&p->run->world);
    p->closing = true;
    size_t undelivered = kurier_producer_close(p->handle, timeout_ms, &err);
    world_trace(&p->run->world, "%s closed: %zu not delivered", p->process->node, undelivered);
    run_check_time(p->run, began_ms, timeout_ms, "close of a producer");
    while (producer_hear(p, 0))
        ;
    producer_free(p);
}

void producer_die(struct producer *p)
{
    history_lane_dies(&p->run->history, p->lane);
    producer_free(p);
}

/* ---- As a program ------------------------------------------------------- */

static void *start(struct process *process, void *ctx)
{
    return producer_new(process, ctx);
}

static int64_t turn(void *self)
{
    struct producer *p = self;
    while (producer_hear(p, 0))
        ;
    if (run_goes_on(p->run) && !(p->unheard && p->run->history.count > UNHEARD_MAX))
        producer_send_some(p);
    return world_between(&p->run->world, 1, p->plan->pace_ms ? p->plan->pace_ms : 10);
}

static void end(void *self, bool killed)
{
    struct producer *p = self;
    if (killed)
        producer_die(p);
    else
        producer_close(p, CLIENT_CLOSE_MS);
}

const struct program program_producer = {
    .name = "producer", .mortal = true, .start = start, .turn = turn, .end = end};
