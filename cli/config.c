/* SPDX-License-Identifier: Apache-2.0 */
/* config list, get, set, unset: settings of a topic or a broker. */
#include "cli/admin.h"
#include "cli/commands.h"
#include <stdlib.h>
#include <string.h>

/* ---- Which resource ---------------------------------------------------------------------*/

static int resource(const struct args *args, kurier_resource_ref *out)
{
    const char *kind = args->operands[0], *name = args->operands[1];
    int64_t id;
    *out = (kurier_resource_ref){.name = name};
    if (!strcmp(kind, "topic")) {
        out->kind = KURIER_TOPIC;
    } else if (!strcmp(kind, "broker")) {
        out->kind = KURIER_BROKER;
        if (!strcmp(name, "default"))
            out->name = "";
        else if (!cli_number(name, 0, INT32_MAX, &id))
            return cli_misuse(args,
                              "broker %s: a node id or default is expected; `kurier cluster "
                              "brokers` shows them",
                              name);
    } else {
        return cli_misuse(args, "%s: topic or broker is expected", kind);
    }
    return 0;
}

/* ---- Showing -------------------------------------------------------------------------------*/

static bool is_set(const kurier_setting *setting)
{
    return setting->source != KURIER_SOURCE_DEFAULT && setting->source != KURIER_SOURCE_UNKNOWN;
}

static void print_listing(const struct args *args, const kurier_resource_info *info)
{
    static const struct column columns[] = {
        {"KEY", "key"},   {"VALUE", "value"},         {"SOURCE", "source"},
        {"TYPE", "type"}, {"READ-ONLY", "read_only"}, {NULL, NULL}};
    struct listing listing;
    listing_begin(&listing, args, columns);
    for (uint32_t i = 0; i < info->setting_count; i++) {
        const kurier_setting *setting = &info->settings[i];
        if (!args->all && !is_set(setting))
            continue;
        listing_text(&listing, setting->key);
        listing_text(&listing, setting->sensitive && !args->json ? "(secret)" : setting->value);
        listing_text(&listing, kurier_source_name(setting->source));
        listing_text(&listing, kurier_setting_type_name(setting->type));
        listing_bool(&listing, setting->read_only);
    }
    listing_end(&listing);
}

static void print_list(const struct args *args, const kurier_result *result)
{
    const kurier_resource_info *info = kurier_result_resource(result, 0);
    if (info && !info->code)
        print_listing(args, info);
}

static int run_list(struct args *args)
{
    kurier_resource_ref ref;
    int status = resource(args, &ref);
    return status ? status
                  : admin_run(args, kurier_admin_describe_configs(&ref, 1), print_list, KURIER_OK);
}

static const kurier_setting *find(const kurier_resource_info *info, const char *key)
{
    for (uint32_t i = 0; i < info->setting_count; i++)
        if (!strcmp(info->settings[i].key, key))
            return &info->settings[i];
    return NULL;
}

static void print_values(const struct args *args, const kurier_result *result)
{
    const kurier_resource_info *info = kurier_result_resource(result, 0);
    struct js json = js_to(args->out);
    if (!info || info->code)
        return;
    if (args->json)
        js_open(&json, NULL, '{');
    for (int i = 2; i < args->operand_count; i++) {
        const kurier_setting *setting = find(info, args->operands[i]);
        if (setting && args->json)
            js_text(&json, setting->key, setting->value);
        else if (setting)
            out_format(args->out, "%s\n", setting->value ? setting->value : "");
    }
    if (args->json) {
        js_close(&json, '}');
        js_end(&json);
    }
}

/* A key that nobody knows is a failure, though the others are printed. */
static int missing(const struct args *args, const kurier_result *result)
{
    const kurier_resource_info *info = kurier_result_resource(result, 0);
    int status = 0;
    for (int i = 2; info && !info->code && i < args->operand_count; i++)
        if (!find(info, args->operands[i]))
            status = cli_fail("%s %s has no %s; `kurier config list --all %s %s` shows what it has",
                              args->operands[0], args->operands[1], args->operands[i],
                              args->operands[0], args->operands[1]);
    return status;
}

static int run_get(struct args *args)
{
    struct admin admin;
    kurier_resource_ref ref;
    kurier_result *result = NULL;
    int status = resource(args, &ref);
    if (status)
        return status;
    status = admin_open(&admin, args);
    if (!status)
        result = admin_ask(&admin, kurier_admin_describe_configs(&ref, 1), &status);
    if (result) {
        print_values(args, result);
        out_flush(args->out);
        status = admin_complain(result, KURIER_OK);
        status = status ? status : missing(args, result);
    }
    kurier_result_free(result);
    admin_close(&admin);
    return status;
}

/* ---- Changing ------------------------------------------------------------------------------*/

/* KEY=VALUE is cut in place. KEY+=VALUE and KEY-=VALUE add to a list, and take away. */
static int read_change(const struct args *args, char *text, kurier_setting_change *change)
{
    char *equal = strchr(text, '=');
    if (!equal || equal == text)
        return cli_misuse(args, "%s: KEY=VALUE is expected", text);
    *equal = '\0';
    change->change = equal[-1] == '+'   ? KURIER_APPEND
                     : equal[-1] == '-' ? KURIER_SUBTRACT
                                        : KURIER_SET;
    if (change->change != KURIER_SET)
        equal[-1] = '\0';
    change->key = text;
    change->value = equal + 1;
    return 0;
}

static int change_all(const struct args *args, bool set)
{
    size_t n = (size_t)args->operand_count - 2;
    kurier_resource_ref ref;
    int status = resource(args, &ref);
    kurier_setting_change *changes = calloc(n, sizeof *changes);
    if (!changes)
        return cli_fail("out of memory");
    for (size_t i = 0; !status && i < n; i++) {
        char *text = args->operands[i + 2];
        changes[i] = (kurier_setting_change){
            .name = ref.name, .kind = ref.kind, .key = text, .change = KURIER_DELETE};
        if (set)
            status = read_change(args, text, &changes[i]);
    }
    if (!status)
        status = admin_run(args,
                           kurier_request_with(kurier_admin_alter_configs(changes, n),
                                               args->dry_run ? KURIER_VALIDATE_ONLY : 0),
                           NULL, KURIER_OK);
    free(changes);
    return status;
}

static int run_set(struct args *args)
{
    return change_all(args, true);
}

static int run_unset(struct args *args)
{
    return change_all(args, false);
}

/* ---- Commands --------------------------------------------------------------------------------*/

const struct command config_list_command = {
    .name = "config list",
    .operands = "topic|broker NAME",
    .doc = "prints settings and where they come from",
    .flags = "all json",
    .traits = TAKES_BROKERS,
    .run = run_list,
    .about = "Without -a only those that are not at their built-in default.",
};

const struct command config_get_command = {
    .name = "config get",
    .operands = "topic|broker NAME KEY...",
    .doc = "prints the values of keys, a line each",
    .flags = "json",
    .traits = TAKES_BROKERS,
    .run = run_get,
};

const struct command config_set_command = {
    .name = "config set",
    .operands = "topic|broker NAME KEY=VALUE...",
    .doc = "changes settings",
    .flags = "dry-run",
    .traits = TAKES_BROKERS,
    .run = run_set,
    .about = "KEY+=VALUE adds to a list, KEY-=VALUE takes from it.",
};

const struct command config_unset_command = {
    .name = "config unset",
    .operands = "topic|broker NAME KEY...",
    .doc = "takes settings back to their defaults",
    .flags = "dry-run",
    .traits = TAKES_BROKERS,
    .run = run_unset,
};
