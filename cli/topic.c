/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Prints what failed, row by row; what is there about a row that went well is
 * the caller's. */
static int complain(const kurier_row *rows, size_t n)
{
    int status = 0;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].code == KURIER_OK || rows[i].partition >= 0)
            continue;
        const char *text = rows[i].text ? rows[i].text : kurier_code_text(rows[i].code);
        status = cli_fail("%s: %s (%s)", rows[i].name, text, kurier_code_name(rows[i].code));
    }
    return status;
}

typedef void print_fn(const kurier_row *rows, size_t n);

static int run_on(kurier_client *client, struct args *args, kurier_request *request,
                  print_fn *print)
{
    const kurier_row *rows;
    kurier_error err;
    int status = cli_ready(client, args);
    if (status) {
        kurier_request_free(request);
        return status;
    }
    kurier_result *result = kurier_admin_run(client, request, cli_timeout_ms(args), &err);
    if (!result)
        return err.code == KURIER_E_INTERRUPTED ? EXIT_INTERRUPTED : cli_fail("%s", err.text);
    size_t n = kurier_result_rows(result, &rows);
    if (print)
        print(rows, n);
    status = complain(rows, n);
    kurier_result_free(result);
    return status;
}

/* One request from connecting to freeing. */
static int run(struct args *args, kurier_request *request, print_fn *print)
{
    kurier_error err;
    kurier_client *client = kurier_client_new(NULL, args->config, &err);
    if (!client) {
        kurier_request_free(request);
        return cli_fail("%s", err.text);
    }
    cli_wake_on_signal(client);
    int status = run_on(client, args, request, print);
    cli_wake_on_signal(NULL);
    kurier_client_free(client);
    return status;
}

int topic_create_run(struct args *args)
{
    size_t n = (size_t)args->operand_count;
    kurier_new_topic *topics = calloc(n, sizeof *topics);
    if (!topics)
        return cli_fail("out of memory");
    for (size_t i = 0; i < n; i++) {
        topics[i].name = args->operands[i];
        topics[i].partitions = args->partition > 0 ? (int32_t)args->partition : 0;
        topics[i].replication = (int16_t)args->replication;
        topics[i].config = args->settings;
    }
    int status = run(args, kurier_admin_create_topics(topics, n), NULL);
    free(topics);
    return status;
}

int topic_delete_run(struct args *args)
{
    const char *const *names = (const char *const *)args->operands;
    return run(args, kurier_admin_delete_topics(names, (size_t)args->operand_count), NULL);
}

/* Rows come ordered by name. */
static bool begins_topic(const kurier_row *rows, size_t i)
{
    return i == 0 || strcmp(rows[i].name, rows[i - 1].name);
}

static void print_names(const kurier_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (begins_topic(rows, i))
            puts(rows[i].name);
}

int topic_list_run(struct args *args)
{
    return run(args, kurier_admin_topics(NULL, 0), print_names);
}

static void print_nodes(const char *what, const int32_t *nodes, uint32_t n)
{
    printf("  %s ", what);
    for (uint32_t i = 0; i < n; i++)
        printf("%s%" PRId32, i ? "," : "", nodes[i]);
}

static void print_partition(const kurier_row *row)
{
    printf("  %" PRId32 "  leader ", row->partition);
    if (row->leader >= 0)
        printf("%" PRId32, row->leader);
    else
        printf("none");
    printf("  epoch %" PRId32, row->epoch);
    print_nodes("replicas", row->replicas, row->replica_count);
    print_nodes("isr", row->isr, row->isr_count);
    putchar('\n');
}

static size_t count_partitions(const kurier_row *rows, size_t i, size_t n)
{
    size_t count = 0;
    while (i + count < n && !strcmp(rows[i + count].name, rows[i].name))
        count++;
    return count;
}

static void print_partitions(const kurier_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].partition < 0)
            continue;
        if (begins_topic(rows, i))
            printf("%s: %zu partitions\n", rows[i].name, count_partitions(rows, i, n));
        print_partition(&rows[i]);
    }
}

int topic_describe_run(struct args *args)
{
    const char *const *names = (const char *const *)args->operands;
    size_t n = (size_t)args->operand_count;
    return run(args, kurier_admin_topics(n ? names : NULL, n), print_partitions);
}
