/* SPDX-License-Identifier: Apache-2.0 */
/* CreateTopics: all of a request are checked, then made side by side. */
#include "wire/gen/create_topics.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/server/changes.h"

struct create {
    struct kd_request *request;
    struct kw_create_topics_request in;
    struct kw_create_topics_response out;
    size_t pending;
};

struct one {
    struct create *create;
    struct kw_create_topics_response_topic *out;
    struct kd_new_topic topic;
};

static void settle(struct create *create)
{
    struct kw_writer w;
    if (--create->pending > 0)
        return;
    kd_answer_begin(create->request, &w);
    kw_create_topics_response_encode(&w, create->request->header.version, &create->out);
    kd_answer_end(create->request, &w);
}

static void refuse(struct create *create, struct kw_create_topics_response_topic *out, int code,
                   const char *why)
{
    out->error_code = (int16_t)code;
    out->error_message = kd_keep(create->request, kb_slice_str(why));
    out->topic_id = (struct kb_uuid){{0}};
    out->num_partitions = -1;
    out->replication_factor = -1;
}

/* ---- What is asked for -------------------------------------------------- */

/* Partitions 0 .. n-1, each on this broker alone. */
static int check_assignments(struct create *create, const struct kw_create_topics_request_topic *in,
                             struct kb_error *err)
{
    int32_t self = create->request->shard->config->node_id, count = in->assignments_count;
    if (in->num_partitions != -1 || in->replication_factor != -1)
        return kb_error_set(err, KB_E_INVALID_REQUEST,
                            "with assignments, partitions and replication factor are -1");
    bool *seen = kb_arena_array(&create->request->arena, (size_t)count, sizeof *seen);
    for (int32_t i = 0; seen && i < count; i++) {
        const struct kw_create_topics_request_assignment *a = &in->assignments[i];
        if (a->partition_index < 0 || a->partition_index >= count || seen[a->partition_index])
            return kb_error_set(err, KB_E_INVALID_REPLICA_ASSIGNMENT,
                                "partitions have to be assigned from 0 on, each once");
        seen[a->partition_index] = true;
        if (a->broker_ids_count != 1 || a->broker_ids[0] != self)
            return kb_error_set(err, KB_E_INVALID_REPLICA_ASSIGNMENT,
                                "the one broker there is has id %d", self);
    }
    return 0;
}

static int check_counts(struct create *create, const struct kw_create_topics_request_topic *in,
                        struct kb_error *err)
{
    if (in->assignments_count > 0)
        return check_assignments(create, in, err);
    if (in->num_partitions != -1 && in->num_partitions < 1)
        return kb_error_set(err, KB_E_INVALID_PARTITIONS, "the number of partitions is %d",
                            in->num_partitions);
    return 0;
}

static int32_t count_of(const struct create *create,
                        const struct kw_create_topics_request_topic *in)
{
    if (in->assignments_count > 0)
        return in->assignments_count;
    return in->num_partitions > 0 ? in->num_partitions
                                  : create->request->shard->config->num_partitions;
}

static bool is_repeated(const struct create *create, int32_t at)
{
    int count = 0;
    for (int32_t i = 0; i < create->in.topics_count; i++)
        count += kb_slice_equal(create->in.topics[i].name, create->in.topics[at].name);
    return count > 1;
}

static void take_configs(struct create *create, const struct kw_create_topics_request_topic *in,
                         struct kd_new_topic *topic)
{
    struct kb_arena *arena = &create->request->arena;
    struct kd_config_entry *entries =
        kb_arena_array(arena, (size_t)KB_MAX(in->configs_count, 0), sizeof *entries);
    topic->configs = entries;
    for (int32_t i = 0; entries && i < in->configs_count; i++) {
        if (!in->configs[i].value.data)
            continue; /* null: the default */
        struct kd_config_entry *entry = &entries[topic->config_count++];
        entry->key = kb_arena_strdup(arena, in->configs[i].name);
        entry->value = kb_arena_strdup(arena, in->configs[i].value);
    }
}

/* ---- The answer --------------------------------------------------------- */

static int8_t source_of(const struct kd_config *broker, const struct kd_topic_config *config,
                        const struct kb_option *row)
{
    enum { TOPIC = 1, STATIC_BROKER = 4, DEFAULT = 5 };
    const struct kb_option *from = kd_topic_config_default_row(row);
    if (kd_topic_config_is_given(config, row))
        return TOPIC;
    return from && kd_config_is_given(broker, from) ? STATIC_BROKER : DEFAULT;
}

/* The configuration that the topic has, or would have. */
static void tell_configs(struct one *one)
{
    struct kd_shard *shard = one->create->request->shard;
    struct kb_arena *arena = &one->create->request->arena;
    const struct kb_options *table = kd_topic_config_table();
    struct kd_topic_config config;
    char text[512];
    one->out->configs = kb_arena_array(arena, table->count, sizeof *one->out->configs);
    if (!one->out->configs || !kd_topic_config_init(&config, shard->config))
        return;
    for (size_t i = 0; i < one->topic.config_count; i++)
        kd_topic_config_set(&config, one->topic.configs[i].key, one->topic.configs[i].value, NULL);
    for (size_t i = 0; i < table->count; i++) {
        struct kw_create_topics_response_config *out =
            &one->out->configs[one->out->configs_count++];
        kb_options_get(&table->rows[i], &config, text, sizeof text);
        kw_create_topics_response_config_init(out);
        out->name = kb_slice_str(table->rows[i].key);
        out->value = kb_slice_str(kb_arena_strdup(arena, kb_slice_str(text)));
        out->config_source = source_of(shard->config, &config, &table->rows[i]);
    }
    kd_topic_config_deinit(&config);
}

static void on_created(void *ctx, int code)
{
    struct one *one = ctx;
    if (code)
        refuse(one->create, one->out, code, kb_code_text(code));
    settle(one->create);
}

static void start(struct create *create, int32_t at)
{
    const struct kw_create_topics_request_topic *in = &create->in.topics[at];
    struct kw_create_topics_response_topic *out = &create->out.topics[at];
    struct kd_shard *shard = create->request->shard;
    struct kb_error err;
    struct one *one = kb_arena_alloc(&create->request->arena, sizeof *one);
    kb_error_clear(&err);
    kw_create_topics_response_topic_init(out);
    out->name = in->name;
    if (!one)
        return;
    one->create = create;
    one->out = out;
    one->topic =
        (struct kd_new_topic){.name = in->name,
                              .id = kb_uuid_random(&shard->random),
                              .count = count_of(create, in),
                              .factor = in->assignments_count > 0 ? 1 : in->replication_factor};
    take_configs(create, in, &one->topic);
    if (is_repeated(create, at))
        kb_error_set(&err, KB_E_INVALID_REQUEST, "the topic is named twice in this request");
    else if (!check_counts(create, in, &err))
        kd_change_check(shard, &one->topic, &err);
    if (err.code) {
        refuse(create, out, err.code, err.text);
        return;
    }
    out->topic_id = create->in.validate_only ? (struct kb_uuid){{0}} : one->topic.id;
    out->num_partitions = one->topic.count;
    out->replication_factor = 1;
    tell_configs(one);
    if (create->in.validate_only)
        return;
    create->pending++;
    kd_change_create(shard, &one->topic, on_created, one);
}

void kd_handle_create_topics(struct kd_request *request)
{
    struct create *create = kb_arena_alloc(&request->arena, sizeof *create);
    if (!create || !kw_create_topics_request_decode(&request->body, request->header.version,
                                                    &request->arena, &create->in)) {
        kd_request_refuse(request);
        return;
    }
    size_t count = (size_t)create->in.topics_count;
    create->request = request;
    create->pending = 1;
    kw_create_topics_response_init(&create->out);
    create->out.topics = kb_arena_array(&request->arena, count, sizeof *create->out.topics);
    for (size_t i = 0; create->out.topics && i < count; i++) {
        create->out.topics_count++;
        start(create, (int32_t)i);
    }
    settle(create);
}
