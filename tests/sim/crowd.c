/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/crowd.h"

#include "base/check.h"

#include <inttypes.h>

void crowd_open(struct crowd *crowd, const struct producer_plan *plan, bool records_go)
{
    struct world *w = &plan->run->world;
    *crowd = (struct crowd){.run = plan->run, .producing = *plan};
    crowd->producer_count = (int)world_between(w, 1, CROWD_EACH);
    crowd->reader_count = (int)world_between(w, 1, 2);
    for (int i = 0; i < crowd->producer_count; i++)
        process_open(&crowd->producers[i], w, program_producer.name, &program_producer,
                     &crowd->producing);
    for (int i = 0; i < crowd->reader_count; i++) {
        reader_plan_init(&crowd->reading[i], plan->run, plan->topics,
                         plan->topics_go ? CROWD_PARTITIONS : WORLD_PARTITIONS, history_serve);
        crowd->reading[i].records_go = records_go || plan->topics_go;
        crowd->reading[i].topics_go = plan->topics_go;
        process_open(&crowd->readers[i], w, program_reader.name, &program_reader,
                     &crowd->reading[i]);
    }
}

void crowd_keep(struct crowd *crowd, bool trims)
{
    keeper_plan_init(&crowd->keeping, crowd->run, crowd->producing.topics);
    crowd->keeping.trims = trims;
    crowd->kept = true;
    process_open(&crowd->keeper, &crowd->run->world, program_keeper.name, &program_keeper,
                 &crowd->keeping);
}

static void check_topic(struct run *run, const char *name, int32_t partitions)
{
    struct history *h = &run->history;
    const struct history_topic *topic = &h->topics[history_topic(h, name)];
    if (!topic->deleting && topic->made_ms > topic->deleted_ms &&
        partitions < topic->partitions_min)
        run_complain(run, "%s has %d partitions, and had %d", name, partitions,
                     topic->partitions_min);
}

static kurier_client *client_new(struct process *process, struct run *run)
{
    kurier_error err;
    kurier_config *config = client_config(run);
    kurier_client *client = kurier_client_new(process->runtime, config, &err);
    kurier_config_free(config);
    KB_CHECK(client);
    return client;
}

/* How many partitions each topic has; 0: there is none of that name. */
static void count_partitions(struct reader_plan *plan, kurier_client *client)
{
    kurier_error err;
    kurier_result *result =
        kurier_admin_run(client, kurier_admin_describe_topics(NULL, 0), RUN_LIMIT_MS, &err);
    const kurier_topic_info *info;
    if (!result)
        run_complain(plan->run, "stuck: the topics: %s", err.text);
    memset(plan->partitions, 0, sizeof plan->partitions);
    for (size_t i = 0; result && (info = kurier_result_topic(result, i)); i++)
        for (int topic = 0; (*plan->topics)[topic]; topic++)
            if (!strcmp(info->name, (*plan->topics)[topic]))
                plan->partitions[topic] = info->partition_count;
    for (int topic = 0; result && (*plan->topics)[topic]; topic++)
        check_topic(plan->run, (*plan->topics)[topic], plan->partitions[topic]);
    kurier_result_free(result);
}

static bool is_told(void *ctx)
{
    return run_is_told(ctx);
}

static bool is_kept(void *ctx)
{
    const struct crowd *crowd = ctx;
    return !crowd->kept || keeper_is_done(&crowd->keeping);
}

static bool is_read_along(void *ctx)
{
    const struct crowd *crowd = ctx;
    bool at_end = true;
    for (int i = 0; i < crowd->reader_count; i++)
        at_end = at_end && reader_is_at_end(&crowd->reading[i]);
    return at_end;
}

/* Topics come and grow; readers are to have read what is there. */
static void learn_partitions(struct crowd *crowd)
{
    struct process process;
    process_open(&process, &crowd->run->world, "asker", NULL, NULL);
    kurier_client *client = client_new(&process, crowd->run);
    for (int i = 0; i < crowd->reader_count; i++)
        count_partitions(&crowd->reading[i], client);
    kurier_client_free(client);
    process_close(&process);
}

void crowd_finish(struct crowd *crowd)
{
    struct run *run = crowd->run;
    run_wait_over(run);
    run_wait(run, is_told, run, "records without a report");
    if (!run_wait(run, is_kept, crowd, "the topics are not made"))
        return;
    learn_partitions(crowd);
    const char *what = "readers do not come to the end";
    run->history.read_along = run_wait(run, is_read_along, crowd, what);
    for (int i = 0; i < crowd->reader_count; i++)
        reader_trace(&crowd->reading[i]);
}

void crowd_close(struct crowd *crowd)
{
    for (int i = 0; i < crowd->producer_count; i++)
        process_close(&crowd->producers[i]);
    for (int i = 0; i < crowd->reader_count; i++)
        process_close(&crowd->readers[i]);
    if (crowd->kept)
        process_close(&crowd->keeper);
}

/* ---- The last reading --------------------------------------------------- */

/* What the broker says of beginnings and ends is what was read. */
static void check_ends(struct reader_plan *plan, kurier_client *client, int64_t which)
{
    kurier_position positions[CLIENT_TOPICS * HISTORY_PARTITIONS];
    kurier_error err;
    size_t count = 0;
    for (int topic = 0; (*plan->topics)[topic]; topic++)
        for (int32_t i = 0; i < plan->partitions[topic]; i++)
            positions[count++] = kurier_at((*plan->topics)[topic], i, which);
    kurier_result *result =
        kurier_admin_run(client, kurier_admin_list_offsets(positions, count), RUN_LIMIT_MS, &err);
    const kurier_offset_info *info;
    if (!result)
        run_complain(plan->run, "stuck: the offsets: %s", err.text);
    for (size_t i = 0; result && (info = kurier_result_offset(result, i)); i++) {
        struct history *h = &plan->run->history;
        const struct history_view *last =
            &h->topics[history_topic(h, info->name)].logs[info->partition].last;
        world_trace(&plan->run->world, "  %s-%d %s at %" PRId64, info->name, info->partition,
                    which == KURIER_END ? "ends" : "begins", info->offset);
        bool right =
            last->end == 0 || info->offset == (which == KURIER_END ? last->end : last->start);
        if (info->code || !right)
            run_complain(plan->run, "%s-%d %s at %" PRId64 ": %s", info->name, info->partition,
                         which == KURIER_END ? "ends" : "begins", info->offset,
                         kurier_code_name(info->code));
    }
    kurier_result_free(result);
}

void crowd_read(struct run *run)
{
    struct process process;
    struct reader_plan plan;
    const char *names[CLIENT_TOPICS + 1] = {NULL};
    for (int i = 0; i < run->history.topic_count; i++)
        names[i] = run->history.topics[i].name;
    process_open(&process, &run->world, "last", NULL, NULL);
    reader_plan_init(&plan, run, &names, 0, history_find);
    plan.records_go = run->history.retention;
    kurier_client *client = client_new(&process, run);
    count_partitions(&plan, client);
    struct reader *reader = reader_new(&process, &plan);
    int64_t limit_ms = world_now_ms(&run->world) + RUN_LIMIT_MS;
    while (!reader_is_at_end(&plan) && world_now_ms(&run->world) < limit_ms)
        reader_take(reader, 1000);
    if (!reader_is_at_end(&plan))
        run_complain(run, "stuck: the last reading");
    reader_trace(&plan);
    reader_close(reader);
    if (!run->history.retention) { /* which goes on */
        check_ends(&plan, client, KURIER_END);
        check_ends(&plan, client, KURIER_BEGINNING);
    }
    kurier_client_free(client);
    process_close(&process);
}
