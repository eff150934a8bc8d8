/* SPDX-License-Identifier: Apache-2.0 */
/* cluster apis, features: what brokers can do. */
#include "cli/admin.h"
#include "cli/commands.h"

static void print_apis(const struct args *args, const kurier_result *result)
{
    static const struct column columns[] = {
        {">BROKER", "broker"}, {">KEY", "key"},   {"API", "api"}, {">MIN", "min"},
        {">MAX", "max"},       {">USED", "used"}, {NULL, NULL}};
    const kurier_versions_info *info;
    struct listing listing;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; (info = kurier_result_versions(result, i)); i++)
        for (uint32_t k = 0; k < info->api_count; k++) {
            listing_number(&listing, info->node);
            listing_number(&listing, info->apis[k].key);
            listing_text(&listing, info->apis[k].name);
            listing_number(&listing, info->apis[k].min);
            listing_number(&listing, info->apis[k].max);
            listing_number(&listing, info->apis[k].used);
        }
    listing_end(&listing);
}

static void print_features(const struct args *args, const kurier_result *result)
{
    static const struct column columns[] = {{">BROKER", "broker"}, {"FEATURE", "feature"},
                                            {">MIN", "min"},       {">MAX", "max"},
                                            {">LEVEL", "level"},   {NULL, NULL}};
    const kurier_versions_info *info;
    struct listing listing;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; (info = kurier_result_versions(result, i)); i++)
        for (uint32_t k = 0; k < info->feature_count; k++) {
            listing_number(&listing, info->node);
            listing_text(&listing, info->features[k].name);
            listing_number(&listing, info->features[k].min);
            listing_number(&listing, info->features[k].max);
            listing_number(&listing, info->features[k].finalized_max);
        }
    listing_end(&listing);
}

static int ask(const struct args *args, admin_print_fn *print)
{
    int32_t node = (int32_t)args->broker;
    bool one = args->broker >= 0;
    return admin_run(args, kurier_admin_describe_versions(one ? &node : NULL, one), print,
                     KURIER_OK);
}

static int run_apis(struct args *args)
{
    return ask(args, print_apis);
}

static int run_features(struct args *args)
{
    return ask(args, print_features);
}

const struct command cluster_apis_command = {
    .name = "cluster apis",
    .operands = "",
    .doc = "prints which versions of which requests brokers take",
    .flags = "broker json",
    .traits = TAKES_BROKERS,
    .run = run_apis,
    .about = "USED is the version that libkurier would speak; - if it does not.",
};

const struct command cluster_features_command = {
    .name = "cluster features",
    .operands = "",
    .doc = "prints the features of brokers, and the level that the cluster agreed on",
    .flags = "broker json",
    .traits = TAKES_BROKERS,
    .run = run_features,
};
