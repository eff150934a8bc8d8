/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's groups alone: members of a few lines that come, go, fall silent
 * and commit, while somebody produces.
 */
#include "tests/sim/producer.h"
#include "tests/sim/crowd.h"
#include "tests/sim/raw_member.h"
#include "tests/sim/workload.h"

#include <stdio.h>

enum { MEMBERS_MAX = 5 };

static const client_topics topics = {"left", "right"};

static const struct world_setting settings[] = {{"group.min.session.timeout.ms", "100"},
                                                {"group.initial.rebalance.delay.ms", "50"},
                                                {"offsets.topic.num.partitions", "2"},
                                                {NULL, NULL}};

struct scene {
    struct run *run;
    struct producer_plan producing;
    struct raw_member_plan plans[MEMBERS_MAX];
    struct process producer, members[MEMBERS_MAX];
    int count;
    bool wanted[HISTORY_LOGS];
};

static void open(struct scene *scene, struct run *run)
{
    struct world *w = &run->world;
    *scene = (struct scene){.run = run, .count = (int)world_between(w, 2, MEMBERS_MAX)};
    scene->producing = (struct producer_plan){.run = run, .topics = &topics, .idempotent = true};
    process_open(&scene->producer, w, program_producer.name, &program_producer, &scene->producing);
    for (int t = 0; topics[t]; t++)
        for (int i = 0; i < WORLD_PARTITIONS; i++)
            scene->wanted[history_topic(&run->history, topics[t]) * HISTORY_PARTITIONS + i] = true;
    for (int i = 0; i < scene->count; i++) {
        struct raw_member_plan *plan = &scene->plans[i];
        plan->run = run;
        if (i % 2)
            snprintf(plan->instance, sizeof plan->instance, "static-%d", i);
        process_open(&scene->members[i], w, program_raw_member.name, &program_raw_member, plan);
    }
}

static bool is_told(void *ctx)
{
    const struct scene *scene = ctx;
    return run_is_told(scene->run);
}

static bool is_settled(void *ctx)
{
    const struct scene *scene = ctx;
    bool settled = ledger_is_whole(&scene->run->ledger, scene->wanted);
    for (int i = 0; i < scene->count; i++)
        settled = settled && scene->plans[i].settled;
    return settled;
}

static void close_all(struct scene *scene)
{
    process_close(&scene->producer);
    for (int i = 0; i < scene->count; i++)
        process_close(&scene->members[i]);
}

static void work(struct run *run)
{
    struct scene scene;
    open(&scene, run);
    run_wait_over(run);
    run_wait(run, is_told, &scene, "records without a report");
    run_wait(run, is_settled, &scene, "the group does not settle");
    close_all(&scene);
}

const struct workload workload_rawgroup = {
    .name = "rawgroup",
    .what = "the broker's groups alone, of members that are a few lines",
    .settings = settings,
    .meddles = true,
    .send = work,
    .read = crowd_read};
