/* SPDX-License-Identifier: Apache-2.0 */
/* Topics: made, deleted, grown, described. */
#include "base/check.h"
#include "libclient/drive/admin_table.h"
#include "libclient/drive/cluster.h"
#include "wire/api.h"
#include "wire/gen/create_partitions.h"
#include "wire/gen/create_topics.h"
#include "wire/gen/delete_topics.h"

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
        if (!kc_admin_outcome(part, response->topics[i].name, response->topics[i].error_code,
                              response->topics[i].error_message))
            return kc_admin_no_memory(err);
    return 0;
}

KC_ADMIN_ENCODE(create_topics)
KC_ADMIN_TAKE(create_topics)

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
        if (!kc_admin_outcome(part, response->responses[i].name, response->responses[i].error_code,
                              response->responses[i].error_message))
            return kc_admin_no_memory(err);
    return 0;
}

KC_ADMIN_ENCODE(delete_topics)
KC_ADMIN_TAKE(delete_topics)

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
        if (!kc_admin_outcome(part, response->results[i].name, response->results[i].error_code,
                              response->results[i].error_message))
            return kc_admin_no_memory(err);
    return 0;
}

KC_ADMIN_ENCODE(create_partitions)
KC_ADMIN_TAKE(create_partitions)

const struct kc_admin_api kc_admin_add_partitions = {
    .key = KW_API_CREATE_PARTITIONS,
    .min_version = 0,
    .max_version = 3,
    .route = KC_CONTROLLER,
    .encode = encode_create_partitions,
    .take = take_create_partitions,
    .retry = {KB_E_NOT_CONTROLLER},
};

/* ---- Metadata ----------------------------------------------------------------------------*/

static bool build_metadata(struct kc_admin_part *part, struct kb_arena *arena,
                           struct kw_metadata_request *request, int16_t version)
{
    const kurier_request *from = part->admin->request;
    (void)version;
    request->allow_auto_topic_creation = false;
    request->topics_count = -1; /* all */
    if (!from->names)
        return true;
    request->topics = kb_arena_array(arena, from->count + 1, sizeof *request->topics);
    request->topics_count = (int32_t)from->count;
    for (size_t i = 0; request->topics && i < from->count; i++)
        request->topics[i].name = kb_slice_str(from->names[i]);
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
            whole = kc_admin_outcome(part, topic->name, topic->error_code, kb_slice_null());
            continue;
        }
        const char *name = kc_result_text(part->admin->result, topic->name);
        whole = name != NULL;
        for (int32_t k = 0; whole && k < topic->partitions_count; k++)
            whole = add_partition(part, name, &topic->partitions[k]);
    }
    return whole ? 0 : kc_admin_no_memory(err);
}

KC_ADMIN_ENCODE(metadata)
KC_ADMIN_TAKE(metadata)

const struct kc_admin_api kc_admin_topics = {
    .key = KW_API_METADATA,
    .min_version = 4, /* the first that can be told not to make what is asked for */
    .max_version = 13,
    .route = KC_ANY_BROKER,
    .encode = encode_metadata,
    .take = take_metadata,
};
