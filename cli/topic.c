/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Prints what failed, item by item; what is there about one that went well is
 * the caller's. */
static int complain(const kurier_result *result)
{
    kurier_error err;
    int status = 0;
    for (size_t i = 0; i < kurier_result_count(result); i++)
        if (kurier_result_outcome(result, i, &err))
            status = cli_fail("%s (%s)", err.text, kurier_code_name(err.code));
    return status;
}

typedef void print_fn(const kurier_result *result);

static int run_on(kurier_client *client, struct args *args, kurier_request *request,
                  print_fn *print)
{
    kurier_error err;
    int status = cli_ready(client, args);
    if (status) {
        kurier_request_free(request);
        return status;
    }
    kurier_result *result = kurier_admin_run(client, request, cli_timeout_ms(args), &err);
    if (!result)
        return err.code == KURIER_E_INTERRUPTED ? EXIT_INTERRUPTED : cli_fail("%s", err.text);
    if (print)
        print(result);
    status = complain(result);
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

static void print_names(const kurier_result *result)
{
    for (size_t i = 0; i < kurier_result_count(result); i++)
        puts(kurier_result_item(result, i)->name);
}

int topic_list_run(struct args *args)
{
    return run(args, kurier_admin_describe_topics(NULL, 0), print_names);
}

static void print_nodes(const char *what, kurier_nodes nodes)
{
    printf("  %s ", what);
    for (uint32_t i = 0; i < nodes.count; i++)
        printf("%s%" PRId32, i ? "," : "", nodes.ids[i]);
}

static void print_partition(const kurier_partition_info *partition)
{
    printf("  %" PRId32 "  leader ", partition->partition);
    if (partition->leader >= 0)
        printf("%" PRId32, partition->leader);
    else
        printf("none");
    printf("  epoch %" PRId32, partition->leader_epoch);
    print_nodes("replicas", partition->replicas);
    print_nodes("isr", partition->isr);
    putchar('\n');
}

static void print_partitions(const kurier_result *result)
{
    const kurier_topic_info *topic;
    for (size_t i = 0; (topic = kurier_result_topic(result, i)); i++) {
        if (topic->code)
            continue;
        printf("%s: %" PRId32 " partitions\n", topic->name, topic->partition_count);
        for (int32_t k = 0; k < topic->partition_count; k++)
            print_partition(&topic->partitions[k]);
    }
}

int topic_describe_run(struct args *args)
{
    const char *const *names = (const char *const *)args->operands;
    size_t n = (size_t)args->operand_count;
    return run(args, kurier_admin_describe_topics(n ? names : NULL, n), print_partitions);
}
