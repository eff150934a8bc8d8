/* SPDX-License-Identifier: Apache-2.0 */
/* group list, group describe: what there is. */
#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/group_show.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Listing ------------------------------------------------------------------------*/

static void print_list(const struct args *args, const kurier_result *result)
{
    static const struct column columns[] = {{"GROUP", "group"},
                                            {"TYPE", "type"},
                                            {"PROTOCOL", "protocol"},
                                            {"STATE", "state"},
                                            {">COORDINATOR", "coordinator"},
                                            {NULL, NULL}};
    struct listing listing;
    const kurier_group_info *group;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; (group = kurier_result_group(result, i)); i++) {
        const char *protocol = group->protocol_type;
        listing_text(&listing, group->name);
        listing_text(&listing, group->type);
        listing_text(&listing, protocol && *protocol ? protocol : NULL);
        listing_text(&listing, group->state);
        listing_number(&listing, group->coordinator);
    }
    listing_end(&listing);
}

static int run_list(struct args *args)
{
    const char *const *states = *args->states ? args->states : NULL;
    const char *const *types = *args->types ? args->types : NULL;
    return admin_run(args, kurier_admin_list_groups(states, types), print_list, KURIER_OK);
}

/* ---- Naming ----------------------------------------------------------------------------*/

int group_names_load(struct group_names *names, struct admin *admin)
{
    const kurier_group_info *group;
    const struct args *args = admin->args;
    int status = 0;
    *names = (struct group_names){.names = (const char *const *)args->operands,
                                  .count = (size_t)args->operand_count};
    if (names->count)
        return 0;
    names->result = admin_ask(admin, kurier_admin_list_groups(NULL, NULL), &status);
    if (!names->result)
        return status;
    names->listed = calloc(kurier_result_count(names->result) + 1, sizeof *names->listed);
    if (!names->listed)
        return cli_fail("out of memory");
    for (size_t i = 0; (group = kurier_result_group(names->result, i)); i++)
        names->listed[names->count++] = group->name;
    names->names = names->listed;
    return 0;
}

void group_names_free(struct group_names *names)
{
    kurier_result_free(names->result);
    free(names->listed);
}

bool group_topic_is_named(const struct args *args, const char *topic)
{
    for (size_t i = 0; i < args->topic_count; i++)
        if (!strcmp(args->topics[i], topic))
            return true;
    return false;
}

/* ---- As JSON --------------------------------------------------------------------------*/

/* Those of one topic stand together: they are sorted. */
static void json_partitions(struct js *json, const char *key, const kurier_position *positions,
                            uint32_t count)
{
    js_open(json, key, '[');
    for (uint32_t i = 0; i < count; i++) {
        bool first = i == 0 || strcmp(positions[i].topic, positions[i - 1].topic) != 0;
        bool last = i + 1 == count || strcmp(positions[i].topic, positions[i + 1].topic) != 0;
        if (first) {
            js_open(json, NULL, '{');
            js_text(json, "topic", positions[i].topic);
            js_open(json, "partitions", '[');
        }
        js_number(json, NULL, positions[i].partition);
        if (last) {
            js_close(json, ']');
            js_close(json, '}');
        }
    }
    js_close(json, ']');
}

static void json_member(struct js *json, const kurier_group_member *member)
{
    js_open(json, NULL, '{');
    js_text(json, "member", member->id);
    js_text(json, "instance", member->instance);
    js_text(json, "client", member->client);
    js_text(json, "host", member->host);
    js_text(json, "rack", member->rack);
    js_number(json, "epoch", member->epoch);
    js_text(json, "type", member->classic ? "classic" : "consumer");
    js_open(json, "topics", '[');
    for (uint32_t i = 0; i < member->topic_count; i++)
        js_text(json, NULL, member->topics[i]);
    js_close(json, ']');
    js_text(json, "regex", member->regex);
    json_partitions(json, "assigned", member->assigned, member->assigned_count);
    if (!member->classic)
        json_partitions(json, "target", member->target, member->target_count);
    js_close(json, '}');
}

static void json_group(struct js *json, const kurier_group_info *group)
{
    js_open(json, NULL, '{');
    js_text(json, "group", group->name);
    if (group->code) {
        js_text(json, "error", kurier_code_name(group->code));
        js_close(json, '}');
        return;
    }
    js_text(json, "state", group->state);
    js_text(json, "type", group->type);
    js_text(json, "protocol", group->protocol_type);
    js_text(json, "assignor", group->assignor);
    js_number(json, "epoch", group->epoch);
    js_number(json, "assignment_epoch", group->assignment_epoch);
    js_number(json, "coordinator", group->coordinator);
    js_open(json, "members", '[');
    for (uint32_t i = 0; i < group->member_count; i++)
        json_member(json, &group->members[i]);
    js_close(json, ']');
    js_close(json, '}');
}

static void print_json(const struct args *args, const kurier_result *result)
{
    struct js json = js_to(args->out);
    const kurier_group_info *group;
    js_open(&json, NULL, '[');
    for (size_t i = 0; (group = kurier_result_group(result, i)); i++)
        json_group(&json, group);
    js_close(&json, ']');
    js_end(&json);
}

/* ---- As text ---------------------------------------------------------------------------*/

/* "orders 0-2,5; users 1": free it. NULL: no memory. */
static char *partitions_text(const kurier_position *positions, uint32_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (uint32_t i = 0, last; out && i < count; i = last + 1) {
        bool first = i == 0 || strcmp(positions[i].topic, positions[i - 1].topic) != 0;
        for (last = i; last + 1 < count && !strcmp(positions[last + 1].topic, positions[i].topic) &&
                       positions[last + 1].partition == positions[last].partition + 1;)
            last++;
        if (first)
            fprintf(out, "%s%s ", i ? "; " : "", positions[i].topic);
        fprintf(out, "%s%" PRId32, first ? "" : ",", positions[i].partition);
        if (last > i)
            fprintf(out, "-%" PRId32, positions[last].partition);
    }
    if (out && fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}

static void partitions_cell(struct listing *listing, const kurier_position *positions,
                            uint32_t count)
{
    char *text = count ? partitions_text(positions, count) : NULL;
    if (count && !text)
        listing->failed = true;
    listing_text(listing, text);
    free(text);
}

static bool same(const kurier_group_member *member)
{
    if (member->assigned_count != member->target_count)
        return false;
    for (uint32_t i = 0; i < member->target_count; i++)
        if (member->assigned[i].partition != member->target[i].partition ||
            strcmp(member->assigned[i].topic, member->target[i].topic) != 0)
            return false;
    return true;
}

/* What a member is to have is shown where it is not what it has. */
static void print_member(struct listing *listing, const kurier_group_member *member)
{
    listing_text(listing, member->client);
    listing_text(listing, member->host);
    listing_text(listing, member->id);
    listing_text(listing, member->instance);
    listing_number(listing, member->epoch);
    listing_number(listing, member->assigned_count);
    partitions_cell(listing, member->assigned, member->assigned_count);
    if (member->classic || same(member))
        listing_text(listing, NULL);
    else
        partitions_cell(listing, member->target, member->target_count);
}

static void print_members(const struct args *args, const kurier_group_info *group)
{
    static const struct column columns[] = {
        {"CLIENT", "client"},     {"HOST", "host"},    {"MEMBER", "member"},
        {"INSTANCE", "instance"}, {">EPOCH", "epoch"}, {">PARTITIONS", "partitions"},
        {"ASSIGNED", "assigned"}, {"TO BE", "target"}, {NULL, NULL}};
    struct listing listing;
    listing_begin(&listing, args, columns);
    for (uint32_t i = 0; i < group->member_count; i++)
        print_member(&listing, &group->members[i]);
    listing_end(&listing);
}

/* "billing: Stable, consumer, assignor uniform, epoch 7, coordinator 1, 2 members" */
static void print_head(const struct args *args, const kurier_group_info *group)
{
    struct out *out = args->out;
    out_colour(out, OUT_HEAD);
    out_text(out, group->name);
    out_colour(out, OUT_PLAIN);
    out_format(out, ": %s, %s", group->state, group->type);
    if (*group->protocol_type && strcmp(group->protocol_type, "consumer") != 0)
        out_format(out, " of protocol %s", group->protocol_type);
    if (group->assignor)
        out_format(out, ", assignor %s", group->assignor);
    if (group->epoch >= 0)
        out_format(out, ", epoch %" PRId32, group->epoch);
    if (group->epoch != group->assignment_epoch)
        out_format(out, ", assignment of epoch %" PRId32, group->assignment_epoch);
    out_format(out, ", coordinator %" PRId32 ", %" PRIu32 " member%s\n", group->coordinator,
               group->member_count, group->member_count == 1 ? "" : "s");
}

static void print_groups(const struct args *args, const kurier_result *result)
{
    const kurier_group_info *group;
    if (args->json) {
        print_json(args, result);
        return;
    }
    for (size_t i = 0; (group = kurier_result_group(result, i)); i++) {
        if (group->code)
            continue;
        print_head(args, group);
        if (group->member_count)
            print_members(args, group);
    }
}

static int run_describe(struct args *args)
{
    struct admin admin;
    struct group_names names = {0};
    kurier_result *result = NULL;
    int status = admin_open(&admin, args);
    if (!status)
        status = group_names_load(&names, &admin);
    if (!status)
        result = admin_ask(&admin, kurier_admin_describe_groups(names.names, names.count), &status);
    if (result) {
        print_groups(args, result);
        out_flush(args->out);
        status = admin_complain(result, KURIER_OK);
    }
    kurier_result_free(result);
    group_names_free(&names);
    admin_close(&admin);
    return status;
}

/* ---- Commands -----------------------------------------------------------------------------*/

const struct command group_list_command = {
    .name = "group list",
    .operands = "",
    .doc = "prints the groups of all brokers",
    .flags = "state type json",
    .traits = TAKES_BROKERS,
    .run = run_list,
};

const struct command group_describe_command = {
    .name = "group describe",
    .operands = "[GROUP]...",
    .doc = "prints groups, their members and what these have",
    .flags = "json",
    .traits = TAKES_BROKERS,
    .run = run_describe,
    .about = "A member's epoch is that of KIP-848. While a group reconciles, TO BE is what the "
             "member is to have in the end, where that is not what it has now.",
};
