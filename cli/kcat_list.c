/* SPDX-License-Identifier: Apache-2.0 */
/* -L: brokers, topics and partitions in kcat's words. */
#include "cli/admin.h"
#include "cli/commands.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct metadata {
    const struct args *args;
    const kurier_cluster_info *cluster;
    const kurier_result *topics;
    char origin[300]; /* whom we asked */
};

/* ---- As JSON ------------------------------------------------------------------------*/

static void json_nodes(struct js *json, const char *key, kurier_nodes nodes)
{
    js_open(json, key, '[');
    for (uint32_t i = 0; i < nodes.count; i++) {
        js_open(json, NULL, '{');
        js_number(json, "id", nodes.ids[i]);
        js_close(json, '}');
    }
    js_close(json, ']');
}

static void json_brokers(struct js *json, const kurier_cluster_info *cluster)
{
    js_open(json, "brokers", '[');
    for (uint32_t i = 0; i < cluster->broker_count; i++) {
        char name[300];
        snprintf(name, sizeof name, "%s:%" PRId32, cluster->brokers[i].host,
                 cluster->brokers[i].port);
        js_open(json, NULL, '{');
        js_number(json, "id", cluster->brokers[i].node);
        js_text(json, "name", name);
        js_close(json, '}');
    }
    js_close(json, ']');
}

static void json_topic(struct js *json, const kurier_topic_info *topic)
{
    js_open(json, NULL, '{');
    js_text(json, "topic", topic->name);
    if (topic->code)
        js_text(json, "error", kurier_code_text(topic->code));
    js_open(json, "partitions", '[');
    for (int32_t i = 0; i < topic->partition_count; i++) {
        const kurier_partition_info *p = &topic->partitions[i];
        js_open(json, NULL, '{');
        js_number(json, "partition", p->partition);
        if (p->code)
            js_text(json, "error", kurier_code_text(p->code));
        js_number(json, "leader", p->leader);
        json_nodes(json, "replicas", p->replicas);
        json_nodes(json, "isrs", p->isr);
        js_close(json, '}');
    }
    js_close(json, ']');
    js_close(json, '}');
}

static void print_json(const struct metadata *m)
{
    struct js json = js_to(m->args->out);
    const kurier_topic_info *topic;
    js_open(&json, NULL, '{');
    js_open(&json, "originating_broker", '{');
    js_number(&json, "id", -1);
    js_text(&json, "name", m->origin);
    js_close(&json, '}');
    js_open(&json, "query", '{');
    js_text(&json, "topic", m->args->topic ? m->args->topic : "*");
    js_close(&json, '}');
    js_number(&json, "controllerid", m->cluster->controller);
    json_brokers(&json, m->cluster);
    js_open(&json, "topics", '[');
    for (size_t i = 0; (topic = kurier_result_topic(m->topics, i)); i++)
        json_topic(&json, topic);
    js_close(&json, ']');
    js_close(&json, '}');
    js_end(&json);
}

/* ---- As text --------------------------------------------------------------------------*/

static void print_nodes(struct out *out, const char *what, kurier_nodes nodes)
{
    out_text(out, what);
    for (uint32_t i = 0; i < nodes.count; i++) {
        if (i)
            out_char(out, ',');
        out_number(out, nodes.ids[i]);
    }
}

static void print_topic(struct out *out, const kurier_topic_info *topic)
{
    int32_t n = topic->partition_count > 0 ? topic->partition_count : 0;
    out_format(out, "  topic \"%s\" with %" PRId32 " partitions:%s%s\n", topic->name, n,
               topic->code ? " " : "", topic->code ? kurier_code_text(topic->code) : "");
    for (int32_t i = 0; i < n; i++) {
        const kurier_partition_info *p = &topic->partitions[i];
        out_format(out, "    partition %" PRId32 ", leader %" PRId32 ", ", p->partition, p->leader);
        print_nodes(out, "replicas: ", p->replicas);
        print_nodes(out, ", isrs: ", p->isr);
        if (p->code)
            out_format(out, ", %s", kurier_code_text(p->code));
        out_char(out, '\n');
    }
}

static void print_text(const struct metadata *m)
{
    struct out *out = m->args->out;
    const kurier_topic_info *topic;
    out_format(out, "Metadata for %s (from broker -1: %s):\n",
               m->args->topic ? m->args->topic : "all topics", m->origin);
    out_format(out, " %" PRIu32 " brokers:\n", m->cluster->broker_count);
    for (uint32_t i = 0; i < m->cluster->broker_count; i++) {
        const kurier_broker_info *broker = &m->cluster->brokers[i];
        out_format(out, "  broker %" PRId32 " at %s:%" PRId32 "%s\n", broker->node, broker->host,
                   broker->port, broker->node == m->cluster->controller ? " (controller)" : "");
    }
    out_format(out, " %zu topics:\n", kurier_result_count(m->topics));
    for (size_t i = 0; (topic = kurier_result_topic(m->topics, i)); i++)
        print_topic(out, topic);
}

/* ---- The command ------------------------------------------------------------------------*/

static void find_origin(struct metadata *m)
{
    static const char suffix[] = "/bootstrap";
    size_t room = sizeof m->origin - sizeof suffix;
    kurier_config_get(m->args->config, "bootstrap.servers", m->origin, room);
    m->origin[strcspn(m->origin, ",")] = '\0';
    strcat(m->origin, suffix);
}

static int run(struct args *args)
{
    struct admin admin;
    struct metadata m = {.args = args};
    kurier_result *cluster = NULL, *topics = NULL;
    int status = admin_open(&admin, args);
    if (!status)
        cluster = admin_ask(&admin, kurier_admin_describe_cluster(), &status);
    if (cluster)
        topics = admin_ask(
            &admin,
            kurier_admin_describe_topics(args->topic ? &args->topic : NULL, args->topic != NULL),
            &status);
    if (topics) {
        m.cluster = kurier_result_cluster(cluster, 0);
        m.topics = topics;
        find_origin(&m);
        (args->json ? print_json : print_text)(&m);
        out_flush(args->out);
        status = admin_complain(topics, KURIER_OK);
    }
    kurier_result_free(cluster);
    kurier_result_free(topics);
    admin_close(&admin);
    return status;
}

const struct command kcat_list_command = {
    .name = "-L",
    .operands = "",
    .doc = "prints brokers, topics and partitions, as kcat does",
    .flags = "",
    .traits = TAKES_BROKERS,
    .run = run,
};
