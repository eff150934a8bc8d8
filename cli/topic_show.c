/* SPDX-License-Identifier: Apache-2.0 */
/* topic list, topic describe: what there is. */
#include "cli/admin.h"
#include "cli/commands.h"
#include <inttypes.h>

/* ---- As JSON ------------------------------------------------------------------------*/

static void json_nodes(struct js *json, const char *key, kurier_nodes nodes)
{
    js_open(json, key, '[');
    for (uint32_t i = 0; i < nodes.count; i++)
        js_number(json, NULL, nodes.ids[i]);
    js_close(json, ']');
}

static void json_partition(struct js *json, const kurier_partition_info *p)
{
    js_open(json, NULL, '{');
    js_number(json, "partition", p->partition);
    js_number(json, "leader", p->leader);
    js_number(json, "leader_epoch", p->leader_epoch);
    json_nodes(json, "replicas", p->replicas);
    json_nodes(json, "isr", p->isr);
    json_nodes(json, "offline", p->offline);
    if (p->code)
        js_text(json, "error", kurier_code_name(p->code));
    js_close(json, '}');
}

static void json_topic(struct js *json, const kurier_topic_info *topic)
{
    js_open(json, NULL, '{');
    js_text(json, "topic", topic->name);
    js_text(json, "id", topic->id);
    js_bool(json, "internal", topic->internal);
    if (topic->code)
        js_text(json, "error", kurier_code_name(topic->code));
    js_open(json, "partitions", '[');
    for (int32_t i = 0; topic->partitions && i < topic->partition_count; i++)
        json_partition(json, &topic->partitions[i]);
    js_close(json, ']');
    js_close(json, '}');
}

static bool is_shown(const struct args *args, const kurier_topic_info *topic)
{
    return !topic->internal || args->all || args->operand_count;
}

static void print_json(const struct args *args, const kurier_result *result)
{
    struct js json = js_to(args->out);
    const kurier_topic_info *topic;
    js_open(&json, NULL, '[');
    for (size_t i = 0; (topic = kurier_result_topic(result, i)); i++)
        if (is_shown(args, topic))
            json_topic(&json, topic);
    js_close(&json, ']');
    js_end(&json);
}

/* ---- As text --------------------------------------------------------------------------*/

static void print_names(const struct args *args, const kurier_result *result)
{
    const kurier_topic_info *topic;
    if (args->json) {
        print_json(args, result);
        return;
    }
    for (size_t i = 0; (topic = kurier_result_topic(result, i)); i++)
        if (is_shown(args, topic))
            out_format(args->out, "%s\n", topic->name);
}

static void print_nodes(struct out *out, const char *what, kurier_nodes nodes)
{
    out_format(out, "  %s ", what);
    for (uint32_t i = 0; i < nodes.count; i++)
        out_format(out, "%s%" PRId32, i ? "," : "", nodes.ids[i]);
}

/* What needs somebody's attention stands out. */
static void print_partition(struct out *out, const kurier_partition_info *p)
{
    bool bad = p->leader < 0 || p->isr.count < p->replicas.count;
    out_colour(out, bad ? OUT_BAD : OUT_PLAIN);
    out_format(out, "  %" PRId32 "  leader ", p->partition);
    if (p->leader >= 0)
        out_number(out, p->leader);
    else
        out_text(out, "none");
    out_format(out, "  epoch %" PRId32, p->leader_epoch);
    print_nodes(out, "replicas", p->replicas);
    print_nodes(out, "isr", p->isr);
    if (p->offline.count)
        print_nodes(out, "offline", p->offline);
    if (bad)
        out_colour(out, OUT_PLAIN);
    out_char(out, '\n');
}

static void print_topics(const struct args *args, const kurier_result *result)
{
    const kurier_topic_info *topic;
    if (args->json) {
        print_json(args, result);
        return;
    }
    for (size_t i = 0; (topic = kurier_result_topic(result, i)); i++) {
        if (topic->code || !is_shown(args, topic))
            continue;
        out_colour(args->out, OUT_HEAD);
        out_text(args->out, topic->name);
        out_colour(args->out, OUT_PLAIN);
        out_format(args->out, ": %" PRId32 " partition%s", topic->partition_count,
                   topic->partition_count == 1 ? "" : "s");
        if (topic->id)
            out_format(args->out, ", id %s", topic->id);
        out_text(args->out, topic->internal ? ", internal\n" : "\n");
        for (int32_t k = 0; k < topic->partition_count; k++)
            print_partition(args->out, &topic->partitions[k]);
    }
}

/* ---- Commands ---------------------------------------------------------------------------*/

static int run_list(struct args *args)
{
    return admin_run(args, kurier_admin_describe_topics(NULL, 0), print_names, KURIER_OK);
}

static int run_describe(struct args *args)
{
    const char *const *names = (const char *const *)args->operands;
    size_t n = (size_t)args->operand_count;
    return admin_run(args, kurier_admin_describe_topics(n ? names : NULL, n), print_topics,
                     KURIER_OK);
}

const struct command topic_list_command = {
    .name = "topic list",
    .operands = "",
    .doc = "prints the names of topics",
    .flags = "all json",
    .traits = TAKES_BROKERS,
    .run = run_list,
};

const struct command topic_describe_command = {
    .name = "topic describe",
    .operands = "[NAME]...",
    .doc = "prints partitions and who holds them",
    .flags = "all json",
    .traits = TAKES_BROKERS,
    .run = run_describe,
};
