/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeConfigs, of topics and of this broker, from the tables. */
#include "wire/gen/describe_configs.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include <stdio.h>

enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4 };
enum { SOURCE_TOPIC = 1, SOURCE_STATIC_BROKER = 4, SOURCE_DEFAULT = 5 };

struct describe {
    struct kd_request *request;
    struct kw_describe_configs_request in;
    struct kw_describe_configs_response out;
};

/* One resource: its table, where its values are, and whose each value is. */
struct subject {
    const struct kb_options *table;
    const void *values;
    const struct kd_topic_config *topic; /* NULL: the broker itself */
};

/* Kafka's numbers for the types of values. */
static int8_t type_of(const struct kb_option *row)
{
    static const int8_t types[] = {
        [KB_OPT_BOOL] = 1,   [KB_OPT_INT] = 3,  [KB_OPT_LONG] = 5, [KB_OPT_DOUBLE] = 6,
        [KB_OPT_STRING] = 2, [KB_OPT_LIST] = 7, [KB_OPT_ENUM] = 2};
    return types[row->type];
}

static bool is_wanted(const struct kw_describe_configs_request_resource *in,
                      const struct kb_option *row)
{
    if (row->type == KB_OPT_IGNORED)
        return false;
    if (in->configuration_keys_count < 0)
        return true;
    for (int32_t i = 0; i < in->configuration_keys_count; i++)
        if (kb_slice_is(in->configuration_keys[i], row->key))
            return true;
    return false;
}

static struct kb_slice text_of(struct describe *d, const struct kb_option *row, const void *values)
{
    char text[1024];
    if ((row->type == KB_OPT_STRING || row->type == KB_OPT_LIST) &&
        !*(char *const *)((const char *)values + row->field))
        return kb_slice_null();
    kb_options_get(row, values, text, sizeof text);
    return kd_keep(d->request, kb_slice_str(text));
}

static void add_synonym(struct kw_describe_configs_response_config *out, const char *name,
                        struct kb_slice value, int8_t source)
{
    out->synonyms[out->synonyms_count++] =
        (struct kw_describe_configs_response_synonym){kb_slice_str(name), value, source};
}

/* Where the value comes from, the nearest first: the topic, the broker's file,
 * the default. */
static void fill_sources(struct describe *d, const struct subject *subject,
                         const struct kb_option *row,
                         struct kw_describe_configs_response_config *out)
{
    const struct kd_config *broker = d->request->shard->config;
    const struct kb_option *below = subject->topic ? kd_topic_config_default_row(row) : row;
    out->synonyms = kb_arena_array(&d->request->arena, 3, sizeof *out->synonyms);
    if (!out->synonyms)
        return;
    if (subject->topic && kd_topic_config_is_given(subject->topic, row))
        add_synonym(out, row->key, out->value, SOURCE_TOPIC);
    if (below && kd_config_is_given(broker, below))
        add_synonym(out, below->key, text_of(d, below, broker), SOURCE_STATIC_BROKER);
    const struct kb_option *last = below ? below : row;
    if (last->value)
        add_synonym(out, last->key, kb_slice_str(last->value), SOURCE_DEFAULT);
    out->config_source = out->synonyms_count ? out->synonyms[0].source : SOURCE_DEFAULT;
    if (!d->in.include_synonyms)
        out->synonyms_count = 0;
}

static void fill_config(struct describe *d, const struct subject *subject,
                        const struct kb_option *row,
                        struct kw_describe_configs_response_config *out)
{
    kw_describe_configs_response_config_init(out);
    out->name = kb_slice_str(row->key);
    out->is_sensitive = row->flags & KB_OPT_SECRET;
    out->value = out->is_sensitive ? kb_slice_null() : text_of(d, row, subject->values);
    out->read_only = !(row->flags & KB_OPT_DYNAMIC);
    out->config_type = type_of(row);
    if (d->in.include_documentation)
        out->documentation = kb_slice_str(row->doc);
    fill_sources(d, subject, row, out);
}

static int find_subject(struct describe *d, const struct kw_describe_configs_request_resource *in,
                        struct subject *out, struct kb_error *err)
{
    const struct kd_shard *shard = d->request->shard;
    char number[16];
    *out = (struct subject){.table = kd_config_table(), .values = shard->config};
    if (in->resource_type == RESOURCE_TOPIC) {
        const struct kd_topic *topic = kd_topics_find(&shard->topics, in->resource_name);
        if (!topic)
            return kb_error_set(err, KB_E_UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic");
        *out = (struct subject){kd_topic_config_table(), &topic->config, &topic->config};
        return 0;
    }
    if (in->resource_type != RESOURCE_BROKER)
        return kb_error_set(err, KB_E_INVALID_REQUEST, "resource type %d is not served",
                            in->resource_type);
    snprintf(number, sizeof number, "%d", shard->config->node_id);
    if (in->resource_name.size && !kb_slice_is(in->resource_name, number))
        return kb_error_set(err, KB_E_INVALID_REQUEST, "this is broker %s", number);
    return 0;
}

static void fill(struct describe *d, const struct kw_describe_configs_request_resource *in,
                 struct kw_describe_configs_response_resource *out)
{
    struct subject subject;
    struct kb_error err;
    kw_describe_configs_response_resource_init(out);
    out->resource_type = in->resource_type;
    out->resource_name = in->resource_name;
    out->error_code = (int16_t)find_subject(d, in, &subject, &err);
    if (out->error_code) {
        out->error_message = kd_keep(d->request, kb_slice_str(err.text));
        return;
    }
    out->configs = kb_arena_array(&d->request->arena, subject.table->count, sizeof *out->configs);
    for (size_t i = 0; out->configs && i < subject.table->count; i++)
        if (is_wanted(in, &subject.table->rows[i]))
            fill_config(d, &subject, &subject.table->rows[i], &out->configs[out->configs_count++]);
}

void kd_handle_describe_configs(struct kd_request *request)
{
    struct describe d = {.request = request};
    struct kw_writer w;
    int16_t version = request->header.version;
    if (!kw_describe_configs_request_decode(&request->body, version, &request->arena, &d.in)) {
        kd_request_refuse(request);
        return;
    }
    size_t count = (size_t)d.in.resources_count;
    kw_describe_configs_response_init(&d.out);
    d.out.results = kb_arena_array(&request->arena, count, sizeof *d.out.results);
    for (size_t i = 0; d.out.results && i < count; i++)
        fill(&d, &d.in.resources[i], &d.out.results[d.out.results_count++]);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_describe_configs_response_encode(&w, version, &d.out);
    kd_answer_end(request, &w);
}
