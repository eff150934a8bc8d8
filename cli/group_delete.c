/* SPDX-License-Identifier: Apache-2.0 */
/* group delete: groups, or their offsets of topics. */
#include "cli/commands.h"
#include "cli/group_show.h"
#include <stdlib.h>

/* ---- Groups ---------------------------------------------------------------------------*/

static void print_deleted(const struct args *args, const kurier_result *result)
{
    struct js json = js_to(args->out);
    if (args->json)
        js_open(&json, NULL, '[');
    for (size_t i = 0; i < kurier_result_count(result); i++) {
        const kurier_item *item = kurier_result_item(result, i);
        if (item->code)
            continue;
        if (args->json)
            js_text(&json, NULL, item->name);
        else if (args->verbosity)
            out_format(args->out, "%s: deleted\n", item->name);
    }
    if (args->json) {
        js_close(&json, ']');
        js_end(&json);
    }
}

/* The code that --if-exists takes for none. */
static kurier_code not_found(const struct args *args)
{
    return args->if_exists ? KURIER_E_GROUP_ID_NOT_FOUND : KURIER_OK;
}

static int delete_groups(const struct args *args)
{
    const char *const *names = (const char *const *)args->operands;
    return admin_run(args, kurier_admin_delete_groups(names, (size_t)args->operand_count),
                     print_deleted, not_found(args));
}

/* ---- Offsets ----------------------------------------------------------------------------*/

static void print_partitions(const struct args *args, const char *group,
                             const kurier_result *result)
{
    static const struct column columns[] = {
        {"GROUP", "group"}, {"TOPIC", "topic"}, {">PARTITION", "partition"}, {NULL, NULL}};
    struct listing listing;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; i < kurier_result_count(result); i++) {
        const kurier_item *item = kurier_result_item(result, i);
        if (item->code)
            continue;
        listing_text(&listing, group);
        listing_text(&listing, item->name);
        listing_number(&listing, item->partition);
    }
    listing_end(&listing);
    out_flush(args->out);
}

static int delete_partitions(struct admin *admin, const char *group,
                             const kurier_position *positions, size_t n)
{
    int status;
    kurier_result *result =
        admin_ask(admin, kurier_admin_delete_group_offsets(group, positions, n), &status);
    if (!result)
        return status;
    print_partitions(admin->args, group, result);
    status = admin_complain(result, KURIER_OK);
    kurier_result_free(result);
    return status;
}

/* What it has committed of those topics. */
static int delete_committed(struct admin *admin, const kurier_group_offsets_info *info)
{
    kurier_position *positions = calloc(info->offset_count + 1, sizeof *positions);
    size_t n = 0;
    int status;
    if (!positions)
        return cli_fail("out of memory");
    for (uint32_t i = 0; i < info->offset_count; i++)
        if (group_topic_is_named(admin->args, info->offsets[i].topic))
            positions[n++] = kurier_at(info->offsets[i].topic, info->offsets[i].partition, 0);
    if (n)
        status = delete_partitions(admin, info->name, positions, n);
    else
        status = admin->args->if_exists
                     ? 0
                     : cli_fail("%s has no offsets of these topics; `kurier group lag %s` shows "
                                "what it has",
                                info->name, info->name);
    free(positions);
    return status;
}

static int delete_offsets(const struct args *args)
{
    struct admin admin;
    kurier_result *result = NULL;
    const kurier_group_ref ref = {.name = args->operands[0]};
    int status = admin_open(&admin, args);
    if (!status)
        result = admin_ask(&admin, kurier_admin_list_group_offsets(&ref, 1), &status);
    if (result)
        status = admin_complain(result, KURIER_OK);
    if (result && !status)
        status = delete_committed(&admin, kurier_result_group_offsets(result, 0));
    kurier_result_free(result);
    admin_close(&admin);
    return status;
}

/* ---- The command ---------------------------------------------------------------------------*/

static int run(struct args *args)
{
    if (!args->offsets && args->topic_count)
        return cli_misuse(args, "-t is about --offsets; without, the whole group goes");
    if (!args->offsets)
        return delete_groups(args);
    if (!args->topic_count)
        return cli_misuse(args, "of which topics: -t TOPIC");
    if (args->operand_count > 1)
        return cli_misuse(args, "offsets of one GROUP at a time, not of %s as well",
                          args->operands[1]);
    return delete_offsets(args);
}

const struct command group_delete_command = {
    .name = "group delete",
    .operands = "GROUP...",
    .doc = "deletes groups without members, or their offsets of topics",
    .flags = "offsets topic if-exists json",
    .traits = TAKES_BROKERS,
    .run = run,
    .about = "With --offsets only what the group has committed of the topics of -t goes; no member "
             "may be subscribed to these.",
};
