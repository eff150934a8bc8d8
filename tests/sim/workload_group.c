/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of members that are killed, stopped, slow, static, and leave and come back,
 * while others produce and the broker dies: of the classic protocol, of KIP-848, of
 * both at once. In the graceful one nothing fails, and each record is read once.
 */
#include "tests/sim/auditor.h"
#include "tests/sim/crowd.h"
#include "tests/sim/member.h"
#include "tests/sim/workload.h"

enum { MEMBERS_MAX = 4, PRODUCERS_MAX = 2, LOOK_MS = 50 };

/* A commit whose connection was lost may be carried out as long as a fault keeps its bytes
 * on their way. Where no wire fails none is. */
enum { ECHO_MS = 15 * 1000 };

static const client_topics topics = {"left", "right"};

static const struct world_setting settings[] = {{"group.min.session.timeout.ms", "100"},
                                                {"group.initial.rebalance.delay.ms", "50"},
                                                {"group.consumer.min.session.timeout.ms", "1000"},
                                                {"group.consumer.session.timeout.ms", "1500"},
                                                {"group.consumer.min.heartbeat.interval.ms", "100"},
                                                {"group.consumer.heartbeat.interval.ms", "200"},
                                                {"offsets.topic.num.partitions", "2"},
                                                {NULL, NULL}};

struct scene {
    struct run *run;
    struct producer_plan producing;
    struct member_plan plans[MEMBERS_MAX];
    struct auditor_plan auditing;
    struct process producers[PRODUCERS_MAX], members[MEMBERS_MAX], auditor;
    int member_count, producer_count;
    bool wanted[HISTORY_LOGS];
    int64_t look_ms; /* when it was looked last whether all is read */
};

static void open_members(struct scene *scene, const struct member_plan *like)
{
    static const char *const instances[] = {NULL, "static-1", NULL, "static-3"};
    struct world *w = &scene->run->world;
    scene->member_count = (int)world_between(w, 2, MEMBERS_MAX);
    for (int i = 0; i < scene->member_count; i++) {
        scene->plans[i] = *like;
        scene->plans[i].instance = like->graceful ? NULL : instances[i];
        process_open(&scene->members[i], w, program_member.name, &program_member, &scene->plans[i]);
    }
}

static void open(struct scene *scene, struct run *run, const struct member_plan *like)
{
    struct world *w = &run->world;
    *scene = (struct scene){.run = run, .producer_count = (int)world_between(w, 1, PRODUCERS_MAX)};
    scene->producing = (struct producer_plan){.run = run, .topics = &topics, .idempotent = true};
    for (int t = 0; topics[t]; t++)
        for (int i = 0; i < WORLD_PARTITIONS; i++)
            scene->wanted[history_topic(&run->history, topics[t]) * HISTORY_PARTITIONS + i] = true;
    for (int i = 0; i < scene->producer_count; i++)
        process_open(&scene->producers[i], w, program_producer.name, &program_producer,
                     &scene->producing);
    open_members(scene, like);
    scene->auditing = (struct auditor_plan){.run = run,
                                            .group = MEMBER_GROUP,
                                            .topics = &topics,
                                            .echo_ms = like->graceful ? 0 : ECHO_MS};
    process_open(&scene->auditor, w, program_auditor.name, &program_auditor, &scene->auditing);
}

static bool is_told(void *ctx)
{
    const struct scene *scene = ctx;
    return run_is_told(scene->run);
}

static bool is_settled(void *ctx)
{
    struct scene *scene = ctx;
    int64_t now_ms = world_now_ms(&scene->run->world);
    if (now_ms < scene->look_ms + LOOK_MS || !ledger_is_whole(&scene->run->ledger, scene->wanted))
        return false;
    scene->look_ms = now_ms;
    return member_all_read(scene->run);
}

static void finish(struct scene *scene)
{
    struct run *run = scene->run;
    run_wait_over(run);
    run_wait(run, is_told, scene, "records without a report");
    run->history.read_along = run_wait(run, is_settled, scene, "the group does not settle");
    for (int i = 0; i < scene->producer_count; i++)
        process_close(&scene->producers[i]);
    for (int i = 0; i < scene->member_count; i++)
        process_close(&scene->members[i]);
    process_close(&scene->auditor);
}

static void gather(struct run *run, const char *protocol, const char *strategy, bool graceful)
{
    const struct member_plan like = {.run = run,
                                     .topics = &topics,
                                     .protocol = protocol,
                                     .strategy = strategy,
                                     .graceful = graceful};
    struct scene scene;
    open(&scene, run, &like);
    finish(&scene);
}

/* ---- The workloads ------------------------------------------------------ */

static void classic(struct run *run)
{
    static const char *const strategies[] = {"range", "roundrobin", "sticky", "cooperative-sticky"};
    gather(run, "classic", strategies[world_between(&run->world, 0, 3)], false);
}

static void modern(struct run *run)
{
    gather(run, "consumer", NULL, false);
}

static void mixed(struct run *run)
{
    gather(run, NULL, NULL, false);
}

static void graceful(struct run *run)
{
    static const char *const protocols[] = {"classic", "consumer"};
    run->history.read_once = true;
    gather(run, protocols[world_between(&run->world, 0, 1)], NULL, true);
}

const struct workload workload_group = {
    .name = "group",
    .what = "a classic group, eager or cooperative, whose members come, go and fail",
    .settings = settings,
    .meddles = true,
    .send = classic,
    .read = crowd_read};

const struct workload workload_group848 = {.name = "group848",
                                           .what = "the same of the protocol of KIP-848",
                                           .settings = settings,
                                           .meddles = true,
                                           .send = modern,
                                           .read = crowd_read};

const struct workload workload_mixed = {
    .name = "mixed",
    .what = "the same of both protocols in one group, which goes from one to the other",
    .settings = settings,
    .send = mixed,
    .read = crowd_read};

const struct workload workload_graceful = {
    .name = "graceful",
    .what = "groups whose members come and go gracefully, and read each record once",
    .settings = settings,
    .only_fault = "wall clock jumps",
    .send = graceful,
    .read = crowd_read};
