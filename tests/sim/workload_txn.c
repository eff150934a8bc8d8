/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's transactions alone: writers of a few lines, some of which fence each other,
 * and readers of everything and of what is committed.
 */
#include "tests/sim/raw_writer.h"
#include "tests/sim/witnesses.h"
#include "tests/sim/workload.h"

#include "base/check.h"

#include <stdio.h>

enum { WRITERS_MAX = 5, IDS_MAX = 4 };

static const struct world_setting settings[] = {{"offsets.topic.num.partitions", "1"},
                                                {"transaction.state.log.num.partitions", "2"},
                                                {NULL, NULL}};

struct scene {
    struct run *run;
    struct raw_writer_plan plans[WRITERS_MAX];
    struct process writers[WRITERS_MAX], readers;
    struct witnesses witnesses;
    int count;
};

static void open(struct scene *scene, struct run *run)
{
    struct world *w = &run->world;
    int ids = (int)world_between(w, 1, IDS_MAX);
    *scene = (struct scene){.run = run, .count = (int)world_between(w, ids, WRITERS_MAX)};
    run->history.markers = true;
    for (int i = 0; i < scene->count; i++) {
        struct raw_writer_plan *plan = &scene->plans[i];
        plan->run = run;
        plan->modern = world_between(w, 0, 1);
        snprintf(plan->id, sizeof plan->id, "writer-%d", i % ids);
        process_open(&scene->writers[i], w, program_raw_writer.name, &program_raw_writer, plan);
    }
}

static bool is_done(void *ctx)
{
    const struct scene *scene = ctx;
    bool done = run_is_told(scene->run);
    for (int i = 0; i < scene->count; i++)
        done = done && scene->plans[i].done;
    return done;
}

static bool is_stable(void *ctx)
{
    const struct scene *scene = ctx;
    return witnesses_are_at_end(&scene->witnesses);
}

static void write_all(struct run *run)
{
    struct scene scene;
    open(&scene, run);
    process_open(&scene.readers, &run->world, "readers", NULL, NULL);
    witnesses_open(&scene.witnesses, run, &scene.readers, RAW_WRITER_TOPIC, true);
    run_wait_over(run);
    run_wait(run, is_done, &scene, "transactions without an end");
    for (int i = 0; i < scene.count; i++)
        process_close(&scene.writers[i]);
    witnesses_look_again(&scene.witnesses);
    if (!world_wait(&run->world, is_stable, &scene, RAW_READER_HELD_MS))
        run_complain(run, "stuck: the last stable offset does not move on");
    witnesses_close(&scene.witnesses);
    process_close(&scene.readers);
}

static void read_all(struct run *run)
{
    struct scene scene = {.run = run};
    process_open(&scene.readers, &run->world, "last", NULL, NULL);
    witnesses_open(&scene.witnesses, run, &scene.readers, RAW_WRITER_TOPIC, false);
    run_wait(run, is_stable, &scene, "the last reading");
    witnesses_close(&scene.witnesses);
    process_close(&scene.readers);
}

const struct workload workload_txn = {
    .name = "txn",
    .what = "the broker's transactions alone, of writers that are a few lines and fence each other",
    .settings = settings,
    .meddles = true,
    .send = write_all,
    .read = read_all};
