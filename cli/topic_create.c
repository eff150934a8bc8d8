/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin.h"
#include "cli/commands.h"
#include <inttypes.h>
#include <stdlib.h>

static void print_json(const struct args *args, const kurier_result *result)
{
    struct js json = js_to(args->out);
    const kurier_topic_info *topic;
    js_open(&json, NULL, '[');
    for (size_t i = 0; (topic = kurier_result_topic(result, i)); i++) {
        if (topic->code)
            continue;
        js_open(&json, NULL, '{');
        js_text(&json, "topic", topic->name);
        js_text(&json, "id", topic->id);
        js_number(&json, "partitions", topic->partition_count);
        js_number(&json, "replication", topic->replication);
        js_close(&json, '}');
    }
    js_close(&json, ']');
    js_end(&json);
}

static void print(const struct args *args, const kurier_result *result)
{
    const kurier_topic_info *topic;
    if (args->json) {
        print_json(args, result);
        return;
    }
    for (size_t i = 0; args->verbosity && (topic = kurier_result_topic(result, i)); i++) {
        if (topic->code)
            continue;
        out_format(args->out, "%s: %s", topic->name, args->dry_run ? "can be created" : "created");
        if (topic->partition_count > 0)
            out_format(args->out, ", %" PRId32 " partitions, %d replicas", topic->partition_count,
                       topic->replication);
        out_char(args->out, '\n');
    }
}

static int run(struct args *args)
{
    size_t n = (size_t)args->operand_count;
    kurier_new_topic *topics = calloc(n, sizeof *topics);
    if (!topics)
        return cli_fail("out of memory");
    for (size_t i = 0; i < n; i++) {
        topics[i].name = args->operands[i];
        topics[i].partitions = (int32_t)args->partitions;
        topics[i].replication = (int16_t)args->replication;
        topics[i].config = args->settings;
    }
    kurier_request *request = kurier_request_with(kurier_admin_create_topics(topics, n),
                                                  args->dry_run ? KURIER_VALIDATE_ONLY : 0);
    free(topics);
    return admin_run(args, request, print,
                     args->if_not_exists ? KURIER_E_TOPIC_ALREADY_EXISTS : KURIER_OK);
}

const struct command topic_create_command = {
    .name = "topic create",
    .operands = "NAME...",
    .doc = "creates topics",
    .flags = "partitions replication setting if-not-exists dry-run json",
    .traits = TAKES_BROKERS,
    .run = run,
};
