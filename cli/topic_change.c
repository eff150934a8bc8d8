/* SPDX-License-Identifier: Apache-2.0 */
/* topic alter, add-partitions, delete. */
#include "cli/admin.h"
#include "cli/commands.h"
#include <stdlib.h>
#include <string.h>

static const char *const *names(const struct args *args)
{
    return (const char *const *)args->operands;
}

/* Several changes of one topic are several items, side by side. */
static bool is_new(const kurier_result *result, size_t i)
{
    return i == 0 || strcmp(kurier_result_item(result, i)->name,
                            kurier_result_item(result, i - 1)->name) != 0;
}

/* One line for each that was done. */
static void print_done(const struct args *args, const kurier_result *result, const char *done)
{
    struct js json = js_to(args->out);
    if (args->json)
        js_open(&json, NULL, '[');
    for (size_t i = 0; i < kurier_result_count(result); i++) {
        const kurier_item *item = kurier_result_item(result, i);
        if (item->code || !is_new(result, i))
            continue;
        if (args->json)
            js_text(&json, NULL, item->name);
        else if (args->verbosity)
            out_format(args->out, "%s: %s%s\n", item->name, args->dry_run ? "can be " : "", done);
    }
    if (args->json) {
        js_close(&json, ']');
        js_end(&json);
    }
}

/* ---- Deleting -------------------------------------------------------------------------*/

static void print_deleted(const struct args *args, const kurier_result *result)
{
    print_done(args, result, "deleted");
}

static int run_delete(struct args *args)
{
    return admin_run(args, kurier_admin_delete_topics(names(args), (size_t)args->operand_count),
                     print_deleted,
                     args->if_exists ? KURIER_E_UNKNOWN_TOPIC_OR_PARTITION : KURIER_OK);
}

const struct command topic_delete_command = {
    .name = "topic delete",
    .operands = "NAME...",
    .doc = "deletes topics and all their records",
    .flags = "if-exists json",
    .traits = TAKES_BROKERS,
    .run = run_delete,
};

/* ---- Growing ----------------------------------------------------------------------------*/

static void print_grown(const struct args *args, const kurier_result *result)
{
    print_done(args, result, "grown");
}

static int grow(const struct args *args)
{
    size_t n = (size_t)args->operand_count;
    kurier_new_topic *topics = calloc(n, sizeof *topics);
    if (!topics)
        return cli_fail("out of memory");
    for (size_t i = 0; i < n; i++) {
        topics[i].name = args->operands[i];
        topics[i].partitions = (int32_t)args->partitions;
    }
    kurier_request *request = kurier_request_with(kurier_admin_create_partitions(topics, n),
                                                  args->dry_run ? KURIER_VALIDATE_ONLY : 0);
    free(topics);
    return admin_run(args, request, print_grown, KURIER_OK);
}

static int run_add_partitions(struct args *args)
{
    if (!args->partitions)
        return cli_misuse(args, "-p N is missing: how many there shall be");
    return grow(args);
}

const struct command topic_add_partitions_command = {
    .name = "topic add-partitions",
    .operands = "NAME...",
    .doc = "raises the number of partitions to N in all",
    .flags = "partitions dry-run json",
    .traits = TAKES_BROKERS,
    .run = run_add_partitions,
    .about = "Records with a key go to other partitions from then on: the order of a key's records "
             "is kept within each partition only.",
};

/* ---- Settings ---------------------------------------------------------------------------*/

static void print_altered(const struct args *args, const kurier_result *result)
{
    print_done(args, result, "altered");
}

static int set(const struct args *args)
{
    size_t n = args->setting_count, at = 0;
    kurier_setting_change *changes = calloc(n * (size_t)args->operand_count, sizeof *changes);
    if (!changes)
        return cli_fail("out of memory");
    for (int i = 0; i < args->operand_count; i++)
        for (size_t k = 0; k < n; k++)
            changes[at++] = (kurier_setting_change){.name = args->operands[i],
                                                    .key = args->settings[2 * k],
                                                    .value = args->settings[2 * k + 1],
                                                    .kind = KURIER_TOPIC};
    kurier_request *request = kurier_request_with(kurier_admin_alter_configs(changes, at),
                                                  args->dry_run ? KURIER_VALIDATE_ONLY : 0);
    free(changes);
    return admin_run(args, request, args->partitions ? NULL : print_altered, KURIER_OK);
}

static int run_alter(struct args *args)
{
    int status = 0;
    if (!args->partitions && !args->setting_count)
        return cli_misuse(args, "say what: -p N, -s KEY=VALUE or both");
    if (args->setting_count)
        status = set(args);
    return !status && args->partitions ? grow(args) : status;
}

const struct command topic_alter_command = {
    .name = "topic alter",
    .operands = "NAME...",
    .doc = "changes settings, adds partitions",
    .flags = "partitions setting dry-run json",
    .traits = TAKES_BROKERS,
    .run = run_alter,
    .about = "`kurier config unset` takes a setting back.",
};
