/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeConfigs, of topics and of brokers, from the tables. */
#include "wire/gen/describe_configs.h"
#include "broker/api/api.h"
#include "broker/api/config_resource.h"
#include "broker/server/configs_groups.h"

struct describe {
    struct kd_request *request;
    struct kw_describe_configs_request in;
    struct kw_describe_configs_response out;
};

/* One resource: its table, where its values are, and whose they are. */
struct subject {
    enum kd_entity entity;
    const struct kb_options *table;
    const void *values;
    const struct kd_overrides *own; /* of a topic, a group, or of all brokers */
    struct kd_group_config group;   /* where values may be */
};

/* Kafka's numbers for the types of values. */
static int8_t type_of(const struct kb_option *row)
{
    static const int8_t types[] = {
        [KB_OPT_BOOL] = 1,   [KB_OPT_INT] = 3,  [KB_OPT_LONG] = 5, [KB_OPT_DOUBLE] = 6,
        [KB_OPT_STRING] = 2, [KB_OPT_LIST] = 7, [KB_OPT_ENUM] = 2, [KB_OPT_SET] = 7};
    return types[row->type];
}

/* Of all brokers' share only what was set is told: the rest is each one's own. */
static bool is_wanted(const struct subject *subject,
                      const struct kw_describe_configs_request_resource *in,
                      const struct kb_option *row)
{
    if (row->type == KB_OPT_IGNORED ||
        (subject->entity == KD_ENTITY_CLUSTER && !kd_overrides_get(subject->own, row->key)))
        return false;
    for (int32_t i = 0; i < in->configuration_keys_count; i++)
        if (kb_slice_is(in->configuration_keys[i], row->key))
            return true;
    return in->configuration_keys_count <= 0;
}

static int find_sources(struct describe *d, const struct subject *subject,
                        const struct kb_option *row, struct kd_config_source *out)
{
    if (subject->entity != KD_ENTITY_CLUSTER)
        return kd_config_sources(d->request, row, subject->own, out);
    out[0] = (struct kd_config_source){
        row->key, kb_slice_str(kd_overrides_get(subject->own, row->key)), KD_FROM_CLUSTER};
    return 1;
}

static void fill_synonyms(struct describe *d, const struct kd_config_source *sources, int count,
                          struct kw_describe_configs_response_config *out)
{
    out->synonyms = kb_arena_array(&d->request->arena, (size_t)count, sizeof *out->synonyms);
    for (int i = 0; out->synonyms && i < count; i++) {
        struct kw_describe_configs_response_synonym *synonym =
            &out->synonyms[out->synonyms_count++];
        kw_describe_configs_response_synonym_init(synonym);
        synonym->name = kb_slice_str(sources[i].key);
        synonym->value = out->is_sensitive ? kb_slice_null() : sources[i].value;
        synonym->source = sources[i].origin;
    }
}

static void fill_config(struct describe *d, const struct subject *subject,
                        const struct kb_option *row,
                        struct kw_describe_configs_response_config *out)
{
    struct kd_config_source sources[KD_CONFIG_SOURCES];
    int count = find_sources(d, subject, row, sources);
    /* The file's may stand under a coarser key, in its unit. */
    bool as_told = count && sources[0].origin != KD_FROM_FILE;
    kw_describe_configs_response_config_init(out);
    out->name = kb_slice_str(row->key);
    out->is_sensitive = row->flags & KB_OPT_SECRET;
    if (!out->is_sensitive)
        out->value = as_told ? sources[0].value : kd_config_text(d->request, row, subject->values);
    out->read_only = !(row->flags & KB_OPT_DYNAMIC);
    out->config_source = count ? sources[0].origin : KD_FROM_DEFAULT;
    out->config_type = type_of(row);
    if (d->in.include_documentation)
        out->documentation = kb_slice_str(row->doc);
    if (d->in.include_synonyms)
        fill_synonyms(d, sources, count, out);
}

/* Also one that nobody knows: it would have what the broker says. */
static void describe_group(struct describe *d, struct kb_slice name, struct subject *out)
{
    static const struct kd_overrides none;
    const struct kd_shard *shard = d->request->shard;
    const struct kd_group_settings *settings = kd_group_settings_find(&shard->configs, name);
    out->table = kd_group_config_table();
    out->own = settings ? &settings->overrides : &none;
    kd_group_config_make(shard->config, out->own, &out->group);
    out->values = &out->group;
}

static int find_subject(struct describe *d, const struct kw_describe_configs_request_resource *in,
                        struct subject *out, struct kb_error *err)
{
    const struct kd_shard *shard = d->request->shard;
    enum kd_entity entity;
    int code = kd_config_resource(shard, in->resource_type, in->resource_name, &entity, err);
    *out = (struct subject){entity, kd_config_table(), shard->config, NULL, {0}};
    if (!code && entity == KD_ENTITY_TOPIC) {
        const struct kd_topic *topic = kd_topics_find(&shard->topics, in->resource_name);
        *out = (struct subject){
            entity, kd_topic_config_table(), &topic->config, &topic->overrides, {0}};
    } else if (!code && entity == KD_ENTITY_GROUP) {
        describe_group(d, in->resource_name, out);
    } else if (entity == KD_ENTITY_CLUSTER) {
        out->own = &shard->configs.live.layers[KD_LAYER_CLUSTER];
    }
    return code;
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
        if (is_wanted(&subject, in, &subject.table->rows[i]))
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
