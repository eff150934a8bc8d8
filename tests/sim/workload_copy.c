/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topic is copied by a group, each record once: by the library's transactions, in processes
 * that are killed, fall asleep, or have another's transactional id, while others produce and
 * the broker dies.
 */
#include "tests/sim/auditor.h"
#include "tests/sim/copier.h"
#include "tests/sim/parrot.h"
#include "tests/sim/witnesses.h"
#include "tests/sim/workload.h"

#include "base/check.h"

#include <stdio.h>

enum { COPIERS_MAX = 4, IDS_MAX = 3, PRODUCERS_MAX = 2, LOOK_MS = 50 };

/* A commit whose connection was lost may be carried out as long as a fault keeps its bytes
 * on their way. */
enum { ECHO_MS = 15 * 1000 };

static const client_topics from = {"in"}, to = {"out"};

static const struct world_setting settings[] = {{"group.min.session.timeout.ms", "100"},
                                                {"group.initial.rebalance.delay.ms", "50"},
                                                {"group.consumer.min.session.timeout.ms", "1000"},
                                                {"group.consumer.session.timeout.ms", "1500"},
                                                {"group.consumer.min.heartbeat.interval.ms", "100"},
                                                {"group.consumer.heartbeat.interval.ms", "200"},
                                                {"offsets.topic.num.partitions", "2"},
                                                {"transaction.state.log.num.partitions", "2"},
                                                {NULL, NULL}};

struct scene {
    struct run *run;
    struct producer_plan producing;
    struct copier_plan plans[COPIERS_MAX];
    struct auditor_plan auditing;
    struct parrot_plan parroting;
    struct process producers[PRODUCERS_MAX], copiers[COPIERS_MAX], auditor, parrot, readers;
    struct witnesses source, result;
    int producer_count, copier_count;
    int64_t look_ms; /* when it was looked last whether all is copied */
};

/* ---- Who is in it ------------------------------------------------------- */

static void open_copiers(struct scene *scene)
{
    static const char *const protocols[] = {"classic", "consumer"};
    struct world *w = &scene->run->world;
    const char *protocol = protocols[world_between(w, 0, 1)];
    int ids = (int)world_between(w, 2, IDS_MAX);
    scene->copier_count = (int)world_between(w, ids, COPIERS_MAX);
    for (int i = 0; i < scene->copier_count; i++) {
        struct copier_plan *plan = &scene->plans[i];
        *plan =
            (struct copier_plan){.run = scene->run, .from = &from, .to = &to, .protocol = protocol};
        plan->spare = i >= ids;
        plan->alone = !plan->spare && i + ids >= scene->copier_count;
        snprintf(plan->id, sizeof plan->id, "copier-%d", i % ids);
        process_open(&scene->copiers[i], w, program_copier.name, &program_copier, plan);
    }
}

static void open_witnesses(struct scene *scene, const char *name, bool along)
{
    process_open(&scene->readers, &scene->run->world, name, NULL, NULL);
    witnesses_open(&scene->source, scene->run, &scene->readers, from[0], along);
    witnesses_open(&scene->result, scene->run, &scene->readers, to[0], along);
}

static void close_witnesses(struct scene *scene)
{
    witnesses_close(&scene->source);
    witnesses_close(&scene->result);
    process_close(&scene->readers);
}

static void open(struct scene *scene, struct run *run)
{
    struct world *w = &run->world;
    *scene = (struct scene){.run = run, .producer_count = (int)world_between(w, 1, PRODUCERS_MAX)};
    run->history.markers = true;
    run->copies = (struct copies){.from = history_topic(&run->history, from[0]),
                                  .to = history_topic(&run->history, to[0]),
                                  .partitions = WORLD_PARTITIONS};
    scene->producing = (struct producer_plan){.run = run, .topics = &from, .idempotent = true};
    for (int i = 0; i < scene->producer_count; i++)
        process_open(&scene->producers[i], w, program_producer.name, &program_producer,
                     &scene->producing);
    open_copiers(scene);
    scene->auditing = (struct auditor_plan){
        .run = run, .group = COPIER_GROUP, .topics = &from, .echo_ms = ECHO_MS};
    process_open(&scene->auditor, w, program_auditor.name, &program_auditor, &scene->auditing);
    scene->parroting = (struct parrot_plan){.run = run, .of = program_copier.name};
    process_open(&scene->parrot, w, program_parrot.name, &program_parrot, &scene->parroting);
    open_witnesses(scene, "readers", true);
}

/* ---- One after the other ------------------------------------------------ */

static bool is_told(void *ctx)
{
    const struct scene *scene = ctx;
    return !run_goes_on(scene->run) && scene->run->history.open == 0;
}

static bool are_at_end(void *ctx)
{
    const struct scene *scene = ctx;
    return witnesses_are_at_end(&scene->source) && witnesses_are_at_end(&scene->result);
}

static bool is_copied(void *ctx)
{
    struct scene *scene = ctx;
    struct copies_findings found;
    struct run *run = scene->run;
    int64_t now_ms = world_now_ms(&run->world);
    if (now_ms < scene->look_ms + LOOK_MS || !witnesses_are_at_end(&scene->source))
        return false;
    scene->look_ms = now_ms;
    copies_judge(&run->copies, &run->history, &run->deeds, false, &found);
    return !found.missing;
}

static void copy_all(struct run *run)
{
    struct scene scene;
    open(&scene, run);
    run_wait_over(run);
    run_wait(run, is_told, &scene, "records without a report");
    for (int i = 0; i < scene.producer_count; i++)
        process_close(&scene.producers[i]);
    witnesses_look_again(&scene.source);
    run_wait(run, is_copied, &scene, "not everything is copied");
    for (int i = 0; i < scene.copier_count; i++)
        process_close(&scene.copiers[i]);
    witnesses_look_again(&scene.result);
    if (!world_wait(&run->world, are_at_end, &scene, RAW_READER_HELD_MS))
        run_complain(run, "stuck: the last stable offset does not move on");
    close_witnesses(&scene);
    process_close(&scene.auditor);
    process_close(&scene.parrot);
    run->counts[RUN_ECHOES] = scene.parroting.said;
}

/* ---- The last reading --------------------------------------------------- */

static void check_offsets(struct run *run, const kurier_group_offsets_info *info)
{
    const struct history_log *logs = run->history.topics[run->copies.from].logs;
    int64_t committed[HISTORY_PARTITIONS] = {0};
    for (uint32_t i = 0; i < info->offset_count; i++)
        committed[info->offsets[i].partition] = KB_MAX(info->offsets[i].offset, 0);
    for (int i = 0; i < WORLD_PARTITIONS; i++)
        if (committed[i] != logs[i].last.end)
            run_complain(run, "the copiers are at %d of %s-%d, which ends at %d", (int)committed[i],
                         from[0], i, (int)logs[i].last.end);
}

/* What the group has committed is what was there to be copied. */
static void ask_offsets(struct run *run, struct process *process)
{
    const kurier_group_ref group = {.name = COPIER_GROUP};
    kurier_error err;
    kurier_config *config = client_config(run);
    kurier_client *client = kurier_client_new(process->runtime, config, &err);
    KB_CHECK(client);
    kurier_config_free(config);
    kurier_result *result =
        kurier_admin_run(client, kurier_admin_list_group_offsets(&group, 1), RUN_LIMIT_MS, &err);
    const kurier_group_offsets_info *info = result ? kurier_result_group_offsets(result, 0) : NULL;
    if (!info || info->code)
        run_complain(run, "stuck: the offsets of the copiers: %s", info ? info->text : err.text);
    else
        check_offsets(run, info);
    kurier_result_free(result);
    kurier_client_free(client);
}

static void read_all(struct run *run)
{
    struct scene scene = {.run = run};
    struct process asker;
    open_witnesses(&scene, "last", false);
    run_wait(run, are_at_end, &scene, "the last reading");
    close_witnesses(&scene);
    process_open(&asker, &run->world, "asker", NULL, NULL);
    ask_offsets(run, &asker);
    process_close(&asker);
}

const struct workload workload_copy = {
    .name = "copy",
    .what = "a topic copied by a group, each record once, by the library's transactions",
    .settings = settings,
    .meddles = true,
    .drowsy = "copier",
    .send = copy_all,
    .read = read_all};
