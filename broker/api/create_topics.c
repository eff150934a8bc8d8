/* SPDX-License-Identifier: Apache-2.0 */
/* CreateTopics: all of a request are checked, then made side by side. */
#include "wire/gen/create_topics.h"
#include "broker/api/api.h"
#include "broker/api/config_resource.h"
#include "broker/server/changes.h"

struct create {
    struct kd_request *request;
    struct kw_create_topics_request in;
    struct kw_create_topics_response out;
    const bool *repeated; /* by topic */
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

static bool *find_repeated(struct create *create, size_t count)
{
    struct kb_slice *names = kb_arena_array(&create->request->arena, count, sizeof *names);
    for (size_t i = 0; names && i < count; i++)
        names[i] = create->in.topics[i].name;
    return names ? kd_find_repeated(create->request, names, count) : NULL;
}

static void take_configs(struct create *create, const struct kw_create_topics_request_topic *in,
                         struct kd_new_topic *topic)
{
    struct kd_alteration *configs = kb_arena_array(
        &create->request->arena, (size_t)KB_MAX(in->configs_count, 0), sizeof *configs);
    topic->configs = configs;
    for (int32_t i = 0; configs && i < in->configs_count; i++)
        configs[topic->config_count++] =
            (struct kd_alteration){KD_ALTER_SET, in->configs[i].name, in->configs[i].value};
}

/* ---- The answer --------------------------------------------------------- */

static void tell_config(struct kd_request *request, const struct kd_topic *topic,
                        const struct kb_option *row, struct kw_create_topics_response_config *out)
{
    struct kd_config_source sources[KD_CONFIG_SOURCES];
    int count = kd_config_sources(request, row, &topic->overrides, sources);
    kw_create_topics_response_config_init(out);
    out->name = kb_slice_str(row->key);
    out->value = kd_config_text(request, row, &topic->config);
    out->config_source = count ? sources[0].origin : KD_FROM_DEFAULT;
}

/* The configuration that the topic has, or would have. */
static void tell_configs(struct one *one, const struct kd_topic *topic)
{
    struct kd_request *request = one->create->request;
    const struct kb_options *table = kd_topic_config_table();
    one->out->configs = kb_arena_array(&request->arena, table->count, sizeof *one->out->configs);
    one->out->configs_count = 0;
    for (size_t i = 0; one->out->configs && i < table->count; i++)
        if (table->rows[i].type != KB_OPT_IGNORED)
            tell_config(request, topic, &table->rows[i],
                        &one->out->configs[one->out->configs_count++]);
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
    out->error_message = kb_slice_null();
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
    struct kd_topic *draft = NULL;
    if (create->repeated[at])
        kb_error_set(&err, KB_E_INVALID_REQUEST, "the topic is named twice in this request");
    else if (!check_counts(create, in, &err))
        draft = kd_change_draft(shard, &one->topic, &err);
    if (!draft) {
        refuse(create, out, err.code, err.text);
        return;
    }
    out->topic_id = create->in.validate_only ? (struct kb_uuid){{0}} : one->topic.id;
    out->num_partitions = one->topic.count;
    out->replication_factor = 1;
    tell_configs(one, draft);
    if (create->in.validate_only) {
        kd_topic_free(draft);
        return;
    }
    create->pending++;
    kd_change_create(shard, draft, one->topic.count, on_created, one);
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
    create->repeated = find_repeated(create, count);
    if (!create->out.topics || !create->repeated) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        create->out.topics_count++;
        start(create, (int32_t)i);
    }
    settle(create);
}
