/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/group_plan.h"
#include "cli/input.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rows --------------------------------------------------------------------------------*/

/* 0 or an exit status. */
static int add(struct plan *plan, const char *topic, int32_t partition, int64_t target)
{
    if (plan->count == plan->capacity) {
        size_t capacity = 2 * plan->capacity + 64;
        struct plan_row *rows = realloc(plan->rows, capacity * sizeof *rows);
        if (!rows)
            return cli_fail("out of memory");
        plan->rows = rows;
        plan->capacity = capacity;
    }
    plan->rows[plan->count++] = (struct plan_row){
        .topic = topic, .partition = partition, .committed = -1, .at_time = -1, .target = target};
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct plan_row *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* Sorted, each once. */
static int settle(struct plan *plan)
{
    size_t kept = 0;
    int status = 0;
    if (plan->count)
        qsort(plan->rows, plan->count, sizeof *plan->rows, compare);
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_row *row = &plan->rows[i], *last = kept ? &plan->rows[kept - 1] : NULL;
        if (!last || compare(last, row))
            plan->rows[kept++] = *row;
        else if (last->target != row->target)
            status = cli_fail("%s [%" PRId32 "] is to be at %" PRId64 " and at %" PRId64,
                              row->topic, row->partition, last->target, row->target);
    }
    plan->count = kept;
    return status;
}

/* ---- Of a file ------------------------------------------------------------------------------*/

/* Kafka's tool puts quotes around long names. */
static char *unquoted(char *name)
{
    size_t size = strlen(name);
    if (size < 2 || name[0] != '"' || name[size - 1] != '"')
        return name;
    name[size - 1] = '\0';
    return name + 1;
}

/* "orders,0,17", cut in place. */
static bool take_line(struct plan *plan, char *line, int *status)
{
    char *save = NULL, *topic = strtok_r(line, ",", &save), *partition = strtok_r(NULL, ",", &save),
         *offset = strtok_r(NULL, ",", &save);
    int64_t number, at;
    if (!offset || strtok_r(NULL, ",", &save) || !cli_number(partition, 0, INT32_MAX, &number) ||
        !cli_number(offset, 0, INT64_MAX, &at))
        return false;
    *status = add(plan, unquoted(topic), (int32_t)number, at);
    return true;
}

static int take_file(struct plan *plan, const char *path)
{
    int number = 0, status = 0;
    char *save = NULL, *text;
    if (!input_whole(strcmp(path, "-") != 0 ? path : NULL, &plan->file))
        return cli_fail("%s: %s", path, strerror(errno));
    text = realloc((void *)plan->file.data, plan->file.size + 1);
    if (!text)
        return cli_fail("out of memory");
    text[plan->file.size] = '\0';
    plan->file.data = text;
    for (char *line = strtok_r(text, "\r\n", &save); line && !status;
         line = strtok_r(NULL, "\r\n", &save)) {
        number++;
        if (!take_line(plan, line, &status))
            return cli_fail("%s: line %d is not TOPIC,PARTITION,OFFSET", path, number);
    }
    return status;
}

/* ---- Of topics --------------------------------------------------------------------------------*/

/* -t orders or -t orders:0,2-4. */
struct spec {
    char *topic;
    char *partitions; /* NULL: all */
};

static int add_all(struct plan *plan, const kurier_topic_info *topic)
{
    int status = 0;
    for (int32_t i = 0; !status && i < topic->partition_count; i++)
        status = add(plan, topic->name, topic->partitions[i].partition, -1);
    return status;
}

/* "2" or "2-4". */
static int add_range(struct plan *plan, const kurier_topic_info *topic, char *text)
{
    char *dash = strchr(text, '-');
    int64_t first, last;
    int status = 0;
    if (dash)
        *dash = '\0';
    if (!cli_number(text, 0, INT32_MAX, &first) ||
        !cli_number(dash ? dash + 1 : text, first, INT32_MAX, &last))
        return cli_fail("-t %s: its partitions are numbers, such as 0,2-4", topic->name);
    if (last >= topic->partition_count)
        return cli_fail("%s has %" PRId32 " partitions; there is no %" PRId64, topic->name,
                        topic->partition_count, last);
    for (int64_t p = first; !status && p <= last; p++)
        status = add(plan, topic->name, (int32_t)p, -1);
    return status;
}

static int add_topic(struct plan *plan, const kurier_topic_info *topic, char *partitions)
{
    char *save = NULL;
    int status = 0;
    if (!partitions)
        return add_all(plan, topic);
    for (char *one = strtok_r(partitions, ",", &save); one && !status;
         one = strtok_r(NULL, ",", &save))
        status = add_range(plan, topic, one);
    return status;
}

static int copy_specs(struct plan *plan, const struct args *args, struct spec *specs)
{
    plan->specs = calloc(args->topic_count + 1, sizeof *plan->specs);
    for (size_t i = 0; plan->specs && i < args->topic_count; i++) {
        plan->specs[i] = specs[i].topic = strdup(args->topics[i]);
        if (!specs[i].topic)
            return cli_fail("out of memory");
        specs[i].partitions = strchr(specs[i].topic, ':');
        if (specs[i].partitions)
            *specs[i].partitions++ = '\0';
    }
    return plan->specs ? 0 : cli_fail("out of memory");
}

static int take_topics(struct plan *plan, struct admin *admin)
{
    size_t n = admin->args->topic_count;
    struct spec specs[MAX_TOPICS];
    const char *names[MAX_TOPICS];
    int status = copy_specs(plan, admin->args, specs);
    for (size_t i = 0; !status && i < n; i++)
        names[i] = specs[i].topic;
    if (!status)
        plan->topics = admin_ask(admin, kurier_admin_describe_topics(names, n), &status);
    if (!plan->topics)
        return status;
    status = admin_complain(plan->topics, KURIER_OK);
    for (size_t i = 0; !status && i < n; i++)
        status = add_topic(plan, kurier_result_topic(plan->topics, i), specs[i].partitions);
    return status;
}

/* ---- Where the group is -------------------------------------------------------------------------*/

static int find_committed(struct plan *plan, struct admin *admin, const char *group)
{
    const kurier_group_ref ref = {.name = group};
    int status;
    plan->committed = admin_ask(admin, kurier_admin_list_group_offsets(&ref, 1), &status);
    return plan->committed ? admin_complain(plan->committed, KURIER_OK) : status;
}

static int take_committed(struct plan *plan)
{
    const kurier_group_offsets_info *info = kurier_result_group_offsets(plan->committed, 0);
    int status = 0;
    for (uint32_t i = 0; !status && i < info->offset_count; i++)
        if (info->offsets[i].offset >= 0)
            status = add(plan, info->offsets[i].topic, info->offsets[i].partition, -1);
    return status;
}

static void note_committed(struct plan *plan)
{
    const kurier_group_offsets_info *info = kurier_result_group_offsets(plan->committed, 0);
    for (uint32_t i = 0; i < info->offset_count; i++) {
        const struct plan_row key = {.topic = info->offsets[i].topic,
                                     .partition = info->offsets[i].partition};
        struct plan_row *row =
            plan->count ? bsearch(&key, plan->rows, plan->count, sizeof key, compare) : NULL;
        if (row)
            row->committed = info->offsets[i].offset;
    }
}

int plan_load(struct plan *plan, struct admin *admin, const char *group)
{
    const struct args *args = admin->args;
    *plan = (struct plan){0};
    int status = find_committed(plan, admin, group);
    if (!status && args->reset.from_file)
        status = take_file(plan, args->reset.from_file);
    else if (!status && args->all_topics)
        status = take_committed(plan);
    else if (!status)
        status = take_topics(plan, admin);
    if (!status)
        status = settle(plan);
    if (!status)
        note_committed(plan);
    if (!status && !plan->count)
        status = cli_fail("%s: there is nothing to reset", group);
    return status;
}

/* ---- Where partitions begin and end ---------------------------------------------------------------*/

static int find_place(struct plan *plan, struct admin *admin, kurier_position *positions,
                      int64_t offset, int64_t time_ms, size_t field)
{
    kurier_result *result;
    int status;
    for (size_t i = 0; i < plan->count; i++) {
        positions[i] = kurier_at(plan->rows[i].topic, plan->rows[i].partition, offset);
        positions[i].timestamp_ms = time_ms;
    }
    result = admin_ask(admin, kurier_admin_list_offsets(positions, plan->count), &status);
    if (!result)
        return status;
    for (size_t i = 0; i < plan->count; i++)
        *(int64_t *)((char *)&plan->rows[i] + field) = kurier_result_offset(result, i)->offset;
    status = admin_complain(result, KURIER_OK);
    kurier_result_free(result);
    return status;
}

int plan_find(struct plan *plan, struct admin *admin, int64_t time_ms)
{
    kurier_position *positions = calloc(plan->count + 1, sizeof *positions);
    int status = positions ? 0 : cli_fail("out of memory");
    if (!status)
        status = find_place(plan, admin, positions, KURIER_BEGINNING, 0,
                            offsetof(struct plan_row, first));
    if (!status)
        status = find_place(plan, admin, positions, KURIER_END, 0, offsetof(struct plan_row, end));
    if (!status && time_ms >= 0)
        status = find_place(plan, admin, positions, 0, time_ms, offsetof(struct plan_row, at_time));
    free(positions);
    return status;
}

void plan_free(struct plan *plan)
{
    for (size_t i = 0; plan->specs && plan->specs[i]; i++)
        free(plan->specs[i]);
    free(plan->specs);
    free((void *)plan->file.data);
    free(plan->rows);
    kurier_result_free(plan->topics);
    kurier_result_free(plan->committed);
}
