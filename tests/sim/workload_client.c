/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program of one thread that waits in its calls: an idempotent producer, and
 * a consumer that reads along. Sometimes it closes in haste, while faults go on
 * and records are on their way.
 */
#include "tests/sim/crowd.h"
#include "tests/sim/workload.h"

static const client_topics topics = {"client"};

static bool is_over(void *ctx)
{
    return ((struct run *)ctx)->nemesis.over;
}

static bool sends_on(const struct run *run, bool hasty)
{
    bool enough = run->nemesis.left <= 1 && run->history.acked >= RUN_RECORDS_MIN;
    return run_goes_on(run) && !(hasty && enough);
}

/* Faults included, which end. */
static void work(struct run *run, struct producer *producer, struct reader *along, bool hasty)
{
    struct world *w = &run->world;
    int64_t limit_ms = INT64_MAX;
    while (sends_on(run, hasty) || (!hasty && run->history.open)) {
        if (sends_on(run, hasty))
            producer_send_some(producer);
        producer_hear(producer, (int)world_between(w, 1, 10));
        reader_take(along, 0);
        if (run->nemesis.over && limit_ms == INT64_MAX)
            limit_ms = world_now_ms(w) + RUN_LIMIT_MS;
        if (world_now_ms(w) > limit_ms) {
            run_complain(run, "stuck: records without a report");
            return;
        }
    }
}

static void send_records(struct run *run)
{
    struct world *w = &run->world;
    const struct producer_plan producing = {.run = run, .topics = &topics, .idempotent = true};
    struct reader_plan reading;
    struct process process;
    bool hasty = world_between(w, 0, 3) == 0;
    process_open(&process, w, "app", NULL, NULL);
    reader_plan_init(&reading, run, &topics, WORLD_PARTITIONS, history_serve);
    struct producer *producer = producer_new(&process, &producing);
    struct reader *along = reader_new(&process, &reading);
    work(run, producer, along, hasty);
    reader_close(along);
    producer_close(producer, hasty ? (int)world_between(w, 0, 300) : CLIENT_CLOSE_MS);
    while (!run->nemesis.over && world_wait(w, is_over, run, RUN_LIMIT_MS))
        ;
    process_close(&process);
}

const struct workload workload_client = {
    .name = "client",
    .what = "one program that waits in its calls, and closes in haste",
    .send = send_records,
    .read = crowd_read};
