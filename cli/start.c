/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/start.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Partitions -----------------------------------------------------------------------*/

static int take(struct partitions *p, const kurier_topic_info *topic, const struct args *args)
{
    size_t n = topic->partition_count > 0 ? (size_t)topic->partition_count : 0;
    if (topic->code)
        return cli_failed(args->topic, -1, topic->code, topic->text);
    p->rows = calloc(n + 1, sizeof *p->rows);
    if (!p->rows)
        return cli_fail("out of memory");
    for (size_t i = 0; i < n; i++) {
        const kurier_partition_info *info = &topic->partitions[i];
        if (args->partition < 0 || info->partition == args->partition)
            p->rows[p->count++] = (struct partition){info->partition, info->leader, false};
    }
    if (p->count == 0)
        return cli_fail("%s has %zu partitions, 0 to %zu; there is no %" PRId64, args->topic, n,
                        n - 1, args->partition);
    return 0;
}

int partitions_load(struct partitions *partitions, kurier_client *client, const struct args *args)
{
    kurier_error err;
    kurier_result *result = kurier_admin_run(client, kurier_admin_describe_topics(&args->topic, 1),
                                             cli_timeout_ms(args), &err);
    if (!result)
        return cli_error(&err);
    int status = take(partitions, kurier_result_topic(result, 0), args);
    kurier_result_free(result);
    return status;
}

struct partition *partitions_find(const struct partitions *partitions, int32_t id)
{
    struct partition *row = partitions->rows;
    while (row->id != id)
        row++;
    return row;
}

void partitions_free(struct partitions *partitions)
{
    free(partitions->rows);
}

/* ---- Offsets ---------------------------------------------------------------------------*/

int start_parse(const struct args *args, struct start *out)
{
    const char *text = args->start ? args->start : "beginning";
    *out = (struct start){AT_OFFSET, KURIER_BEGINNING};
    if (!strcmp(text, "beginning") || !strcmp(text, "earliest"))
        return 0;
    if (!strcmp(text, "stored"))
        return cli_misuse(args, "-o stored: positions are stored by consumer groups, which this "
                                "version does not have");
    if (!strcmp(text, "end") || !strcmp(text, "latest")) {
        out->at = KURIER_END;
    } else if (!strncmp(text, "s@", 2) && cli_number(text + 2, 0, INT64_MAX, &out->at)) {
        out->kind = AT_TIME;
    } else if (*text == '-' && cli_number(text + 1, 0, INT64_MAX, &out->at)) {
        out->kind = BEFORE_END;
    } else if (!cli_number(text, 0, INT64_MAX, &out->at)) {
        return cli_misuse(args, "-o %s: beginning, end, N, -N, s@MS or e@MS is expected", text);
    }
    return 0;
}

/* Each position becomes the offset of what `at` asks for: a time, or an end. */
static int look_up(kurier_position *positions, size_t n, int64_t at, kurier_consumer *consumer,
                   const struct args *args)
{
    kurier_error err;
    for (size_t i = 0; i < n; i++) {
        positions[i].offset = at < 0 ? at : 0;
        positions[i].timestamp_ms = at;
    }
    return kurier_consumer_offsets_for_times(consumer, positions, n, cli_timeout_ms(args), &err)
               ? cli_error(&err)
               : 0;
}

/* N before the end, but none that is gone. */
static int go_back(kurier_position *positions, size_t n, int64_t records, kurier_consumer *consumer,
                   const struct args *args)
{
    kurier_position *first = malloc(n * sizeof *first);
    if (!first)
        return cli_fail("out of memory");
    memcpy(first, positions, n * sizeof *first);
    int status = look_up(first, n, KURIER_BEGINNING, consumer, args);
    if (!status)
        status = look_up(positions, n, KURIER_END, consumer, args);
    for (size_t i = 0; !status && i < n; i++) {
        int64_t kept = positions[i].offset - first[i].offset;
        positions[i].offset -= records < kept ? records : kept;
    }
    free(first);
    return status;
}

static int choose(const struct start *start, kurier_position *positions, size_t n,
                  kurier_consumer *consumer, const struct args *args)
{
    if (start->kind == AT_TIME)
        return look_up(positions, n, start->at, consumer, args);
    if (start->kind == BEFORE_END)
        return go_back(positions, n, start->at, consumer, args);
    for (size_t i = 0; i < n; i++)
        positions[i].offset = start->at;
    return 0;
}

int start_assign(const struct start *start, const struct partitions *partitions,
                 kurier_consumer *consumer, const struct args *args)
{
    size_t n = partitions->count;
    kurier_error err;
    kurier_position *positions = malloc(n * sizeof *positions);
    if (!positions)
        return cli_fail("out of memory");
    for (size_t i = 0; i < n; i++)
        positions[i] = kurier_at(args->topic, partitions->rows[i].id, KURIER_BEGINNING);
    int status = choose(start, positions, n, consumer, args);
    if (!status && kurier_consumer_assign(consumer, positions, n, &err))
        status = cli_error(&err);
    free(positions);
    return status;
}
