/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/keeper.h"

#include "base/check.h"
#include "base/mem.h"

#include <inttypes.h>

/* A request whose connection was lost may still be carried out, once its bytes come
 * through: no fault lasts for so long. */
enum { ECHO_MS = 15 * 1000, ANSWER_MS = 20 * 1000, PARTITIONS_MAX = 4 };

struct keeper {
    struct keeper_plan *plan;
    struct process *process;
    kurier_client *client;
    bool asked;
};

void keeper_plan_init(struct keeper_plan *plan, struct run *run, const client_topics *topics)
{
    *plan = (struct keeper_plan){.run = run, .topics = topics};
}

static int topic_count(const struct keeper_plan *plan)
{
    int count = 0;
    while ((*plan->topics)[count])
        count++;
    return count;
}

bool keeper_is_done(const struct keeper_plan *plan)
{
    bool there = plan->task == KEEPER_IDLE;
    for (int i = 0; i < topic_count(plan); i++)
        there = there && plan->there[i];
    return there;
}

static const char *name_of(const struct keeper_plan *plan)
{
    return (*plan->topics)[plan->topic];
}

static int number_of(const struct keeper_plan *plan)
{
    return history_topic(&plan->run->history, name_of(plan));
}

static struct history_topic *book_of(const struct keeper_plan *plan)
{
    return &plan->run->history.topics[number_of(plan)];
}

/* ---- What to do next ---------------------------------------------------- */

static bool begin_make(struct keeper_plan *plan)
{
    plan->number =
        plan->trims ? WORLD_PARTITIONS : world_between(&plan->run->world, 1, WORLD_PARTITIONS);
    return true;
}

static bool begin_grow(struct keeper_plan *plan)
{
    plan->number = world_between(&plan->run->world, 2, PARTITIONS_MAX);
    return true;
}

static bool begin_delete(struct keeper_plan *plan)
{
    plan->there[plan->topic] = false;
    history_deletes(&plan->run->history, number_of(plan));
    return true;
}

static bool begin_trim(struct keeper_plan *plan)
{
    struct world *w = &plan->run->world;
    plan->partition = (int32_t)world_between(w, 0, WORLD_PARTITIONS - 1);
    int64_t end = book_of(plan)->logs[plan->partition].acked_end;
    if (end == 0)
        return false;
    plan->number = world_between(w, 1, end);
    history_trims(&plan->run->history, number_of(plan), plan->partition, plan->number);
    return true;
}

/* ---- The requests ------------------------------------------------------- */

static kurier_request *ask_make(const struct keeper_plan *plan)
{
    kurier_new_topic topic = {.name = name_of(plan), .partitions = (int32_t)plan->number};
    return kurier_admin_create_topics(&topic, 1);
}

static kurier_request *ask_grow(const struct keeper_plan *plan)
{
    kurier_new_topic topic = {.name = name_of(plan), .partitions = (int32_t)plan->number};
    return kurier_admin_create_partitions(&topic, 1);
}

static kurier_request *ask_delete(const struct keeper_plan *plan)
{
    const char *name = name_of(plan);
    return kurier_admin_delete_topics(&name, 1);
}

static kurier_request *ask_trim(const struct keeper_plan *plan)
{
    kurier_position position = kurier_at(name_of(plan), plan->partition, plan->number);
    return kurier_admin_delete_records(&position, 1);
}

/* ---- What came of them -------------------------------------------------- */

/* Each answers whether that settles it. */
static bool end_make(struct keeper_plan *plan, const kurier_result *result, kurier_code code)
{
    (void)result;
    if (code != KURIER_OK && code != KURIER_E_TOPIC_ALREADY_EXISTS)
        return false;
    plan->there[plan->topic] = true;
    history_made(&plan->run->history, number_of(plan), code ? 1 : (int32_t)plan->number,
                 world_now_ms(&plan->run->world));
    return true;
}

/* Refused: it has as many, or is not there. */
static bool end_grow(struct keeper_plan *plan, const kurier_result *result, kurier_code code)
{
    (void)result;
    if (code == KURIER_OK)
        history_made(&plan->run->history, number_of(plan), (int32_t)plan->number,
                     world_now_ms(&plan->run->world));
    return true;
}

static bool end_delete(struct keeper_plan *plan, const kurier_result *result, kurier_code code)
{
    (void)result;
    if (code != KURIER_OK && code != KURIER_E_UNKNOWN_TOPIC_OR_PARTITION)
        return false;
    history_deleted(&plan->run->history, number_of(plan),
                    world_now_ms(&plan->run->world) + ECHO_MS);
    return true;
}

static bool end_trim(struct keeper_plan *plan, const kurier_result *result, kurier_code code)
{
    if (code != KURIER_OK)
        return true;
    int64_t begins = kurier_result_offset(result, 0)->offset;
    if (begins < plan->number)
        run_complain(plan->run, "records below %" PRId64 " are deleted, not below %" PRId64, begins,
                     plan->number);
    history_trimmed(&plan->run->history, number_of(plan), plan->partition, plan->number);
    return true;
}

static const struct task {
    const char *name;
    bool (*begin)(struct keeper_plan *plan); /* false: nothing to do */
    kurier_request *(*ask)(const struct keeper_plan *plan);
    bool (*end)(struct keeper_plan *plan, const kurier_result *result, kurier_code code);
} tasks[] = {
    [KEEPER_MAKE] = {"make", begin_make, ask_make, end_make},
    [KEEPER_GROW] = {"grow", begin_grow, ask_grow, end_grow},
    [KEEPER_DELETE] = {"delete", begin_delete, ask_delete, end_delete},
    [KEEPER_TRIM] = {"trim", begin_trim, ask_trim, end_trim},
};

/* ---- One after the other ------------------------------------------------ */

static enum keeper_task choose(struct keeper_plan *plan)
{
    struct world *w = &plan->run->world;
    plan->topic = (int)world_between(w, 0, topic_count(plan) - 1);
    if (!plan->there[plan->topic])
        return KEEPER_MAKE;
    if (!run_goes_on(plan->run))
        return KEEPER_IDLE;
    if (plan->trims)
        return KEEPER_TRIM;
    return world_between(w, 0, 1) ? KEEPER_DELETE : KEEPER_GROW;
}

static void ask(struct keeper *k)
{
    struct keeper_plan *plan = k->plan;
    kurier_error err;
    world_trace(&plan->run->world, "  %s: %s %s, %" PRId64, k->process->node,
                tasks[plan->task].name, name_of(plan), plan->number);
    kurier_code code =
        kurier_admin_submit(k->client, tasks[plan->task].ask(plan), ANSWER_MS, 1, &err);
    KB_CHECK(code == KURIER_OK);
    k->asked = true;
}

static void hear(struct keeper *k, kurier_result *result)
{
    struct keeper_plan *plan = k->plan;
    kurier_error err;
    kurier_code code = kurier_result_error(result, &err);
    world_trace(&plan->run->world, "  %s: %s %s: %s", k->process->node, tasks[plan->task].name,
                name_of(plan), code ? err.text : "done");
    k->asked = false;
    if (tasks[plan->task].end(plan, result, code))
        plan->task = KEEPER_IDLE;
    kurier_result_free(result);
}

static void *start(struct process *process, void *ctx)
{
    struct keeper *k = KB_NEW(struct keeper);
    kurier_error err;
    KB_CHECK(k);
    *k = (struct keeper){.plan = ctx, .process = process};
    kurier_config *config = client_config(k->plan->run);
    k->client = kurier_client_new(process->runtime, config, &err);
    KB_CHECK(k->client);
    kurier_config_free(config);
    return k;
}

static int64_t turn(void *self)
{
    enum { PAUSE_MS = 800, SOON_MS = 5 };
    struct keeper *k = self;
    struct keeper_plan *plan = k->plan;
    kurier_error err;
    client_trace(k->process, k->client);
    if (k->asked) {
        kurier_result *result = kurier_client_result(k->client, 0, &err);
        if (result)
            hear(k, result);
        return SOON_MS;
    }
    if (plan->task == KEEPER_IDLE) {
        enum keeper_task task = choose(plan);
        if (task && tasks[task].begin(plan))
            plan->task = task;
    }
    if (plan->task)
        ask(k);
    return world_between(&plan->run->world, 1, PAUSE_MS);
}

static void end(void *self, bool killed)
{
    struct keeper *k = self;
    (void)killed;
    kurier_client_free(k->client);
    kb_free(k);
}

const struct program program_keeper = {
    .name = "keeper", .mortal = true, .start = start, .turn = turn, .end = end};
