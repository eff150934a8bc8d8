/* SPDX-License-Identifier: Apache-2.0 */
/* cluster info, brokers, log-dirs, elect. */
#include "cli/commands.h"
#include "cli/spread.h"
#include <inttypes.h>
#include <string.h>

/* ---- The cluster -------------------------------------------------------------------------*/

static void print_info(const struct args *args, const kurier_result *result)
{
    const kurier_cluster_info *info = kurier_result_cluster(result, 0);
    struct js json = js_to(args->out);
    if (!info || info->code)
        return;
    if (!args->json) {
        out_format(args->out, "cluster     %s\ncontroller  %" PRId32 "\nbrokers     %" PRIu32 "\n",
                   info->name, info->controller, info->broker_count);
        return;
    }
    js_open(&json, NULL, '{');
    js_text(&json, "cluster", info->name);
    js_number(&json, "controller", info->controller);
    js_number(&json, "brokers", info->broker_count);
    js_close(&json, '}');
    js_end(&json);
}

static int run_info(struct args *args)
{
    return admin_run(args, kurier_admin_describe_cluster(), print_info, KURIER_OK);
}

static void print_brokers(const struct args *args, const kurier_result *result)
{
    static const struct column columns[] = {{">ID", "id"},
                                            {"HOST", "host"},
                                            {">PORT", "port"},
                                            {"RACK", "rack"},
                                            {"CONTROLLER", "controller"},
                                            {NULL, NULL}};
    const kurier_cluster_info *info = kurier_result_cluster(result, 0);
    struct listing listing;
    if (!info || info->code)
        return;
    listing_begin(&listing, args, columns);
    for (uint32_t i = 0; i < info->broker_count; i++) {
        const kurier_broker_info *broker = &info->brokers[i];
        listing_number(&listing, broker->node);
        listing_text(&listing, broker->host);
        listing_number(&listing, broker->port);
        listing_text(&listing, broker->rack);
        listing_bool(&listing, broker->node == info->controller);
    }
    listing_end(&listing);
}

static int run_brokers(struct args *args)
{
    return admin_run(args, kurier_admin_describe_cluster(), print_brokers, KURIER_OK);
}

/* ---- Log directories ------------------------------------------------------------------------*/

static void print_replicas(struct listing *listing, const kurier_log_dirs_info *broker,
                           const kurier_log_dir *dir)
{
    for (size_t i = 0; i < dir->replica_count; i++) {
        const kurier_log_replica *replica = &dir->replicas[i];
        listing_number(listing, broker->node);
        listing_text(listing, dir->path);
        listing_text(listing, replica->topic);
        listing_number(listing, replica->partition);
        listing_number(listing, replica->size_bytes);
        listing_number(listing, replica->lag);
    }
}

static void print_log_dirs(const struct args *args, const kurier_result *result)
{
    static const struct column columns[] = {{">BROKER", "broker"}, {"DIRECTORY", "dir"},
                                            {"TOPIC", "topic"},    {">PARTITION", "partition"},
                                            {">BYTES", "bytes"},   {">LAG", "lag"},
                                            {NULL, NULL}};
    const kurier_log_dirs_info *broker;
    struct listing listing;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; (broker = kurier_result_log_dirs(result, i)); i++)
        for (uint32_t k = 0; k < broker->dir_count; k++)
            print_replicas(&listing, broker, &broker->dirs[k]);
    listing_end(&listing);
}

/* A directory that failed is named behind those that did not. */
static int bad_dirs(const kurier_result *result)
{
    const kurier_log_dirs_info *broker;
    int status = 0;
    for (size_t i = 0; (broker = kurier_result_log_dirs(result, i)); i++)
        for (uint32_t k = 0; k < broker->dir_count; k++)
            if (broker->dirs[k].code)
                status = cli_failed(broker->dirs[k].path, -1, broker->dirs[k].code, NULL);
    return status;
}

static int run_log_dirs(struct args *args)
{
    struct admin admin;
    int32_t node = (int32_t)args->broker;
    bool one = args->broker >= 0;
    kurier_result *result = NULL;
    int status = admin_open(&admin, args);
    if (!status)
        result =
            admin_ask(&admin, kurier_admin_describe_log_dirs(one ? &node : NULL, one), &status);
    if (result) {
        print_log_dirs(args, result);
        out_flush(args->out);
        status = admin_complain(result, KURIER_OK);
        status = status ? status : bad_dirs(result);
    }
    kurier_result_free(result);
    admin_close(&admin);
    return status;
}

/* ---- Leaders -------------------------------------------------------------------------------*/

static void print_elected(const struct args *args, const kurier_result *result)
{
    static const struct column columns[] = {
        {"TOPIC", "topic"}, {">PARTITION", "partition"}, {"OUTCOME", "outcome"}, {NULL, NULL}};
    struct listing listing;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; i < kurier_result_count(result); i++) {
        const kurier_item *item = kurier_result_item(result, i);
        const char *name = kurier_code_name(item->code);
        listing_text(&listing, item->name);
        listing_number(&listing, item->partition);
        listing_text(&listing, item->code ? name : "ELECTED");
    }
    listing_end(&listing);
}

static int complain_but_not_needed(const kurier_result *result)
{
    int status = 0;
    for (size_t i = 0; i < kurier_result_count(result); i++) {
        const kurier_item *item = kurier_result_item(result, i);
        if (item->code && strcmp(kurier_code_name(item->code), "ELECTION_NOT_NEEDED") != 0)
            status = cli_failed(item->name, item->partition, item->code, item->text);
    }
    return status;
}

static int run_elect(struct args *args)
{
    struct admin admin;
    struct spread spread = {0};
    kurier_result *result = NULL;
    kurier_election kind = args->unclean ? KURIER_UNCLEAN : KURIER_PREFERRED;
    size_t n = (size_t)args->operand_count;
    int status = admin_open(&admin, args);
    if (!status && n)
        status = spread_load(&spread, &admin, (const char *const *)args->operands, n);
    if (!status && (!n || spread.count))
        result = admin_ask(&admin, kurier_admin_elect_leaders(kind, spread.positions, spread.count),
                           &status);
    if (result) {
        print_elected(args, result);
        out_flush(args->out);
        status = complain_but_not_needed(result);
    }
    status = status ? status : spread.status;
    kurier_result_free(result);
    spread_free(&spread);
    admin_close(&admin);
    return status;
}

/* ---- Commands --------------------------------------------------------------------------------*/

const struct command cluster_info_command = {
    .name = "cluster info",
    .operands = "",
    .doc = "prints the cluster's id and controller",
    .flags = "json",
    .traits = TAKES_BROKERS,
    .run = run_info,
};

const struct command cluster_brokers_command = {
    .name = "cluster brokers",
    .operands = "",
    .doc = "prints brokers and where they listen",
    .flags = "json",
    .traits = TAKES_BROKERS,
    .run = run_brokers,
};

const struct command cluster_log_dirs_command = {
    .name = "cluster log-dirs",
    .operands = "",
    .doc = "prints which partition takes how much disk",
    .flags = "broker json",
    .traits = TAKES_BROKERS,
    .run = run_log_dirs,
};

const struct command cluster_elect_command = {
    .name = "cluster elect",
    .operands = "[TOPIC]...",
    .doc = "elects preferred leaders, where others lead",
    .flags = "partition unclean json",
    .traits = TAKES_BROKERS,
    .run = run_elect,
    .about =
        "Of all partitions, or of those of the topics. With --unclean a replica that is not in "
        "sync may lead where no other is alive: records may be lost.",
};
