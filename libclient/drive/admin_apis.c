/* SPDX-License-Identifier: Apache-2.0 */
/* What each administrative request writes and reads: a row of kc_admin_api each. */
#include "base/check.h"
#include "libclient/drive/admin.h"
#include "libclient/drive/cluster.h"
#include "wire/api.h"
#include "wire/gen/create_partitions.h"
#include "wire/gen/create_topics.h"
#include "wire/gen/delete_topics.h"
#include "wire/gen/describe_cluster.h"
#include "wire/gen/describe_configs.h"
#include "wire/gen/list_offsets.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { ARENA_BYTES = 64 << 20 };

static int unreadable(const struct kc_admin_part *part, const struct kw_reader *body,
                      struct kb_error *err)
{
    return kb_error_set(err, KB_E_PROTOCOL, "an answer to %s that cannot be read: %s",
                        kw_api_name(part->admin->stage->key),
                        body->fault ? body->fault : "out of memory");
}

static int no_memory(struct kb_error *err)
{
    return kb_error_set(err, KB_E_NO_MEMORY, "out of memory");
}

/* What every broker says of one thing: its name, a code, and words. */
static bool add_outcome(struct kc_admin_part *part, struct kb_slice name, int16_t code,
                        struct kb_slice text)
{
    kurier_result *result = part->admin->result;
    kurier_row *row = kc_result_row(result);
    if (!row)
        return false;
    row->name = kc_result_text(result, name);
    row->code = (kurier_code)code;
    row->text = kc_result_text(result, text);
    return true;
}

/*
 * Each encode builds its message in an arena, each take decodes into one; these
 * two hold what is the same everywhere.
 */
#define ENCODE(message)                                                                            \
    static int encode_##message(struct kc_admin_part *part, int16_t version,                       \
                                struct kw_writer *out)                                             \
    {                                                                                              \
        struct kw_##message##_request request;                                                     \
        struct kb_arena arena;                                                                     \
        kb_arena_init(&arena, ARENA_BYTES);                                                        \
        kw_##message##_request_init(&request);                                                     \
        bool whole = build_##message(part, &arena, &request, version) &&                           \
                     kw_##message##_request_encode(out, version, &request);                        \
        kb_arena_deinit(&arena);                                                                   \
        return whole ? 0 : KB_E_UNSUPPORTED;                                                       \
    }

#define TAKE(message)                                                                              \
    static int take_##message(struct kc_admin_part *part, int16_t version, struct kw_reader *body, \
                              struct kb_error *err)                                                \
    {                                                                                              \
        struct kw_##message##_response response;                                                   \
        struct kb_arena arena;                                                                     \
        kb_arena_init(&arena, ARENA_BYTES);                                                        \
        int code = kw_##message##_response_decode(body, version, &arena, &response)                \
                       ? collect_##message(part, &response, err)                                   \
                       : unreadable(part, body, err);                                              \
        kb_arena_deinit(&arena);                                                                   \
        return code;                                                                               \
    }

/* ---- CreateTopics ---------------------------------------------------------------------*/

static size_t count_settings(const char *const *config)
{
    size_t n = 0;
    while (config && config[2 * n])
        n++;
    return n;
}

static bool build_topic(struct kb_arena *arena, const kurier_new_topic *from,
                        struct kw_create_topics_request_topic *to)
{
    size_t settings = count_settings(from->config);
    kw_create_topics_request_topic_init(to);
    to->name = kb_slice_str(from->name);
    to->num_partitions = from->partitions ? from->partitions : -1;
    to->replication_factor = from->replication ? from->replication : (int16_t)-1;
    to->configs = kb_arena_array(arena, settings + 1, sizeof *to->configs);
    if (!to->configs)
        return false;
    to->configs_count = (int32_t)settings;
    for (size_t i = 0; i < settings; i++) {
        to->configs[i].name = kb_slice_str(from->config[2 * i]);
        to->configs[i].value = kb_slice_str(from->config[2 * i + 1]);
    }
    return true;
}

static bool build_create_topics(struct kc_admin_part *part, struct kb_arena *arena,
                                struct kw_create_topics_request *request, int16_t version)
{
    const kurier_request *from = part->admin->request;
    bool whole = true;
    (void)version;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->topics = kb_arena_array(arena, from->count + 1, sizeof *request->topics);
    request->topics_count = (int32_t)from->count;
    for (size_t i = 0; whole && request->topics && i < from->count; i++)
        whole = build_topic(arena, &from->new_topics[i], &request->topics[i]);
    return whole && request->topics;
}

static int collect_create_topics(struct kc_admin_part *part,
                                 const struct kw_create_topics_response *response,
                                 struct kb_error *err)
{
    for (int32_t i = 0; i < response->topics_count; i++)
        if (!add_outcome(part, response->topics[i].name, response->topics[i].error_code,
                         response->topics[i].error_message))
            return no_memory(err);
    return 0;
}

ENCODE(create_topics)
TAKE(create_topics)

const struct kc_admin_api kc_admin_create_topics = {
    .key = KW_API_CREATE_TOPICS,
    .min_version = 2,
    .max_version = 7,
    .route = KC_CONTROLLER,
    .encode = encode_create_topics,
    .take = take_create_topics,
    .retry = {KB_E_NOT_CONTROLLER},
};

/* ---- DeleteTopics ----------------------------------------------------------------------*/

static bool build_delete_topics(struct kc_admin_part *part, struct kb_arena *arena,
                                struct kw_delete_topics_request *request, int16_t version)
{
    const kurier_request *from = part->admin->request;
    int32_t count = (int32_t)from->count;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->topics = kb_arena_array(arena, from->count + 1, sizeof *request->topics);
    request->topic_names = kb_arena_array(arena, from->count + 1, sizeof *request->topic_names);
    if (!request->topics || !request->topic_names)
        return false;
    request->topics_count = version >= 6 ? count : 0;
    request->topic_names_count = version >= 6 ? 0 : count;
    for (size_t i = 0; i < from->count; i++)
        request->topics[i].name = request->topic_names[i] = kb_slice_str(from->names[i]);
    return true;
}

static int collect_delete_topics(struct kc_admin_part *part,
                                 const struct kw_delete_topics_response *response,
                                 struct kb_error *err)
{
    for (int32_t i = 0; i < response->responses_count; i++)
        if (!add_outcome(part, response->responses[i].name, response->responses[i].error_code,
                         response->responses[i].error_message))
            return no_memory(err);
    return 0;
}

ENCODE(delete_topics)
TAKE(delete_topics)

const struct kc_admin_api kc_admin_delete_topics = {
    .key = KW_API_DELETE_TOPICS,
    .min_version = 1,
    .max_version = 6,
    .route = KC_CONTROLLER,
    .encode = encode_delete_topics,
    .take = take_delete_topics,
    .retry = {KB_E_NOT_CONTROLLER},
};

/* ---- CreatePartitions --------------------------------------------------------------------*/

static bool build_create_partitions(struct kc_admin_part *part, struct kb_arena *arena,
                                    struct kw_create_partitions_request *request, int16_t version)
{
    const kurier_request *from = part->admin->request;
    (void)version;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->topics = kb_arena_array(arena, 1, sizeof *request->topics);
    if (!request->topics)
        return false;
    request->topics_count = 1;
    request->topics[0].name = kb_slice_str(from->names[0]);
    request->topics[0].count = from->to_count;
    request->topics[0].assignments_count = -1;
    return true;
}

static int collect_create_partitions(struct kc_admin_part *part,
                                     const struct kw_create_partitions_response *response,
                                     struct kb_error *err)
{
    for (int32_t i = 0; i < response->results_count; i++)
        if (!add_outcome(part, response->results[i].name, response->results[i].error_code,
                         response->results[i].error_message))
            return no_memory(err);
    return 0;
}

ENCODE(create_partitions)
TAKE(create_partitions)

const struct kc_admin_api kc_admin_add_partitions = {
    .key = KW_API_CREATE_PARTITIONS,
    .min_version = 0,
    .max_version = 3,
    .route = KC_CONTROLLER,
    .encode = encode_create_partitions,
    .take = take_create_partitions,
    .retry = {KB_E_NOT_CONTROLLER},
};

/* ---- Metadata: topics, and the leaders of offsets ---------------------------------------*/

static bool build_metadata(struct kc_admin_part *part, struct kb_arena *arena,
                           struct kw_metadata_request *request, int16_t version)
{
    const kurier_request *from = part->admin->request;
    bool offsets = from->offsets != NULL;
    (void)version;
    request->allow_auto_topic_creation = false;
    request->topics_count = -1;
    if (!offsets && !from->names)
        return true;
    request->topics = kb_arena_array(arena, from->count + 1, sizeof *request->topics);
    request->topics_count = 0;
    for (size_t i = 0; request->topics && i < from->count; i++) {
        const char *name = offsets ? from->offsets[i].topic : from->names[i];
        bool same = i > 0 && offsets && !strcmp(name, from->offsets[i - 1].topic);
        if (!same)
            request->topics[request->topics_count++].name = kb_slice_str(name);
    }
    return request->topics != NULL;
}

static const int32_t *copy_nodes(kurier_result *result, const int32_t *nodes, int32_t count,
                                 uint32_t *copied)
{
    size_t bytes = (size_t)KB_MAX(count, 0) * sizeof *nodes;
    int32_t *copy = kb_arena_alloc(&result->arena, bytes + sizeof *nodes);
    if (copy && bytes)
        memcpy(copy, nodes, bytes);
    *copied = copy ? (uint32_t)KB_MAX(count, 0) : 0;
    return copy;
}

static bool add_partition(struct kc_admin_part *part, const char *topic,
                          const struct kw_metadata_response_partition *from)
{
    kurier_result *result = part->admin->result;
    kurier_row *row = kc_result_row(result);
    if (!row)
        return false;
    row->name = topic;
    row->partition = from->partition_index;
    row->leader = from->leader_id;
    row->epoch = from->leader_epoch;
    row->code = (kurier_code)from->error_code;
    row->replicas =
        copy_nodes(result, from->replica_nodes, from->replica_nodes_count, &row->replica_count);
    row->isr = copy_nodes(result, from->isr_nodes, from->isr_nodes_count, &row->isr_count);
    return row->replicas && row->isr;
}

static int collect_metadata(struct kc_admin_part *part, const struct kw_metadata_response *response,
                            struct kb_error *err)
{
    bool whole = true;
    for (int32_t i = 0; whole && i < response->topics_count; i++) {
        const struct kw_metadata_response_topic *topic = &response->topics[i];
        if (topic->error_code) {
            whole = add_outcome(part, topic->name, topic->error_code, kb_slice_null());
            continue;
        }
        const char *name = kc_result_text(part->admin->result, topic->name);
        whole = name != NULL;
        for (int32_t k = 0; whole && k < topic->partitions_count; k++)
            whole = add_partition(part, name, &topic->partitions[k]);
    }
    return whole ? 0 : no_memory(err);
}

ENCODE(metadata)
TAKE(metadata)

const struct kc_admin_api kc_admin_topics = {
    .key = KW_API_METADATA,
    .min_version = 4, /* the first that can be told not to make what is asked for */
    .max_version = 13,
    .route = KC_ANY_BROKER,
    .encode = encode_metadata,
    .take = take_metadata,
};

/* ---- ListOffsets --------------------------------------------------------------------------*/

static const struct kw_metadata_response_topic *find_topic(
    const struct kw_metadata_response *response, const char *name)
{
    for (int32_t i = 0; i < response->topics_count; i++)
        if (kb_slice_is(response->topics[i].name, name))
            return &response->topics[i];
    return NULL;
}

/* The error, or 0 with the leader. */
static int find_leader(const struct kw_metadata_response_topic *topic,
                       struct kc_admin_offset *offset)
{
    if (!topic || topic->error_code)
        return topic ? topic->error_code : KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        if (topic->partitions[i].partition_index != offset->partition)
            continue;
        offset->leader = topic->partitions[i].leader_id;
        return offset->leader < 0 ? KB_E_LEADER_NOT_AVAILABLE : 0;
    }
    return KB_E_UNKNOWN_TOPIC_OR_PARTITION;
}

static bool add_offset(struct kc_admin_part *part, struct kc_admin_offset *offset, int code,
                       const struct kw_list_offsets_response_partition *from)
{
    kurier_row *row = kc_result_row(part->admin->result);
    if (!row)
        return false;
    offset->answered = true;
    row->name = kc_result_text(part->admin->result, kb_slice_str(offset->topic));
    row->partition = offset->partition;
    row->leader = offset->leader;
    row->code = (kurier_code)code;
    if (from && !code) {
        row->offset = from->offset;
        row->timestamp_ms = from->timestamp;
        row->epoch = from->leader_epoch;
    }
    return row->name != NULL;
}

static int take_leaders(struct kc_admin_part *part, int16_t version, struct kw_reader *body,
                        struct kb_error *err)
{
    kurier_request *request = part->admin->request;
    struct kw_metadata_response response;
    struct kb_arena arena;
    int code = 0;
    kb_arena_init(&arena, ARENA_BYTES);
    if (!kw_metadata_response_decode(body, version, &arena, &response))
        code = unreadable(part, body, err);
    for (size_t i = 0; !code && i < request->count; i++) {
        struct kc_admin_offset *offset = &request->offsets[i];
        int lost = find_leader(find_topic(&response, offset->topic), offset);
        if (lost && !add_offset(part, offset, lost, NULL))
            code = no_memory(err);
    }
    kb_arena_deinit(&arena);
    return code;
}

static bool build_list_offsets(struct kc_admin_part *part, struct kb_arena *arena,
                               struct kw_list_offsets_request *request, int16_t version)
{
    const kurier_request *from = part->admin->request;
    (void)version;
    request->replica_id = -1;
    request->isolation_level = (int8_t)part->admin->call.client->options->consumer.isolation_level;
    request->timeout_ms = kc_admin_time_left_ms(part);
    request->topics = kb_arena_array(arena, from->count + 1, sizeof *request->topics);
    for (size_t i = 0; request->topics && i < from->count; i++) {
        const struct kc_admin_offset *offset = &from->offsets[i];
        if (offset->leader != part->node)
            continue;
        struct kw_list_offsets_request_topic *topic = &request->topics[request->topics_count++];
        topic->name = kb_slice_str(offset->topic);
        topic->partitions = kb_arena_array(arena, 1, sizeof *topic->partitions);
        if (!topic->partitions)
            return false;
        topic->partitions_count = 1;
        topic->partitions[0].partition_index = offset->partition;
        topic->partitions[0].current_leader_epoch = -1;
        topic->partitions[0].timestamp = offset->timestamp_ms;
    }
    return request->topics != NULL;
}

static struct kc_admin_offset *find_offset(kurier_request *request, struct kb_slice topic,
                                           int32_t partition)
{
    for (size_t i = 0; i < request->count; i++) {
        struct kc_admin_offset *offset = &request->offsets[i];
        if (!offset->answered && offset->partition == partition &&
            kb_slice_is(topic, offset->topic))
            return offset;
    }
    return NULL;
}

static int collect_list_offsets(struct kc_admin_part *part,
                                const struct kw_list_offsets_response *response,
                                struct kb_error *err)
{
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_list_offsets_response_topic *topic = &response->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            const struct kw_list_offsets_response_partition *from = &topic->partitions[k];
            struct kc_admin_offset *offset =
                find_offset(part->admin->request, topic->name, from->partition_index);
            if (offset && !add_offset(part, offset, from->error_code, from))
                return no_memory(err);
        }
    }
    return 0;
}

ENCODE(list_offsets)
TAKE(list_offsets)

static const struct kc_admin_api list_offsets = {
    .key = KW_API_LIST_OFFSETS,
    .min_version = 1,
    .max_version = 11,
    .route = KC_ROUTE_LEADERS,
    .encode = encode_list_offsets,
    .take = take_list_offsets,
    .retry = {KB_E_NOT_LEADER_OR_FOLLOWER, KB_E_LEADER_NOT_AVAILABLE, KB_E_OFFSET_NOT_AVAILABLE,
              KB_E_REPLICA_NOT_AVAILABLE, KB_E_FENCED_LEADER_EPOCH, KB_E_UNKNOWN_LEADER_EPOCH},
};

const struct kc_admin_api kc_admin_offsets = {
    .key = KW_API_METADATA,
    .min_version = 4,
    .max_version = 13,
    .route = KC_ANY_BROKER,
    .encode = encode_metadata,
    .take = take_leaders,
    .then = &list_offsets,
    .retry = {KB_E_LEADER_NOT_AVAILABLE},
};

/* ---- DescribeConfigs ------------------------------------------------------------------------*/

static bool build_describe_configs(struct kc_admin_part *part, struct kb_arena *arena,
                                   struct kw_describe_configs_request *request, int16_t version)
{
    const kurier_request *from = part->admin->request;
    (void)version;
    request->resources = kb_arena_array(arena, 1, sizeof *request->resources);
    if (!request->resources)
        return false;
    request->resources_count = 1;
    request->resources[0].resource_type = (int8_t)from->resource;
    request->resources[0].resource_name = kb_slice_str(from->names[0]);
    request->resources[0].configuration_keys_count = -1;
    return true;
}

static int collect_describe_configs(struct kc_admin_part *part,
                                    const struct kw_describe_configs_response *response,
                                    struct kb_error *err)
{
    kurier_result *result = part->admin->result;
    for (int32_t i = 0; i < response->results_count; i++) {
        const struct kw_describe_configs_response_resource *resource = &response->results[i];
        const char *name = kc_result_text(result, resource->resource_name);
        if (resource->error_code && !add_outcome(part, resource->resource_name,
                                                 resource->error_code, resource->error_message))
            return no_memory(err);
        for (int32_t k = 0; k < resource->configs_count; k++) {
            kurier_row *row = kc_result_row(result);
            if (!row)
                return no_memory(err);
            row->name = name;
            row->key = kc_result_text(result, resource->configs[k].name);
            row->value = kc_result_text(result, resource->configs[k].value);
        }
    }
    return 0;
}

ENCODE(describe_configs)
TAKE(describe_configs)

#define DESCRIBE_CONFIGS(to)                                                                       \
    {                                                                                              \
        .key = KW_API_DESCRIBE_CONFIGS, .min_version = 1, .max_version = 4, .route = (to),         \
        .encode = encode_describe_configs, .take = take_describe_configs,                          \
    }
const struct kc_admin_api kc_admin_topic_configs = DESCRIBE_CONFIGS(KC_ANY_BROKER);
const struct kc_admin_api kc_admin_broker_configs = DESCRIBE_CONFIGS(KC_ROUTE_NODE);

/* ---- DescribeCluster, or Metadata without topics -----------------------------------------------*/

static bool add_broker(struct kc_admin_part *part, int32_t id, struct kb_slice host, int32_t port,
                       struct kb_slice rack, bool controller)
{
    kurier_result *result = part->admin->result;
    kurier_row *row = kc_result_row(result);
    if (!row)
        return false;
    row->name = kc_result_text(result, host);
    row->partition = port;
    row->leader = id;
    row->key = controller ? "controller" : NULL;
    row->value = kc_result_text(result, rack);
    return row->name != NULL;
}

static bool build_describe_cluster(struct kc_admin_part *part, struct kb_arena *arena,
                                   struct kw_describe_cluster_request *request, int16_t version)
{
    (void)part, (void)arena, (void)request, (void)version;
    return true;
}

static int collect_describe_cluster(struct kc_admin_part *part,
                                    const struct kw_describe_cluster_response *response,
                                    struct kb_error *err)
{
    if (response->error_code)
        return kb_error_set(err, response->error_code, "DescribeCluster: %s",
                            kb_code_text(response->error_code));
    for (int32_t i = 0; i < response->brokers_count; i++)
        if (!add_broker(part, response->brokers[i].broker_id, response->brokers[i].host,
                        response->brokers[i].port, response->brokers[i].rack,
                        response->brokers[i].broker_id == response->controller_id))
            return no_memory(err);
    return 0;
}

ENCODE(describe_cluster)
TAKE(describe_cluster)

static int encode_no_topics(struct kc_admin_part *part, int16_t version, struct kw_writer *out)
{
    struct kw_metadata_request request;
    (void)part;
    kw_metadata_request_init(&request);
    return kw_metadata_request_encode(out, version, &request) ? 0 : KB_E_UNSUPPORTED;
}

static int take_brokers(struct kc_admin_part *part, int16_t version, struct kw_reader *body,
                        struct kb_error *err)
{
    struct kw_metadata_response response;
    struct kb_arena arena;
    int code = 0;
    kb_arena_init(&arena, ARENA_BYTES);
    if (!kw_metadata_response_decode(body, version, &arena, &response))
        code = unreadable(part, body, err);
    for (int32_t i = 0; !code && i < response.brokers_count; i++)
        if (!add_broker(part, response.brokers[i].node_id, response.brokers[i].host,
                        response.brokers[i].port, response.brokers[i].rack,
                        response.brokers[i].node_id == response.controller_id))
            code = no_memory(err);
    kb_arena_deinit(&arena);
    return code;
}

static const struct kc_admin_api cluster_by_metadata = {
    .key = KW_API_METADATA,
    .min_version = 1,
    .max_version = 13,
    .route = KC_ANY_BROKER,
    .encode = encode_no_topics,
    .take = take_brokers,
};

const struct kc_admin_api kc_admin_cluster = {
    .key = KW_API_DESCRIBE_CLUSTER,
    .min_version = 0,
    .max_version = 2,
    .route = KC_ANY_BROKER,
    .encode = encode_describe_cluster,
    .take = take_describe_cluster,
    .instead = &cluster_by_metadata,
};
