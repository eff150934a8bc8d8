/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/reader.h"

#include "base/check.h"
#include "base/mem.h"

#include <inttypes.h>

enum { MANY = 64, PLACES = CLIENT_TOPICS * HISTORY_PARTITIONS };

void reader_plan_init(struct reader_plan *plan, struct run *run, const client_topics *topics,
                      int32_t partitions, reader_see *see)
{
    KB_CHECK(partitions <= HISTORY_PARTITIONS);
    *plan = (struct reader_plan){.run = run, .topics = topics, .see = see};
    for (int topic = 0; topic < CLIENT_TOPICS; topic++) {
        plan->partitions[topic] = partitions;
        for (int i = 0; i < HISTORY_PARTITIONS; i++)
            plan->places[topic][i].next = -1;
    }
}

static bool place_is_at_end(const struct reader_plan *plan, int topic, int32_t partition)
{
    const struct reader_place *place = &plan->places[topic][partition];
    struct history *h = &plan->run->history;
    int number = history_topic(h, (*plan->topics)[topic]);
    return place->at_end && place->next >= h->topics[number].logs[partition].acked_end;
}

bool reader_is_at_end(const struct reader_plan *plan)
{
    bool at_end = true;
    for (int topic = 0; (*plan->topics)[topic]; topic++)
        for (int32_t i = 0; i < plan->partitions[topic]; i++)
            at_end = at_end && place_is_at_end(plan, topic, i);
    return at_end;
}

void reader_trace(const struct reader_plan *plan)
{
    for (int topic = 0; (*plan->topics)[topic]; topic++)
        for (int32_t i = 0; i < plan->partitions[topic]; i++) {
            const struct reader_place *place = &plan->places[topic][i];
            if (!place_is_at_end(plan, topic, i))
                world_trace(&plan->run->world, "  %s-%d is read up to %" PRId64 "%s",
                            (*plan->topics)[topic], i, place->next,
                            place->at_end ? ", the end" : "");
        }
}

/* ---- How it is made ----------------------------------------------------- */

static kurier_config *make_config(struct reader *r)
{
    static const int64_t fetch_bytes[] = {500, 30000, 1000000};
    struct world *w = &r->run->world;
    kurier_config *config = client_config(r->run);
    r->memory_bytes = (int64_t)100000 << world_between(w, 0, 6);
    kurier_config_set(config, "auto.offset.reset", "earliest");
    kurier_config_set(config, "enable.partition.eof", "true");
    client_set(config, "fetch.memory", r->memory_bytes);
    client_set(config, "max.partition.fetch.bytes", fetch_bytes[world_between(w, 0, 2)]);
    client_set(config, "max.poll.records", world_between(w, 1, 500));
    client_set(config, "fetch.max.wait.ms", world_between(w, 1, 500));
    if (r->plan->topics_go) /* new partitions are seen that soon */
        client_set(config, "metadata.max.age.ms", 2000);
    r->run->memory_budget += r->memory_bytes;
    return config;
}

static void assign(struct reader *r)
{
    kurier_position positions[PLACES];
    kurier_error err;
    size_t count = 0;
    for (int topic = 0; (*r->plan->topics)[topic]; topic++)
        for (int32_t i = 0; i < r->plan->partitions[topic]; i++) {
            int64_t next = r->plan->topics_go ? -1 : r->plan->places[topic][i].next;
            r->plan->places[topic][i].next = next;
            r->plan->places[topic][i].at_end = false;
            positions[count++] =
                kurier_at((*r->plan->topics)[topic], i, next < 0 ? KURIER_BEGINNING : next);
        }
    kurier_code code = kurier_consumer_assign(r->handle, positions, count, &err);
    KB_CHECK(code == KURIER_OK);
}

struct reader *reader_new(struct process *process, struct reader_plan *plan)
{
    kurier_error err;
    struct reader *r = KB_NEW(struct reader);
    KB_CHECK(r);
    *r = (struct reader){.plan = plan, .run = plan->run, .process = process};
    kurier_config *config = make_config(r);
    r->handle = kurier_consumer_new(process->runtime, config, &err);
    KB_CHECK(r->handle);
    kurier_config_free(config);
    assign(r);
    return r;
}

/* ---- Reading ------------------------------------------------------------ */

static int place_of(const struct reader_plan *plan, const char *topic)
{
    int i = 0;
    while (strcmp((*plan->topics)[i], topic) != 0)
        i++;
    return i;
}

static void see_record(struct reader *r, int topic, const kurier_record *record)
{
    struct reader_plan *plan = r->plan;
    struct reader_place *place = &plan->places[topic][record->partition];
    bool follows = place->next < 0 || record->offset == place->next;
    if (!follows && !plan->records_go)
        run_complain(r->run, "offset %" PRId64 " of %s-%d is handed out, not %" PRId64,
                     record->offset, record->topic, record->partition, place->next);
    plan->see(&r->run->history, history_topic(&r->run->history, record->topic), record->partition,
              record->offset, kb_slice_of(record->value.data, record->value.size));
    place->next = record->offset + 1;
}

static void see_batch(struct reader *r, kurier_batch *batch)
{
    const kurier_batch_info *info = kurier_batch_view(batch);
    int topic = place_of(r->plan, info->topic);
    kurier_record record;
    world_trace(&r->run->world, "  %s: %s-%d from %" PRId64 " to %" PRId64 "%s%s", r->process->node,
                info->topic, info->partition, info->first_offset, info->next_offset,
                info->at_end ? ", the end" : "", kurier_batch_stale(batch) ? ", stale" : "");
    if (kurier_batch_stale(batch))
        return;
    while (kurier_batch_next(batch, &record))
        see_record(r, topic, &record);
    r->plan->places[topic][info->partition].at_end = info->at_end;
    if (info->at_end)
        r->plan->places[topic][info->partition].next = info->next_offset;
}

static void let_go(struct reader *r)
{
    for (int i = 0; i < r->held; i++)
        kurier_batch_done(r->hands[i]);
    r->held = 0;
}

static void hold_or_finish(struct reader *r, kurier_batch *batch)
{
    if (r->restless && r->held < READER_HANDS && world_between(&r->run->world, 0, 7) == 0)
        r->hands[r->held++] = batch;
    else
        kurier_batch_done(batch);
}

void reader_take(struct reader *r, int timeout_ms)
{
    kurier_batch *batches[MANY];
    kurier_error err;
    size_t count = kurier_consumer_poll(r->handle, batches, MANY, timeout_ms, &err);
    for (size_t i = 0; i < count; i++)
        see_batch(r, batches[i]);
    for (size_t i = 0; i < count; i++)
        hold_or_finish(r, batches[i]);
    if (err.code)
        world_trace(&r->run->world, "  %s: %s", r->process->node, err.text);
    client_trace(r->process, kurier_consumer_client(r->handle));
}

/* Reads a part again; it must be what it was. */
static void go_back(struct reader *r)
{
    struct world *w = &r->run->world;
    int topic = (int)world_between(w, 0, CLIENT_TOPICS - 1);
    int32_t partition = (int32_t)world_between(w, 0, HISTORY_PARTITIONS - 1);
    struct reader_place *place = &r->plan->places[topic][partition];
    kurier_error err;
    if (place->next <= 0 || r->plan->topics_go)
        return;
    int64_t to = world_between(w, KB_MAX(0, place->next - 20), place->next);
    kurier_position position = kurier_at((*r->plan->topics)[topic], partition, to);
    kurier_code code = kurier_consumer_seek(r->handle, &position, 1, &err);
    if (code) {
        world_trace(w, "  %s: no seek: %s", r->process->node, err.text);
        return;
    }
    place->next = to;
    place->at_end = false;
}

static void reader_free(struct reader *r)
{
    r->run->memory_budget -= r->memory_bytes;
    let_go(r);
    kurier_consumer_free(r->handle);
    kb_free(r);
}

void reader_close(struct reader *r)
{
    int64_t began_ms = world_now_ms(&r->run->world);
    kurier_consumer_close(r->handle, CLIENT_CLOSE_MS, NULL);
    run_check_time(r->run, began_ms, CLIENT_CLOSE_MS, "close of a consumer");
    reader_free(r);
}

/* ---- As a program ------------------------------------------------------- */

static void *start(struct process *process, void *ctx)
{
    struct reader *r = reader_new(process, ctx);
    r->restless = world_between(process->world, 0, 1);
    return r;
}

static int64_t turn(void *self)
{
    struct reader *r = self;
    struct world *w = &r->run->world;
    reader_take(r, 0);
    if (!r->restless || !run_goes_on(r->run)) {
        let_go(r);
        return world_between(w, 1, 10);
    }
    if (world_between(w, 0, 9) == 0)
        let_go(r);
    if (world_between(w, 0, 99) == 0)
        go_back(r);
    return world_between(w, 1, world_between(w, 0, 19) ? 20 : 500);
}

static void end(void *self, bool killed)
{
    if (killed)
        reader_free(self);
    else
        reader_close(self);
}

const struct program program_reader = {
    .name = "reader", .mortal = true, .start = start, .turn = turn, .end = end};
